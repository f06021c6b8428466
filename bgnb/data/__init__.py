"""Pictures in one form, wherever they come from: ``load`` returns an ``ImageSet``."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from bgnb import scenes
from bgnb.data import composites, public
from bgnb.data import images as photos
from bgnb.data.images import ImageSet
from bgnb.files import InputError, cache_folder, choose, key, load_tensors, save_tensors
from bgnb.settings import PARTS

CACHE_VERSION = 5  # raise it when the same arguments should give other pictures


def load(
    source: str | Path = "scenes",
    target: str = "cat",
    scene: str = "forest",
    size: int = 256,
    images: int | None = None,
    seed: int = 0,
    compose: bool = False,
    part: str = "all",
    progress: bool = True,
    root: str | Path | None = None,
    download: bool = False,
    **dials,
) -> ImageSet:
    """Load target images, their masks if there are any, and background images.

    Args:
        source: ``"scenes"`` (drawn by code, no files needed); a folder with ``targets/<class>/``,
            ``backgrounds/<scene>/`` and, optionally, ``masks/<class>/NAME.png`` (> 127 = target); or ``"public:pets+places"``
            or ``"public:voc+places"``, composites of public data sets, see ``bgnb.data.public``.
        target: the class of animal.
        scene: the kind of background.
        size: height and width of the result in pixels. Photos are scaled by their short side; the central square is used.
        images: number of target images and of background images; None: all there are (240 for ``"scenes"``).
            If fewer than all, ``seed`` chooses them.
        seed: decides everything random: which photos are used, and what is pasted where.
        compose: make the paper's data set from photos with masks (paper, Sec. 4.1): cut-outs of the target are pasted onto
            one half of the scene's photos; the other half are the background images.
        part: for photographs: "all", or a fixed part of every folder: "reporting" (two thirds, to measure results on) or
            "development" (the other third, to choose settings on).
        progress: show a bar.
        root: folder with the files of the public sets; None: the one that the environment variable BGNB_PUBLIC names.
        download: let torchvision fetch missing public sets: some GB. Nothing else is ever downloaded.
        dials: options of the drawn scenes, see ``bgnb.scenes``; ``first=10_000`` gives held-out pictures.

    Returns:
        An ImageSet with ``(T, 3, size, size)`` targets. A second call with the same photos and arguments reads a cache.

    Raises:
        InputError: a missing or empty folder, a broken picture, a mask that does not fit, fewer than two backgrounds, ...

    >>> photos = load("scenes", target="cat", scene="forest", size=64, images=3, progress=False)
    >>> photos.targets.shape, photos.masks.shape, photos.backgrounds.shape
    (torch.Size([3, 3, 64, 64]), torch.Size([3, 64, 64]), torch.Size([3, 3, 64, 64]))
    """
    if size < 16:
        raise InputError(f"size {size}: pictures need at least 16 pixels a side")
    if images is not None and images < 2:
        raise InputError(f"images {images}: at least 2 target and 2 background images are needed")
    settings = dict(target=target, scene=scene, size=size, images=images, seed=seed)
    if part != "all" and (str(source) == "scenes" or str(source).startswith("public:")):
        raise InputError(f"part {part}: only folders of photographs are split; for new drawn scenes use first=10_000")
    if str(source) == "scenes":
        if compose:
            raise InputError("compose: the drawn scenes are composites already; use it with a folder of photos and masks")
        settings.update(dials, images=images or 240)
        return cached(key("scenes", settings), lambda: drawn(*scenes.make(**settings, progress=progress)))
    if str(source).startswith("public:"):
        return public_set(str(source), root, download, dials, settings, progress)
    if dials:
        raise InputError(f"{next(iter(dials))}: a dial of the drawn scenes, not of the photos in {source}")
    choose("part", part, PARTS)
    listing = photos.list_photos(source, target, scene, compose, part)
    make = composites.image_set if compose else photos.image_set
    named = {part: [file.name for file in files] for part, files in listing.items()}
    contents = [file for files in listing.values() for file in files]
    return cached(key(compose, settings, named, *contents), lambda: make(listing, **settings, progress=progress))


def public_set(source: str, root, download: bool, dials: dict, settings: dict, progress: bool) -> ImageSet:
    """Composites of public data sets, whatever ``compose`` says: that is what they are."""
    if dials:
        raise InputError(f"{next(iter(dials))}: a dial of the drawn scenes, not of {source}")
    parts = public.open_set(source, settings["target"], settings["scene"], root, download)
    # Their contents are published and too large to read: names and sizes tell them apart.
    files = [[(file.name, file.stat().st_size) for file in files] for files, _ in parts]
    return cached(key(source, settings, files), lambda: composites.composites(*parts, **settings, progress=progress))


def drawn(targets: np.ndarray, masks: np.ndarray, backgrounds: np.ndarray) -> ImageSet:
    """An ImageSet from arrays ``(n, H, W, 3)`` uint8, ``(n, H, W)`` bool, ``(n, H, W, 3)`` uint8."""
    targets, backgrounds = (torch.from_numpy(a).permute(0, 3, 1, 2).contiguous() for a in (targets, backgrounds))
    return ImageSet(targets, torch.from_numpy(masks), backgrounds, tuple(f"{i:03d}" for i in range(len(targets))))


def cached(name: str, make: Callable[[], ImageSet]) -> ImageSet:
    """What ``make`` returns, kept in the cache folder under ``name``, a ``key`` of everything that decides it.

    A cache that cannot be written or read costs only time.
    """
    path = cache_folder() / "pictures" / f"{CACHE_VERSION}-{name}.safetensors"
    try:
        parts, metadata = load_tensors(path)
        return ImageSet(parts["targets"], parts.get("masks"), parts["backgrounds"], tuple(json.loads(metadata["names"])))
    except (KeyError, TypeError, ValueError):
        imageset = make()
    parts = {"targets": imageset.targets, "masks": imageset.masks, "backgrounds": imageset.backgrounds}
    with suppress(OSError):
        save_tensors(path, {k: v for k, v in parts.items() if v is not None}, {"names": json.dumps(imageset.names)})
    return imageset
