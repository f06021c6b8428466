"""Yardsticks: what they must find, and where they must be even."""

import torch

from bgnb import ImageSet, Run, build, centred_gaussian, colour_distance, constant_map, loc_acc, localise, untrained
from bgnb.study.references import baselines


def red_on_green(side=32, top=4, left=15, square=10):
    pictures = torch.zeros(2, 3, side, side, dtype=torch.uint8)
    pictures[:, 1] = 150
    targets, masks = pictures.clone(), torch.zeros(2, side, side, dtype=torch.bool)
    masks[:, top : top + square, left : left + square] = True
    targets[:, 0][masks], targets[:, 1][masks] = 200, 0
    return ImageSet(targets, masks, pictures)


def test_colour_distance_finds_a_red_square_on_green():
    pictures = red_on_green()
    assert loc_acc(colour_distance(pictures, patch=3), pictures.masks).ious.max(1).values.min() > 0.8


def test_colour_distance_is_a_mean_over_the_window(random_set):
    pictures = random_set(targets=1, height=11, width=9)
    mean = [pictures.backgrounds[:, c].double().mean() for c in range(3)]
    away = sum((pictures.targets[0, c].double() - mean[c]) ** 2 for c in range(3)).sqrt()
    expected = torch.empty(11, 9, dtype=torch.float64)
    for y in range(11):
        for x in range(9):
            expected[y, x] = away[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].mean()
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    torch.testing.assert_close(colour_distance(pictures, patch=5)[0].double(), expected, atol=1e-4, rtol=0)


def test_the_centred_gaussian_is_centred(random_set):
    for height, width in ((20, 20), (21, 33)):
        maps = centred_gaussian(random_set(targets=2, height=height, width=width))
        assert maps.shape == (2, height, width) and torch.equal(maps[0], maps[1])
        torch.testing.assert_close(maps, maps.flip(1))
        torch.testing.assert_close(maps, maps.flip(2))
        assert maps.min() == 0 and maps.max() == 1 and maps[0, height // 2, width // 2] == maps.max()
        assert (maps[0, : height // 2].diff(dim=0) > 0).all() and (maps[0, :, : width // 2].diff(dim=1) > 0).all()


def test_the_whole_image_is_target(random_set):
    maps = constant_map(random_set(targets=3, height=7, width=5))
    assert maps.shape == (3, 7, 5) and (maps == 1).all()


def test_the_untrained_network_is_the_runs_network(random_set):
    pictures, run = random_set(targets=2, height=32, width=32), Run(size=32, patch=24, seed=4, device="cpu")
    assert torch.equal(untrained(pictures, run), localise(build("tiny", 24, seed=4).eval(), pictures.targets, run))


def test_all_yardsticks_are_maps(random_set):
    maps = baselines(random_set(targets=2, height=32, width=32), Run(size=32, patch=24, device="cpu"))
    assert len(maps) == 4
    for name, one in maps.items():
        assert one.shape == (2, 32, 32) and one.min() >= 0 and one.max() <= 1, name
