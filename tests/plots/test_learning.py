"""Figures of long trainings: every line, band and dot stands where the numbers say."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bgnb import plots
from bgnb.plots.learning import draw_learning, draw_memory

PAIRS, UPDATES = ("cat, forest", "dog, playground"), (40, 80, 1200)
NAMES = ("background x1", "background x4", "CAM", "CAM, unpadded")


def frame(names=NAMES):
    """Three snapshots of two seeds; with seed 1, everything is .2 higher."""
    rows = []
    for name, pair, seed, weights, (i, updates) in itertools.product(names, PAIRS, (0, 1), ("last", "mean"), enumerate(UPDATES)):
        about = dict(name=name, pictures=pair, seed=seed, weights=weights, updates=updates * (1 + NAMES.index(name)))
        rows.append(about | dict(held_out=0.1 * i + 0.2 * seed, P=0.5 + 0.2 * seed, F=0.3))
    return pd.DataFrame(rows)


def lines(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_a_line_is_the_mean_of_the_seeds_and_its_band_holds_them_all():
    figure = draw_learning(frame())
    assert list(figure.numbers) == list(PAIRS) and set(figure.numbers[PAIRS[0]]) == set(NAMES)
    assert figure.numbers[PAIRS[1]]["CAM"] == pytest.approx(0.3)
    for ax in figure.axes:
        found = lines(ax)
        assert list(found) == list(NAMES)
        assert len({(line.get_color(), line.get_marker()) for line in found.values()}) == len(NAMES)
        for number, (name, line) in enumerate(found.items()):
            assert list(line.get_xdata()) == [u * (1 + NAMES.index(name)) for u in UPDATES]
            assert list(line.get_ydata()) == pytest.approx([0.1, 0.2, 0.3])
            edge = ax.collections[number].get_paths()[0].vertices
            for x, low, high in zip(line.get_xdata(), (0, 0.1, 0.2), (0.2, 0.3, 0.4), strict=True):
                here = edge[edge[:, 0] == x][:, 1]
                assert (here.min(), here.max()) == pytest.approx((low, high))
        dots = [line for line in ax.lines if line.get_label().startswith("_")]
        assert sum(len(line.get_xdata()) for line in dots) == len(NAMES) * 2 * 3


def test_memory_stands_below_what_is_found():
    figure = draw_memory(frame(["background x1"]), PAIRS[::-1], ["it helps", "it hurts"])
    above, below = figure.axes[:2], figure.axes[2:]
    assert [ax.get_title("left") for ax in above] == ["it helps", "it hurts"]
    assert all(list(lines(ax)) == ["Loc. Acc., background x1"] for ax in above)
    for ax in below:
        p, f = (next(line for words, line in lines(ax).items() if words.startswith(kind)) for kind in "PF")
        assert list(p.get_ydata()) == pytest.approx([0.6] * 3) and list(f.get_ydata()) == pytest.approx([0.3] * 3)
    assert figure.numbers[PAIRS[0]] == {"held_out": pytest.approx(0.3), "P": pytest.approx(0.6), "F": pytest.approx(0.3)}


@pytest.mark.parametrize("talk", [False, True])
@pytest.mark.parametrize("draw", [draw_learning, lambda frame: draw_memory(frame[frame["name"] == "CAM"], PAIRS)])
def test_ticks_do_not_meet_and_the_legend_is_outside(draw, talk):
    plots.talk(talk)
    try:
        figure = draw(frame())
    finally:
        plots.talk(False)
    FigureCanvasAgg(figure).draw()
    for ax in figure.axes:
        assert ax.get_ylim() == (0, 1)
        boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_visible() and label.get_text()]
        assert all(one.x1 < other.x0 for one, other in itertools.pairwise(sorted(boxes, key=lambda box: box.x0)))
        legend = figure.legends[0].get_window_extent()
        assert legend.y0 >= ax.get_window_extent().y1 - 1 and np.isfinite(legend.x0)


def test_one_panel_is_enough_for_a_mean():
    one = frame()
    assert len(draw_learning(one[one["pictures"] == PAIRS[0]]).axes) == 1
    three = pd.concat([one, one[one["pictures"] == PAIRS[0]].assign(pictures="owl, forest")])
    figure = draw_learning(three)
    assert len(figure.axes) == 3 and [ax.get_xlabel() for ax in figure.axes] == ["", "updates", "updates"]
