"""What maps are compared with: baselines, which nobody trained; ceilings, which use the masks; few shots; held-out photos.

A method is worth what it gains over the baselines. A ceiling shows what maps of background learning could reach at best.
Few shots say what a few masks would buy. Held-out photos say what a map is worth if training has not seen its photo.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bgnb.data import ImageSet
from bgnb.device import pick_device
from bgnb.files import InputError
from bgnb.maps import localise, min_max, targetness
from bgnb.methods import TrueLabels
from bgnb.networks import build
from bgnb.patches import box_share, check_patch
from bgnb.settings import Run
from bgnb.training import fit
from bgnb.windows import starts

SHOTS = (5, 10)  # masked photos


def constant_map(imageset: ImageSet) -> Tensor:
    """Everything is target: ``(T, H, W)`` of ones."""
    return torch.ones(len(imageset.targets), *imageset.size)


def centred_gaussian(imageset: ImageSet) -> Tensor:
    """The target is where photographers put it: ``(T, H, W)``, the same bump in the middle of every image.

    Its width does not matter, because the best map threshold for the whole set is reported.
    """
    distance = [torch.linspace(-1, 1, length) ** 2 for length in imageset.size]
    bump = torch.exp(-2 * (distance[0][:, None] + distance[1]))
    return min_max(bump[None]).expand(len(imageset.targets), -1, -1)


def colour_distance(imageset: ImageSet, patch: int = 48) -> Tensor:
    """The target has another colour: ``(T, H, W)``, each pixel's RGB distance from the mean colour of all backgrounds.

    Averaged over a window of about ``patch`` pixels, as background learning's maps are.
    """
    check_patch(patch, *imageset.size)
    mean = imageset.backgrounds.float().mean((0, 2, 3))
    distance = (imageset.targets.float() - mean[:, None, None]).norm(dim=1)
    side = patch | 1
    return min_max(avg_pool2d(distance[:, None], side, stride=1, padding=side // 2, count_include_pad=False)[:, 0])


def untrained(imageset: ImageSet, run: Run) -> Tensor:
    """The same network, windows and seed without training: ``(T, H, W)``."""
    model = build(run.net, run.patch, run.weights, run.seed, run.image_network).to(pick_device(run.device)).eval()
    return localise(model, imageset.targets, run).cpu()


def baselines(imageset: ImageSet, run: Run) -> dict[str, Tensor]:
    """All baselines by name; each map ``(T, H, W)`` in [0, 1]."""
    return {
        "constant map": constant_map(imageset),
        "centred Gaussian": centred_gaussian(imageset),
        "colour distance": colour_distance(imageset, run.patch),
        "untrained network": untrained(imageset, run),
    }


def blurred_mask(imageset: ImageSet, run: Run) -> Tensor:
    """The mask, blurred by the window: maps ``(T, H, W)`` from windows that know what share of their pixels is target.

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
    """Maps ``(T, H, W)`` of the same patch classifier, trained in the same way but with true labels: P against F and N."""
    return localise(fit(imageset, run, progress=False, method=TrueLabels()), imageset.targets, run).cpu()


def ceilings(imageset: ImageSet, run: Run) -> dict[str, Tensor]:
    """Both ceilings by name; each map ``(T, H, W)`` in [0, 1]."""
    return {"true labels": true_labels(imageset, run), "mask blurred by the window": blurred_mask(imageset, run)}


def shots(imageset: ImageSet, run: Run, photos: int) -> Tensor:
    """Which target images have a mask with few shots: ``(photos,)`` indices in order. Fewer are always among more.

    >>> pictures = ImageSet(torch.zeros(20, 3, 32, 32), None, torch.zeros(2, 3, 32, 32))
    >>> set(shots(pictures, Run(), 5).tolist()) < set(shots(pictures, Run(), 10).tolist())
    True
    """
    return shuffled(len(imageset.targets), run.seed)[:photos].sort().values


def few_shot(imageset: ImageSet, run: Run, photos: int) -> Tensor:
    """Maps ``(T, H, W)`` of all target images by the same patch classifier, with true labels and only a few masked photos.

    P, F and N come from ``photos`` target images (see ``shots``) and all background images. An epoch has as many patches and
    updates as with all photos: each photo gives more.

    Raises InputError if there are no masks or too few photos, or if the run's method trains on whole images.
    """
    total = 0 if imageset.masks is None else len(imageset.targets)
    if total < photos:
        raise InputError(f"few_shot: needs {photos} target images with masks; there are {total}")
    chosen = shots(imageset, run, photos).to(imageset.targets.device)
    few = replace(imageset, targets=imageset.targets[chosen], masks=imageset.masks[chosen], names=())
    model = fit(few, replace(run, per_image=round(run.per_image * total / photos)), progress=False, method=TrueLabels())
    return localise(model, imageset.targets, run).cpu()


def halves(imageset: ImageSet, run: Run) -> tuple[Tensor, Tensor]:
    """The target images in two random halves: indices in order. The first half has one more if their number is odd."""
    order = shuffled(len(imageset.targets), run.seed)
    middle = (len(order) + 1) // 2
    return order[:middle].sort().values, order[middle:].sort().values


def held_out_photos(imageset: ImageSet, run: Run) -> Tensor:
    """Maps ``(T, H, W)`` of photos that training has not seen: train on one half, map the other, and the other way round.

    Both halves share all background images, which nobody maps. Batches are half as large, so that there are as many updates.
    """
    maps = torch.empty(len(imageset.targets), *imageset.size)
    batch = max(2, (run.resolved().batch + 1) // 2)
    one, other = halves(imageset, run)
    for seen, unseen in ((one, other), (other, one)):
        masks = None if imageset.masks is None else imageset.masks[seen]
        half = replace(imageset, targets=imageset.targets[seen], masks=masks, names=())
        model = fit(half, replace(run, batch=batch), progress=False)
        maps[unseen] = localise(model, imageset.targets[unseen], run).cpu()
    return maps


def shuffled(count: int, seed: int) -> Tensor:
    """0, 1 ... count - 1 in random order: ``(count,)`` int64."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))
