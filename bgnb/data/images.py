"""Pictures in one form, and photos on disk.

Photos lie in ``targets/<class>/NAME.jpg``, ``masks/<class>/NAME.png`` (optional) and ``backgrounds/<scene>/*``.
"""

import math
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from bgnb.files import Busy, InputError, cache_folder, key, only_writer, progress_bar, shaped

CACHE_VERSION = 6  # raise it when the same arguments should give other pictures
MOST_PIXELS, LONGEST = 100 * 10**6, 50  # of a picture: enough for any camera; more would need gigabytes
MOST_THREADS = 8  # a photo of 24 million pixels takes 200 MB while it is read
BIG, ONE_BIG = 25 * 10**6, threading.RLock()  # pixels; pictures with more are read one at a time, in however many threads
STRIP = 256  # rows of a 16-bit picture that are converted at a time
LARGE = 2**28  # bytes of prepared photos that are kept in memory: 5,461 photos of 128 pixels, 1,365 of 256
MAPPED = ".pixels"  # files that hold more
MEAN, SPREAD = 118, 56  # of each colour after ``standardise``: about those of photographs
FAINT = 8  # a spread below this is not stretched: an almost even photo would become noise
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class ImageSet:
    """Target images, their masks if they are known, and background images.

    Attributes:
        targets: ``(T, 3, H, W)`` uint8. Each shows the target somewhere.
        masks: ``(T, H, W)`` bool, True on the target; None if nobody drew them. Used to evaluate, never to train.
        backgrounds: ``(B, 3, H, W)`` uint8. None of them shows the target.
        names: names of the T target images, for messages and files.
        skipped: with ``skip_bad``, a line for each picture that was left out: the file, and why.
    """

    targets: Tensor
    masks: Tensor | None
    backgrounds: Tensor
    names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __post_init__(self):
        shaped("targets", self.targets, "T 3 H W")
        height, width = self.size
        shaped("backgrounds", self.backgrounds, f"B 3 {height} {width}")
        if self.masks is not None:
            shaped("masks", self.masks, f"{len(self.targets)} {height} {width}")
            if self.masks.dtype != torch.bool:
                raise InputError(f"masks of {str(self.masks.dtype).removeprefix('torch.')}: must be bool, True on the target")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.targets.shape[-2:]
        return height, width

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same pictures on another device."""
        masks = None if self.masks is None else self.masks.to(device)
        return replace(self, targets=self.targets.to(device), masks=masks, backgrounds=self.backgrounds.to(device))


def check_name(file: str | Path) -> None:
    """InputError if the name of a file is no text, and so cannot be printed or written down."""
    if any("\ud800" <= letter <= "\udfff" for letter in str(file)):
        raise InputError(f"{str(file)!a}: the file's name is not valid UTF-8; rename it")


def photo_files(folder: Path, recursive: bool = False, skip_bad: bool = False) -> list[Path]:
    """All photos in a folder, sorted by name. InputError if the folder is missing or holds none.

    With ``skip_bad``, they are only listed; ``read_photo`` finds out which of them are bad.
    """
    if not folder.is_dir():
        beside = sorted(p.name for p in folder.parent.iterdir() if p.is_dir()) if folder.parent.is_dir() else []
        raise InputError(f"{folder}: no such folder" + (f"; there is {', '.join(beside)}" if beside else ""))
    files = folder.rglob("*") if recursive else folder.iterdir()
    found = sorted(p for p in files if p.suffix.lower() in SUFFIXES and p.is_file() and not p.name.startswith("."))
    for file in [] if skip_bad else found:
        check_name(file)
    if not found:
        raise InputError(f"{folder}: holds no photo ({', '.join(s[1:] for s in SUFFIXES)})")
    return found


def list_photos(
    source: str | Path, target: str, scene: str, need_masks: bool = False, part: str = "all", skip_bad: bool = False
) -> dict[str, list[Path]]:
    """The files of one target and one scene: ``{"targets": [...], "masks": [...] (may be empty), "backgrounds": [...]}``.

    ``part`` "development" takes every third photo of each folder, in order of their names; "reporting" takes all others.
    With ``skip_bad``, some of the masks may be missing, and ``without_bad`` leaves their photos out.
    """
    source = Path(source)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder")
    targets = photo_files(source / "targets" / target, skip_bad=skip_bad)
    backgrounds = photo_files(source / "backgrounds" / scene, skip_bad=skip_bad)
    if len(backgrounds) < 2:
        raise InputError(f"{source / 'backgrounds' / scene}: holds 1 photo; at least 2 backgrounds are needed")
    masks = [source / "masks" / target / f"{photo.stem}.png" for photo in targets]
    missing = [mask for mask in masks if not mask.is_file()]
    none = len(missing) == len(masks)
    if (missing and not none and not skip_bad) or (none and need_masks):
        raise InputError(f"{missing[0]}: no such mask ({len(missing)} of {len(masks)} photos of {target} lack theirs)")
    listing = {"targets": targets, "masks": [] if none else masks, "backgrounds": backgrounds}
    taken = {"all": (0, 1, 2), "reporting": (0, 1), "development": (2,)}[part]
    return {name: [file for i, file in enumerate(files) if i % 3 in taken] for name, files in listing.items()}


def usable(count: int, read: Callable[[int], object], title: str, least: int, progress: bool) -> tuple[list[int], list[str]]:
    """Those of 0, 1 ... that ``read`` can read, and a line for each of the others. InputError if fewer than ``least`` can."""

    def complaint(index: int) -> str:
        try:
            read(index)
        except InputError as error:
            return str(error)
        return ""

    lines = [*in_threads(complaint, range(count), f"checking {title}", progress)]
    good, bad = [i for i, line in enumerate(lines) if not line], [line for line in lines if line]
    if bad and len(good) < least:
        raise InputError(f"{title}: {len(good)} of {count} can be used; at least {least} are needed ({bad[0]})")
    return good, bad


def without_bad(
    listing: dict[str, list[Path]], read: Callable[[int], object], progress: bool
) -> tuple[dict[str, list[Path]], list[str]]:
    """The listing without the pictures that cannot be used, and a line for each of those. ``read`` reads the i-th target."""
    places = listing["backgrounds"]
    targets, bad = usable(len(listing["targets"]), read, "targets", 1, progress)
    backgrounds, bad_places = usable(len(places), lambda i: read_photo(places[i]), "backgrounds", 2, progress)
    chosen = {"targets": targets, "masks": targets if listing["masks"] else [], "backgrounds": backgrounds}
    return {name: [listing[name][i] for i in some] for name, some in chosen.items()}, bad + bad_places


def read_photo(path: str | Path, mode: str = "RGB", then: Callable[[Image.Image], Any] = lambda photo: photo) -> Any:
    """One picture, upright (EXIF) and in ``mode``. InputError if it is truncated, empty or not a picture.

    Transparent pixels become white. Returns the picture, or what ``then`` makes of it: no other big picture is read meanwhile.
    """
    check_name(path)
    try:
        if os.path.getsize(path) == 0:
            raise InputError(f"{path}: an empty file of 0 bytes")
        with ExitStack() as held:
            picture = held.enter_context(Image.open(path))
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise InputError(
                    f"{path}: {width}x{height} pixels, more than {MOST_PIXELS // 10**6} million; scale it down first"
                )
            if max(width, height) > LONGEST * min(width, height):
                raise InputError(f"{path}: a strip of {width}x{height} pixels, longer than 1:{LONGEST}; cut it into pieces first")
            if width * height > BIG:
                held.enter_context(ONE_BIG)
            if picture.mode in ("I", "F"):  # 32 bits; nobody knows which value is white
                raise InputError(f"{path}: has 32 bits for each pixel; save it with 8 or 16")
            ImageOps.exif_transpose(picture, in_place=True)
            if picture.mode.startswith("I;16"):  # 16-bit grey, which Pillow would clip to 8 bits
                grey = np.empty((picture.height, picture.width), np.uint8)
                for top in range(0, picture.height, STRIP):  # a copy of a whole large picture would take too much memory
                    bottom = min(top + STRIP, picture.height)
                    grey[top:bottom] = np.asarray(picture.crop((0, top, picture.width, bottom))) // 257
                return then(Image.fromarray(grey).convert(mode))
            if mode == "RGB" and (picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info):
                seen = picture if picture.mode == "RGBA" else picture.convert("RGBA")
                opaque = Image.new("RGB", seen.size, "white")
                opaque.paste(seen, mask=seen)
                return then(opaque)
            return then(picture.convert(mode))
    except Image.UnidentifiedImageError:
        raise InputError(f"{path}: not a picture") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as a picture ({reason})") from None


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


def upright(picture: Image.Image, size: int) -> Image.Image:
    """A picture at its own aspect ratio, with a short side of ``size`` pixels."""
    scale = size / min(picture.size)
    width, height = (max(size, round(length * scale)) for length in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def in_threads(
    function: Callable, items: Sequence, title: str, progress: bool, done: int = 0, threads: int = MOST_THREADS
) -> Iterator:
    """``function(item)`` for all items but the first ``done``, in order and in several threads, with a bar.

    Pillow works outside Python's lock. Only a few results at a time are in memory. Ctrl-C need not wait until a large photo is
    done, as it would in the main thread.
    """
    threads = min(threads, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads)
    try:
        parts = (pool.map(function, items[at : at + 4 * threads]) for at in range(done, len(items), 4 * threads))
        yield from progress_bar(chain.from_iterable(parts), title, progress, initial=done, total=len(items))
    except Exception:
        pool.shutdown(cancel_futures=True)  # no thread still writes when the caller cleans up
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def pick(count: int, wanted: int | None, rng: np.random.Generator, what: str) -> np.ndarray:
    """``wanted`` of ``count`` indices, drawn at random, in order; None: all. InputError if there are too few."""
    if wanted is None or wanted == count:
        return np.arange(count)
    if wanted > count:
        raise InputError(f"images {wanted}: there are only {count} {what}")
    return np.sort(rng.permutation(count)[:wanted])


def gather(count: int, size: int, read: Callable[[int], Image.Image], title: str, progress: bool) -> Tensor:
    """``(count, 3, size, size)`` uint8 of the RGB pictures that ``read`` returns for 0, 1 ..., colours last in memory."""
    pictures = np.empty((count, size, size, 3), np.uint8)

    def put(index: int) -> None:
        pictures[index] = np.asarray(read(index))

    for _ in in_threads(put, range(count), title, progress):
        pass
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def pieces(file: Path) -> int:
    """How many squares cover a whole photo; 1 for a photo that is a square but for a twentieth, or that cannot be read."""
    try:
        with Image.open(file) as picture:
            return max(1, math.ceil(max(picture.size) / min(picture.size) - 0.05))
    except (OSError, SyntaxError, ValueError, EOFError, ZeroDivisionError, Image.DecompressionBombError):
        return 1  # whoever reads it will say what is wrong with it


def piece(photo: Image.Image, size: int, number: int, count: int, colours: str = "kept") -> Image.Image:
    """The square ``number`` of ``count`` that cover a photo from end to end, ``size`` pixels a side.

    >>> photo = Image.new("RGB", (250, 100))
    >>> photo.putpixel((249, 0), (255, 255, 255))  # seen at the right end of the last square
    >>> piece(photo, 100, 2, 3).getpixel((99, 0))
    (255, 255, 255)
    """
    whole = square(photo, size) if count == 1 else upright(photo, size)
    if colours == "standardised":
        whole = Image.fromarray(standardise(stack([whole]))[0].permute(1, 2, 0).numpy())
    left, top = (round(number * (length - size) / max(1, count - 1)) for length in whole.size)
    return whole.crop((left, top, left + size, top + size))


def squares(files: list[Path], size: int, title: str, progress: bool, frame: bool = False, colours: str = "kept") -> Tensor:
    """``(n, 3, size, size)`` uint8: the central squares of photos; with ``frame``, as many as cover each photo wholly.

    More than ``LARGE`` bytes of them are kept on disk.

    They then lie in a file of the cache folder, which is mapped into memory. If the preparation is cut off, a later one goes on
    with it. Names, sizes and times of the photos tell such files apart, because to read all photos again would take too long.
    """

    parts = [(file, number, count) for file in files for count in [pieces(file) if frame else 1] for number in range(count)]

    def read(index: int) -> Image.Image:
        file, number, count = parts[index]
        return read_photo(file, then=lambda photo: piece(photo, size, number, count, colours))

    if len(parts) * 3 * size**2 <= LARGE:
        return gather(len(parts), size, read, title, progress)
    file = cache_folder() / "pictures" / f"{key(CACHE_VERSION, size, frame, colours, stamps(files))}{MAPPED}"

    def ready() -> bool:
        return file.exists() and file.stat().st_size == len(parts) * 3 * size**2

    try:
        while not ready():
            try:
                with only_writer(file):
                    if not ready():
                        write_squares(file, len(parts), size, read, title, progress)
            except Busy:  # another process prepares the same photos: wait for it
                time.sleep(0.5)
        return mapped(file, size)
    except OSError as error:
        with suppress(OSError):  # a full disk does not stay full
            file.with_suffix(".part").unlink()
        warnings.warn(f"{file}: {error.strerror or error}; the {title} stay in memory", stacklevel=2)
        return gather(len(parts), size, read, title, progress)


def write_squares(file: Path, count: int, size: int, read: Callable[[int], Image.Image], title: str, progress: bool) -> None:
    """Write pictures one after the other, ``(size, size, 3)`` uint8 each. A file that was cut off is continued."""
    part, each = file.with_suffix(".part"), 3 * size**2
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as out:
        done = min(count, part.stat().st_size // each)
        out.truncate(done * each)
        for picture in in_threads(lambda i: np.asarray(read(i)).tobytes(), range(count), title, progress, done):
            out.write(picture)
    part.replace(file)


def mapped(file: Path, size: int) -> Tensor:
    """The pictures in a file of ``write_squares``, ``(n, 3, size, size)`` uint8. OSError if it cannot be read."""
    pixels = torch.from_file(str(file), size=file.stat().st_size, dtype=torch.uint8)
    pictures = pixels.view(-1, size, size, 3).permute(0, 3, 1, 2)
    vars(pictures)["file"] = file
    return pictures


def file_of(images: Tensor) -> Path | None:
    """The file of ``mapped`` images, or None if they are others, a part of them, or were changed in memory."""
    return getattr(images, "file", None) if images._version == 0 else None


def identity(images: Tensor) -> Tensor | str:
    """What ``key`` takes for images: themselves, or for a set on disk the name of its file, which says as much in no time."""
    file = file_of(images)
    return file.name if file else images


def stamps(files: list[Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of each file: enough to notice a change without reading them."""
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.exists()]


def standardise(images: Tensor) -> Tensor:
    """Bring each colour of every photo to one mean and one spread, so that no light and no contrast tells photos apart.

    Args:
        images: ``(n, 3, H, W)`` uint8.

    Returns:
        The same shape, uint8, colours last in memory. What goes beyond 0 ... 255 is cut off.

    >>> dark = torch.randint(0, 60, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    >>> difference = standardise(dark).int() - standardise(4 * dark).int()  # the same photo, with four times the light
    >>> difference.abs().max().item() <= 1
    True
    """
    shaped("images", images, "n 3 H W")
    made = torch.empty(len(images), *images.shape[2:], 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    for photo, place in zip(images, made, strict=True):
        values = photo.float()
        mean, spread = values.mean((1, 2), keepdim=True), values.std((1, 2), keepdim=True, correction=0)
        place.copy_(((values - mean) / spread.clamp(min=FAINT) * SPREAD + MEAN).round_().clamp_(0, 255))
    return made


def stack(pictures: list[Image.Image]) -> Tensor:
    """``(n, 3, H, W)`` uint8 of RGB pictures of the same size."""
    return torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(0, 3, 1, 2).contiguous()


def read_target(listing: dict[str, list[Path]], index: int, size: int) -> tuple[Image.Image, np.ndarray | None]:
    """The i-th target photo as a square, and its mask ``(size, size)`` bool, or None if there are no masks.

    InputError if the target lies wholly outside the square.
    """

    def squared(photo: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
        if not listing["masks"]:
            return square(photo, size), None
        file = listing["masks"][index]
        mask = np.asarray(square(read_mask(file, photo), size)) > 127
        if not mask.any():
            raise InputError(f"{file}: the target lies outside the central square that is used; crop the photo")
        return square(photo, size), mask

    return read_photo(listing["targets"][index], then=squared)


def image_set(listing: dict[str, list[Path]], *, size: int, images: int | None, seed: int, progress: bool, **_) -> ImageSet:
    """Photos as they are; see ``bgnb.load``."""
    rng = np.random.default_rng(seed)
    chosen = pick(len(listing["targets"]), images, rng, "target photos")
    backgrounds = pick(len(listing["backgrounds"]), images, rng, "background photos")

    masks = torch.empty(len(chosen), size, size, dtype=torch.bool) if listing["masks"] else None

    def read(number: int) -> Image.Image:
        photo, mask = read_target(listing, chosen[number], size)
        if masks is not None:
            masks[number] = torch.from_numpy(mask)
        return photo

    if masks is None:
        targets = squares([listing["targets"][i] for i in chosen], size, "targets", progress)
    else:
        targets = gather(len(chosen), size, read, "targets", progress)
    places = squares([listing["backgrounds"][i] for i in backgrounds], size, "backgrounds", progress)
    return ImageSet(targets, masks, places, tuple(listing["targets"][i].stem for i in chosen))
