"""Pictures in one form, wherever they come from: ``load`` returns an ``ImageSet``."""

import json
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bgnb import scenes
from bgnb.data import composites, public
from bgnb.data import images as photos
from bgnb.data.images import CACHE_VERSION, ImageSet
from bgnb.files import InputError, cache_folder, choose, key, load_tensors, save_tensors, whole
from bgnb.settings import COLOURS, LIMITS, PARTS


def load(
    source: str | Path = "scenes",
    target: str = "cat",
    scene: str = "forest",
    size: int = 256,
    images: int | None = None,
    seed: int = 0,
    compose: bool = False,
    part: str = "all",
    skip_bad: bool = False,
    colours: str = "kept",
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
        skip_bad: leave out photos of a folder that cannot be read or whose mask cannot be used, as if they were not there. A
            warning lists them at the end, and so does ``.skipped``.
        colours: "kept", or "standardised": see ``bgnb.data.images.standardise``.
        progress: show a bar.
        root: folder with the files of the public sets; None: the one that the environment variable BGNB_PUBLIC names.
        download: let torchvision fetch missing public sets: some GB. Nothing else is ever downloaded.
        dials: options of the drawn scenes, see ``bgnb.scenes``; ``first=10_000`` gives held-out pictures.

    Returns:
        An ImageSet with ``(T, 3, size, size)`` targets. A second call with the same photos and arguments reads a cache. More
        than 268 MB of backgrounds stay on disk, mapped into memory; see ``bgnb.data.images.squares``.

    Raises:
        InputError: a missing or empty folder, a broken picture, a mask that does not fit, fewer than two backgrounds, ...

    >>> photos = load("scenes", target="cat", scene="forest", size=64, images=3, progress=False)
    >>> photos.targets.shape, photos.masks.shape, photos.backgrounds.shape
    (torch.Size([3, 3, 64, 64]), torch.Size([3, 64, 64]), torch.Size([3, 3, 64, 64]))
    """
    choose("colours", colours, COLOURS)
    imageset = pictures(source, target, scene, size, images, seed, compose, part, skip_bad, progress, root, download, dials)
    if colours == "kept":
        return imageset
    sides = [photos.standardise(side) for side in (imageset.targets, imageset.backgrounds)]
    return replace(imageset, targets=sides[0], backgrounds=sides[1])


def pictures(source, target, scene, size, images, seed, compose, part, skip_bad, progress, root, download, dials) -> ImageSet:
    """What ``load`` returns, with the colours as they are."""
    for name, value in (("size", size), ("seed", seed)):
        whole(name, value, *LIMITS[name])
    if images is not None:
        whole("images", images, *LIMITS["images"])
    settings: dict[str, Any] = dict(target=target, scene=scene, size=int(size), images=images and int(images), seed=int(seed))
    if part != "all" and (str(source) == "scenes" or str(source).startswith("public:")):
        raise InputError(f"part {part}: only folders of photographs are split; for new drawn scenes use first=10_000")
    if str(source) == "scenes":
        if compose:
            raise InputError("compose: the drawn scenes are composites already; use it with a folder of photos and masks")
        settings.update(dials, images=settings["images"] or 240)
        return cached(key("scenes", settings), lambda: drawn(*scenes.make(**settings, progress=progress)))
    if str(source).startswith("public:"):
        return public_set(str(source), root, download, dials, settings, progress)
    if dials:
        raise InputError(f"{next(iter(dials))}: a dial of the drawn scenes, not of the photos in {source}")
    choose("part", part, PARTS)
    return from_folder(photos.list_photos(source, target, scene, compose, part, skip_bad), compose, skip_bad, settings, progress)


def from_folder(listing: dict[str, list[Path]], compose: bool, skip_bad: bool, settings: dict, progress: bool) -> ImageSet:
    """The pictures of some photos on disk. If there are very many, names, sizes and times tell them apart, not their contents."""
    kind, size = composites if compose else photos, settings["size"]

    def make() -> ImageSet:
        left: dict[str, list[Path]] = listing
        skipped: list[str] = []
        if skip_bad:
            left, skipped = photos.without_bad(listing, lambda i: kind.read_target(listing, i, size), progress)
        return replace(kind.image_set(left, **settings, progress=progress), skipped=tuple(skipped))

    named = {part: [file.name for file in files] for part, files in listing.items()}
    files = [file for files in listing.values() for file in files]
    contents = [photos.stamps(files), skip_bad] if skip_bad or len(files) * 3 * size**2 > photos.LARGE else files
    imageset = cached(key(compose, settings, named, *contents), make)
    if imageset.skipped:
        warnings.warn("\n".join(["left out:", *imageset.skipped]), stacklevel=3)
    return imageset


def public_set(source: str, root, download: bool, dials: dict, settings: dict, progress: bool) -> ImageSet:
    """Composites of public data sets, whatever ``compose`` says: that is what they are."""
    if dials:
        raise InputError(f"{next(iter(dials))}: a dial of the drawn scenes, not of {source}")
    parts = public.open_set(source, settings["target"], settings["scene"], root, download)
    # Their contents are published and too large to read: names and sizes tell them apart.
    files = [[(file.name, file.stat().st_size) for file in files] for files in (parts[0][0], parts[1])]
    return cached(key(source, settings, files), lambda: composites.composites(*parts, **settings, progress=progress))


def drawn(targets: np.ndarray, masks: np.ndarray, backgrounds: np.ndarray) -> ImageSet:
    """An ImageSet from arrays ``(n, H, W, 3)`` uint8, ``(n, H, W)`` bool, ``(n, H, W, 3)`` uint8."""
    pixels = [torch.from_numpy(pictures).permute(0, 3, 1, 2) for pictures in (targets, backgrounds)]
    return ImageSet(pixels[0], torch.from_numpy(masks), pixels[1], tuple(f"{i:03d}" for i in range(len(targets))))


def cached(name: str, make: Callable[[], ImageSet]) -> ImageSet:
    """What ``make`` returns, kept in the cache folder under ``name``, a ``key`` of everything that decides it.

    A cache that cannot be written or read costs only time. Pictures that have a file of their own there are not written twice.
    """
    folder = cache_folder() / "pictures"
    path = folder / f"{CACHE_VERSION}-{name}.safetensors"
    try:
        parts, metadata = load_tensors(path)
        about = json.loads(metadata["about"])
        pictures = [
            photos.mapped(folder / about[part], about["size"]) if part in about else parts[part].permute(0, 3, 1, 2)
            for part in ("targets", "backgrounds")
        ]
        return ImageSet(pictures[0], parts.get("masks"), pictures[1], tuple(about["names"]), tuple(about["skipped"]))
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):  # missing, or damaged
        imageset = make()
    parts, about = {}, {"names": imageset.names, "skipped": imageset.skipped, "size": imageset.size[0]}
    if imageset.masks is not None:
        parts["masks"] = imageset.masks
    for part, images in (("targets", imageset.targets), ("backgrounds", imageset.backgrounds)):
        if file := photos.file_of(images):
            about[part] = file.name
        else:
            parts[part] = images.permute(0, 2, 3, 1)
    with suppress(OSError):
        save_tensors(path, parts, {"about": json.dumps(about)})
    return imageset
