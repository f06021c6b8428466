"""Your own photos, without masks and of any size: train on them, map them, choose a threshold, cut the target out."""

import errno
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from bgnb.data.images import ImageSet, in_threads, photo_files, read_photo, squares, stack, without_bad
from bgnb.files import InputError, temporary
from bgnb.maps import localise
from bgnb.metrics import threshold_without_masks
from bgnb.moving.page import MARK
from bgnb.networks import Network
from bgnb.photos.gallery import gallery
from bgnb.settings import Run
from bgnb.training import trained

TARGET_PATCHES = 1920  # in an epoch of the paper: 8 from each of 240 target images
# Few photos give more patches each, but not so many that the network memorises the photos. In two draws of ten composites of
# dogs in forests, 192 patches a photo found 1 and 4; 32 patches found 6 and 4.
MOST_PER_PHOTO = 32
PAGE, REPORT = "index.html", "extract.json"
STRIP = 256  # rows of a large map that are written at a time
EVERYWHERE = 0.6  # if more of the photos' area than this is cut out, the network has learnt the place, not the target


def upright(photo: Image.Image, side: int) -> Image.Image:
    """A photo at its own aspect ratio, with a short side of ``side`` pixels."""
    scale = side / min(photo.size)
    return photo.resize(tuple(max(side, round(length * scale)) for length in photo.size), Image.Resampling.LANCZOS)


def map_photo(model: Network, photo: Image.Image, run: Run) -> Tensor:
    """Targetness ``(h, w)`` of a photo, at the scale of the training."""
    return localise(model, stack([upright(photo, run.size)]), run)[0].cpu()


def extract(
    targets: str | Path,
    backgrounds: str | Path,
    out: str | Path,
    run: Run,
    threshold: float | None = None,
    skip_bad: bool = False,
    progress: bool = True,
) -> dict:
    """Train on the photos of two folders, then write a map and a cut-out of every target photo.

    Args:
        targets: folder of photos that show the target, at any depth; any size and orientation (EXIF).
        backgrounds: folder of at least two photos of the same kind of place that do not show it.
        out: folder for ``NAME_map.png`` (targetness, 0 ... 255) and ``NAME_cutout.png`` (RGBA), both as large as the photo, and
            ``extract.json``; ``index.html`` shows them all. Either everything is written or nothing.
        run: parameters. Its pictures and ``per_image`` are replaced: few photos give more patches each.
        threshold: map threshold in (0, 1]; None: chosen without masks, see ``threshold_without_masks``.
        skip_bad: go on without photos that cannot be read.
        progress: show a bar.

    Returns:
        What ``extract.json`` holds: the run, the threshold and where it came from, the share of each photo that was cut out.
        With ``skip_bad`` also "skipped": a line for each photo that was left out.

    Raises:
        InputError: a folder or a photo cannot be used.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise InputError(f"threshold {threshold}: must lie in (0, 1]")
    targets, backgrounds, out = Path(targets), Path(backgrounds), Path(out)
    files = [photo_files(folder, recursive=True, skip_bad=skip_bad) for folder in (targets, backgrounds)]
    if len(files[1]) < 2:
        raise InputError(f"{backgrounds}: holds 1 photo; at least 2 backgrounds are needed")
    names = output_names(files[0], targets)
    check_out(out, (targets, backgrounds), names)
    skipped = []
    if skip_bad:
        named, listing = dict(zip(files[0], names, strict=True)), {"targets": files[0], "masks": [], "backgrounds": files[1]}
        left, skipped = without_bad(listing, lambda i: read_photo(listing["targets"][i]), progress)
        names, files = [named[file] for file in left["targets"]], [left["targets"], left["backgrounds"]]
    run = for_photos(run, targets, len(names))
    model = learnt(files, names, run, progress)

    def small(index: int) -> Image.Image:
        return read_photo(files[0][index], then=lambda photo: upright(photo, run.size))

    maps = [map_photo(model, photo, run) for photo in in_threads(small, range(len(names)), "maps", progress)]
    chosen = threshold_without_masks(maps) if threshold is None else threshold
    report = {
        "run": asdict(run.resolved()),
        "threshold": chosen,
        "threshold_from": "Otsu over all maps" if threshold is None else "given",
        "photos": {name: round((m >= chosen).float().mean().item(), 4) for name, m in zip(names, maps, strict=True)},
    }
    if skip_bad:
        report["skipped"] = skipped
    if np.mean(list(report["photos"].values())) > EVERYWHERE:
        report["warning"] = (
            "almost everything in the target photos differs from the backgrounds: use backgrounds of the same kind of place"
        )
    part = Path(tempfile.mkdtemp(dir=out.parent, prefix=temporary(out)))
    try:

        def write(index: int) -> None:
            write_photo(part / names[index], read_photo(files[0][index]), maps[index], chosen)

        for _ in in_threads(write, range(len(names)), "writing", progress, threads=1):  # one at a time: photos may be large
            pass
        (part / PAGE).write_text(gallery(files[0], names, maps, report), encoding="utf-8")
        (part / REPORT).write_text(json.dumps(report, indent=2))
        move_all(part, out, [*outputs(names)])
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(out)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return report


def network(targets: str | Path, backgrounds: str | Path, run: Run, progress: bool = False) -> Network:
    """The network that ``extract`` trains on the photos of two folders; from the cache, if it has done so before.

    Args:
        targets: folder of photos that show the target.
        backgrounds: folder of photos that do not.
        run: parameters, as for ``extract``.
        progress: show a bar.

    Raises:
        InputError: a folder or a photo cannot be used.
    """
    files = [photo_files(Path(folder), recursive=True) for folder in (targets, backgrounds)]
    return learnt(files, output_names(files[0], Path(targets)), for_photos(run, targets, len(files[0])), progress)


def for_photos(run: Run, targets: str | Path, count: int) -> Run:
    """A run on ``count`` photos with the target: few photos give more patches each."""
    return replace(run, source=str(targets), per_image=min(MOST_PER_PHOTO, max(8, -(-TARGET_PATCHES // count))), images=None)


def learnt(files: list[list[Path]], names: list[str], run: Run, progress: bool) -> Network:
    """A network trained on photos with the target, called ``names``, and photos without it; or the one in the cache."""
    pictures = [squares(some, run.size, title, progress) for some, title in zip(files, ("targets", "backgrounds"), strict=True)]
    return trained(ImageSet(pictures[0], None, pictures[1], tuple(names)), run, progress=progress)


def outputs(names: Iterable[str]) -> Iterator[str]:
    """The files that ``extract`` writes for photos of these names, as paths within its folder."""
    yield from (f"{name}_{what}.png" for name in names for what in ("map", "cutout"))
    yield from (PAGE, REPORT)


def check_out(out: Path, inputs: Iterable[Path], names: list[str]) -> None:
    """InputError, before any work, if writing into ``out`` would touch a photo or a file that ``extract`` did not write."""
    for folder in inputs:
        if folder.resolve() in (out.resolve(), *out.resolve().parents):
            raise InputError(f"{out}: lies in {folder}, whose photos are never touched; name a folder elsewhere")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; out must be a folder")
    try:
        mine = set(outputs(json.loads((out / REPORT).read_text())["photos"]))
    except (OSError, ValueError, KeyError, TypeError):
        mine = set()
    if (out / PAGE).is_file() and MARK not in (out / PAGE).read_text(encoding="utf-8", errors="replace")[:3000]:
        mine -= {PAGE}  # an extract.json without a page is older than the page
    for place in (out / name for name in outputs(names)):
        if place.is_dir() or (place.exists() and str(place.relative_to(out)) not in mine):
            raise InputError(f"{place}: is there already, and bgnb extract did not write it; name another folder")
        for folder in place.relative_to(out).parents:
            if (out / folder).exists() and not (out / folder).is_dir():
                raise InputError(f"{out / folder}: is a file where a folder is needed; name another folder")


def move_all(part: Path, out: Path, names: list[str]) -> None:
    """Move files from one folder to another. If one cannot be moved, put everything back."""
    moved, old = [], part / "old"
    try:
        for number, name in enumerate(names):
            place, before = out / name, old / str(number)
            place.parent.mkdir(parents=True, exist_ok=True)
            old.mkdir(exist_ok=True)
            if place.exists():  # the old file stays in its place until the new one takes it
                try:
                    before.hardlink_to(place)
                except OSError:  # a file system without links
                    shutil.copy2(place, before)
            moved.append((place, before))
            (part / name).replace(place)
    except BaseException:
        for place, before in reversed(moved):
            if before.exists():
                before.replace(place)
            else:
                place.unlink(missing_ok=True)
        raise


def output_names(files: list[Path], folder: Path) -> list[str]:
    """A name for each photo: its path without the suffix, or with it if two photos would share a name.

    >>> output_names([Path("in/a.jpg"), Path("in/a.png"), Path("in/a.jpg.png"), Path("in/b.jpg")], Path("in"))
    ['a.jpg', 'a.png', 'a.jpg.png', 'b']
    """
    full = [str(file.relative_to(folder)) for file in files]
    short = [str(file.relative_to(folder).with_suffix("")) for file in files]
    used = Counter(name.casefold() for name in (*short, *full))
    return [name if used[name.casefold()] == 1 else path for name, path in zip(short, full, strict=True)]


def write_photo(stem: Path, photo: Image.Image, targetness: Tensor, threshold: float) -> None:
    """``STEM_map.png`` and ``STEM_cutout.png``, as large as the photo."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    # Enlarged first, then thresholded: the cut-out has smooth edges instead of the steps of the window grid.
    large = Image.fromarray(targetness.numpy()).resize(photo.size, Image.Resampling.BILINEAR)
    shades, alpha = (np.empty((photo.height, photo.width), np.uint8) for _ in range(2))
    for top in range(0, photo.height, STRIP):  # a copy of a whole large map would take too much memory
        bottom = min(top + STRIP, photo.height)
        values = np.asarray(large.crop((0, top, photo.width, bottom)))
        shades[top:bottom], alpha[top:bottom] = np.rint(values * 255), 255 * (values >= threshold)
    del large
    fast = dict(compress_level=1)  # a quarter of the time that PNG takes otherwise, for a fifth more bytes
    Image.fromarray(shades).save(f"{stem}_map.png", **fast)
    photo.putalpha(Image.fromarray(alpha))
    photo.save(f"{stem}_cutout.png", **fast)
