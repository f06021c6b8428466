"""Yardsticks: maps that nobody trained. A method is worth what it gains over them."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bgnb.data import ImageSet
from bgnb.files import pick_device
from bgnb.networks import build
from bgnb.settings import Run
from bgnb.windows import localise, normalise


def whole_image(imageset: ImageSet) -> Tensor:
    """Everything is target: ``(T, H, W)`` of ones."""
    return torch.ones(len(imageset.targets), *imageset.size)


def centred_gaussian(imageset: ImageSet) -> Tensor:
    """The target is where photographers put it: ``(T, H, W)``, the same bump in the middle of every image.

    Its width does not matter, because the map threshold that is best for the whole set is reported.
    """
    distance = [torch.linspace(-1, 1, length) ** 2 for length in imageset.size]
    bump = torch.exp(-2 * (distance[0][:, None] + distance[1]))
    return normalise(bump[None]).expand(len(imageset.targets), -1, -1)


def colour_distance(imageset: ImageSet, patch: int = 48) -> Tensor:
    """The target has another colour: ``(T, H, W)``, each pixel's distance in RGB from the mean colour of all backgrounds.

    Averaged over a window of about ``patch`` pixels, as background learning's maps are.
    """
    mean = imageset.backgrounds.float().mean((0, 2, 3))
    distance = (imageset.targets.float() - mean[:, None, None]).norm(dim=1)
    side = patch | 1
    return normalise(avg_pool2d(distance[:, None], side, stride=1, padding=side // 2, count_include_pad=False)[:, 0])


def untrained(imageset: ImageSet, run: Run) -> Tensor:
    """The same network, windows and seed without training: ``(T, H, W)``."""
    model = build(run.net, run.patch, run.weights, run.seed, run.image_level).to(pick_device(run.device)).eval()
    return localise(model, imageset.targets, run).cpu()


def yardsticks(imageset: ImageSet, run: Run) -> dict[str, Tensor]:
    """All of them by name; each map ``(T, H, W)`` in [0, 1]."""
    return {
        "constant map": whole_image(imageset),
        "centred Gaussian": centred_gaussian(imageset),
        "colour distance": colour_distance(imageset, run.patch),
        "untrained network": untrained(imageset, run),
    }
