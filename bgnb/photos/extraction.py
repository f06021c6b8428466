"""Your own photos, without masks and of any size: train on them, map them, choose a threshold, cut the target out."""

import errno
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bgnb.data.images import ImageSet, in_threads, photo_files, read_photo, squares, stack, standardise, upright, without_bad
from bgnb.files import InputError, temporary
from bgnb.maps import localise, merge_windows, targetness
from bgnb.metrics import threshold_without_masks
from bgnb.moving.page import MARK
from bgnb.networks import Network
from bgnb.photos.backgrounds import LIGHT, suitability
from bgnb.photos.gallery import Found, gallery
from bgnb.photos.reasons import known, reasons, whole, windows
from bgnb.refinement import refine
from bgnb.settings import Run
from bgnb.training import trained
from bgnb.windows import score_windows

TARGET_PATCHES = 960  # in an epoch, from all target photos together: half of the paper's, for twice as many epochs
# Few photos give more patches each, but not so many that the network memorises the photos. In two draws of ten composites of
# dogs in forests, 192 patches a photo found 1 and 4; 32 patches found 6 and 4.
FEWEST_PER_PHOTO, MOST_PER_PHOTO = 8, 32
LONG, BRIEF = 60, 28  # epochs; a long training would learn the light, where that tells the two sides apart (docs/photos.md)
PAGE, REPORT, LABELS = "index.html", "extract.json", "coco.json"
SMOOTH = Image.Resampling.BILINEAR
STRIP = 256  # rows of a large map that are written at a time
SHARP = 256  # short side in pixels at which the target's own edges are looked for
EVERYWHERE = 0.6  # if more of the photos' area than this is cut out, the network has learnt the place, not the target
HIGHEST = 0.05  # share of a map that counts as its peak, and as its floor
CALM = 0.95  # quantile of the backgrounds' own peaks: what stays below shows nothing
ENOUGH = 60  # background images that are mapped to learn how high they reach


def extract(
    targets: str | Path,
    backgrounds: str | Path,
    out: str | Path,
    run: Run,
    threshold: float | None = None,
    apply: str | Path | None = None,
    anyway: bool = False,
    skip_bad: bool = False,
    progress: bool = True,
) -> dict:
    """Train on the photos of two folders, then cut the target out of every target photo.

    First ``suitability`` asks whether the backgrounds fit. A clear no ends the work before the training.

    Args:
        targets: folder of photos that show the target, at any depth; any size and orientation (EXIF).
        backgrounds: folder of at least two photos of the same kind of place that do not show it.
        out: folder for ``NAME_map.png`` (targetness, 0 ... 255), ``NAME_mask.png`` (0 or 255) and ``NAME_cutout.png`` (RGBA), all
            as large as the photo, ``extract.json`` and ``coco.json`` (outlines, for labelling tools); ``index.html`` shows
            them all. Either everything is written or nothing.
        run: parameters. Its pictures and ``per_image`` are replaced: few photos give more patches each. Its ``colours`` are
            replaced as well if they are "kept" and the light tells the two folders apart. ``epochs`` None means 60; or 28, with
            few patches of each photo, if it tells them apart even then. With ``refine``, a cut-out follows the photo's own
            edges, not only its map.
        threshold: map threshold in (0, 1]; None: chosen without masks, see ``threshold_without_masks``.
        apply: folder of other photos to cut out, those that training does not see; None: the target photos.
        anyway: go on even if the backgrounds clearly do not fit.
        skip_bad: go on without photos that cannot be read.
        progress: show a bar.

    Returns:
        What ``extract.json`` holds: the run, the suitability, the threshold and where it came from, the share of each photo that
        was cut out, which share of that is one piece, how much its regions are like the nearest background patch
        (see ``bgnb.photos.reasons``), and the photos of ``apply`` in which nothing was found. With ``skip_bad`` also "skipped": a
        line for each photo that was left out.

    Raises:
        InputError: a folder or a photo cannot be used, or the backgrounds clearly do not fit.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise InputError(f"threshold {threshold}: must lie in (0, 1]")
    targets, backgrounds, out = Path(targets), Path(backgrounds), Path(out)
    files = [photo_files(folder, recursive=True, skip_bad=skip_bad) for folder in (targets, backgrounds)]
    if len(files[1]) < 2:
        raise InputError(f"{backgrounds}: holds 1 photo; at least 2 backgrounds are needed")
    shown = Path(apply) if apply else targets
    mapped = photo_files(shown, recursive=True, skip_bad=skip_bad) if apply else files[0]
    names = output_names(mapped, shown)
    check_out(out, (targets, backgrounds, shown), names)
    skipped = []
    if skip_bad:
        named = dict(zip(mapped, names, strict=True))
        files, skipped = readable(files, progress)
        mapped, more = readable([mapped, files[1]], progress) if apply else (files, [])
        mapped, skipped = mapped[0], skipped + more
        names = [named[file] for file in mapped]
    fit = fitting(targets, backgrounds, files, run, skip_bad, progress)
    if fit and fit["verdict"] == "no" and not anyway:
        raise InputError(f"{backgrounds}: {fit['advice']} (--anyway goes on)")
    model, run, pictures = learnt(files, targets, run, fit, progress)
    calm = calm_level(model, pictures.backgrounds, run) if apply and not run.image_level else None

    def look(file: Path) -> tuple[Tensor, Tensor | None]:
        return map_photo(model, read_photo(file, then=lambda photo: upright(photo, run.size)), run)

    looked = [*in_threads(look, mapped, "maps", progress, threads=1)]
    own = looked if not apply else [look(file) for file in files[0]]
    chosen = threshold_without_masks([m for m, _ in own]) if threshold is None else threshold

    def find(index: int) -> tuple[Found, Tensor]:
        photo = read_photo(mapped[index], then=lambda photo: upright(photo, max(SHARP, run.size)))
        one = cut(photo, *looked[index], chosen, calm, run)
        return one, windows(one.targetness, one.region, at_scale(photo, one.targetness, run), run.patch)

    compared = known(model, pictures.backgrounds, run)
    found = [
        replace(one, reasons=reasons(model, seen, compared))
        for one, seen in in_threads(find, range(len(mapped)), "edges", progress)
    ]
    report = {
        "run": asdict(run.resolved()),
        "suitability": fit,
        "threshold": chosen,
        "threshold_from": "Otsu over all maps" if threshold is None else "given",
        "photos": {name: round(one.region.float().mean().item(), 4) for name, one in zip(names, found, strict=True)},
        "whole": {name: round(whole(one.region), 4) for name, one in zip(names, found, strict=True)},
        "likeness": {
            name: [round(reason.likeness[0].item(), 4) for reason in one.reasons] for name, one in zip(names, found, strict=True)
        },
        "nothing": [name for name, one in zip(names, found, strict=True) if one.note == "nothing"],
    }
    if skip_bad:
        report["skipped"] = skipped
    if np.mean(list(report["photos"].values())) > EVERYWHERE:
        report["warning"] = (
            "almost everything in the photos differs from the backgrounds: use backgrounds of the same kind of place"
        )
    part = Path(tempfile.mkdtemp(dir=out.parent, prefix=temporary(out)))
    try:
        sizes = []

        def write(index: int) -> tuple[int, int]:
            return write_photo(part / names[index], read_photo(mapped[index]), found[index])

        for size in in_threads(write, range(len(names)), "writing", progress, threads=1):  # one at a time: photos may be large
            sizes.append(size)
        (part / PAGE).write_text(gallery(mapped, names, found, report), encoding="utf-8")
        (part / LABELS).write_text(json.dumps(coco(names, mapped, sizes, found)))
        (part / REPORT).write_text(json.dumps(report, indent=2))
        move_all(part, out, [*outputs(names)])
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(out)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return report


def readable(files: list[list[Path]], progress: bool) -> tuple[list[list[Path]], list[str]]:
    """Photos of two sides without those that cannot be read, and a line for each of these."""
    listing = {"targets": files[0], "masks": [], "backgrounds": files[1]}
    left, skipped = without_bad(listing, lambda i: read_photo(files[0][i]), progress)
    return [left["targets"], left["backgrounds"]], skipped


def fitting(targets: Path, backgrounds: Path, files: list[list[Path]], run: Run, skip_bad: bool, progress: bool) -> dict | None:
    """What ``suitability`` says, as the report holds it; None for a single target photo, of which nothing can be said."""
    if len(files[0]) < 2:
        return None
    colours = None if run.colours == "kept" else run.colours
    fit = suitability(targets, backgrounds, run.size, run.patch, colours, run.seed, skip_bad, progress)
    return {
        "value": round(fit.value, 4),
        "interval": [round(end, 4) for end in fit.interval],
        "verdict": fit.verdict,
        "advice": fit.advice,
        "covered": round(fit.covered, 4),
        "light": round(fit.light, 4),
        "colours": fit.colours,
    }


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
    targets, backgrounds = Path(targets), Path(backgrounds)
    files = [photo_files(folder, recursive=True) for folder in (targets, backgrounds)]
    return learnt(files, targets, run, fitting(targets, backgrounds, files, run, False, progress), progress)[0]


def learnt(files: list[list[Path]], targets: Path, run: Run, fit: dict | None, progress: bool) -> tuple[Network, Run, ImageSet]:
    """A network trained on photos with the target and photos without it, or the one in the cache; its run and its pictures.

    Few photos give more patches each, and a long photo is several pictures. ``fit`` is what ``fitting`` says of them.
    """
    brief = False
    if fit:
        run = replace(run, colours=fit["colours"])
        brief = run.epochs is None and run.colours == "kept" and fit["light"] >= LIGHT
    run = replace(run, epochs=run.epochs or (BRIEF if brief else LONG))
    sides = [
        squares(some, run.size, title, progress, frame=True, colours=run.colours)
        for some, title in zip(files, ("targets", "backgrounds"), strict=True)
    ]
    of_photo = FEWEST_PER_PHOTO if brief else min(MOST_PER_PHOTO, max(FEWEST_PER_PHOTO, -(-TARGET_PATCHES // len(files[0]))))
    per_image = max(1, -(-of_photo * len(files[0]) // len(sides[0])))
    run = replace(run, source=str(targets), per_image=per_image, images=None)
    pictures = ImageSet(sides[0], None, sides[1])
    return trained(pictures, run, progress=progress), run, pictures


def map_photo(model: Network, photo: Image.Image, run: Run) -> tuple[Tensor, Tensor | None]:
    """Targetness ``(h, w)`` of a photo at the scale of the training, and the same before it is min-maxed (None for a CAM)."""
    pixels = stack([photo])
    pixels = standardise(pixels) if run.colours == "standardised" else pixels
    if run.image_level:
        return localise(model, pixels, run)[0].cpu(), None
    run = run.resolved()
    scores = score_windows(
        model, pixels.to(next(model.parameters()).device), run.patch, run.stride, precision=run.precision
    ).cpu()
    size = photo.height, photo.width
    raw = merge_windows(1 - scores, run.patch, run.stride, size)[0]
    return targetness(scores, run.patch, run.stride, size, run.overlap)[0], raw


def at_scale(photo: Image.Image, values: Tensor, run: Run) -> Tensor:
    """A photo as the network sees it, ``(3, h, w)`` uint8: as large as its map ``(h, w)``, its colours as in training."""
    pixels = stack([photo.resize(values.shape[::-1], Image.Resampling.LANCZOS)])
    return (standardise(pixels) if run.colours == "standardised" else pixels)[0]


def ends(raw: Tensor) -> tuple[float, float]:
    """Mean of the lowest and of the highest twentieth of a map's values.

    >>> ends(torch.arange(40) / 39)
    (0.012820512987673283, 0.9871795177459717)
    """
    values = raw.flatten().sort().values
    count = max(1, round(HIGHEST * len(values)))
    return values[:count].mean().item(), values[-count:].mean().item()


def calm_level(model: Network, backgrounds: Tensor, run: Run) -> float:
    """How high targetness, before it is min-maxed, peaks in background images, up to the quantile ``CALM`` of them."""
    some = backgrounds[:: max(1, len(backgrounds) // ENOUGH)]
    scores = score_windows(model, some.to(next(model.parameters()).device), run.patch, run.stride).cpu()
    maps = merge_windows(1 - scores, run.patch, run.stride, run.size)
    return float(np.quantile([ends(one)[1] for one in maps], CALM))


def cut(photo: Image.Image, values: Tensor, raw: Tensor | None, threshold: float, calm: float | None, run: Run) -> Found:
    """The target's region in a photo.

    With ``calm``: nothing, if no part of the photo stands out more than the backgrounds' own peaks do; everything, if all of it
    does. Without, the target is there for certain, because somebody put the photo into the folder of targets.
    """
    low, high = ends(raw) if raw is not None else (0.0, 1.0)
    if calm is not None and (high <= calm or low > calm):
        return Found(values, torch.full_like(values, low > calm, dtype=torch.bool), "everything" if low > calm else "nothing")
    # Enlarged first, then thresholded: a plain cut has smooth edges as well, not the steps of the window grid.
    large = torch.from_numpy(np.array(Image.fromarray(values.numpy()).resize(photo.size, SMOOTH)))
    if not run.refine:
        return Found(values, large >= threshold)
    return Found(values, refine(stack([photo]), large[None].clamp(0, 1), run.refine, threshold)[0])


def coco(names: list[str], files: list[Path], sizes: list[tuple[int, int]], found: list[Found]) -> dict:
    """The outlines in the form of COCO (Lin et al., 2014): a first guess for a labelling tool.

    Each connected region is a polygon; holes are filled. Coordinates are pixels of the photo.
    """
    images, annotations = [], []
    for number, (name, file, (width, height), one) in enumerate(zip(names, files, sizes, found, strict=True), 1):
        images.append({"id": number, "file_name": name + file.suffix if not name.endswith(file.suffix) else name})
        images[-1] |= {"width": width, "height": height}
        region = one.region.numpy().astype(np.uint8)
        scale = np.array([width / region.shape[1], height / region.shape[0]])
        outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        polygons = [((outline.reshape(-1, 2) + 0.5) * scale).round(1) for outline in outlines if len(outline) >= 3]
        if not polygons:
            continue
        (left, top), (right, bottom) = (np.concatenate(polygons).min(0), np.concatenate(polygons).max(0))
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": 1,
                "segmentation": [polygon.flatten().tolist() for polygon in polygons],
                "area": round(float(region.mean()) * width * height, 1),
                "bbox": [round(float(value), 1) for value in (left, top, right - left, bottom - top)],
                "iscrowd": 0,
            }
        )
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "target"}]}


def outputs(names: Iterable[str]) -> Iterator[str]:
    """The files that ``extract`` writes for photos of these names, as paths within its folder."""
    yield from (f"{name}_{what}.png" for name in names for what in ("map", "mask", "cutout"))
    yield from (PAGE, LABELS, REPORT)


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


def write_photo(stem: Path, photo: Image.Image, found: Found) -> tuple[int, int]:
    """``STEM_map.png``, ``STEM_mask.png`` and ``STEM_cutout.png``, as large as the photo. Returns its width and height."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    large = [Image.fromarray(values.float().numpy()).resize(photo.size, SMOOTH) for values in (found.targetness, found.region)]
    shades, alpha = (np.empty((photo.height, photo.width), np.uint8) for _ in range(2))
    for top in range(0, photo.height, STRIP):  # a copy of a whole large map would take too much memory
        bottom = min(top + STRIP, photo.height)
        values, inside = (np.asarray(one.crop((0, top, photo.width, bottom))) for one in large)
        shades[top:bottom], alpha[top:bottom] = np.rint(values * 255), 255 * (inside >= 0.5)
    del large
    fast = dict(compress_level=1)  # a quarter of the time that PNG takes otherwise, for a fifth more bytes
    mask = Image.fromarray(alpha)
    Image.fromarray(shades).save(f"{stem}_map.png", **fast)
    mask.save(f"{stem}_mask.png", **fast)
    photo.putalpha(mask)
    photo.save(f"{stem}_cutout.png", **fast)
    return photo.size
