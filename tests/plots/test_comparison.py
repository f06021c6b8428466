"""Figures of the comparison: what they carry as numbers, against counts by hand, and what is drawn where."""

import pytest
import torch

from bgnb import build
from bgnb.plots import draw_changes, draw_inside, draw_intervals, draw_methods
from bgnb.plots.comparison import edge


def square(n=2, side=24, low=6, high=18):
    masks = torch.zeros(n, side, side, dtype=torch.bool)
    masks[:, low:high, low:high] = True
    return masks


def test_the_gallery_says_how_well_each_map_fits():
    masks = square()
    photos = torch.zeros(2, 3, 24, 24, dtype=torch.uint8)
    half = masks.float()
    half[:, 12:] = 0  # the upper half of the square
    maps = {"CAM": half, "HaS": masks.float()}
    assert draw_methods(photos, maps, 0.5, masks).numbers == {"CAM": [0.5, 0.5], "HaS": [1.0, 1.0]}
    cross = masks & (torch.eye(24, dtype=torch.bool) | torch.eye(24, dtype=torch.bool).roll(1, 0))  # thin, but its box is right
    seen = draw_methods(photos, {"CAM": cross.float()}, 0.5, masks, with_boxes=True, first=1).numbers
    assert seen == {"CAM": [pytest.approx(1.0)]}
    assert draw_methods(photos, maps).numbers == {}  # without masks


def test_the_gallery_is_one_picture_with_a_column_each():
    figure = draw_methods(torch.zeros(5, 3, 20, 30, dtype=torch.uint8), {"CAM": torch.rand(5, 20, 30)}, first=2, n=9)
    (image,) = figure.axes[0].images
    assert image.get_array().shape == (3 * (60 + 6) - 6, 2 * (90 + 6) - 6, 3)
    assert [t.get_text() for t in figure.axes[0].texts] == ["photo", "CAM"]


def test_an_edge_is_inside_its_region():
    region = square(1)[0].numpy()
    assert edge(region, 1).sum() == 12 * 4 - 4 and not (edge(region, 3) & ~region).any()


def test_a_map_of_one_part_falls_and_one_of_the_whole_stays():
    masks = square()
    part = masks.float() * 0.4
    part[:, 6:9, 6:18] = 1.0  # a quarter of the square
    numbers = draw_inside({"CAM": part, "background x1": masks.float()}, masks).numbers
    assert numbers == {"CAM": pytest.approx(0.25), "background x1": 1.0}


def test_what_methods_do_to_a_photo_is_counted():
    photos = torch.randint(1, 256, (3, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    figure = draw_changes(photos[0], photos[1], photos, build("tiny", 24, image_level=True).eval())
    assert len(figure.axes) == 6 and 0.2 < figure.numbers["mixed"] < 0.5
    assert 0 < figure.numbers["hidden"] < 1 and 0 < figure.numbers["dropped"] < 1


def test_intervals_stand_where_they_belong():
    figure = draw_intervals({"CAM": (0.5, 0.4, 0.6)}, "x", others={"whole image": 0.2})
    ends = [line.get_xdata() for line in figure.axes[0].lines]
    assert [list(e) for e in ends] == [[0.4, 0.6], [0.5], [0.2, 0.2], [0.2]]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["CAM", "whole image"]
