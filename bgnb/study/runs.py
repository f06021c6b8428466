"""From a ``Run`` to its result: load, train (once), localise, measure."""

import json
import platform
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bgnb.boxes import digits, evaluate, held_out
from bgnb.data import ImageSet, load
from bgnb.device import compute_dtype, describe, pick_device, processor
from bgnb.files import InputError, atomic_write, cache_folder, key, whole
from bgnb.maps import localise
from bgnb.metrics import LocAcc, best_accuracy, loc_acc, mask_ious, pxap, threshold_without_masks, without_masks
from bgnb.networks import Network
from bgnb.patches import MIN_FRACTION, sample_patches
from bgnb.refinement import refine
from bgnb.settings import Maps, Run, values_of
from bgnb.study import references
from bgnb.study.intervals import bootstrap_interval
from bgnb.study.stopping import with_signals
from bgnb.study.theory import bayes_backgroundness
from bgnb.training import fit, fit_or_go_on, network_key, trained
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
    whole("count", count, 1, 10**5)
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


def structure(imageset: ImageSet, maps: Tensor, how: str) -> dict:
    """What the photo's own edges add, with no mask for the cut: IoU of the plain cut and of ``refine``, at one threshold.

    Each: share of images of IoU at least .4 and .7, and the mean IoU.
    """
    threshold = threshold_without_masks(maps)
    regions = {"plain": maps >= threshold, "refined": refine(imageset.targets, maps, how, threshold)}
    found: dict[str, Any] = {"how": how, "threshold": threshold}
    for name, region in regions.items():
        ious = mask_ious(region.float(), cast(Tensor, imageset.masks), [0.5])[:, 0]
        found[name] = {
            "loc_acc": (ious >= 0.4).double().mean().item(),
            "loc_acc_70": (ious >= 0.7).double().mean().item(),
            "iou": ious.mean().item(),
        }
    return found


def measure(
    run: Run,
    baselines: bool = False,
    ceilings: bool = False,
    metrics: bool = False,
    epochs: bool = False,
    few_shot: bool = False,
    held_out_photos: bool = False,
    every: bool = False,
    signals: bool = False,
    cache: bool = True,
    progress: bool = True,
) -> Result:
    """Load, train, localise and measure on the training's target images, as the paper does (docs/protocol.md, row 12).

    Args:
        run: all parameters.
        baselines: also measure maps that nobody trained, see ``bgnb.study.references``.
        ceilings: also measure maps made with the masks, see ``bgnb.study.references``. This trains a second network.
        metrics: use all metrics, see ``bgnb.boxes.all_metrics``. This takes a few seconds more.
        epochs: also measure during training, see ``with_snapshots``. The network is then trained again, but if that was
            interrupted, it goes on.
        few_shot: also measure the same network with true labels on 5 and on 10 photos, see ``bgnb.study.references``. This
            trains two more networks.
        held_out_photos: also measure maps of photos that training has not seen, see ``bgnb.study.references``. This trains two
            more networks, on half of the photos each.
        every: as ``epochs``, but at every epoch and without the hits.
        signals: look for a signal that says when to stop, see ``bgnb.study.stopping.with_signals``. This trains two networks,
            on fewer background images.
        cache: use a network that was trained before with the same pictures and parameters.
        progress: show bars.

    Returns:
        A Result. If the pictures have no masks, its accuracies are None.
    """
    if few_shot and run.image_level:
        raise InputError(f"few_shot: trains on patches; method {run.method} does not")
    seconds = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name], clock = round(now - clock, 3), now

    imageset = load(**run.load_arguments(), progress=progress)
    lap("load")
    if few_shot and imageset.masks is not None and len(imageset.targets) < max(references.SHOTS):
        raise InputError(f"few_shot: needs {max(references.SHOTS)} target images; there are {len(imageset.targets)}")
    taken, kept = [], None
    if signals and imageset.masks is not None:
        model, taken = with_signals(imageset, run, progress)
    elif (epochs or every) and imageset.masks is not None:
        parts = network_key(imageset, run), values_of(run.resolved(), Maps), imageset.masks, every
        kept = cache_folder() / "networks" / f"{key(*parts)}-snapshots.json" if cache else None
        watched = range(1, run.epochs_run) if every else WATCHED
        model, taken = with_snapshots(imageset, run, kept, progress, watched)
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
        if run.refine:
            numbers["refined"] = structure(imageset, maps, run.refine)
        if epochs:
            numbers["epochs"] = taken
        if every:
            numbers["every"] = [{name: value for name, value in one.items() if "hits" not in name} for one in taken]
        if signals:
            numbers["signals"] = taken
        if baselines:
            numbers["baselines"] = {n: reference(m, masks, metrics) for n, m in references.baselines(imageset, run).items()}
        if ceilings:
            numbers["ceilings"] = {n: reference(m, masks, metrics) for n, m in references.ceilings(imageset, run).items()}
        if few_shot:
            numbers["few_shot"] = {
                str(photos): readings(references.few_shot(imageset, run, photos), masks)
                | {"photos": references.shots(imageset, run, photos).tolist()}
                for photos in references.SHOTS
            }
        if held_out_photos:
            numbers["held_out_photos"] = readings(references.held_out_photos(imageset, run), masks)
    lap("measure")
    numbers |= {"seconds": seconds, "device": describe(device), "processor": processor(), "versions": versions()}
    numbers["precision"] = str(compute_dtype(device, run.precision)).removeprefix("torch.")
    for file in (kept, kept.with_suffix(".part")) if kept else ():
        file.unlink(missing_ok=True)
    return Result(run, imageset, model, maps, accuracy, numbers)


def with_snapshots(
    imageset: ImageSet, run: Run, kept: Path | None, progress: bool, watched: Iterable[int]
) -> tuple[Network, list[dict]]:
    """The network of ``fit``, and the numbers of the ``watched`` epochs and of the last ten.

    With a file to keep them in, a training that was interrupted goes on; whoever calls this removes the file.

    Each entry holds "epoch", "weights" ("last": of the last update; "mean": their running mean, with ``weight_average``),
    "loc_acc" and "threshold" (the best of ten), "held_out" (Loc. Acc. with the threshold chosen on the other half of the
    photos), the same at IoU 0.50, "hits" and "held_out_hits" (one digit for each image), and "pxap". For patches it also holds
    "backgroundness", the medians of P, F and N; "target", the share of each kind that is called target; and "above", the share
    of each kind above 0.8. "cpu" is the processor time of the training so far, in seconds.
    """
    clock, last = time.process_time(), run.epochs_run
    cpu, taken = [], []  # the processor time after every epoch, and the entries
    if kept:
        with suppress(OSError, ValueError):  # none yet, or damaged
            cpu, taken = json.loads(kept.read_text())
    missing = {epoch for epoch in (*watched, *range(last - 9, last + 1)) if 0 < epoch <= last} - {e["epoch"] for e in taken}

    def save() -> None:
        if kept:
            with suppress(OSError), atomic_write(kept) as part:
                part.write_text(json.dumps([cpu, taken]))

    def look(epoch: int, model: Network, loss: float) -> None:
        nonlocal clock
        if epoch > len(cpu):
            cpu.append(round(time.process_time() - clock, 2))
            save()
        if epoch in missing:
            about = {"epoch": epoch, "loss": loss, "cpu": cpu[epoch - 1]}
            taken.append(about | {"weights": "last"} | snapshot(model.last, imageset, run))
            if model.last is not model:
                taken.append(about | {"weights": "mean"} | snapshot(model, imageset, run))
            missing.remove(epoch)
            save()
        clock = time.process_time() - cpu[epoch - 1]  # measuring does not count; what an earlier process trained does

    if not kept:
        return fit(imageset, run, progress=progress, on_epoch=look), taken
    most = min(min(missing, default=last), len(cpu) + 1)
    return fit_or_go_on(imageset, run, kept.with_suffix(".part"), most, progress=progress, on_epoch=look), taken


def snapshot(model: Network, imageset: ImageSet, run: Run) -> dict:
    """The numbers of one network, see ``with_snapshots``."""
    numbers = readings(localise(model, imageset.targets, run).cpu(), imageset.masks)
    if not run.image_level:
        scores = {kind: found for kind, found in kind_scores(model, imageset, run).items() if len(found)}
        numbers["backgroundness"] = {kind: round(float(np.median(found)), 4) for kind, found in scores.items()}
        numbers["target"] = {kind: round(float((found < 0.5).mean()), 4) for kind, found in scores.items()}
        numbers["above"] = {kind: round(float((found > 0.8).mean()), 4) for kind, found in scores.items()}
    return numbers


def readings(maps: Tensor, masks: Tensor) -> dict:
    """The numbers of some maps that stand in every entry of ``with_snapshots``."""
    ious = mask_ious(maps, masks)
    best, held = best_accuracy(ious), held_out(ious, 0.4)
    return {
        "loc_acc": best.value,
        "threshold": best.threshold,
        "hits": digits(best.hits),
        "held_out": held.double().mean().item(),
        "held_out_hits": digits(held),
        "loc_acc_50": best_accuracy(ious, iou=0.5).value,
        "held_out_50": held_out(ious, 0.5).double().mean().item(),
        "pxap": round(pxap(maps, masks), 4),
    }


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
