"""Why a region was cut out: its most target-like window, and the background patches that come closest to it."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from bgnb.moving.maps import features
from bgnb.networks import Network
from bgnb.patches import colours_last, crop
from bgnb.settings import Run

MANY, IMAGES = 3000, 300  # background patches that a window is compared with, and images that they come from, about
NEAR = 4  # of them are shown
REGIONS, LARGE = 3, 0.01  # at most so many regions of a photo, each of at least this share of it


class Known(NamedTuple):
    """Background patches ``(m, 3, p, p)`` uint8, and their features ``(m, C)``, each of length 1."""

    patches: Tensor
    features: Tensor


@dataclass(frozen=True)
class Reason:
    """One region of a cut-out, and what it was compared with.

    Attributes:
        window: ``(3, p, p)`` uint8, its most target-like window.
        near: ``(NEAR, 3, p, p)`` uint8, the background patches most like it; the most similar first.
        likeness: ``(NEAR,)`` cosine similarity of their features to those of the window, at most 1.
    """

    window: Tensor
    near: Tensor
    likeness: Tensor


def known(model: Network, backgrounds: Tensor, run: Run) -> Known:
    """What a network knows of background images ``(n, 3, H, W)``: about ``MANY`` patches, as many from each of them."""
    some = backgrounds[:: -(-len(backgrounds) // IMAGES)]
    image = torch.arange(len(some)).repeat_interleave(-(-MANY // len(some)))
    generator = torch.Generator().manual_seed(run.seed)
    top, left = (torch.randint(side - run.patch + 1, image.shape, generator=generator) for side in some.shape[2:])
    patches = crop(colours_last(some), image, top, left, run.patch)
    return Known(patches, features(model, patches))


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
    return [
        Reason(window, backgrounds.patches[index], value)
        for window, index, value in zip(seen, found.indices, found.values, strict=True)
    ]


def whole(region: Tensor) -> float:
    """Share of a cut-out ``(h, w)`` bool that lies in its largest piece; 1 if nothing is cut out.

    A cut-out in many pieces is often wrong (docs/photos.md).

    >>> whole(torch.tensor([[True, True, True, False, True]]))
    0.75
    """
    areas = cv2.connectedComponentsWithStats(region.numpy().astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    return float(areas.max() / areas.sum()) if len(areas) else 1.0
