"""The paper's data set from photos with masks: cut-outs of the target pasted onto half of a scene's photos."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps

from bgnb.data.images import ImageSet, gather, read_mask, read_photo, square, squares
from bgnb.files import InputError

CutOuts = tuple[list[Path], Callable[[int], Image.Image]]  # files, and a function that reads the i-th as a cut-out: RGBA
AREA = (0.15, 0.35)  # share of the picture that the target covers, drawn uniformly
EDGE = 0.004  # softness of the mask's edge: radius of its blur as a share of the picture's side


def cut_out(photo: Image.Image, mask: Image.Image) -> Image.Image:
    """The target alone, as large as its bounding box: RGBA, alpha = mask."""
    photo = photo.copy()
    photo.putalpha(mask)
    return photo.crop(mask.getbbox())


def paste(scene: Image.Image, target: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Paste a cut-out at a random place and scale, mirrored or not, wholly inside the picture.

    Args:
        scene: square RGB picture.
        target: RGBA cut-out, larger or smaller than the scene.
        rng: draws the share of the area from ``AREA``, whether to mirror, and the place.

    Returns:
        The composite and its mask ``(H, W)`` bool. A target too long and thin for its share of the area is made to fit.

    >>> scene, target = Image.new("RGB", (100, 100)), Image.new("RGBA", (30, 30), "white")
    >>> picture, mask = paste(scene, target, np.random.default_rng(0))
    >>> bool(0.13 < mask.mean() < 0.37)
    True
    """
    side = scene.width
    solid = np.asarray(target)[..., 3].astype(np.float64).sum() / 255
    scale = side * np.sqrt(rng.uniform(*AREA) / solid)
    scale = min(scale, side / max(target.size))
    if rng.random() < 0.5:
        target = ImageOps.mirror(target)
    width, height = (max(1, min(side, round(scale * length))) for length in target.size)
    left, top = int(rng.integers(side - width + 1)), int(rng.integers(side - height + 1))
    colours = target.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    layer, alpha = Image.new("RGB", scene.size), Image.new("L", scene.size)
    layer.paste(colours, (left, top))
    alpha.paste(target.getchannel("A").resize((width, height), Image.Resampling.BOX), (left, top))
    mask = np.asarray(alpha) > 127
    soft = alpha.filter(ImageFilter.GaussianBlur(EDGE * side))
    soft = Image.fromarray(np.minimum(np.asarray(soft), np.asarray(alpha)))  # the layer is black outside the cut-out
    return Image.composite(layer, scene, soft), mask


def read_target(listing: dict[str, list[Path]], index: int, size: int) -> Image.Image:
    """The i-th target photo, cut out with its mask and as large as it is: RGBA."""
    photo = read_photo(listing["targets"][index])
    return cut_out(photo, read_mask(listing["masks"][index], photo))


def image_set(listing: dict[str, list[Path]], *, size: int, **settings) -> ImageSet:
    """Composites of a folder's photos; see ``composites`` for the settings."""
    targets = listing["targets"], lambda index: read_target(listing, index, size)
    return composites(targets, listing["backgrounds"], size=size, **settings)


def composites(
    targets: CutOuts, places: list[Path], *, size: int, images: int | None, seed: int, progress: bool, scene: str, **_
) -> ImageSet:
    """Composites on one half of the scene's photos, with the other half as background images; no photo is in both.

    InputError if there are too few photos of the scene.
    """
    target_files, read = targets
    if not target_files:
        raise InputError(f"target: no photo of it to cut out for {scene}")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(places))
    count = images or len(order) // 2
    if len(order) < 3 or 2 * count > len(order):
        need = f"{2 * count} for {count} target and {count} background images" if images else "at least 3"
        raise InputError(f"{places[0].parent}: holds {len(order)} photos of {scene}, compose needs {need}")
    with_target, without = order[:count], order[count : 2 * count if images else None]
    rounds = -(-count // len(target_files))  # every cut-out once before any twice
    cut_outs = np.concatenate([rng.permutation(len(target_files)) for _ in range(rounds)])[:count]

    masks = torch.empty(count, size, size, dtype=torch.bool)

    def make(index: int) -> Image.Image:
        place = square(read_photo(places[with_target[index]]), size)
        picture, mask = paste(place, read(cut_outs[index]), np.random.default_rng([seed, index]))
        masks[index] = torch.from_numpy(mask)
        return picture

    made = gather(count, size, make, "composites", progress)
    backgrounds = squares([places[i] for i in without], size, "backgrounds", progress)
    names = tuple(f"{target_files[c].stem}_on_{places[b].stem}" for c, b in zip(cut_outs, with_target, strict=True))
    return ImageSet(made, masks, backgrounds, names)
