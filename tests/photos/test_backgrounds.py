"""Best bin estimation against a naive loop; backgrounds that fit, that do not, and that only lack the light."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bgnb import InputError, load, suitability
from bgnb.photos.backgrounds import EDGE, TAIL, best_bin, places, told_apart

SCORES = st.lists(st.integers(-20, 20), min_size=1, max_size=60)


@given(targets=SCORES, backgrounds=SCORES)
def test_best_bin_is_the_least_ratio_of_the_tails(targets, backgrounds):
    ratios = []
    for limit in backgrounds:
        held = np.mean([score >= limit for score in backgrounds])
        if held >= TAIL:
            ratios.append(np.mean([score >= limit for score in targets]) / held)
    found = best_bin(torch.tensor(targets).float(), torch.tensor(backgrounds).float())
    assert 0 <= found <= 1 and found <= min([1, *ratios]) + 1e-6
    if len(set(backgrounds)) == len(backgrounds):  # equal scores are counted one by one
        assert found == pytest.approx(min([1, *ratios]), abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 200), (24, 24), (30, 24)])
def test_patches_lie_along_the_edge_and_are_evenly_spaced(height, width):
    top, left = places(height, width, 24)
    assert len(top) == len(left) == EDGE and top.min() == left.min() == 0
    assert ((top == 0) | (top == height - 24) | (left == 0) | (left == width - 24)).all()
    steps = np.abs(np.diff(top, append=top[0])) + np.abs(np.diff(left, append=left[0]))
    assert np.abs(steps - 2 * (height + width - 48) / EDGE).max() <= 2


def test_photos_are_told_apart_by_what_differs_only():
    generator = torch.Generator().manual_seed(0)
    same = torch.randn(2, 60, 8, generator=generator)
    assert abs(told_apart(*same) - 0.5) < 0.2
    assert told_apart(same[0] + 3, same[1]) > 0.95


@pytest.fixture(scope="module")
def scenes():
    forest = load("scenes", "cat", "forest", 128, 16, 3, progress=False)
    other = load("scenes", "cat", "playground", 128, 16, 3, progress=False)
    return forest.backgrounds, other.backgrounds


def test_the_same_place_fits_and_another_does_not(scenes):
    forest, playground = scenes
    same, other = suitability(forest[:8], forest[8:]), suitability(forest[:8], playground)
    assert same.value > 0.3 > 0.1 > other.value and other.verdict == "no" and same.verdict != "no"
    assert same.interval[0] <= same.value <= same.interval[1] + 1e-9 and 0 <= other.interval[0] <= other.interval[1] <= 1
    assert same.covered > 0.7 and other.covered < 0.25 and "Take backgrounds of the same places" in other.advice
    assert other.unexplained.shape == (12, 3, 24, 24) and other.unexplained.dtype == torch.uint8


def test_backgrounds_of_another_place_are_ranked_last(scenes):
    forest, playground = scenes
    found = suitability(forest[:8], torch.cat([forest[8:], playground[:4]]))
    assert list(found.ranking.values()) == sorted(found.ranking.values(), reverse=True)
    away = [share for name, share in found.ranking.items() if int(name) >= 8]
    assert np.mean(away) < 0.25 and np.mean(away) < np.mean(list(found.ranking.values())) / 2


def test_another_light_is_noticed_and_taken_away(scenes):
    forest = scenes[0]
    dark = (forest[8:] * 0.4).to(torch.uint8)
    found = suitability(forest[:8], dark)
    assert found.light > 0.9 and found.colours == "standardised"
    as_it_is = suitability(forest[:8], dark, colours="kept")
    assert as_it_is.colours == "kept" and as_it_is.value < found.value


def test_few_photos_give_no_answer(scenes):
    assert suitability(scenes[0][:4], scenes[0][4:]).verdict == "too few"
    with pytest.raises(InputError, match="backgrounds: holds 1 photo"):
        suitability(scenes[0][:8], scenes[0][:1])


def test_a_folder_says_what_its_pixels_say_and_the_command_writes_it_down(scenes, tmp_path):
    sides = {"with": scenes[0][:8], "without": scenes[0][8:]}
    for name, photos in sides.items():
        (tmp_path / name).mkdir()
        for i, photo in enumerate(photos):
            Image.fromarray(photo.permute(1, 2, 0).numpy()).save(tmp_path / name / f"{i:03d}.png")
    ours = suitability(*sides.values())
    folders = [str(tmp_path / name) for name in sides]
    assert suitability(*folders).value == ours.value
    arguments = ["--targets", folders[0], "--backgrounds", folders[1], "--candidates", folders[0]]
    files = ["--json", "fit.json", "--picture", "missing.png"]
    result = subprocess.run(
        [sys.executable, "-m", "bgnb", "suit", *arguments, *files], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "fit.json").read_text())
    assert found["value"] == ours.value and found["verdict"] == ours.verdict and len(found["backgrounds"]) == 8
    assert found["candidates"].keys() == set(folders) and Image.open(tmp_path / "missing.png").width > 100
    assert f"suitability {ours.value:.2f}" in result.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patch": 200}, "patch 200"),
        ({"colours": "blue"}, "colours 'blue'"),
        ({"targets": torch.zeros(4, 3, 32, 32)}, "targets of float32"),
        ({"targets": "no/such/folder"}, "no such folder"),
    ],
)
def test_bad_input_is_named(scenes, change, words):
    with pytest.raises(InputError, match=words):
        suitability(**({"targets": scenes[0][:8], "backgrounds": scenes[0][8:]} | change))
