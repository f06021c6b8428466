"""Structure given back to a map: the photo's own edges decide where the target ends (the paper's first limit, Sec. 5)."""

import numpy as np
import torch
from torch import Tensor

from bgnb.files import InputError, choose, shaped, within
from bgnb.metrics import threshold_without_masks
from bgnb.settings import REFINEMENTS

BACKGROUND = 0.9  # of the map threshold: what lies below is background for certain
TARGET = 0.95  # quantile of what lies above the map threshold: what reaches it is target for certain
SMALLEST = 0.25  # of the plain cut: a smaller region is a failure, and the plain cut is kept
STEPS = 5  # of GrabCut
BETA = 300  # of the random walker: how much a difference in colour costs


def refine(images: Tensor, maps: Tensor, how: str = "grabcut", threshold: float | None = None) -> Tensor:
    """The region of the target in every image: from its map, with the image's own edges.

    Both ways begin with the same marks. Pixels far below the map threshold are background, the highest twentieth of those
    above it are target, and the rest is open. *GrabCut* (Rother et al., 2004; OpenCV) learns the colours on both sides and
    looks for the cheapest border between them. The *random walker* (Grady, 2006; scikit-image) asks of every open pixel
    which mark a walker that avoids edges would reach first.

    Args:
        images: ``(n, 3, H, W)`` uint8.
        maps: targetness ``(n, H, W)`` in [0, 1].
        how: "grabcut" or "walker".
        threshold: map threshold in (0, 1]; None: ``threshold_without_masks`` of these maps.

    Returns:
        ``(n, H, W)`` bool, True on the target. Where a map lacks one of the two marks, or where less than a quarter of its
        plain cut at the threshold would be left, that cut.

    Raises:
        InputError: shapes or types that do not fit, maps beyond [0, 1], an unknown ``how``.

    >>> image = torch.full((1, 3, 32, 32), 30, dtype=torch.uint8)
    >>> image[:, :, 8:24, 8:24] = 220  # a bright square, and a map that only knows roughly where it is
    >>> rough = torch.zeros(1, 32, 32)
    >>> rough[:, 4:28, 4:28], rough[:, 12:28, 10:26] = 0.48, 0.6
    >>> rough[:, 14:18, 14:18] = 1
    >>> torch.equal(refine(image, rough, threshold=0.5)[0], image[0, 0] == 220)
    True
    """
    shaped("images", images, "n 3 H W")
    shaped("maps", maps, " ".join(str(length) for length in (len(images), *images.shape[2:])))
    choose("how", how, REFINEMENTS)
    if images.dtype != torch.uint8:
        raise InputError(f"images of {str(images.dtype).removeprefix('torch.')}: must be uint8")
    if not maps.is_floating_point() or not (maps.min() >= 0 and maps.max() <= 1):
        raise InputError("maps: must be floats in 0 ... 1")
    if threshold is None:
        threshold = threshold_without_masks(maps)
    within("threshold", threshold, 0, 1)
    pictures, values = images.permute(0, 2, 3, 1).contiguous().cpu().numpy(), maps.float().cpu().numpy()
    return torch.from_numpy(np.stack([region(*pair, how, threshold) for pair in zip(pictures, values, strict=True)]))


def region(picture: np.ndarray, values: np.ndarray, how: str, threshold: float) -> np.ndarray:
    """``refine`` for one picture ``(H, W, 3)`` and its map ``(H, W)``, as arrays."""
    above = values >= threshold
    background = values < BACKGROUND * threshold
    target = above & (values >= np.quantile(values[above], TARGET)) if above.any() else above
    if not target.any() or not background.any():
        return above
    found = (grab_cut if how == "grabcut" else walk)(picture, above, target, background)
    return found if found.sum() >= SMALLEST * above.sum() else above


def grab_cut(picture: np.ndarray, above: np.ndarray, target: np.ndarray, background: np.ndarray) -> np.ndarray:
    """GrabCut from what is target or background for certain, and what may be target: ``(H, W)`` bool each."""
    import cv2

    marks = np.where(above, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[background], marks[target] = cv2.GC_BGD, cv2.GC_FGD
    cv2.setRNGSeed(0)  # the colours on each side begin with k-means, which draws at random
    cv2.grabCut(picture, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), STEPS, cv2.GC_INIT_WITH_MASK)
    return (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)


def walk(picture: np.ndarray, above: np.ndarray, target: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The random walker from what is target or background for certain: ``(H, W)`` bool each."""
    from skimage.segmentation import random_walker

    marks = np.select([target, background], [1, 2], 0)
    return random_walker(picture / 255, marks, beta=BETA, mode="cg_j", channel_axis=-1) == 1
