"""The parts by themselves, held by pytest-benchmark; ``make bench`` sets them beside the run before."""

import pytest
import torch
from compare import BF16, CPU, PATCH, SIZE, STRIDE, pictures

import bgnb
from bgnb.device import autocast
from bgnb.metrics import mask_ious
from bgnb.patches import crop, draw_crops, pool, pool_index


@pytest.fixture(scope="module")
def imageset():
    return pictures(60)


@pytest.fixture(scope="module")
def model():
    return bgnb.build("tiny", PATCH).eval()


def test_draw_crops(benchmark, imageset):
    assert len(benchmark(draw_crops, imageset, PATCH, 8, 1, 0)) == 960


def test_crop(benchmark, imageset):
    images, crops = pool(imageset), draw_crops(imageset, PATCH, 8, 1, 0)
    assert len(benchmark(crop, images, pool_index(crops, 60), crops.top, crops.left, PATCH)) == 960


def test_normalise(benchmark, imageset, model):
    with autocast(CPU, BF16):
        assert benchmark(model.normalise, imageset.targets).dtype == BF16


@pytest.mark.parametrize("mode", ["windows", "dense"])
def test_score_windows(benchmark, imageset, model, mode):
    images = imageset.targets[: 2 if mode == "windows" else 20]
    assert benchmark(bgnb.score_windows, model, images, PATCH, STRIDE, mode, "auto").shape[1:] == (27, 27)


def test_targetness(benchmark):
    assert benchmark(bgnb.targetness, torch.rand(60, 27, 27), PATCH, STRIDE, SIZE).shape == (60, SIZE, SIZE)


def test_mask_ious(benchmark, imageset):
    maps = bgnb.targetness(torch.rand(60, 27, 27), PATCH, STRIDE, SIZE)
    assert benchmark(mask_ious, maps, imageset.masks).shape == (60, 10)


def test_epoch(benchmark, imageset):
    run = bgnb.Run(epochs=1, device="cpu")
    assert len(benchmark.pedantic(bgnb.fit, (imageset, run), dict(progress=False), rounds=3, warmup_rounds=1).losses) == 1
