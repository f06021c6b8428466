"""Ceilings: what background learning's maps could reach at best. Both look at the masks, so neither is a method."""

import torch
from torch import Tensor

from bgnb.data import ImageSet
from bgnb.files import InputError
from bgnb.methods import TrueLabels
from bgnb.patches import box_share
from bgnb.settings import Run
from bgnb.training import fit
from bgnb.windows import localise, starts, targetness


def blurred_mask(imageset: ImageSet, run: Run) -> Tensor:
    """The mask, blurred by the window: maps ``(T, H, W)`` of windows that know which share of their pixels is target.

    No map made of windows of this size is likely to be sharper.

    >>> from bgnb import load, loc_acc
    >>> photos = load(size=64, images=6, progress=False)
    >>> loc_acc(blurred_mask(photos, Run(size=64, patch=24, stride=4)), photos.masks).value
    1.0
    """
    if imageset.masks is None:
        raise InputError("ceiling: these pictures have no masks")
    rows, columns = (torch.tensor(starts(length, run.patch, run.stride)) for length in imageset.size)
    shape = len(imageset.masks), len(rows), len(columns)
    image, top, left = (t.flatten() for t in torch.meshgrid(torch.arange(shape[0]), rows, columns, indexing="ij"))
    share = box_share(imageset.masks.cpu(), image, top, left, run.patch).view(shape)
    return targetness(1 - share, run.patch, run.stride, imageset.size, run.resolved().overlap)


def true_labels(imageset: ImageSet, run: Run) -> Tensor:
    """Maps ``(T, H, W)`` of the same patch classifier in the same training, told the truth: P against F and N."""
    return localise(fit(imageset, run, show=False, method=TrueLabels()), imageset.targets, run).cpu()


def ceilings(imageset: ImageSet, run: Run) -> dict[str, Tensor]:
    """Both by name; each map ``(T, H, W)`` in [0, 1]."""
    return {"true labels": true_labels(imageset, run), "mask blurred by the window": blurred_mask(imageset, run)}
