"""The two commands, as a person runs them: on photos on disk, some in a process of their own."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgnb.cli import main

TINY = ["--size", "32", "--patch", "16", "--stride", "4", "--epochs", "1"]


def bgnb(*arguments: str, cwd: Path, **kwargs) -> subprocess.CompletedProcess:
    environment = os.environ | {"BGNB_CACHE": str(cwd / "cache")}
    command = [sys.executable, "-m", "bgnb.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, **kwargs)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """The same in this process: loading torch takes longer than all else that most of these commands do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BGNB_CACHE", str(tmp_path / "cache"))

    def call(*arguments: str) -> subprocess.CompletedProcess:
        status = 0
        try:
            main([*map(str, arguments)])
        except SystemExit as end:
            status = end.code
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())

    return call


def refused(result: subprocess.CompletedProcess, *words: str) -> None:
    """Status 2, no traceback, and a last line that names what was wrong."""
    lines = [line for line in result.stderr.replace("\r", "\n").splitlines() if line.startswith("bgnb: ")]
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert len(lines) == 1
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos of a red square on green noise, with masks, and six of green noise."""
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    for part in ("targets/cat", "masks/cat", "backgrounds/forest"):
        (root / part).mkdir(parents=True)
    for i in range(6):
        for part in ("targets/cat", "backgrounds/forest"):
            picture = rng.integers(0, 90, (96, 128, 3), dtype=np.uint8)
            picture[..., 1] += 100
            mask = np.zeros((96, 128), np.uint8)
            if part == "targets/cat":
                top, left = rng.integers(0, 50), rng.integers(18, 60)
                mask[top : top + 44, left : left + 44] = 255
                picture[mask > 0] = 220, 30, 30
                Image.fromarray(mask).save(root / f"masks/cat/{i}.png")
            Image.fromarray(picture).save(root / part / f"{i}.jpg", quality=95)
    return root


def test_run_writes_the_json_of_the_contract_and_nothing_else(photos, tmp_path):
    out = tmp_path / "deep" / "result.json"
    result = bgnb("run", "--source", photos, "--target", "cat", "--scene", "forest", *TINY, "--json", out, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    numbers = json.loads(out.read_text())
    assert {"run", "loc_acc", "threshold", "pxap", "seconds", "device", "processor", "precision", "versions"} <= numbers.keys()
    assert (numbers["run"]["patch"], numbers["run"]["source"], numbers["images"]["targets"]) == (16, str(photos), 6)
    assert 0 <= numbers["loc_acc"] <= 1
    assert [p.name for p in out.parent.iterdir()] == ["result.json"]
    assert result.stdout == ""


def test_run_trains_micro_and_refuses_it_where_it_does_not_fit(photos, tmp_path, here):
    given = ("run", "--source", photos, *TINY, "--net", "micro")
    numbers = json.loads(here(*given).stdout)
    assert (numbers["run"]["net"], 0 <= numbers["loc_acc"] <= 1) == ("micro", True)
    refused(here(*given, "--method", "adl"), "net micro", "adl")


def test_run_without_a_file_prints_one_json_and_repeats_itself_in_another_process(photos, tmp_path, here, monkeypatch):
    arguments = ("run", "--source", photos, "--compose", *TINY, "--seed", "3")
    one = json.loads(bgnb(*arguments, cwd=tmp_path).stdout)
    monkeypatch.setenv("BGNB_CACHE", str(tmp_path / "another"))  # trained anew
    two = json.loads(here(*arguments).stdout)
    for numbers in (one, two):
        numbers.pop("seconds")
    assert one == two
    assert one["images"] == {"targets": 3, "backgrounds": 3}


def test_run_finds_what_is_easy_to_find_and_draws_it(photos, tmp_path, here):
    picture = tmp_path / "maps.png"
    size = ["--size", "96", "--patch", "16", "--stride", "4", "--epochs", "15", "--batch", "32"]
    arguments = [*size, "--picture", picture]
    numbers = json.loads(here("run", "--source", photos, *arguments).stdout)
    assert numbers["loc_acc"] == 1.0
    assert numbers["backgroundness"]["P"] < 0.5 < numbers["backgroundness"]["N"]
    with Image.open(picture) as drawn:
        assert min(drawn.size) > 300


def test_extract_own_photos_of_any_size_and_orientation(photos, tmp_path):
    own = tmp_path / "own"
    (own / "trip").mkdir(parents=True)
    sizes = {"wide.jpg": (200, 60), "tall.PNG": (50, 90), "trip/small.webp": (20, 24)}
    rng = np.random.default_rng(1)
    for name, (width, height) in sizes.items():
        blobs = Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8))  # in noise, finding edges takes very long
        blobs.resize((width, height)).save(own / name)
    sideways = Image.fromarray(np.full((40, 80, 3), 200, np.uint8))
    exif = sideways.getexif()
    exif[0x0112] = 6  # the camera was turned: shown, it is 40 wide and 80 high
    sideways.save(own / "wide.png", exif=exif)  # shares its name with wide.jpg
    out = tmp_path / "out"
    result = bgnb("extract", "--targets", own, "--backgrounds", photos / "backgrounds/forest", "--out", out, *TINY, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    expected = {"wide.jpg": (200, 60), "wide.png": (40, 80), "tall": (50, 90), "trip/small": (20, 24)}
    for name, size in expected.items():
        with Image.open(out / f"{name}_map.png") as made, Image.open(out / f"{name}_cutout.png") as cut:
            assert (made.mode, made.size, cut.mode, cut.size) == ("L", size, "RGBA", size)
    report = json.loads((out / "extract.json").read_text())
    assert report["photos"].keys() == expected.keys()
    assert 0 < report["threshold"] < 1
    written = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    pictures = {f"{name}_{kind}.png" for name in expected for kind in ("map", "mask", "cutout")}
    assert written == {"extract.json", "coco.json", "index.html"} | pictures


def test_extract_cuts_out_the_target(photos, tmp_path, here):
    out = tmp_path / "out"
    arguments = ("--targets", photos / "targets/cat", "--backgrounds", photos / "backgrounds/forest", "--out", out)
    size = ("--size", "96", "--patch", "16", "--stride", "4", "--epochs", "3", "--ratio", "1")
    result = here("extract", *arguments, *size)
    assert result.returncode == 0, result.stderr
    for i in range(6):
        found = np.asarray(Image.open(out / f"{i}_cutout.png"))[..., 3] > 0
        truth = np.asarray(Image.open(photos / f"masks/cat/{i}.png")) > 127
        assert (found & truth).sum() / (found | truth).sum() >= 0.4


def spoil_truncated(photos):
    file = photos / "targets/cat/3.jpg"
    file.write_bytes(file.read_bytes()[:700])
    return file


def spoil_empty(photos):
    (photos / "backgrounds/forest/2.jpg").write_bytes(b"")
    return photos / "backgrounds/forest/2.jpg"


def spoil_text(photos):
    (photos / "targets/cat/1.jpg").write_text("no picture")
    return photos / "targets/cat/1.jpg"


def spoil_mask_size(photos):
    Image.new("L", (10, 10), 255).save(photos / "masks/cat/4.png")
    return photos / "masks/cat/4.png"


def spoil_mask_empty(photos):
    Image.new("L", (128, 96), 0).save(photos / "masks/cat/5.png")
    return photos / "masks/cat/5.png"


def spoil_one_background(photos):
    for file in sorted((photos / "backgrounds/forest").iterdir())[1:]:
        file.unlink()
    return photos / "backgrounds/forest"


def spoil_no_photo(photos):
    for file in (photos / "targets/cat").iterdir():
        file.unlink()
    return photos / "targets/cat"


SPOILS = [spoil_truncated, spoil_empty, spoil_text, spoil_mask_size, spoil_mask_empty, spoil_one_background, spoil_no_photo]


@pytest.mark.parametrize("spoil", SPOILS)
def test_run_names_the_bad_file(photos, tmp_path, here, spoil):
    named = spoil(photos)
    out = tmp_path / "out.json"
    refused(here("run", "--source", photos, *TINY, "--json", out), str(named))
    assert not list(tmp_path.glob("*out.json*"))


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--source", "nowhere", ["nowhere", "no such folder"]),
        ("--target", "yeti", ["targets/yeti", "cat"]),
        ("--scene", "moon", ["backgrounds/moon", "forest"]),
        ("--patch", "64", ["patch 64"]),
        ("--patch", "8", ["patch 8", "16"]),
        ("--stride", "0", ["stride 0"]),
        ("--stride", "17", ["stride 17", "gaps"]),
        ("--net", "alexnet", ["alexnet", "tiny"]),
        ("--preset", "best", ["best", "recommended", "literal"]),
        ("--method", "magic", ["magic", "background"]),
        ("--weights", "nothing.safetensors", ["nothing.safetensors"]),
        ("--images", "900", ["images 900", "6"]),
        ("--ratio", "0", ["ratio 0"]),
        ("--epochs", "0", ["epochs 0"]),
        ("--device", "warp", ["warp"]),
        ("--lr", "1e30", ["lr"]),
    ],
)
def test_run_names_the_bad_option(photos, tmp_path, here, option, value, words):
    arguments = ["--source", str(photos), *TINY, "--json", "out.json"]
    refused(here("run", *arguments, "--epochs", "3", option, value), *words)
    assert not list(tmp_path.glob("*out.json*"))


def test_beside_names_the_results_that_are_not_there(tmp_path, here):
    (tmp_path / "one.jsonl").write_text("")
    refused(here("beside", "one.jsonl", "two.jsonl"), "two.jsonl")
    (tmp_path / "two.jsonl").write_text("")
    refused(here("beside", "one.jsonl", "two.jsonl"), "no results")


def test_extract_leaves_nothing_behind_when_it_is_refused(photos, tmp_path, here):
    spoil_truncated(photos)
    arguments = ("--targets", photos / "targets/cat", "--backgrounds", photos / "backgrounds/forest", "--out", tmp_path / "out")
    refused(here("extract", *arguments, *TINY), "3.jpg")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("command", ["run", "extract"])
def test_a_full_disk_leaves_nothing_half_written(photos, tmp_path, command):
    """A limit on the size of files fails writes in the middle, as a full disk does."""
    if command == "run":
        arguments = ["run", "--source", photos, *TINY, "--json", tmp_path / "out"]
    else:
        folders = ("--targets", photos / "targets/cat", "--backgrounds", photos / "backgrounds/forest")
        arguments = ["extract", *folders, "--out", tmp_path / "out", "--anyway", *TINY]
    limit = 300  # bytes; both commands write more
    result = bgnb(*arguments, cwd=tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    refused(result, "disk is full")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("seconds", [0.7, 1.2, 2.0, 4.0])
def test_ctrl_c_is_one_line_whenever_it_comes(photos, tmp_path, seconds):
    command = [sys.executable, "-m", "bgnb", "run", "--source", str(photos), *TINY, "--epochs", "100000", "--json", "out.json"]
    environment = os.environ | {"BGNB_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in error and error.rstrip().endswith("bgnb: interrupted")
    assert not list(tmp_path.glob("*out*")) and not list(tmp_path.glob(".*"))


def test_ctrl_c_ends_the_start_even_when_a_library_swallows_it(tmp_path):
    """As numpy and scipy do. This tyro goes in front of the real one, so that Ctrl-C comes in the middle of an import."""
    (tmp_path / "tyro.py").write_text(
        "import signal\ntry:\n    signal.raise_signal(2)\nexcept BaseException:\n    raise SystemExit(7)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run([sys.executable, "-m", "bgnb"], env=environment, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (130, "bgnb: interrupted\n")
