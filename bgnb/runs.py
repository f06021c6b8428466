"""From a ``Run`` to its result: load, train (once), localise, measure. Grids of runs and their tables."""

import hashlib
import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from bgnb.baselines import yardsticks
from bgnb.data import ImageSet, load
from bgnb.metrics import LocAcc, interval, loc_acc, pxap, without_masks
from bgnb.networks import Network, build
from bgnb.patches import sample_patches
from bgnb.settings import Run
from bgnb.theory import bayes_backgroundness
from bgnb.tools import cache_folder, compute_dtype, pick_device, save_tensors
from bgnb.training import fit, pictures_digest
from bgnb.windows import localise, score_windows
from bgnb.wsol.ceilings import ceilings
from bgnb.wsol.methods import Method
from bgnb.wsol.panel import panel

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


def fingerprint(imageset: ImageSet, run: Run, method: Method | None = None) -> str:
    """A hash of all that decides what ``fit`` returns: pictures, parameters, device, precision, version."""
    device = pick_device(run.device)
    settings = asdict(run) | {"source": "", "stride": 0, "overlap": "", "device": device.type}
    settings["precision"] = str(compute_dtype(device, run.precision))
    text = json.dumps([settings, repr(method), torch.__version__, pictures_digest(imageset)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


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
    from safetensors import SafetensorError, safe_open

    name = fingerprint(imageset, run, method) + ("-epochs" if on_epoch else "")
    path = cache_folder() / "networks" / f"{name}.safetensors"
    model = build(run.net, run.patch, seed=run.seed, whole=run.whole).to(pick_device(run.device))
    epochs = range(1 if on_epoch else run.epochs_run, run.epochs_run + 1)
    try:
        with safe_open(path, "pt") as file:
            losses = json.loads(file.metadata()["losses"])
            weights = [{n: file.get_tensor(f"{epoch}.{n}") for n in model.state_dict()} for epoch in epochs]
    except (OSError, SafetensorError):
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


def share_of_p(imageset: ImageSet, run: Run) -> float:
    """pi: the share of P among patches of target images, from 200 patches an image."""
    patches = sample_patches(imageset, run.patch, per_image=200, ratio=0.001, generator=run.seed + 2000)
    return float((patches.kind[patches.label.cpu().numpy() == 0] == "P").mean())


def measure(run: Run, baselines: bool = False, cache: bool = True, show: bool = True) -> Result:
    """Load, train, localise and measure (test = the training's target images, as in the paper; FACTS row 12).

    Args:
        run: all parameters. baselines: also measure the yardsticks of ``bgnb.baselines``, and by all metrics; at ratio 1
            the ceilings, too.
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
    device = pick_device(run.device)
    numbers = {
        "run": asdict(run),
        "loc_acc": None,
        "threshold": None,
        "pxap": None,
        "images": {"targets": len(imageset.targets), "backgrounds": len(imageset.backgrounds)},
        "epochs_run": run.epochs_run,
        "loss": model.losses[-1],
    }
    accuracy = None
    if imageset.masks is not None:
        accuracy = loc_acc(maps, imageset.masks)
        boxes = loc_acc(maps, imageset.masks, by="box")
        numbers |= {
            "loc_acc": accuracy.value,
            "threshold": accuracy.threshold,
            "iou": accuracy.iou,
            "curve": dict(zip(accuracy.thresholds, accuracy.curve.tolist(), strict=True)),
            "interval": interval(accuracy.hits),
            "hits": "".join("01"[hit] for hit in accuracy.hits.tolist()),
            "loc_acc_box": boxes.value,
            "threshold_box": boxes.threshold,
            "pxap": pxap(maps, imageset.masks),
            "without_masks": without_masks(maps, imageset.masks),
        }
        if not run.whole:
            scores, pi = kind_scores(model, imageset, run), share_of_p(imageset, run)
            numbers |= {
                "pi": pi,
                "backgroundness": {kind: float(np.median(s)) if len(s) else None for kind, s in scores.items()},
                "bayes_backgroundness": bayes_backgroundness(run.ratio, pi),
            }
        if baselines:
            numbers["panel"] = panel(maps, imageset.masks)
            others = yardsticks(imageset, run)
            found = {name: loc_acc(other, imageset.masks) for name, other in others.items()}
            numbers["baselines"] = {name: {"loc_acc": a.value, "threshold": a.threshold} for name, a in found.items()}
            if run.method == "background" and run.ratio == 1:  # one run of a comparison says it for all
                others |= ceilings(imageset, run)
                numbers["references"] = {name: panel(other, imageset.masks) for name, other in others.items()}
    lap("measure")
    numbers |= {"seconds": seconds, "device": describe(device), "versions": versions()}
    numbers["precision"] = str(compute_dtype(device, run.precision)).removeprefix("torch.")
    return Result(run, imageset, model, maps, accuracy, numbers)


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
