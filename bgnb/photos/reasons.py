"""Why a region was cut out: its most target-like window, and the background patches that come closest to it."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from bgnb.data.images import ImageSet
from bgnb.moving.maps import features
from bgnb.networks import Network
from bgnb.patches import crop, draw_crops, pool, pool_index
from bgnb.settings import Run

MANY = 3000  # background patches that a window is compared with, about
NEAR = 4  # of them are shown
REGIONS, LARGE = 3, 0.01  # at most so many regions of a photo, each of at least this share of it
STEP = 0.1  # how far the map threshold is moved to see how firm a cut is


@dataclass(frozen=True)
class Known:
    """Background patches ``(m, 3, p, p)`` uint8, their features ``(m, C)``, and how much each is like the nearest of another
    photo ``(m,)``."""

    patches: Tensor
    features: Tensor
    nearest: Tensor


@dataclass(frozen=True)
class Reason:
    """One region: its most target-like window, and what it was compared with.

    Attributes:
        window: ``(3, p, p)`` uint8.
        near: ``(NEAR, 3, p, p)`` uint8, the background patches most like it; the most similar first.
        likeness: ``(NEAR,)`` cosine similarity of their features to those of the window, at most 1.
        rarer: share of the background patches that are even less like any patch of another photo. 0: nothing in the
            backgrounds is as strange as this window.
    """

    window: Tensor
    near: Tensor
    likeness: Tensor
    rarer: float


def known(model: Network, pictures: ImageSet, run: Run) -> Known:
    """What a network knows of the backgrounds: about ``MANY`` patches of them, drawn evenly over the images."""
    flipped = ImageSet(pictures.backgrounds, None, pictures.backgrounds)  # its "targets" get the same number of patches each
    each = max(1, -(-MANY // (2 * len(pictures.backgrounds))))
    crops = draw_crops(flipped, run.patch, each, 1, run.seed)
    patches = crop(pool(flipped), pool_index(crops, len(flipped.targets)), crops.top, crops.left, run.patch)
    seen = features(model, patches)
    likeness = seen @ seen.T
    likeness[crops.image[:, None] == crops.image[None]] = -1
    return Known(patches, seen, likeness.max(1).values.sort().values)


def windows(values: Tensor, region: Tensor, pixels: Tensor, patch: int) -> Tensor:
    """The most target-like window of each large region of a photo, the largest region first.

    Args:
        values: targetness ``(h, w)``.
        region: ``(h', w')`` bool, what was cut out, at any scale.
        pixels: the photo at the scale of the map, ``(3, h, w)`` uint8.
        patch: side of a window, in pixels.

    Returns:
        ``(k, 3, patch, patch)`` uint8, k <= ``REGIONS``.
    """
    height, width = values.shape
    small = cv2.resize(region.numpy().astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(small)
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= LARGE * small.size]
    large.sort(key=lambda i: -stats[i, cv2.CC_STAT_AREA])
    cut = []
    for i in large[:REGIONS]:
        peak = int(np.where(labels == i, values.numpy(), -1).argmax())
        top, left = (
            min(max(0, at - patch // 2), length - patch) for at, length in zip(divmod(peak, width), (height, width), strict=True)
        )
        cut.append(pixels[:, top : top + patch, left : left + patch])
    return torch.stack(cut) if cut else pixels.new_empty(0, 3, patch, patch)


def reasons(model: Network, seen: Tensor, backgrounds: Known) -> list[Reason]:
    """A reason for each window ``(n, 3, p, p)``."""
    if not len(seen):
        return []
    found = (features(model, seen) @ backgrounds.features.T).topk(min(NEAR, len(backgrounds.features)))
    nearest, most = backgrounds.nearest, found.values[:, 0].contiguous()
    rarer = torch.searchsorted(nearest, most) / len(nearest)
    return [
        Reason(window, backgrounds.patches[index], value, float(share))
        for window, index, value, share in zip(seen, found.indices, found.values, rarer, strict=True)
    ]


def firmness(values: Tensor, threshold: float) -> float:
    """How little a cut depends on the threshold: its area with a higher threshold over its area with a lower one, 0 ... 1.

    >>> firmness(torch.tensor([0.0, 0.0, 0.9, 0.9]), 0.5), firmness(torch.tensor([0.0, 0.45, 0.45, 0.9]), 0.5)
    (1.0, 0.3333333432674408)
    """
    wide = values >= max(threshold - STEP, 1e-3)
    return ((values >= threshold + STEP).sum() / wide.sum().clamp(min=1)).item()
