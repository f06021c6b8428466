"""The paper's data set from public parts: ``"public:pets+places"`` and ``"public:voc+places"``.

Animals are cut out of Oxford-IIIT Pet (cat, dog) or PASCAL VOC 2012 (cat, dog, horse, bird) with the published masks. Places
are photos of Places365. torchvision's own classes read them all. ``root`` holds them as torchvision lays them out:
``oxford-iiit-pet/``, ``VOCdevkit/VOC2012/`` and ``places365/`` (the root of ``Places365``). Nothing is downloaded unless
``download=True``.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from bgnb.data.composites import CutOuts, cut_out
from bgnb.files import InputError

SOURCES = ("public:pets+places", "public:voc+places")
PLACES = {
    "forest": ("/b/bamboo_forest", "/f/forest/broadleaf", "/f/forest_path", "/f/forest_road", "/r/rainforest"),
    "playground": ("/p/playground",),
}
PETS = {"cat": 0, "dog": 1}  # torchvision's binary category
VOC = {"bird": 3, "cat": 8, "dog": 12, "horse": 13}  # values of the class masks
SMALLEST = 0.05  # share of its photo; a smaller animal would be blurred when enlarged


def open_set(source: str, target: str, scene: str, root: str | Path | None, download: bool) -> tuple[CutOuts, list[Path]]:
    """The cut-outs of ``target`` and the photos of ``scene``.

    Raises InputError if ``source``, ``target`` or ``scene`` is unknown, or if the files are not under ``root``. A ``root`` of
    None is the folder that the environment variable BGNB_PUBLIC names.
    """
    if source not in SOURCES:
        raise InputError(f"source {source!r}: the public sets are {' and '.join(SOURCES)}")
    root = root or os.environ.get("BGNB_PUBLIC")
    if not root:
        raise InputError(f"root: name the folder with the files of {source}, or set BGNB_PUBLIC to it")
    animals = PETS if "pets" in source else VOC
    if target not in animals:
        raise InputError(f"target {target!r}: {source} has {', '.join(animals)}")
    if scene not in PLACES:
        raise InputError(f"scene {scene!r}: {source} has {', '.join(PLACES)}")
    cut_outs = pets if "pets" in source else voc
    return cut_outs(Path(root), target, download), places(Path(root) / "places365", scene, download)


def found(open_: Callable, root: Path, name: str):
    """What ``open_()`` returns. torchvision's complaint about missing files becomes one line."""
    try:
        return open_()
    except (RuntimeError, FileNotFoundError) as error:
        reason = " ".join(str(error).replace("You can use download=True to download it", "").split())
        raise InputError(f"{root}: holds no {name} as torchvision lays it out ({reason}); download=True fetches it") from None


def pets(root: Path, target: str, download: bool) -> CutOuts:
    """Cats or dogs of Oxford-IIIT Pet, both splits. Only the animal of its trimap (1 animal, 2 background, 3 border) is used."""
    from torchvision.datasets import OxfordIIITPet

    def open_(split):
        return found(lambda: OxfordIIITPet(root, split, target_types="segmentation", download=download), root, "Oxford-IIIT Pet")

    chosen = [
        (one, i)
        for one in (open_("trainval"), open_("test"))
        for i, kind in enumerate(one._bin_labels)
        if kind == PETS[target] and one._segs[i].is_file()
    ]

    def read(index: int) -> Image.Image:
        one, i = chosen[index]
        photo, labels = one[i]
        return cut_out_class(photo, labels, 1, one._images[i])

    return [one._images[i] for one, i in chosen], read


def voc(root: Path, target: str, download: bool) -> CutOuts:
    """All photos of PASCAL VOC 2012's segmentation set that show enough of one class. All of that class is cut out."""
    from torchvision.datasets import VOCSegmentation

    one = found(lambda: VOCSegmentation(root, image_set="trainval", download=download), root, "PASCAL VOC 2012")

    def large_enough(i: int) -> bool:
        with Image.open(one.masks[i]) as mask:
            return (np.asarray(mask) == VOC[target]).mean() >= SMALLEST

    chosen = [i for i in range(len(one)) if large_enough(i)]

    def read(index: int) -> Image.Image:
        photo, labels = one[chosen[index]]
        return cut_out_class(photo, labels, VOC[target], one.images[chosen[index]])

    return [Path(one.images[i]) for i in chosen], read


def cut_out_class(photo: Image.Image, labels: Image.Image, value: int, file: str | Path) -> Image.Image:
    """The pixels of ``photo`` that are labelled ``value``, in their bounding box: RGBA."""
    mask = Image.fromarray((np.asarray(labels) == value).astype(np.uint8) * 255)
    if mask.size != photo.size:
        raise InputError(f"{file}: its mask is {mask.width}x{mask.height}, the photo {photo.width}x{photo.height}")
    if mask.getbbox() is None:
        raise InputError(f"{file}: its mask shows no target")
    return cut_out(photo, mask)


def places(root: Path, scene: str, download: bool) -> list[Path]:
    """Photos of a kind of place in Places365: from the training set if it is there, otherwise from the validation set."""
    from torchvision.datasets import Places365

    splits = (("train-standard", True), ("train-standard", False), ("val", True), ("val", False))
    folders = ("data_256_standard", "data_large_standard", "val_256", "val_large")
    here = [split for split, folder in zip(splits, folders, strict=True) if (root / folder).is_dir()]
    if not here and not download:
        raise InputError(f"{root}: holds no Places365 ({' or '.join(folders)}); download=True fetches val_256")
    split, small = here[0] if here else ("val", True)
    one = found(lambda: Places365(root, split, small, download=download and not here), root, "Places365")
    wanted = {one.class_to_idx[name] for name in PLACES[scene] if name in one.class_to_idx}
    files = [Path(file) for file, kind in one.imgs if kind in wanted]
    if len(files) < 3:
        raise InputError(f"{root}: Places365 ({split}) holds {len(files)} photos of {scene}")
    return files
