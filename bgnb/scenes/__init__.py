"""The built-in default: animals in a forest or on a playground, and rust on steel, painted by code alone, with exact masks.

Picture ``index`` of ``seed`` depends on nothing else: alone or in a batch of any length, it is the same. A target picture
is a background picture of its own with an animal pasted in. Then air, grain and tone go over the whole of every picture,
so patches without the animal look the same on both sides. Rust on a steel plate is made in the same way, for those who look
for flaws and not for animals.

The dials, all keyword arguments:

- ``area`` (0.15, 0.35): share of the picture that the animal covers, drawn uniformly; within 0.02 ... 0.5.
- ``camouflage`` 0, of 0 ... 1: the coat's colours and texture move towards those of the scene around the animal, its face
  least. Fur takes on a part of the texture, feathers all of it. An owl that hides shuts its eyes. In a forest it begins at
  0.25, because its plumage is made for one.
- ``variety`` 1, of 0 ... 1: how much the pictures of one scene differ: seasons, heights, kinds of things, and on a
  playground the cameras: exposure, colour of the light, contrast, saturation.
- ``seam`` "soft": the edge of the pasted animal, "hard", "soft" or "blended" (soft, and toned to what is around).
- ``light`` 1, of 0 ... 2: patches of light and shade, and shading of the animal; 0 is an overcast day.
- ``seam_control`` False: paste animal-shaped pieces of other backgrounds into the background pictures, by the same code.

Held-out pictures have other indices: ``make(..., first=10_000)``.
"""

import functools
import os

import numpy as np

from bgnb.files import InputError, progress_bar

from .animals import animal
from .brush import PIXELS, mix, wide_blur
from .coats import hulls, outline, render, silhouette
from .forest import forest
from .photograph import camouflaged, develop, exact_mask, paste
from .playground import playground
from .steel import rust, steel
from .workers import in_processes

ANIMALS = ("cat", "dog", "owl", "horse")
PLACES = ("forest", "playground")
TARGETS, SCENES = (*ANIMALS, "rust"), (*PLACES, "steel")
PAINTERS = {"forest": forest, "playground": playground, "steel": steel}
CAMERAS = {"forest": 0, "playground": 1, "steel": 0.3}  # one walk in the woods; playgrounds by anyone, in any weather
SEAMS = ("hard", "soft", "blended")
PLUMAGE = 0.25  # an owl in a forest is camouflaged that much, whatever the dial says
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

    Raises InputError for an unknown animal or scene, or for a dial out of range.

    >>> picture, mask = target_picture("cat", "forest", 7, size=64)
    >>> picture.shape, mask.shape, bool(0.1 < mask.mean() < 0.4)
    ((64, 64, 3), (64, 64), True)
    """
    _check(target, scene, index, seed, size, area, camouflage, variety, seam, light)
    ground, glow, side, horizon = PAINTERS[scene](_rng(seed, index, TARGET, scene), variety, light)
    rng = np.random.default_rng([seed, index, 3, TARGETS.index(target), SCENES.index(scene)])
    if target == "rust":
        colour, shading, alpha = rust(rng, area)
        colour = mix(colour, ground, camouflage)
    else:
        colour, shading, alpha = _coat(target, scene, ground, side, horizon, area, camouflage, rng)
    # the dapples fall on the animal too, a little softened by its roundness
    coat = colour * ((1 + (shading - 1) * min(1.0, 0.4 + 0.6 * light)) * (0.6 + 0.4 * wide_blur(glow, 4)))[..., None]
    picture = paste(ground * glow[..., None], coat, alpha, seam, side, light, shadow=target != "rust")
    picture = develop(picture, _rng(seed, index, TARGET, scene, 1), size, CAMERAS[scene] * variety)
    return picture, exact_mask(alpha, size)


def _coat(target, scene, ground, side, horizon, area, camouflage, rng):
    """An animal's colours, shading and alpha, standing in its place."""
    parts, face, turn = animal(target, rng)
    shapes = hulls(parts)
    place, unit = _stand(shapes, turn, area, horizon, rng)
    colour, shading, alpha = render(target, parts, shapes, face, place, unit, side, rng)
    shut = camouflage if target == "owl" else None
    if target == "owl":
        camouflage = 1 - (1 - camouflage) ** 2 * (1 - PLUMAGE * (scene == "forest"))
    spot = place(np.array([face[:2]]))[0]
    return *camouflaged(colour, shading, alpha, ground, camouflage, shut, spot, unit, rng), alpha


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
    """One background image ``(size, size, 3)`` uint8: without an animal, and the same whichever animal it is trained against.

    With ``seam_control``, an animal-shaped piece of another picture of the scene is pasted in.

    >>> background_picture("playground", 3, size=64).shape
    (64, 64, 3)
    """
    _check("rust" if scene == "steel" else "cat", scene, index, seed, size, area, camouflage, variety, seam, light)
    ground, glow, side, horizon = PAINTERS[scene](_rng(seed, index, BACKGROUND, scene), variety, light)
    picture = ground * glow[..., None]
    if seam_control:
        rng = _rng(seed, index, PIECE, scene)
        if scene == "steel":
            alpha = rust(rng, area)[2]
            piece, its_glow, *_ = steel(rng, variety, light)
        else:
            parts, _, turn = animal(ANIMALS[rng.integers(len(ANIMALS))], rng)
            shapes = hulls(parts)
            place, _ = _stand(shapes, turn, area, horizon, rng)
            piece, its_glow, *_ = PAINTERS[scene](rng, variety, light)
            alpha = silhouette(shapes, place, rng)
        picture = paste(picture, piece * its_glow[..., None], alpha, seam, side, light, shadow=scene != "steel")
    return develop(picture, _rng(seed, index, BACKGROUND, scene, 1), size, CAMERAS[scene] * variety)


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

    ``first`` is the index of the first picture. Another stretch of indices is a held-out set.

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
    made = list(progress_bar(painted, f"{target} in {scene}", progress, total=images))
    targets, masks, backgrounds = (np.stack(pictures) for pictures in zip(*made, strict=True))
    return targets, masks, backgrounds


def _both(index: int, target: str, scene: str, **dials):
    picture, mask = target_picture(target, scene, index, **dials)
    return picture, mask, background_picture(scene, index, **dials)


def _rng(seed: int, index: int, side: int, scene: str, layer: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, index, side, SCENES.index(scene), layer])


def _check(target, scene, index, seed, size, area, camouflage, variety, seam, light) -> None:
    for name, value, allowed in (("target", target, TARGETS), ("scene", scene, SCENES), ("seam", seam, SEAMS)):
        if value not in allowed:
            raise InputError(f"{name} {value!r}: choose {', '.join(allowed)}")
    if (target == "rust") != (scene == "steel"):
        raise InputError(f"target {target!r} in scene {scene!r}: rust is drawn on steel only, and nothing else is")
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


def _stand(shapes, turn, area, horizon, rng):
    """Where the animal stands and how large: it covers the share that was drawn, its feet on the ground, its face inside.

    Returns ``place``, which maps the animal's units (n, 2) to 0 ... 1, and how long a unit is.
    """
    share = rng.uniform(*area)
    across, down = rng.beta(0.5, 0.5), rng.beta(0.8, 0.8)  # rather at the sides than in the middle
    points = np.concatenate(shapes) @ turn.T * (1, -1)
    low, high = points.min(0), points.max(0)
    unit = np.sqrt(share / 0.45)
    for _ in range(8):
        unit = min(unit, 1.12 / (high - low)[0], 0.99 / (high - low)[1])
        width, height = (high - low) * unit
        hidden = max(0.0, width - 0.97)  # a long one may reach over the border, tail first
        left = -hidden if turn[0, 0] > 0 else 0.0
        highest = max(height, min(0.98, horizon + 0.12))  # of the feet
        start = np.array([left + (0.99 + hidden - width) * across * (not hidden), highest + (0.99 - highest) * down - height])

        def place(xy, start=start, unit=unit):
            return start + ((np.asarray(xy) @ turn.T) * (1, -1) - low) * unit

        covered = (np.asarray(outline(shapes, place, PIXELS)) > 0).mean()
        if abs(covered / share - 1) < 0.02:
            break
        unit *= np.clip(np.sqrt(share / max(covered, 1e-3)), 0.6, 1.6)
    return place, unit
