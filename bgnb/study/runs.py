"""From a ``Run`` to its result: load, train (once), localise, measure."""

import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bgnb.boxes import evaluate
from bgnb.data import ImageSet, load
from bgnb.device import compute_dtype, describe, pick_device
from bgnb.maps import localise
from bgnb.metrics import LocAcc, loc_acc, without_masks
from bgnb.networks import Network
from bgnb.patches import MIN_FRACTION, sample_patches
from bgnb.settings import Run
from bgnb.study import references
from bgnb.study.intervals import bootstrap_interval
from bgnb.study.theory import bayes_backgroundness
from bgnb.training import fit, trained
from bgnb.windows import score_windows

KIND_PATCHES = 200  # of each kind in the histograms (paper, Fig. 4)


@dataclass(frozen=True)
class Result:
    """What a run gave: the pictures, the network, the maps ``(T, H, W)``, and the numbers as JSON can write them."""

    run: Run
    imageset: ImageSet
    model: Network
    maps: Tensor
    accuracy: LocAcc | None
    numbers: dict


def kind_scores(model: Network, imageset: ImageSet, run: Run, count: int = KIND_PATCHES) -> dict[str, np.ndarray]:
    """Backgroundness of ``count`` fresh patches of each kind P, F, N (fewer where the pictures hold fewer; paper, Fig. 4)."""
    patches = sample_patches(
        imageset, run.patch, per_image=max(8, -(-6 * count // len(imageset.targets))), generator=run.seed + 1000
    )
    scores = {}
    for kind in "PFN":
        chosen = torch.from_numpy(np.flatnonzero(patches.kind == kind)[:count])
        pixels = patches.pixels[chosen].to(next(model.parameters()).device)
        scores[kind] = score_windows(model, pixels, run.patch, 1).flatten().cpu().numpy() if len(chosen) else np.empty(0)
    return scores


def share_of_p(masks: Tensor, patch: int) -> float:
    """pi: the share of P among all patches that fit into the target images; masks ``(n, H, W)`` bool.

    >>> share_of_p(torch.tensor([[[True, False, False, False]] * 2]), 2)
    0.3333333333333333
    """
    inside = avg_pool2d(masks[:, None].float(), patch, stride=1, divisor_override=1)  # pixels of target in each patch
    return (inside >= MIN_FRACTION * patch**2).double().mean().item()


def measure(
    run: Run, baselines: bool = False, ceilings: bool = False, metrics: bool = False, cache: bool = True, progress: bool = True
) -> Result:
    """Load, train, localise and measure on the training's target images, as the paper does (docs/protocol.md, row 12).

    Args:
        run: all parameters. baselines: also measure maps that nobody trained, see ``bgnb.study.references``.
        ceilings: also measure what the masks would allow; this trains a second network, see ``bgnb.study.references``.
        metrics: measure by all metrics, see ``bgnb.boxes.all_metrics``: slower by a few seconds.
        cache: take a network that was trained before with the same pictures and parameters.
        progress: bars.

    Returns:
        A Result; where the pictures have no masks, its accuracies are None.
    """
    seconds = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name], clock = round(now - clock, 3), now

    imageset = load(**run.load_arguments(), progress=progress)
    lap("load")
    model = (trained if cache else fit)(imageset, run, progress=progress)
    lap("train")
    maps = localise(model, imageset.targets, run, progress=progress).cpu()
    lap("localise")
    device, masks, accuracy = pick_device(run.device), imageset.masks, None
    numbers = {
        "run": asdict(run.resolved()),
        "loc_acc": None,
        "threshold": None,
        "pxap": None,
        "images": {"targets": len(imageset.targets), "backgrounds": len(imageset.backgrounds)},
        "epochs_run": run.epochs_run,
        "loss": model.losses[-1],
    }
    if masks is not None:
        accuracy, found = evaluate(maps, masks, metrics)
        numbers |= found | {"interval": bootstrap_interval(accuracy.hits), "without_masks": without_masks(maps, masks)}
        if not run.image_level:
            scores, pi = kind_scores(model, imageset, run), share_of_p(masks, run.patch)
            numbers |= {
                "pi": pi,
                "backgroundness": {kind: float(np.median(s)) if len(s) else None for kind, s in scores.items()},
                "bayes_backgroundness": bayes_backgroundness(run.ratio, pi),
            }
        if baselines:
            numbers["baselines"] = {n: reference(m, masks, metrics) for n, m in references.baselines(imageset, run).items()}
        if ceilings:
            numbers["ceilings"] = {n: reference(m, masks, metrics) for n, m in references.ceilings(imageset, run).items()}
    lap("measure")
    numbers |= {"seconds": seconds, "device": describe(device), "versions": versions()}
    numbers["precision"] = str(compute_dtype(device, run.precision)).removeprefix("torch.")
    return Result(run, imageset, model, maps, accuracy, numbers)


def reference(maps: Tensor, masks: Tensor, metrics: bool) -> dict:
    """The numbers of a baseline or a ceiling: "loc_acc" and "threshold", with ``metrics`` also "metrics"."""
    if not metrics:
        found = loc_acc(maps, masks)
        return {"loc_acc": found.value, "threshold": found.threshold}
    _, numbers = evaluate(maps, masks, everything=True)
    return {name: numbers[name] for name in ("loc_acc", "threshold", "metrics")}


def versions() -> dict[str, str]:
    """Versions of Python and of what computes."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("bgnb", "torch", "torchvision", "numpy", "pillow")
    }
