"""Reasons against naive loops: which background patches are nearest, and where a window was cut."""

from itertools import groupby

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bgnb import Run, build
from bgnb.photos.reasons import LARGE, NEAR, REGIONS, known, reasons, whole, windows

RUN = Run(size=40, patch=24)


@pytest.fixture(scope="module")
def setting():
    torch.manual_seed(0)
    return build("tiny", 24).eval(), torch.randint(0, 256, (5, 3, 40, 40), dtype=torch.uint8)


def seen(model, patch):
    vector = model.features(patch[None]).mean((2, 3))[0]
    return vector / vector.norm()


def test_the_nearest_background_patches_are_those_of_a_loop(setting, monkeypatch):
    monkeypatch.setattr("bgnb.photos.reasons.MANY", 30)
    model, backgrounds = setting
    patches = known(model, backgrounds, RUN)
    window = torch.randint(0, 256, (1, 3, 24, 24), dtype=torch.uint8)
    (reason,) = reasons(model, window, patches)
    likeness = [float(seen(model, window[0]) @ seen(model, patch)) for patch in patches.patches]
    best = np.argsort(likeness)[::-1][:NEAR]
    assert reason.likeness.tolist() == pytest.approx([likeness[i] for i in best], abs=1e-5)
    assert torch.equal(reason.near, patches.patches[best.copy()])


def test_patches_come_from_all_images_or_from_a_few_hundred_of_many(setting, monkeypatch):
    model, _ = setting
    monkeypatch.setattr("bgnb.photos.reasons.MANY", 10)
    monkeypatch.setattr("bgnb.photos.reasons.IMAGES", 2)
    flat = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 3, 40, 40).contiguous()
    assert known(model, flat, RUN).patches.unique().tolist() == [0, 3]
    monkeypatch.setattr("bgnb.photos.reasons.IMAGES", 300)
    assert known(model, flat, RUN).patches.flatten(1)[:, 0].bincount().tolist() == [2] * 5


def test_a_window_lies_on_the_peak_of_each_large_region():
    values, pixels = torch.zeros(60, 80), torch.zeros(3, 60, 80, dtype=torch.uint8)
    region = torch.zeros(120, 160, dtype=torch.bool)
    pixels[0], pixels[1] = torch.arange(60)[:, None], torch.arange(80)
    region[60:110, 60:120] = True  # twice as large as the map
    region[0:16, 0:40] = True
    region[118, 158] = True  # too small
    values[40, 50], values[2, 3], values[30, 5] = 0.9, 0.7, 1
    cut = windows(values, region, pixels, 10)
    assert cut.shape == (2, 3, 10, 10)
    assert cut[0, 0, 5, 5] == 40 and cut[0, 1, 5, 5] == 50
    assert cut[1, 0, 0, 0] == 0 and cut[1, 1, 0, 0] == 0  # at the border a window is moved inside
    assert windows(values, torch.zeros_like(region), pixels, 10).shape == (0, 3, 10, 10)
    many = torch.zeros(60, 80, dtype=torch.bool)
    many[:, ::2] = True
    assert 60 / many.numel() >= LARGE and len(windows(values, many, pixels, 10)) == REGIONS


def test_no_window_needs_no_reason(setting):
    model, backgrounds = setting
    assert reasons(model, torch.empty(0, 3, 24, 24, dtype=torch.uint8), known(model, backgrounds, RUN)) == []


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_the_largest_piece_of_a_row_is_its_longest_run(row):
    runs = [len(list(group)) for inside, group in groupby(row) if inside]
    assert whole(torch.tensor([row])) == pytest.approx(max(runs) / sum(runs) if runs else 1)
