"""Pictures in one form, and photos on disk.

Photos lie in ``targets/<class>/NAME.jpg``, ``masks/<class>/NAME.png`` (optional) and ``backgrounds/<scene>/*``.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from bgnb.files import InputError, progress_bar

MOST_PIXELS, LONGEST = 100 * 10**6, 50  # of a picture: enough for any camera; more would need gigabytes
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class ImageSet:
    """Target images, their masks if they are known, and background images.

    Attributes:
        targets: ``(T, 3, H, W)`` uint8. Each shows the target somewhere.
        masks: ``(T, H, W)`` bool, True on the target; None if nobody drew them. Used to evaluate, never to train.
        backgrounds: ``(B, 3, H, W)`` uint8. None of them shows the target.
        names: names of the T target images, for messages and files.
    """

    targets: Tensor
    masks: Tensor | None
    backgrounds: Tensor
    names: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return tuple(self.targets.shape[-2:])

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same pictures on another device."""
        masks = None if self.masks is None else self.masks.to(device)
        return replace(self, targets=self.targets.to(device), masks=masks, backgrounds=self.backgrounds.to(device))


def photo_files(folder: Path, recursive: bool = False) -> list[Path]:
    """All photos in a folder, sorted by name. InputError if the folder is missing or holds none."""
    if not folder.is_dir():
        beside = sorted(p.name for p in folder.parent.iterdir() if p.is_dir()) if folder.parent.is_dir() else []
        raise InputError(f"{folder}: no such folder" + (f"; there is {', '.join(beside)}" if beside else ""))
    files = folder.rglob("*") if recursive else folder.iterdir()
    found = sorted(p for p in files if p.suffix.lower() in SUFFIXES and p.is_file() and not p.name.startswith("."))
    for file in found:
        if any("\ud800" <= letter <= "\udfff" for letter in str(file)):
            raise InputError(f"{str(file)!a}: the file's name is not valid UTF-8; rename it")
    if not found:
        raise InputError(f"{folder}: holds no photo ({', '.join(s[1:] for s in SUFFIXES)})")
    return found


def list_photos(
    source: str | Path, target: str, scene: str, need_masks: bool = False, part: str = "all"
) -> dict[str, list[Path]]:
    """The files of one target and one scene: ``{"targets": [...], "masks": [...] (may be empty), "backgrounds": [...]}``.

    ``part`` "development" takes every third photo of each folder, in order of their names; "reporting" takes all others.
    """
    source = Path(source)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder")
    targets = photo_files(source / "targets" / target)
    backgrounds = photo_files(source / "backgrounds" / scene)
    if len(backgrounds) < 2:
        raise InputError(f"{source / 'backgrounds' / scene}: holds 1 photo; at least 2 backgrounds are needed")
    masks = [source / "masks" / target / f"{photo.stem}.png" for photo in targets]
    missing = [mask for mask in masks if not mask.is_file()]
    if missing and (need_masks or len(missing) < len(masks)):
        raise InputError(f"{missing[0]}: no such mask ({len(missing)} of {len(masks)} photos of {target} lack theirs)")
    listing = {"targets": targets, "masks": [] if missing else masks, "backgrounds": backgrounds}
    taken = {"all": (0, 1, 2), "reporting": (0, 1), "development": (2,)}[part]
    return {name: [file for i, file in enumerate(files) if i % 3 in taken] for name, files in listing.items()}


def read_photo(path: str | Path, mode: str = "RGB") -> Image.Image:
    """One picture, upright (EXIF) and in ``mode``. InputError if it is truncated, empty or not a picture.

    Transparent pixels become white.
    """
    try:
        if os.path.getsize(path) == 0:
            raise InputError(f"{path}: an empty file of 0 bytes")
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise InputError(
                    f"{path}: {width}x{height} pixels, more than {MOST_PIXELS // 10**6} million; scale it down first"
                )
            if max(width, height) > LONGEST * min(width, height):
                raise InputError(f"{path}: a strip of {width}x{height} pixels, longer than 1:{LONGEST}; cut it into pieces first")
            picture = ImageOps.exif_transpose(picture)
            if picture.mode.startswith("I;16"):  # 16-bit grey, which Pillow would clip to 8 bits
                picture = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
            if mode == "RGB" and (picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info):
                picture = picture.convert("RGBA")
                opaque = Image.new("RGB", picture.size, "white")
                opaque.paste(picture, mask=picture.getchannel("A"))
                return opaque
            return picture.convert(mode)
    except Image.UnidentifiedImageError:
        raise InputError(f"{path}: not a picture") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read as a picture ({str(error).splitlines()[0]})") from None


def read_mask(path: str | Path, photo: Image.Image) -> Image.Image:
    """The mask of a photo: "L", 0 or 255. InputError if it is empty or its size is not that of the photo."""
    mask = read_photo(path, "L").point(lambda value: 255 * (value > 127))
    if mask.size != photo.size:
        raise InputError(f"{path}: the mask is {mask.width}x{mask.height}, its photo {photo.width}x{photo.height}")
    if mask.getbbox() is None:
        raise InputError(f"{path}: the mask is empty (no pixel > 127)")
    return mask


def square(picture: Image.Image, size: int) -> Image.Image:
    """The central square, ``size`` pixels a side. Nothing is stretched; the long side loses its ends."""
    return ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)


def in_threads(function: Callable, items: Sequence, title: str, progress: bool) -> list:
    """``[function(item) for item in items]`` on all cores (Pillow decodes outside Python's lock), with a bar."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(progress_bar(pool.map(function, items), title, progress, total=len(items)))


def pick(count: int, wanted: int | None, rng: np.random.Generator, what: str) -> np.ndarray:
    """``wanted`` of ``count`` indices, drawn at random, in order; None: all. InputError if there are too few."""
    if wanted is None or wanted == count:
        return np.arange(count)
    if wanted > count:
        raise InputError(f"images {wanted}: there are only {count} {what}")
    return np.sort(rng.permutation(count)[:wanted])


def gather(count: int, size: int, read: Callable[[int], Image.Image], title: str, progress: bool) -> Tensor:
    """``(count, 3, size, size)`` uint8 of the RGB pictures that ``read`` returns for 0, 1 ..., each put into place at once."""
    pictures = torch.empty(count, 3, size, size, dtype=torch.uint8)

    def put(index: int) -> None:
        pictures[index] = stack([read(index)])[0]

    in_threads(put, range(count), title, progress)
    return pictures


def stack(pictures: list[Image.Image]) -> Tensor:
    """``(n, 3, H, W)`` uint8 of RGB pictures of the same size."""
    return torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(0, 3, 1, 2).contiguous()


def image_set(listing: dict[str, list[Path]], *, size: int, images: int | None, seed: int, progress: bool, **_) -> ImageSet:
    """Photos as they are; see ``bgnb.load``. InputError if a target lies wholly outside its photo's central square."""
    rng = np.random.default_rng(seed)
    chosen = pick(len(listing["targets"]), images, rng, "target photos")
    backgrounds = pick(len(listing["backgrounds"]), images, rng, "background photos")

    masks = torch.empty(len(chosen), size, size, dtype=torch.bool) if listing["masks"] else None

    def read(number: int) -> Image.Image:
        index = chosen[number]
        photo = read_photo(listing["targets"][index])
        if masks is not None:
            file = listing["masks"][index]
            masks[number] = torch.from_numpy(np.asarray(square(read_mask(file, photo), size)) > 127)
            if not masks[number].any():
                raise InputError(f"{file}: the target lies outside the central square that is used; crop the photo")
        return square(photo, size)

    def read_background(number: int) -> Image.Image:
        return square(read_photo(listing["backgrounds"][backgrounds[number]]), size)

    targets = gather(len(chosen), size, read, "targets", progress)
    places = gather(len(backgrounds), size, read_background, "backgrounds", progress)
    return ImageSet(targets, masks, places, tuple(listing["targets"][i].stem for i in chosen))
