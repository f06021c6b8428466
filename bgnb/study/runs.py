"""From a ``Run`` to its result: load, train (once), localise, measure. Grids of runs and their tables."""

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bgnb.boxes import evaluate
from bgnb.data import ImageSet, load
from bgnb.files import InputError, cache_folder, compute_dtype, key, load_tensors, pick_device, save_tensors
from bgnb.methods import Method
from bgnb.metrics import LocAcc, loc_acc, without_masks
from bgnb.networks import Network, build
from bgnb.patches import LINE, sample_patches
from bgnb.settings import Run, Training, values_of
from bgnb.study.ceilings import ceilings as upper_bounds
from bgnb.study.references import yardsticks
from bgnb.study.theory import bayes_backgroundness
from bgnb.training import VERSION, fit
from bgnb.windows import localise, score_windows

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


def network_key(imageset: ImageSet, run: Run, method: Method | None = None) -> str:
    """A key of all that decides what ``fit`` returns: pictures, parameters, weights file, device, precision, versions."""
    device = pick_device(run.device)
    settings = values_of(run.resolved(), Training) | {"precision": str(compute_dtype(device, run.precision))}
    weights = Path(run.weights) if run.weights and Path(run.weights).exists() else None
    return key(settings, repr(method), device.type, torch.__version__, VERSION, weights, imageset.targets, imageset.backgrounds)


def trained(
    imageset: ImageSet,
    run: Run,
    show: bool = True,
    on_epoch: Callable[[int, Network, float], None] | None = None,
    method: Method | None = None,
) -> Network:
    """``fit``, or the network that an earlier ``fit`` of the same pictures, run and method left in the cache folder.

    ``on_epoch`` sees what it would see in ``fit``: with it, the networks of all epochs are kept, not only the last.

    >>> pictures = load(size=64, images=4, progress=False)
    >>> run, seen = Run(size=64, patch=24, epochs=2), []
    >>> for again in range(2):
    ...     model = trained(pictures, run, show=False, on_epoch=lambda epoch, model, loss: seen.append((epoch, loss)))
    >>> seen[:2] == seen[2:], len(seen)
    (True, 4)
    """
    name = network_key(imageset, run, method) + ("-epochs" if on_epoch else "")
    path = cache_folder() / "networks" / f"{name}.safetensors"
    model = build(run.net, run.patch, seed=run.seed, whole=run.image_level).to(pick_device(run.device))
    epochs = range(1 if on_epoch else run.epochs_run, run.epochs_run + 1)
    try:
        tensors, metadata = load_tensors(path)
        losses = json.loads(metadata["losses"])
        weights = [{n: tensors[f"{epoch}.{n}"] for n in model.state_dict()} for epoch in epochs]
    except (InputError, KeyError):
        kept = {}

        def look(epoch: int, model: Network, loss: float) -> None:
            if epoch in epochs:
                kept.update({f"{epoch}.{n}": tensor.clone() for n, tensor in model.state_dict().items()})
            if on_epoch:
                on_epoch(epoch, model, loss)

        model = fit(imageset, run, show=show, on_epoch=look, method=method)
        with suppress(OSError):  # a full disk costs the next call its time, not this one its result
            save_tensors(path, kept, {"losses": json.dumps(model.losses)})
        return model
    for epoch, state in zip(epochs, weights, strict=True):
        model.load_state_dict(state)
        if on_epoch:
            on_epoch(epoch, model, losses[epoch - 1])
    model.losses = losses
    return model.eval()


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
    return (inside >= LINE * patch**2).double().mean().item()


def measure(
    run: Run, baselines: bool = False, ceilings: bool = False, metrics: bool = False, cache: bool = True, show: bool = True
) -> Result:
    """Load, train, localise and measure on the training's target images, as the paper does (docs/protocol.md, row 12).

    Args:
        run: all parameters. baselines: also measure maps that nobody trained, see ``bgnb.study.references``.
        ceilings: also measure what the masks would allow; this trains a second network, see ``bgnb.study.ceilings``.
        metrics: measure by all metrics, see ``bgnb.boxes``: slower by a few seconds.
        cache: take a network that was trained before with the same pictures and parameters.
        show: bars.

    Returns:
        A Result; where the pictures have no masks, its accuracies are None.
    """
    seconds = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name], clock = round(now - clock, 3), now

    imageset = load(**run.load_arguments(), progress=show)
    lap("load")
    model = (trained if cache else fit)(imageset, run, show=show)
    lap("train")
    maps = localise(model, imageset.targets, run, show=show).cpu()
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
        numbers |= found | {"without_masks": without_masks(maps, masks)}
        if not run.image_level:
            scores, pi = kind_scores(model, imageset, run), share_of_p(masks, run.patch)
            numbers |= {
                "pi": pi,
                "backgroundness": {kind: float(np.median(s)) if len(s) else None for kind, s in scores.items()},
                "bayes_backgroundness": bayes_backgroundness(run.ratio, pi),
            }
        if baselines:
            numbers["baselines"] = {n: reference(m, masks, metrics) for n, m in yardsticks(imageset, run).items()}
        if ceilings:
            numbers["ceilings"] = {n: reference(m, masks, metrics) for n, m in upper_bounds(imageset, run).items()}
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


def describe(device: torch.device) -> str:
    """A device in words: "cpu (2 threads)", or the name of the GPU."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"cpu ({torch.get_num_threads()} threads)" if device.type == "cpu" else device.type


def versions() -> dict[str, str]:
    """Versions of Python and of what computes."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("bgnb", "torch", "torchvision", "numpy", "pillow")
    }
