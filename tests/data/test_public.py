"""Public sets in the layouts that torchvision reads, written small: what is cut out, what it is pasted on, what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from bgnb import InputError, load

RED, GREY = (250, 0, 0), (120, 120, 120)
FOREST, PLAYGROUND, SEA = "/f/forest_path", "/p/playground", "/o/ocean"


def save(picture, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **({"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {}))


def write_pets(root):
    """Two cats and a dog, a red block of 24 x 20 on grey; the trimap has a border of one pixel around it."""
    folder = root / "oxford-iiit-pet"
    lists = {"trainval": ["Abyssinian_1 1 1 1", "beagle_1 2 2 1"], "test": ["Abyssinian_2 1 1 1"]}
    for name, lines in lists.items():
        (folder / "annotations").mkdir(parents=True, exist_ok=True)
        (folder / f"annotations/{name}.txt").write_text("\n".join(lines) + "\n")
        for line in lines:
            photo = np.full((40, 60, 3), GREY, np.uint8)
            photo[8:32, 10:30] = RED
            trimap = np.full((40, 60), 2, np.uint8)
            trimap[7:33, 9:31] = 3
            trimap[8:32, 10:30] = 1
            save(photo, folder / f"images/{line.split()[0]}.jpg")
            save(trimap, folder / f"annotations/trimaps/{line.split()[0]}.png")


def write_voc(root):
    """A horse beside a person, a horse that is too small, and a bird."""
    folder = root / "VOCdevkit/VOC2012"
    blocks = {"horse_person": [(13, 24, 20), (15, 10, 10)], "far_horse": [(13, 4, 4)], "bird": [(3, 20, 20)]}
    (folder / "ImageSets/Segmentation").mkdir(parents=True)
    (folder / "ImageSets/Segmentation/trainval.txt").write_text("\n".join(blocks) + "\n")
    for name, boxes in blocks.items():
        photo, classes = np.full((40, 60, 3), GREY, np.uint8), np.zeros((40, 60), np.uint8)
        for i, (value, height, width) in enumerate(boxes):
            where = slice(8, 8 + height), slice(5 + 30 * i, 5 + 30 * i + width)
            photo[where], classes[where] = RED if i == 0 else (0, 250, 0), value
        classes[0] = 255
        save(photo, folder / f"JPEGImages/{name}.jpg")
        picture = Image.fromarray(classes).convert("P")
        picture.putpalette([c for value in range(256) for c in (value, 0, 0)])
        picture.putdata(classes.ravel().tolist())
        (folder / "SegmentationClass").mkdir(exist_ok=True)
        picture.save(folder / f"SegmentationClass/{name}.png")


def write_places(root, monkeypatch, count=6):
    """The validation set of Places365: photos of forest are blue, of the playground green, of the sea black."""
    from torchvision.datasets import Places365

    folder, lines = root / "places365", []
    colours = {FOREST: (0, 0, 200), PLAYGROUND: (0, 200, 0), SEA: (0, 0, 0)}
    for k, (_, colour) in enumerate(colours.items()):
        for i in range(count):
            save(np.full((32, 32, 3), colour, np.uint8), folder / f"val_256/p_{k}_{i}.jpg")
            lines.append(f"p_{k}_{i}.jpg {k}")
    (folder / "categories_places365.txt").write_text("".join(f"{name} {k}\n" for k, name in enumerate(colours)))
    (folder / "places365_val.txt").write_text("\n".join(lines) + "\n")
    # the real lists are recognised by their checksum
    monkeypatch.setattr(Places365, "_CATEGORIES_META", ("categories_places365.txt", None))
    monkeypatch.setattr(Places365, "_FILE_LIST_META", {"val": ("places365_val.txt", None)})


@pytest.fixture
def root(tmp_path, monkeypatch):
    write_pets(tmp_path)
    write_voc(tmp_path)
    write_places(tmp_path, monkeypatch)
    return tmp_path


def get(root, source="public:pets+places", **options):
    return load(source, **(dict(size=48, root=root, progress=False) | options))


@pytest.mark.parametrize(
    ("source", "target", "names"),
    [
        ("public:pets+places", "cat", {"Abyssinian_1", "Abyssinian_2"}),
        ("public:pets+places", "dog", {"beagle_1"}),
        ("public:voc+places", "horse", {"horse_person"}),
        ("public:voc+places", "bird", {"bird"}),
    ],
)
@pytest.mark.parametrize(("scene", "channel"), [("forest", 2), ("playground", 1)])
def test_the_target_alone_is_pasted_on_photos_of_the_scene(root, source, target, names, scene, channel):
    result = get(root, source, target=target, scene=scene)
    assert len(result.targets) == len(result.backgrounds) == 3
    assert {name.partition("_on_")[0] for name in result.names} == names
    for picture in result.backgrounds:
        assert picture.float().mean((1, 2)).argmax() == channel and picture[0].max() < 30
    red = result.targets[:, 0] > 128
    assert (red == result.masks).float().mean() > 0.97  # neither border, person nor grey ground came along
    share = result.masks.float().mean((1, 2))
    assert ((share > 0.13) & (share < 0.37)).all()
    grey = (result.targets.int() - 120).abs().amax(1) < 25
    assert grey.float().mean() < 0.02


def test_no_photo_of_a_place_serves_on_both_sides(root):
    result = get(root)
    behind = {name.partition("_on_")[2] for name in result.names}
    assert len(behind) == 3 and all(name.startswith("p_0_") for name in behind)


def test_the_seed_decides_and_the_environment_names_the_folder(root, monkeypatch):
    first, other = get(root, seed=0), get(root, seed=1)
    monkeypatch.setenv("BGNB_PUBLIC", str(root))
    again = load("public:pets+places", size=48, seed=0, progress=False)
    assert torch.equal(first.targets, again.targets) and first.names == again.names
    assert not torch.equal(first.masks, other.masks)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (dict(source="public:cars"), "public:pets"),
        (dict(target="owl"), "target 'owl'"),
        (dict(source="public:voc+places", target="owl"), "bird"),
        (dict(scene="ocean"), "scene 'ocean'"),
        (dict(camouflage=0.5), "camouflage"),
        (dict(images=4), "holds 6 photos of forest"),
        (dict(root=None), "BGNB_PUBLIC"),
    ],
)
def test_what_is_not_there_is_named_in_one_line(root, monkeypatch, options, named):
    monkeypatch.delenv("BGNB_PUBLIC", raising=False)
    with pytest.raises(InputError, match=named) as caught:
        get(**({"root": root} | options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "missing"), [("public:pets+places", "oxford-iiit-pet"), ("public:voc+places", "VOCdevkit"), ("", "places365")]
)
def test_missing_files_are_named_and_nothing_is_fetched(root, monkeypatch, source, missing):
    (root / missing).rename(root / "elsewhere")
    monkeypatch.setattr("socket.create_connection", None)
    with pytest.raises(InputError, match="download=True") as caught:
        get(root, source or "public:pets+places", **({"target": "horse"} if "voc" in source else {}))
    assert "\n" not in str(caught.value) and str(root) in str(caught.value)


def test_a_mask_of_another_size_is_named(root):
    save(np.full((10, 10), 1, np.uint8), root / "oxford-iiit-pet/annotations/trimaps/beagle_1.png")
    with pytest.raises(InputError, match=r"beagle_1\.jpg"):
        get(root, target="dog", seed=7)
