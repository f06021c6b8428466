"""How well maps agree with masks: IoU at every threshold in one pass, Loc. Acc., PxAP."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bgnb.files import InputError, shaped, whole

THRESHOLDS = tuple(round(0.05 + 0.1 * step, 2) for step in range(10))  # docs/protocol.md, row 4


@dataclass(frozen=True)
class LocAcc:
    """Localisation accuracy, with everything it depends on.

    Attributes:
        value: share of images whose thresholded map reaches ``iou``, at the best threshold.
        threshold: that map threshold, one for all images. It is chosen on the same masks, so it is an oracle.
        curve: ``(K,)`` Loc. Acc. at each of the ``thresholds``.
        ious: ``(n, K)`` IoU of every image at every threshold.
        iou: the IoU from which an image counts as found.
    """

    value: float
    threshold: float
    curve: Tensor
    thresholds: tuple[float, ...]
    ious: Tensor
    iou: float

    @property
    def hits(self) -> Tensor:
        """``(n,)`` bool: which images are found at the best threshold."""
        return self.ious[:, self.thresholds.index(self.threshold)] >= self.iou


def check_maps(maps: Tensor, masks: Tensor) -> None:
    """InputError unless maps and masks are both ``(n, H, W)``, n >= 1, masks are bool and maps hold no NaN."""
    if maps.ndim != 3 or maps.shape != masks.shape or len(maps) == 0:
        raise InputError(f"maps {tuple(maps.shape)} and masks {tuple(masks.shape)}: both must be (n, H, W), n >= 1")
    if masks.dtype != torch.bool:
        raise InputError(
            f"masks of {str(masks.dtype).removeprefix('torch.')}: must be bool, True on the target (masks > 127, say)"
        )
    if not maps.is_floating_point():
        raise InputError(f"maps of {str(maps.dtype).removeprefix('torch.')}: must be floats in 0 ... 1")
    if maps.isnan().any():
        raise InputError("maps: hold values that are no numbers (NaN)")


def pixel_counts(maps: Tensor, masks: Tensor, thresholds: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Pixels at or above each threshold: ``(n, K)`` on the target and ``(n, K)`` off it, in one pass over the pixels.

    Every pixel falls into one of K + 1 bins. Counting from the top bin down gives all thresholds at once.
    """
    edges = torch.as_tensor(thresholds, dtype=maps.dtype, device=maps.device)
    if not len(edges) or not edges.isfinite().all() or (edges.diff() <= 0).any():
        raise InputError("thresholds: must be numbers that increase, at least one")
    bins = len(edges) + 1
    number = bin_number(maps, edges).add_(masks, alpha=bins)  # first an image's bins off the target, then those on it
    number += 2 * bins * torch.arange(len(maps), dtype=number.dtype, device=maps.device)[:, None, None]
    counts = torch.bincount(number.flatten(), minlength=2 * bins * len(maps)).view(len(maps), 2, bins)
    above = counts.flip(2).cumsum(2).flip(2)[:, :, 1:]
    return above[:, 1], above[:, 0]


def bin_number(maps: Tensor, edges: Tensor) -> Tensor:
    """How many of the increasing ``edges`` each value in [0, 1] reaches, int. Edges 0, 1/K, 2/K ... only take a multiplication.

    >>> bin_number(torch.tensor([0.0, 0.05, 0.3, 1.0]), torch.arange(20) / 20).tolist()
    [1, 2, 7, 20]
    """
    count = len(edges)
    if not 16 <= count <= 4096 or not torch.equal(edges, (torch.arange(count, device=edges.device) / count).to(edges.dtype)):
        return torch.bucketize(maps.contiguous(), edges, right=True)
    scaled = maps.flatten() * count
    number = scaled.int()
    near = (scaled.sub_(number).sub_(0.5).abs_() > 0.499).nonzero()[:, 0]  # where rounding matters, the edges decide
    number += 1
    number[near] = torch.bucketize(maps.flatten()[near], edges, right=True, out_int32=True)
    return number.view(maps.shape)


def mask_ious(maps: Tensor, masks: Tensor, thresholds: Sequence[float] = THRESHOLDS) -> Tensor:
    """``(n, K)`` float64 IoU of (map >= threshold) with the mask."""
    check_maps(maps, masks)
    return ious_of_counts(*pixel_counts(maps, masks, thresholds), masks)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """IoU of two regions ``(H, W)`` bool; 0 if both are empty.

    >>> overlap(np.array([[True, True, False]]), np.array([[False, True, True]]))
    0.3333333333333333
    """
    return float((one & other).sum() / max(1, (one | other).sum()))


def ious_of_counts(on: Tensor, off: Tensor, masks: Tensor) -> Tensor:
    """``(n, K)`` float64 IoU from ``pixel_counts``."""
    return on / (masks.sum((1, 2))[:, None] + off).clamp(min=1).double()


def loc_acc(maps: Tensor, masks: Tensor, iou: float = 0.4, thresholds: Sequence[float] = THRESHOLDS) -> LocAcc:
    """Share of images whose target is found: IoU(map >= threshold, mask) >= ``iou`` (paper, Sec. 4).

    How the text is read: docs/protocol.md, rows 4 and 5.

    Args:
        maps: ``(n, H, W)`` in [0, 1].
        masks: ``(n, H, W)`` bool.
        iou: in (0, 1]; the paper's 0.40.
        thresholds: increasing map thresholds. One serves all images; the best is reported (if several are best, the lowest).

    Raises:
        InputError: shapes that differ, thresholds that do not increase.

    >>> maps = torch.tensor([[[0.9, 0.6], [0.2, 0.0]]])
    >>> found = loc_acc(maps, torch.tensor([[[True, False], [False, False]]]), iou=1.0, thresholds=(0.1, 0.5, 0.8))
    >>> found.value, found.threshold, found.curve.tolist()
    (1.0, 0.8, [0.0, 0.0, 1.0])
    """
    if not 0 < iou <= 1:
        raise InputError(f"iou {iou}: must lie in (0, 1]")
    shaped("thresholds", np.asarray(thresholds), "K")
    thresholds = tuple(float(t) for t in thresholds)
    return best_accuracy(mask_ious(maps, masks, thresholds), thresholds, iou)


def best_accuracy(ious: Tensor, thresholds: Sequence[float] = THRESHOLDS, iou: float = 0.4) -> LocAcc:
    """Loc. Acc. from ``(n, K)`` IoUs at K thresholds, at the best of them (if several are best, the lowest)."""
    curve = (ious >= iou).double().mean(0)
    best = int(curve.argmax())
    return LocAcc(curve[best].item(), thresholds[best], curve, tuple(thresholds), ious, iou)


def threshold_without_masks(maps: Sequence[Tensor] | Tensor, bins: int = 256) -> float:
    """One map threshold for all maps, from the maps alone: Otsu's, over the pixels of all of them.

    It splits the targetness of all pixels into two groups with the least spread inside each (Otsu, 1979).
    docs/photos.md says how far it is from the best threshold that masks would give.

    Args:
        maps: ``(n, H, W)``, or n maps of any sizes, in [0, 1].
        bins: bins in the histogram of targetness.

    >>> threshold_without_masks(torch.tensor([[[0.1, 0.1, 0.2], [0.8, 0.9, 0.9]]]))
    0.5
    """
    whole("bins", bins, 2, 10**6)
    if isinstance(maps, Tensor):
        shaped("maps", maps, "n H W")
    if not len(maps):
        raise InputError("maps: a threshold needs at least one")
    counts = np.sum([np.histogram(m.cpu().numpy(), bins, (0, 1))[0] for m in maps], 0).astype(float)
    centre = (np.arange(bins) + 0.5) / bins
    below = counts.cumsum()[:-1]
    above = counts.sum() - below
    mean_below = (counts * centre).cumsum()[:-1] / below.clip(1)
    mean_above = (counts * centre)[::-1].cumsum()[::-1][1:] / above.clip(1)
    between = below * above * (mean_below - mean_above) ** 2
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))  # a gap has many best thresholds: take its middle
    return round(float(best.mean() + 1) / bins, 4)


def without_masks(maps: Tensor, masks: Tensor, iou: float = 0.4) -> dict[str, float]:
    """What ``threshold_without_masks`` costs: its Loc. Acc. beside that of the best of 99 evenly spaced thresholds."""
    ours = threshold_without_masks(maps)
    best = loc_acc(maps, masks, iou, (np.arange(1, 100) / 100).tolist())
    reached = (mask_ious(maps, masks, [ours]) >= iou).double().mean().item()
    return {"threshold": ours, "loc_acc": reached, "best_threshold": best.threshold, "best_loc_acc": best.value}


def pxap(maps: Tensor, masks: Tensor, steps: int = 1000) -> float:
    """Pixel average precision: area under precision against recall over the pixels of all images (Choe et al., 2020).

    Needs no threshold: it is the sum of P * (step in R), precision and recall, over ``steps`` evenly spaced map thresholds.

    >>> pxap(torch.tensor([[[0.9, 0.6], [0.2, 0.0]]]), torch.tensor([[[True, False], [False, False]]]))
    1.0
    """
    check_maps(maps, masks)
    whole("steps", steps, 1, 10**6)
    on, off = pixel_counts(maps, masks, (np.arange(steps) / steps).tolist())
    return average_precision(on, off, int(masks.sum()))


def average_precision(on: Tensor, off: Tensor, total: int) -> float:
    """Sum of P * (step in R) over the thresholds of ``pixel_counts``, for all images; they have ``total`` target pixels."""
    on, off = on.sum(0).double(), off.sum(0).double()
    precision, recall = on / (on + off).clamp(min=1), on / max(1, total)
    gained = recall - torch.cat([recall[1:], recall.new_zeros(1)])
    return (precision * gained).sum().item()
