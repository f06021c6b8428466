"""A person's photos are never touched, and everything is written or nothing. Training is left out: it is tested elsewhere."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import bgnb.photos.extraction as extraction
from bgnb import InputError, Run, build
from bgnb.photos import extract

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
