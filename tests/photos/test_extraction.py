"""A person's photos are never touched, and everything is written or nothing. Training is left out: it is tested elsewhere."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import bgnb.photos.extraction as extraction
from bgnb import InputError, Run, build
from bgnb.metrics import overlap
from bgnb.photos import Suitability, extract

RUN = Run(size=32, patch=16, stride=8, epochs=1, device="cpu", precision="fp32")


@pytest.fixture(autouse=True)
def untrained(monkeypatch):
    monkeypatch.setattr(extraction, "trained", lambda imageset, run, progress: build("tiny", 16).eval())


def photos(folder: Path, *names: str) -> Path:
    rng = np.random.default_rng(len(names))
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        kind = "jpeg" if name.endswith("jpg") else "png"
        Image.fromarray(rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(folder / name, kind)
    return folder


@pytest.fixture
def folders(tmp_path):
    return photos(tmp_path / "in", "a.jpg", "b.png"), photos(tmp_path / "grounds", "1.png", "2.png")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("where", ["in", "in/out", "in/../in/deep/er", "grounds", "grounds/out"])
def test_no_output_inside_a_folder_of_photos(folders, tmp_path, where):
    before = contents(tmp_path)
    with pytest.raises(InputError, match="photos are never touched"):
        extract(*folders, tmp_path / where, RUN, progress=False)
    assert contents(tmp_path) == before


def test_a_link_to_a_folder_of_photos_is_that_folder(folders, tmp_path):
    (tmp_path / "link").symlink_to(folders[0], target_is_directory=True)
    with pytest.raises(InputError, match="photos are never touched"):
        extract(*folders, tmp_path / "link" / "out", RUN, progress=False)


@pytest.mark.parametrize("name", ["a_cutout.png", "b_map.png", "extract.json", "index.html"])
def test_a_file_that_extract_did_not_write_is_not_overwritten(folders, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=f"{name}: is there already"):
        extract(*folders, tmp_path / "out", RUN, progress=False)
    assert contents(tmp_path) == before


def test_an_index_of_your_own_beside_older_results_stays(folders, tmp_path):
    extract(*folders, tmp_path / "out", RUN, progress=False)
    (tmp_path / "out" / "index.html").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"index\.html: is there already"):
        extract(*folders, tmp_path / "out", RUN, progress=False)
    assert contents(tmp_path) == before


def test_what_extract_wrote_is_replaced_and_what_lies_beside_it_stays(folders, tmp_path):
    out = tmp_path / "out"
    extract(*folders, out, RUN, threshold=0.9, progress=False)
    (out / "notes.txt").write_text("mine")
    first = contents(out)
    extract(*folders, out, RUN, threshold=0.1, progress=False)
    second = contents(out)
    assert first.keys() == second.keys() and second["notes.txt"] == b"mine"
    assert first["a_cutout.png"] != second["a_cutout.png"] and first["a_map.png"] == second["a_map.png"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("way", ["a_map.png", "sub"])
def test_what_stands_in_the_way_is_named_before_any_work(tmp_path, monkeypatch, way):
    targets, grounds = photos(tmp_path / "in", "a.png", "sub/b.png"), photos(tmp_path / "grounds", "1.png", "2.png")
    (tmp_path / "out").mkdir()
    if way == "sub":
        (tmp_path / "out" / "sub").write_text("a file where a folder is needed")
    else:
        (tmp_path / "out" / way).mkdir()
    monkeypatch.setattr(extraction, "trained", None)  # would fail if it were called
    with pytest.raises(InputError, match=way):
        extract(targets, grounds, tmp_path / "out", RUN, progress=False)


@pytest.mark.parametrize("failing", range(1, 7))
def test_if_one_file_cannot_be_moved_all_is_as_it_was(folders, tmp_path, monkeypatch, failing):
    out = tmp_path / "out"
    extract(*folders, out, RUN, threshold=0.9, progress=False)
    before, moved, replace = contents(out), [], Path.replace

    def fail(self, target):
        if Path(target).is_relative_to(out) and not str(self).endswith(tuple("012345")):
            moved.append(target)
            if len(moved) == failing:
                raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        extract(*folders, out, RUN, threshold=0.1, progress=False)
    assert len(moved) == failing and contents(out) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_old_file_stays_until_the_new_one_takes_its_place(folders, tmp_path, monkeypatch):
    """So that a kill at any moment leaves one of the two."""
    out, replace, there = tmp_path / "out", Path.replace, []
    extract(*folders, out, RUN, threshold=0.9, progress=False)
    before = contents(out)

    def watch(self, target):
        there.append(Path(target).exists())
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    extract(*folders, out, RUN, threshold=0.1, progress=False)
    assert len(there) >= len(before) and all(there[-len(before) :]) and contents(out) != before


def test_photos_that_would_share_a_name_keep_three_results(tmp_path):
    targets = photos(tmp_path / "in", "a.jpg", "a.png", "a.jpg.png", "B.jpg", "b.png", "c.png")
    report = extract(targets, photos(tmp_path / "grounds", "1.png", "2.png"), tmp_path / "out", RUN, progress=False)
    assert set(report["photos"]) == {"a.jpg", "a.png", "a.jpg.png", "B.jpg", "b.png", "c"}
    assert len(list((tmp_path / "out").glob("*_map.png"))) == 6
    assert json.loads((tmp_path / "out" / "extract.json").read_text()) == report


def test_what_a_killed_process_left_is_removed_by_the_next(folders, tmp_path):
    for name in (
        ".out.bgnb-999999999-abc",
        ".out.bgnb-1-abc",
        ".out.2024-mine",
    ):  # no such process; one that runs; a folder of somebody
        (tmp_path / name / "deep").mkdir(parents=True)
    extract(*folders, tmp_path / "out", RUN, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == [".out.2024-mine", ".out.bgnb-1-abc"]


def test_a_long_strip_and_a_huge_picture_are_refused_with_the_limit(folders, tmp_path):
    Image.new("RGB", (1000, 4)).save(folders[0] / "strip.png")
    with pytest.raises(InputError, match=r"strip\.png: a strip of 1000x4 pixels, longer than 1:50"):
        extract(*folders, tmp_path / "out", RUN, progress=False)
    (folders[0] / "strip.png").unlink()
    Image.new("1", (10_001, 10_000)).save(folders[1] / "huge.png")
    with pytest.raises(InputError, match=r"huge\.png: 10001x10000 pixels, more than 100 million"):
        extract(*folders, tmp_path / "out", RUN, progress=False)
    assert torch.is_tensor(extraction.map_photo(build("tiny", 16).eval(), Image.new("RGB", (50 * 32, 32)), RUN)[0])


@pytest.fixture
def spoilt(folders):
    """Photos of which one of each folder is bad, and one has a name that is no text."""
    targets, grounds = photos(folders[0], "c.png", "sub/b.png"), photos(folders[1], "3.png")
    (targets / "b.png").write_text("no picture")
    (grounds / "2.png").write_bytes(b"")
    os.rename(targets / "c.png", bytes(targets) + b"/\xff.png")
    return targets, grounds


def test_bad_photos_are_left_out_and_listed(spoilt, tmp_path):
    report = extract(*spoilt, tmp_path / "out", RUN, skip_bad=True, progress=False)
    assert report["photos"].keys() == {"a", "sub/b"}
    for line, words in zip(report["skipped"], ("b.png: not a picture", "rename it", "2.png: an empty file"), strict=True):
        assert words in line
    assert json.loads((tmp_path / "out" / "extract.json").read_text()) == report
    assert len(list((tmp_path / "out").rglob("*.png"))) == 6


def test_unless_asked_to_go_on_the_first_bad_photo_is_named_and_nothing_written(spoilt, tmp_path):
    with pytest.raises(InputError, match="rename it"):
        extract(*spoilt, tmp_path / "out", RUN, progress=False)
    assert not (tmp_path / "out").exists()


def test_going_on_needs_a_target_and_two_backgrounds(spoilt, tmp_path):
    (spoilt[1] / "3.png").write_text("no picture")
    with pytest.raises(InputError, match=r"backgrounds: 1 of 3 can be used; at least 2 are needed \(.*2\.png: an empty file"):
        extract(*spoilt, tmp_path / "out", RUN, skip_bad=True, progress=False)
    assert not (tmp_path / "out").exists()


def test_without_bad_photos_nothing_is_skipped_and_the_results_are_the_same(folders, tmp_path):
    plain = extract(*folders, tmp_path / "plain", RUN, progress=False)
    careful = extract(*folders, tmp_path / "careful", RUN, skip_bad=True, progress=False)
    assert careful == plain | {"skipped": []}
    without = {"extract.json": b""}
    assert contents(tmp_path / "plain") | without == contents(tmp_path / "careful") | without


def painted(folder: Path, count: int, size=(48, 48), disc: bool = False, seed: int = 0) -> Path:
    """Photos of one green texture, some with an orange disc."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[1], : size[0]]
    for i in range(count):
        photo = rng.normal((60, 120, 70), 12, (size[1], size[0], 3))
        if disc:
            photo[(x - size[0] * 0.5) ** 2 + (y - size[1] * 0.45) ** 2 < (0.22 * size[1]) ** 2] = (220, 130, 40)
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(folder / f"{i:02d}.png")
    return folder


class Orange(torch.nn.Module):
    """A network that knows the answer: patches with much red are target."""

    def __init__(self):
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def features(self, pixels):
        return pixels.float().mean((2, 3), keepdim=True) + 1


@pytest.fixture
def knowing(monkeypatch):
    """Scores of windows by their colour, so that what follows the network can be tested alone."""

    def scores(model, images, patch, stride, **_):
        red = (images[:, 0].float() - images[:, 1].float()) / 255
        mean = torch.nn.functional.avg_pool2d(red[:, None], patch, stride)[:, 0]
        return 0.9 - 2 * mean.clamp(0, 0.45)

    monkeypatch.setattr(extraction, "trained", lambda imageset, run, progress: Orange())
    monkeypatch.setattr(extraction, "score_windows", scores)


def discs(tmp_path, **more):
    return painted(tmp_path / "with", 6, disc=True, seed=1, **more), painted(tmp_path / "without", 6, seed=2, **more)


def test_mask_cut_out_and_outline_are_the_same_region(knowing, tmp_path):
    sides = discs(tmp_path)
    report = extract(*sides, tmp_path / "out", replace(RUN, refine="grabcut"), anyway=True, progress=False)
    y, x = np.mgrid[:48, :48]
    disc = (x - 24) ** 2 + (y - 21.6) ** 2 < (0.22 * 48) ** 2
    labels = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [image["file_name"] for image in labels["images"]] == [f"{i:02d}.png" for i in range(6)]
    for i, drawn in zip(range(6), labels["annotations"], strict=True):
        mask = np.asarray(Image.open(tmp_path / "out" / f"{i:02d}_mask.png"))
        assert set(np.unique(mask)) == {0, 255} and overlap(mask > 0, disc) > 0.6
        assert (np.asarray(Image.open(tmp_path / "out" / f"{i:02d}_cutout.png"))[..., 3] == mask).all()
        assert abs(report["photos"][f"{i:02d}"] - (mask > 0).mean()) < 0.03
        (polygon,) = drawn["segmentation"]
        outline = Image.new("L", (48, 48))
        ImageDraw.Draw(outline).polygon([tuple(point) for point in np.reshape(polygon, (-1, 2))], fill=255)
        assert overlap(np.asarray(outline) > 0, mask > 0) > 0.8 and abs(drawn["area"] - (mask > 0).sum()) < 40
        left, top, _, height = drawn["bbox"]
        assert abs(left - x[mask > 0].min()) < 2 and abs(top + height - 1 - y[mask > 0].max()) < 2


def test_without_refinement_the_map_is_cut(knowing, tmp_path):
    sides = discs(tmp_path)
    report = extract(*sides, tmp_path / "out", RUN, anyway=True, progress=False)
    values = np.asarray(Image.open(tmp_path / "out" / "00_map.png")) / 255
    mask = np.asarray(Image.open(tmp_path / "out" / "00_mask.png")) > 0
    assert report["run"]["refine"] is None and ((values >= report["threshold"]) == mask).mean() > 0.97


def test_a_trained_network_is_applied_to_other_photos_and_finds_nothing_where_nothing_is(knowing, tmp_path):
    sides = discs(tmp_path)
    new = painted(tmp_path / "new", 2, size=(96, 48), disc=True, seed=5)
    Image.open(painted(tmp_path / "empty", 1, seed=6) / "00.png").save(new / "empty.png")
    report = extract(*sides, tmp_path / "out", replace(RUN, refine="grabcut"), apply=new, anyway=True, progress=False)
    assert report["photos"].keys() == {"00", "01", "empty"} and report["nothing"] == ["empty"]
    assert report["photos"]["empty"] == 0 < report["photos"]["00"] < 0.3
    assert not np.asarray(Image.open(tmp_path / "out" / "empty_mask.png")).any()
    assert "Nothing was found" in (tmp_path / "out" / "index.html").read_text()
    with pytest.raises(InputError, match="photos are never touched"):
        extract(*sides, new / "out", RUN, apply=new, progress=False)


def test_backgrounds_of_another_place_are_refused_before_the_training(monkeypatch, tmp_path):
    monkeypatch.setattr(extraction, "trained", None)  # so that no training can begin
    sides = painted(tmp_path / "with", 6), tmp_path / "without"
    sides[1].mkdir()
    for i in range(6):
        stripes = np.zeros((48, 48, 3), np.uint8)
        stripes[:, i % 3 :: 4] = (250, 60, 200)
        Image.fromarray(stripes).save(sides[1] / f"{i}.png")
    with pytest.raises(InputError, match=r"without: Your photos come from elsewhere.*--anyway goes on") as error:
        extract(*sides, tmp_path / "out", RUN, progress=False)
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()
    monkeypatch.setattr(extraction, "trained", lambda imageset, run, progress: build("tiny", 16).eval())
    report = extract(*sides, tmp_path / "out", RUN, anyway=True, progress=False)
    assert report["suitability"]["verdict"] == "no" and len(report["photos"]) == 6


def test_the_whole_of_a_long_photo_is_trained_on(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(extraction, "trained", lambda imageset, run, progress: seen.append((imageset, run)) or build("tiny", 16))
    sides = painted(tmp_path / "with", 2, size=(160, 32)), painted(tmp_path / "without", 3, size=(48, 32))
    ends = Image.new("RGB", (160, 32), (60, 120, 70))
    for left in (0, 157):
        ends.paste((255, 0, 0), (left, 0, left + 3, 32))
    ends.save(sides[0] / "00.png")
    extract(*sides, tmp_path / "out", RUN, anyway=True, progress=False)
    ((imageset, run),) = seen
    assert len(imageset.targets) == 2 * 5 and len(imageset.backgrounds) == 3 * 2
    red = (imageset.targets[:5, 0] > 200) & (imageset.targets[:5, 1] < 60)
    assert red[0, :, :3].all() and red[4, :, -3:].all() and not red[1:4].any()
    assert run.per_image * 10 >= 2 * extraction.MOST_PER_PHOTO


@pytest.mark.parametrize(("light", "colours", "epochs", "patches"), [
    (0.5, "kept", 60, 16), (0.9, "standardised", 60, 16), (0.9, "kept", 28, 4),
])  # fmt: skip
def test_where_light_tells_the_sides_apart_training_is_brief(folders, tmp_path, monkeypatch, light, colours, epochs, patches):
    seen = []
    monkeypatch.setattr(extraction, "trained", lambda imageset, run, progress: seen.append(run) or build("tiny", 16).eval())
    said = Suitability(0.7, (0.6, 0.8), "good", "", {}, 0.9, light, colours, torch.zeros(1))
    monkeypatch.setattr(extraction, "suitability", lambda *_: said)
    extract(*folders, tmp_path / "out", replace(RUN, epochs=None), progress=False)
    extract(*folders, tmp_path / "out", RUN, progress=False)
    assert [(run.epochs, run.per_image, run.colours) for run in seen] == [
        (epochs, patches, colours),
        (1, 16, colours),
    ]  # two pieces of a photo
