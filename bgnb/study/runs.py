"""From a ``Run`` to its result: load, train (once), localise, measure."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bgnb.boxes import digits, evaluate, held_out
from bgnb.data import ImageSet, load
from bgnb.device import compute_dtype, describe, pick_device
from bgnb.maps import localise
from bgnb.metrics import LocAcc, best_accuracy, loc_acc, mask_ious, pxap, without_masks
from bgnb.networks import Network
from bgnb.patches import MIN_FRACTION, sample_patches
from bgnb.settings import Run
from bgnb.study import references
from bgnb.study.intervals import bootstrap_interval
from bgnb.study.theory import bayes_backgroundness
from bgnb.training import fit, trained
from bgnb.windows import score_windows

WATCHED = (5, 10, 20, 30, 50, 60, 75, 100, 125)  # epochs; BGx4 at 60 and BGx2 at 100 have as many updates as BGx1 at 150
KIND_PATCHES = 200  # of each kind in the histograms (paper, Fig. 4)


@dataclass(frozen=True)
class Result:
    """The result of a run: the pictures, the network, the maps ``(T, H, W)``, and the numbers as JSON can hold them."""

    run: Run
    imageset: ImageSet
    model: Network
    maps: Tensor
    accuracy: LocAcc | None
    numbers: dict


def kind_scores(model: Network, imageset: ImageSet, run: Run, count: int = KIND_PATCHES) -> dict[str, np.ndarray]:
    """Backgroundness of ``count`` new patches of each kind P, F, N (fewer if the pictures hold fewer; paper, Fig. 4)."""
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
    inside = avg_pool2d(masks[:, None].float(), patch, stride=1, divisor_override=1)  # target pixels in each patch
    return (inside >= MIN_FRACTION * patch**2).double().mean().item()


def measure(
    run: Run,
    baselines: bool = False,
    ceilings: bool = False,
    metrics: bool = False,
    epochs: bool = False,
    cache: bool = True,
    progress: bool = True,
) -> Result:
    """Load, train, localise and measure on the training's target images, as the paper does (docs/protocol.md, row 12).

    Args:
        run: all parameters.
        baselines: also measure maps that nobody trained, see ``bgnb.study.references``.
        ceilings: also measure maps made with the masks, see ``bgnb.study.references``. This trains a second network.
        metrics: use all metrics, see ``bgnb.boxes.all_metrics``. This takes a few seconds more.
        epochs: also measure during training, see ``snapshots``. The network is then trained again.
        cache: use a network that was trained before with the same pictures and parameters.
        progress: show bars.

    Returns:
        A Result. If the pictures have no masks, its accuracies are None.
    """
    seconds = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name], clock = round(now - clock, 3), now

    imageset = load(**run.load_arguments(), progress=progress)
    lap("load")
    taken = []
    if epochs and imageset.masks is not None:
        model = fit(imageset, run, progress=progress, on_epoch=snapshots(imageset, run, taken))
    else:
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
        if epochs:
            numbers["epochs"] = taken
        if baselines:
            numbers["baselines"] = {n: reference(m, masks, metrics) for n, m in references.baselines(imageset, run).items()}
        if ceilings:
            numbers["ceilings"] = {n: reference(m, masks, metrics) for n, m in references.ceilings(imageset, run).items()}
    lap("measure")
    numbers |= {"seconds": seconds, "device": describe(device), "versions": versions()}
    numbers["precision"] = str(compute_dtype(device, run.precision)).removeprefix("torch.")
    return Result(run, imageset, model, maps, accuracy, numbers)


def snapshots(imageset: ImageSet, run: Run, taken: list[dict]) -> Callable[[int, Network, float], None]:
    """A function for ``fit`` to call after every epoch. It measures ``WATCHED`` epochs and the last ten, into ``taken``.

    Each entry holds "epoch", "weights" ("last": of the last update; "mean": their running mean, with ``weight_average``),
    "loc_acc" and "threshold" (the best of ten), "held_out" (Loc. Acc. with the threshold chosen on the other half of the
    photos), the same at IoU 0.50, "hits" and "held_out_hits" (one digit for each image), and "pxap". For patches it also holds
    "backgroundness", the medians of P, F and N, and "target", the share of each kind that is called target. "cpu" is the
    processor time of the training so far, in seconds.
    """
    clock = time.process_time()
    watched = {epoch for epoch in WATCHED if epoch < run.epochs_run} | set(range(run.epochs_run - 9, run.epochs_run + 1))

    def look(epoch: int, model: Network, loss: float) -> None:
        nonlocal clock
        if epoch in watched:
            now = time.process_time()
            about = {"epoch": epoch, "loss": loss, "cpu": round(now - clock, 2)}
            taken.append(about | {"weights": "last"} | snapshot(model.last, imageset, run))
            if model.last is not model:
                taken.append(about | {"weights": "mean"} | snapshot(model, imageset, run))
            clock += time.process_time() - now  # measuring does not count

    return look


def snapshot(model: Network, imageset: ImageSet, run: Run) -> dict:
    """The numbers of one network, see ``snapshots``."""
    ious = mask_ious(maps := localise(model, imageset.targets, run).cpu(), imageset.masks)
    best, held = best_accuracy(ious), held_out(ious, 0.4)
    numbers = {
        "loc_acc": best.value,
        "threshold": best.threshold,
        "hits": digits(best.hits),
        "held_out": held.double().mean().item(),
        "held_out_hits": digits(held),
        "loc_acc_50": best_accuracy(ious, iou=0.5).value,
        "held_out_50": held_out(ious, 0.5).double().mean().item(),
        "pxap": round(pxap(maps, imageset.masks), 4),
    }
    if not run.image_level:
        scores = {kind: found for kind, found in kind_scores(model, imageset, run).items() if len(found)}
        numbers["backgroundness"] = {kind: round(float(np.median(found)), 4) for kind, found in scores.items()}
        numbers["target"] = {kind: round(float((found < 0.5).mean()), 4) for kind, found in scores.items()}
    return numbers


def reference(maps: Tensor, masks: Tensor, metrics: bool) -> dict:
    """The numbers of a baseline or a ceiling: "loc_acc" and "threshold", with ``metrics`` also "metrics"."""
    if not metrics:
        found = loc_acc(maps, masks)
        return {"loc_acc": found.value, "threshold": found.threshold}
    _, numbers = evaluate(maps, masks, everything=True)
    return {name: numbers[name] for name in ("loc_acc", "threshold", "metrics")}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("bgnb", "torch", "torchvision", "numpy", "pillow")
    }
