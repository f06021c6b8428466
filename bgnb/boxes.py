"""How well maps agree with boxes, and all metrics of a set of maps together, so that no table depends on only one."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from bgnb.metrics import (
    THRESHOLDS,
    LocAcc,
    average_precision,
    best_accuracy,
    check_maps,
    ious_of_counts,
    pixel_counts,
)

STEPS = 1000  # map thresholds 0, 0.001, ... of all metrics by mask
TEN = [round(threshold * STEPS) for threshold in THRESHOLDS]  # where the paper's ten are among them
LEVELS = (0.3, 0.4, 0.5, 0.7)  # IoU from which an image counts as found
V2_LEVELS = (0.3, 0.5, 0.7)  # of MaxBoxAccV2


def evaluate(maps: Tensor, masks: Tensor, everything: bool = False) -> tuple[LocAcc, dict]:
    """Loc. Acc. and the other numbers of a set of maps, each computed once.

    Args:
        maps: ``(n, H, W)`` in [0, 1].
        masks: ``(n, H, W)`` bool.
        everything: also "metrics", see ``all_metrics``. This takes longer.
    """
    check_maps(maps, masks)
    on, off = pixel_counts(maps, masks, (torch.arange(STEPS) / STEPS).tolist())
    ious = ious_of_counts(on, off, masks)
    accuracy, by_box = best_accuracy(ious[:, TEN]), best_accuracy(box_ious(maps, masks))
    pxap = average_precision(on, off, int(masks.sum()))
    numbers = {
        "loc_acc": accuracy.value,
        "threshold": accuracy.threshold,
        "iou": accuracy.iou,
        "curve": dict(zip(accuracy.thresholds, accuracy.curve.tolist(), strict=True)),
        "hits": digits(accuracy.hits),
        "loc_acc_box": by_box.value,
        "threshold_box": by_box.threshold,
        "pxap": pxap,
    }
    if everything:
        numbers["metrics"] = mask_metrics(ious, pxap) | {
            "loc_acc_box": {str(level): (by_box.ious >= level).double().mean(0).max().item() for level in LEVELS},
            "max_box_acc_v2": max_box_acc_v2(maps, masks),
            "pointing": pointing(maps, masks),
        }
    return accuracy, numbers


def digits(hits: Tensor) -> str:
    """``(n,)`` bool as a string of n digits, short in a file.

    >>> digits(torch.tensor([True, False]))
    '10'
    """
    return "".join("01"[hit] for hit in hits.tolist())


def all_metrics(maps: Tensor, masks: Tensor) -> dict:
    """Every metric by name: ``mask_metrics``, "loc_acc_box" at the same levels, "max_box_acc_v2", "pointing".

    >>> maps = torch.tensor([[[0.9, 0.6], [0.2, 0.0]]])
    >>> found = all_metrics(maps, torch.tensor([[[True, True], [False, False]]]))
    >>> found["loc_acc"]["0.7"], found["pxap"], found["peak_iou"]
    (1.0, 1.0, 1.0)
    """
    return evaluate(maps, masks, everything=True)[1]["metrics"]


def mask_metrics(ious: Tensor, pxap: float, levels: Sequence[float] = LEVELS) -> dict:
    """All metrics by mask.

    Args:
        ious: ``(n, 1000)`` IoU at the thresholds 0, 0.001, ...
        pxap: see ``bgnb.pxap``.
        levels: the IoUs from which an image counts as found.

    Returns:
        "loc_acc": Loc. Acc. at each level, each at its best of the paper's ten thresholds; "held_out": the same with the
        threshold chosen on other images (``held_out``); "pxap"; "peak_iou": the mean over images of the best IoU at
        any of 1000 thresholds, chosen for each image by its mask. (No method may do that: it says what the map's order of
        pixels is worth.)
    """
    ten = ious[:, TEN]
    return {
        "loc_acc": {str(level): (ten >= level).double().mean(0).max().item() for level in levels},
        "held_out": {str(level): held_out(ten, level).double().mean().item() for level in levels},
        "pxap": pxap,
        "peak_iou": ious.max(1).values.mean().item(),
    }


def held_out(ious: Tensor, level: float) -> Tensor:
    """Which images are found with the map threshold chosen on others: even ones choose for odd ones, and vice versa.

    The usual Loc. Acc. takes the threshold that is best for the very images that it reports: an oracle.

    Args:
        ious: ``(n, K)`` IoU of n images at K thresholds.
        level: the IoU from which an image counts as found.

    Returns:
        ``(n,)`` bool; its mean is the Loc. Acc.

    >>> held_out(torch.tensor([[0.9, 0.1], [0.1, 0.9]]), 0.5)  # each half chooses what is wrong for the other
    tensor([False, False])
    """
    hits = ious >= level
    found = hits[:, 0].clone()
    if len(hits) > 1:
        for half, other in ((0, 1), (1, 0)):
            found[half::2] = hits[half::2, hits[other::2].double().mean(0).argmax()]
    return found


def pointing(maps: Tensor, masks: Tensor, tolerance: int = 0) -> float:
    """Pointing game (Zhang et al., 2018): how often the map's highest pixel lies on the target.

    If several pixels are highest, each counts in part, so a flat map gets what a blind guess gets.

    Args:
        maps: ``(n, H, W)`` targetness.
        masks: ``(n, H, W)`` bool.
        tolerance: pixels by which it may miss the target (TorchRay uses 15).

    >>> pointing(torch.tensor([[[0.9, 0.1]], [[0.5, 0.5]]]), torch.tensor([[[True, False]], [[True, False]]]))
    0.75
    """
    check_maps(maps, masks)
    if tolerance:
        near = [ndimage.distance_transform_edt(~mask) <= tolerance if mask.any() else mask for mask in masks.cpu().numpy()]
        masks = torch.from_numpy(np.stack(near)).to(maps.device)
    highest = maps == maps.amax((1, 2), keepdim=True)
    return ((highest & masks).sum((1, 2)) / highest.sum((1, 2))).mean().item()


def box_ious(maps: Tensor, masks: Tensor, thresholds: Sequence[float] = THRESHOLDS) -> Tensor:
    """``(n, K)`` float64 IoU of boxes: around the largest connected region of (map >= threshold), and around the mask."""
    check_maps(maps, masks)
    values, truth = maps.cpu().numpy(), boxes(masks.cpu().numpy())
    result = np.zeros((len(maps), len(thresholds)))
    touching = ndimage.generate_binary_structure(3, 1) & np.array([0, 1, 0], bool)[:, None, None]  # within an image only
    for k, threshold in enumerate(np.asarray(thresholds, values.dtype)):
        regions, _ = ndimage.label(values >= threshold, touching)  # of all images at once, numbered image by image
        area = np.bincount(regions.ravel())
        area[0] = 0
        size = area[regions]
        most = size.max((1, 2), keepdims=True)
        # Of several that are equally large, take the first. Regions are numbered from the top.
        first = np.where(size == most, regions, len(area)).min((1, 2), keepdims=True)
        largest = (regions == first) & (most > 0)
        result[:, k] = box_iou(boxes(largest), truth)
    return torch.from_numpy(result)


def boxes(regions: np.ndarray) -> np.ndarray:
    """``(n, H, W)`` bool -> ``(n, 4)``: top, bottom, left, right (ends not included) around everything that is True, or zeros.

    >>> boxes(np.eye(4, dtype=bool)[None, :3]).tolist()
    [[0, 3, 0, 3]]
    """
    ends = []
    for axis in (2, 1):
        seen = np.any(regions, axis)
        ends += [seen.argmax(1), seen.shape[1] - seen[:, ::-1].argmax(1)]
    return np.stack(ends, 1) * np.any(regions, (1, 2))[:, None]


def box_iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """``(n,)`` IoU of boxes ``(n, 4)``: top, bottom, left, right; 0 if both are empty.

    >>> box_iou(np.array([[0, 2, 0, 2]]), np.array([[1, 3, 0, 2]])).round(3).tolist()
    [0.333]
    """
    overlap = 1
    for start in (0, 2):
        below, above = np.maximum(one[:, start], other[:, start]), np.minimum(one[:, start + 1], other[:, start + 1])
        overlap = overlap * (above - below).clip(0)
    areas = [(box[:, 1] - box[:, 0]) * (box[:, 3] - box[:, 2]) for box in (one, other)]
    return overlap / (areas[0] + areas[1] - overlap).clip(1)


def best_box_ious(maps: Tensor, masks: Tensor, thresholds: Sequence[float], least: float = 0.3) -> Tensor:
    """``(n, K)`` best IoU of the mask's box with that of *any* connected region of (map >= threshold); 0 if below ``least``.

    Pixels that touch at a corner are connected, as in the reference's contours. A noise map has many thousand regions.
    Most are too small to matter: a connected region of a pixels fits no box with a side longer than a, and only boxes of at
    least ``least`` times the mask's box can reach that IoU.
    """
    check_maps(maps, masks)
    values, truth = maps.cpu().numpy(), boxes(masks.cpu().numpy())
    size = (truth[:, 1] - truth[:, 0]) * (truth[:, 3] - truth[:, 2])
    touching = np.ones((3, 3, 3), bool) & np.array([0, 1, 0], bool)[:, None, None]
    result = np.zeros((len(maps), len(thresholds)))
    for k, threshold in enumerate(np.asarray(thresholds, values.dtype)):
        regions, _ = ndimage.label(values >= threshold, touching)  # of all images at once
        image_of = np.zeros(regions.max() + 1, int)
        last = np.maximum.accumulate(regions.max((1, 2)))  # the highest number up to each image
        image_of[1:] = np.searchsorted(last, np.arange(1, len(image_of)))
        area = np.bincount(regions.ravel())
        large = (area >= np.sqrt(least * size)[image_of]) & (size[image_of] > 0)
        large[0] = False
        number = large.cumsum() * large  # numbers the large ones from 1
        found = ndimage.find_objects(number[regions])
        if found:
            corners = np.array([[rows.start, rows.stop, cols.start, cols.stop] for _, rows, cols in found])
            image = image_of[large]
            np.maximum.at(result[:, k], image, box_iou(corners, truth[image]))
    return torch.from_numpy(np.where(result >= least, result, 0))


def max_box_acc_v2(maps: Tensor, masks: Tensor, steps: int = 25, levels: Sequence[float] = V2_LEVELS) -> float:
    """MaxBoxAccV2 (Choe et al., 2020): share of images whose box is found at the best threshold, as a mean over IoU levels.

    Every level has its own best threshold. The reference uses 1000 thresholds, of which 255 differ, and boxes a pixel too
    large. Our boxes are exact, and ``steps`` - 1 evenly spaced thresholds are enough to compare methods.

    >>> maps = torch.zeros(1, 9, 9)
    >>> maps[0, 2:6, 2:6] = 0.8
    >>> max_box_acc_v2(maps, maps > 0.5)
    1.0
    """
    ious = best_box_ious(maps, masks, (np.arange(1, steps) / steps).tolist(), min(levels))
    return float(np.mean([(ious >= level).double().mean(0).max().item() for level in levels]))


def largest_region(region: np.ndarray) -> np.ndarray:
    """The largest connected part of a region ``(H, W)`` bool."""
    parts, count = ndimage.label(region)
    return parts == np.bincount(parts.ravel())[1:].argmax() + 1 if count else region
