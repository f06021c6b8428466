"""The embedded default: animals in a forest or on a playground, painted by code alone, with exact masks.

Picture ``index`` of ``seed`` depends on nothing else: alone or in a batch of any length, it is the same. A target picture
is a background picture of its own with an animal pasted in; then air, grain and tone go over the whole of every picture
alike, so that patches without the animal look the same on both sides.

The dials, all keyword arguments:

- ``area`` (0.15, 0.35): share of the picture that the animal covers, drawn evenly; within 0.02 ... 0.5.
- ``camouflage`` 0, of 0 ... 1: the coat's colours and texture move to those of the scene where the animal stands.
- ``variety`` 1, of 0 ... 1: how much the pictures of one scene differ: seasons, heights, kinds of things.
- ``seam`` "soft": how the animal is pasted; a "hard" edge, a "soft" one, or "blended": soft, and toned to what is around.
- ``light`` 1, of 0 ... 2: patches of light and shade, and shading of the animal; 0 is an overcast day.
- ``seam_control`` False: paste animal-shaped pieces of other backgrounds into the background pictures, by the same code.

Held-out pictures are those of other indices: ``make(..., first=10_000)``.
"""

import functools
import os

import numpy as np
from PIL import Image

from bgnb.tools import InputError
from bgnb.tools import progress as bar

from .animals import animal
from .brush import PIXELS, blur, wide_blur
from .coats import hulls, outline, render, silhouette
from .forest import forest
from .playground import playground
from .workers import in_processes

ANIMALS = ("cat", "dog", "owl", "horse")
PLACES = ("forest", "playground")
PAINTERS = {"forest": forest, "playground": playground}
SEAMS = ("hard", "soft", "blended")
TARGET, BACKGROUND, PIECE = 0, 1, 2  # sides of the data set: each has random numbers of its own


def target_picture(
    target: str,
    scene: str,
    index: int,
    seed: int = 0,
    size: int = 256,
    *,
    area: tuple[float, float] = (0.15, 0.35),
    camouflage: float = 0.0,
    variety: float = 1.0,
    seam: str = "soft",
    light: float = 1.0,
    seam_control: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """One target image ``(size, size, 3)`` uint8 and its mask ``(size, size)`` bool. Dials: see the module.

    Raises InputError for an unknown animal or scene and for a dial out of range.

    >>> picture, mask = target_picture("cat", "forest", 7, size=64)
    >>> picture.shape, mask.shape, bool(0.1 < mask.mean() < 0.4)
    ((64, 64, 3), (64, 64), True)
    """
    _check(target, scene, index, seed, size, area, camouflage, variety, seam, light)
    ground, glow, side = PAINTERS[scene](_rng(seed, index, TARGET, scene), variety, light)
    rng = np.random.default_rng([seed, index, 3, ANIMALS.index(target), PLACES.index(scene)])
    parts, face, turn = animal(target, rng)
    shapes = hulls(parts)
    place, unit = _stand(shapes, turn, area, rng)
    colour, shading, alpha = render(target, parts, shapes, face, place, unit, side, rng)
    colour = _camouflaged(colour, alpha, ground, camouflage, rng)
    # the dapples fall on the animal too, a little softened by its roundness
    coat = colour * ((1 + (shading - 1) * min(1.0, 0.4 + 0.6 * light)) * (0.6 + 0.4 * wide_blur(glow, 4)))[..., None]
    picture = _paste(ground * glow[..., None], coat, alpha, seam, side, light)
    return _develop(picture, _rng(seed, index, TARGET, scene, 1), size), _mask(alpha, size)


def background_picture(
    scene: str,
    index: int,
    seed: int = 0,
    size: int = 256,
    *,
    area: tuple[float, float] = (0.15, 0.35),
    camouflage: float = 0.0,
    variety: float = 1.0,
    seam: str = "soft",
    light: float = 1.0,
    seam_control: bool = False,
) -> np.ndarray:
    """One background image ``(size, size, 3)`` uint8: no animal, and the same whichever animal it is trained against.

    With ``seam_control`` a piece of another picture of the scene, in the shape of some animal, is pasted in.

    >>> background_picture("playground", 3, size=64).shape
    (64, 64, 3)
    """
    _check("cat", scene, index, seed, size, area, camouflage, variety, seam, light)
    ground, glow, side = PAINTERS[scene](_rng(seed, index, BACKGROUND, scene), variety, light)
    picture = ground * glow[..., None]
    if seam_control:
        rng = _rng(seed, index, PIECE, scene)
        parts, _, turn = animal(ANIMALS[rng.integers(len(ANIMALS))], rng)
        shapes = hulls(parts)
        place, _ = _stand(shapes, turn, area, rng)
        piece, its_glow, _ = PAINTERS[scene](rng, variety, light)
        alpha = silhouette(shapes, place, rng)
        picture = _paste(picture, piece * its_glow[..., None], alpha, seam, side, light)
    return _develop(picture, _rng(seed, index, BACKGROUND, scene, 1), size)


def make(
    target: str = "cat",
    scene: str = "forest",
    size: int = 256,
    images: int = 240,
    seed: int = 0,
    progress: bool = True,
    first: int = 0,
    **dials,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets ``(n, size, size, 3)`` uint8, masks ``(n, size, size)`` bool, backgrounds ``(n, size, size, 3)`` uint8.

    ``first`` is the index of the first picture: another stretch of indices is a held-out set.

    >>> targets, masks, backgrounds = make("owl", "forest", size=32, images=2, progress=False)
    >>> targets.shape, masks.dtype, backgrounds.shape
    ((2, 32, 32, 3), dtype('bool'), (2, 32, 32, 3))
    """
    unknown = set(dials) - set(target_picture.__kwdefaults__)
    if unknown:
        raise InputError(f"{min(unknown)}: not a dial of the scenes, they are {', '.join(target_picture.__kwdefaults__)}")
    if isinstance(images, bool) or not isinstance(images, int | np.integer) or images < 1:
        raise InputError(f"images {images!r}: at least 1")
    _check(
        target,
        scene,
        first,
        seed,
        size,
        **{k: v for k, v in (target_picture.__kwdefaults__ | dials).items() if k != "seam_control"},
    )

    paint = functools.partial(_both, target=target, scene=scene, seed=seed, size=size, **dials)
    helpers = min((os.cpu_count() or 1) - 1, 7, images // 24)
    painted = in_processes(paint, range(first, first + images), helpers)
    made = list(bar(painted, f"{target} in {scene}", progress, total=images))
    targets, masks, backgrounds = (np.stack(pictures) for pictures in zip(*made, strict=True))
    return targets, masks, backgrounds


def _both(index: int, target: str, scene: str, **dials):
    picture, mask = target_picture(target, scene, index, **dials)
    return picture, mask, background_picture(scene, index, **dials)


def draw_contact_sheet(size: int = 192, each: int = 4, seed: int = 0, masks: bool = True, **dials) -> Image.Image:
    """Four animals (rows) in two scenes (left, right), ``each`` pictures of each, outlined by their masks.

    >>> draw_contact_sheet(size=32, each=1).size
    (64, 128)
    """
    sheet = Image.new("RGB", (2 * each * size, len(ANIMALS) * size))
    for row, target in enumerate(ANIMALS):
        for column in range(2 * each):
            picture, mask = target_picture(target, PLACES[column // each], column % each + row * each, seed, size, **dials)
            if masks:
                inner = mask.copy()
                for axis in (0, 1):
                    for step in (-1, 1):
                        inner &= np.roll(mask, step, axis)
                picture[mask & ~inner] = (255, 240, 90)
            sheet.paste(Image.fromarray(picture), (column * size, row * size))
    return sheet


def _rng(seed: int, index: int, side: int, scene: str, layer: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, index, side, PLACES.index(scene), layer])


def _check(target, scene, index, seed, size, area, camouflage, variety, seam, light) -> None:
    for name, value, allowed in (("target", target, ANIMALS), ("scene", scene, PLACES), ("seam", seam, SEAMS)):
        if value not in allowed:
            raise InputError(f"{name} {value!r}: choose {', '.join(allowed)}")
    for name, value, low in (("index", index, 0), ("seed", seed, 0), ("size", size, 16)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
            raise InputError(f"{name} {value!r}: must be a whole number from {low}")
    for name, value, high in (("camouflage", camouflage, 1), ("variety", variety, 1), ("light", light, 2)):
        if not isinstance(value, int | float | np.number) or not 0 <= value <= high:
            raise InputError(f"{name} {value!r}: must lie in 0 ... {high}")
    try:
        low, high = area
        fits = 0.02 <= low <= high <= 0.5
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise InputError(f"area {area!r}: must be two shares of the picture, 0.02 <= low <= high <= 0.5")


def _stand(shapes, turn, area, rng):
    """Where the animal stands and how large: it covers the share that was drawn, hardly reaching over the border."""
    share = rng.uniform(*area)
    across, down = rng.beta((0.6, 0.9), (0.6, 0.6))  # rather at the sides and low than in the middle
    points = np.concatenate(shapes) @ turn.T * (1, -1)
    low, high = points.min(0), points.max(0)
    unit = np.sqrt(share / 0.45)
    for _ in range(8):
        extent = (high - low) * unit
        room = 1 - extent
        spare = np.where(room > 0.06, 0.0, 0.1 * extent)  # a large animal may
        start = np.where(room + 2 * spare < 0, room / 2, -spare + (room + 2 * spare) * (across, down))

        def place(xy, start=start, unit=unit):
            return start + ((np.asarray(xy) @ turn.T) * (1, -1) - low) * unit

        covered = (np.asarray(outline(shapes, place, PIXELS)) > 0).mean()
        if abs(covered / share - 1) < 0.02:
            break
        unit *= np.clip(np.sqrt(share / max(covered, 1e-3)), 0.6, 1.6)
    return place, unit


def _camouflaged(colour, alpha, ground, camouflage, rng):
    """The coat with mean, spread and grain moved towards what is behind it; a full 1 leaves a shape and a face."""
    if camouflage == 0:
        return colour
    inside = alpha > 0.5
    here, there = colour[inside], ground[inside]
    moved = (colour - here.mean(0)) / (here.std(0) + 4) * _spread(here.std(0), there.std(0)) + there.mean(0)
    shift = rng.integers(24, 64, 2) * rng.choice([-1, 1], 2)
    grain = ground - np.stack([wide_blur(ground[..., k]) for k in range(3)], -1)
    grain = np.roll(grain, shift, (0, 1))
    return colour * (1 - camouflage) + camouflage * (0.8 * moved + 0.2 * there.mean(0)) + camouflage**1.5 * 0.85 * grain


def _spread(own, scenes):
    """The coat's own spread of colour keeps half its say, or the face would drown."""
    return 0.5 * own + 0.5 * np.minimum(scenes, 1.5 * own + 10)


def _paste(ground, coat, alpha, seam, side, light):
    """Shadow, then the cut-out: the one place where anything is pasted."""
    rows = np.flatnonzero((alpha > 0.5).any(1))
    if len(rows):
        foot, reach = rows[-1] + 1, 0.10 * PIXELS
        y = np.arange(PIXELS, dtype=np.float32)[:, None]
        near = np.exp(-(((y - foot + 3) / (0.022 * PIXELS)) ** 2))
        beneath = alpha[max(0, foot - round(reach)) : foot].max(0) if foot > reach / 2 else alpha.max(0)
        shadow = wide_blur(np.roll(beneath[None, :] * near, round(-4 * side), 1).astype(np.float32), 4, 2)
        ground = ground * (1 - min(0.45, 0.25 + 0.15 * light) * np.clip(shadow, 0, 1))[..., None]
    alpha = (alpha >= 0.5).astype(np.float32) if seam == "hard" else blur(alpha, 3)
    if seam == "blended":  # what differs at the border, carried inwards and taken away by halves
        rim = (alpha * (1 - alpha) * 4 + 1e-3).astype(np.float32)
        weight = wide_blur(rim, 8, 5)
        change = np.stack([wide_blur((ground - coat)[..., k] * rim, 8, 5) / weight for k in range(3)], -1)
        coat = coat + 0.5 * change
    return ground + (coat - ground) * alpha[..., None]


def _develop(picture, rng, size) -> np.ndarray:
    """From what was painted to a photograph: exposure, colour of the light, softness, grain, tone; then to its size."""
    exposure = np.exp(rng.normal(0, 0.08) + rng.normal(0, 0.025, 3)).astype(np.float32)
    vignette = np.linspace(-1, 1, PIXELS, dtype=np.float32) ** 2
    picture = picture.astype(np.float32) * exposure
    picture *= (1.03 - 0.09 * (vignette[:, None] + vignette))[..., None]
    picture = blur(picture, 1)
    picture += np.float32(rng.uniform(0, 1)) * (blur(picture, 1) - picture)
    grain = rng.standard_normal((PIXELS, PIXELS), np.float32)
    picture += (np.float32(rng.uniform(1, 4)) * blur(grain, 1) + grain)[..., None]
    tone = np.arange(8 * 400) / 8  # the film's curve as a table: gamma, and highlights that roll off
    tone = 255 * (tone / 255) ** rng.uniform(0.92, 1.12)
    tone = np.where(tone > 215, 215 + 40 * np.tanh((tone - 215) / 40), tone).round().astype(np.uint8)
    image = Image.fromarray(tone[np.clip(picture * 8 + 0.5, 0, len(tone) - 1).astype(np.int16)])
    return np.array(image if size == PIXELS else image.resize((size, size), _filter(size)))


def _mask(alpha, size) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(alpha, np.float32))
    return np.asarray(image if size == PIXELS else image.resize((size, size), _filter(size))) >= 0.5


def _filter(size: int):
    return Image.Resampling.BOX if PIXELS % size == 0 else Image.Resampling.BICUBIC
