"""How figures look: words meet neither words nor bars, colours keep their contrast, axes begin at 0 and have names."""

import itertools

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from seaborn.utils import relative_luminance

import bgnb
from bgnb import plots

SIZES, RATIOS, METHODS = (16, 24, 32, 48), (1, 2, 4), list(plots.METHODS_STYLE)
PHOTOS = torch.randint(0, 256, (9, 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
MASKS = torch.zeros(9, 24, 24, dtype=torch.bool)
MASKS[:, 6:18, 6:18] = True
MAPS = MASKS.float() * 0.8 + torch.linspace(0, 0.2, 24)
CELLS = np.random.default_rng(0).uniform(0.1, 0.7, (2, 4, 3))
SCORES = {kind: np.random.default_rng(1).beta(a, b, 200) for kind, a, b in (("P", 0.4, 1), ("F", 6, 2), ("N", 9, 2))}
KINDS = np.repeat(list("PFN"), 200)
HISTORY = np.stack([np.concatenate(list(SCORES.values()))] * 12)
ROUTES = [
    dict(route=route, k=k, seed=seed, F=0.5 + 0.05 * k, ranking=0.8 + 0.01 * seed, loc_acc=0.6 + 0.02 * seed)
    for route, k, seed in itertools.product(("more crops", "loss weight", "log k afterwards"), RATIOS, range(3))
]
INTERVALS = {name: (0.5 + 0.03 * i, 0.3, 0.8) for i, name in enumerate(METHODS)}
OTHERS = {"constant map": 0.0, "mask blurred by the window": 1.0}
LONG = "Loc. Acc.: better ratio of background learning, minus best other method"
FOUND = {name: bgnb.loc_acc(MAPS, MASKS) for name in (*METHODS, "mine")}
WILD = np.random.default_rng(2).uniform(0, 1, (3, 60))
EVERY_EPOCH = {f"photos: dog, playground; {name}": {"last": WILD, "mean": 0.5 + WILD / 10} for name in METHODS[:3]}
MARKS = {"the text: 240": 240, "cats: 241": 241, "dogs: 247": 247}

FIGURES = {
    "losses": lambda: plots.draw_losses([0.7, 0.6, 0.5], at=2),
    "medians": lambda: plots.draw_medians(HISTORY, KINDS, 0.8, at=3),
    "scores": lambda: plots.draw_scores(SCORES, 0.8, "a title", predicted=SCORES, words="ratio 1, moved by log 4"),
    "curve": lambda: plots.draw_curve(FOUND),
    "every epoch": lambda: plots.draw_every_epoch(EVERY_EPOCH),
    "lines": lambda: plots.draw_lines(SIZES, {f"ratio {r}": [0.6, 0.5, 0.4, 0.3] for r in range(8)}, "patch (pixels)", LONG),
    "marks": lambda: plots.draw_lines(range(230, 260), {"cat": [0.5] * 30, "dog": [1] * 30}, "n", "share that fits k/n", MARKS),
    "noise": lambda: plots.draw_noise_curve(dict.fromkeys(("patch (pixels)", "min. fraction"), (SIZES, CELLS[0, :, 0], 24))),
    "bells": lambda: plots.draw_two_bells(2, 0.3, 3.0),
    "routes": lambda: plots.draw_routes(ROUTES, 0.5),
    "intervals": lambda: plots.draw_intervals(INTERVALS, LONG, OTHERS),
    "inside": lambda: plots.draw_inside(dict.fromkeys(METHODS, MAPS), MASKS),
    "heat": lambda: plots.draw_heat(CELLS, SIZES, RATIOS, chosen=(0, 1)),
    "wide heat": lambda: plots.draw_heat(CELLS.reshape(2, 2, 6).repeat(2, 2)[..., :9], [16, 24], range(9), chosen=(1, 8)),
    "choice": lambda: plots.draw_choice(CELLS, SIZES, RATIOS, (3, 2), PHOTOS[:3], MAPS[:3], MASKS[:3], 0.45),
    "cut-outs": lambda: plots.draw_cut_outs([p.permute(1, 2, 0).numpy() for p in PHOTOS], list(MAPS.numpy()), 0.95),
    "map": lambda: plots.draw_map(PHOTOS[0], MAPS[0], 0.05, MASKS[0], "the clearest of 9 photos"),
    "cover": lambda: plots.draw_cover(PHOTOS[0], 8, 4),
    "compare": lambda: plots.draw_compare(PHOTOS[0], dict.fromkeys([*METHODS, "a long name of a map"], MAPS[0]), MASKS[0], 0.5),
    "gallery": lambda: plots.draw_gallery(PHOTOS, MAPS, 0.45, MASKS, 9, "the first nine photos, misses included", 0.4),
    "low gallery": lambda: plots.draw_gallery(PHOTOS[:, :, :10], MAPS[:, :10], 0.45, n=9),
    "methods": lambda: plots.draw_methods(PHOTOS, dict.fromkeys([*METHODS, "random walker"], MAPS), 0.5, MASKS, n=2),
}
CHARTS = ("losses", "medians", "curve", "every epoch", "lines", "marks", "bells", "routes", "intervals", "inside")
CHARTS += ("heat", "wide heat")


def drawn(figure, monkeypatch) -> list[tuple[str, object]]:
    """Every text that reaches the picture, and its box."""
    seen = {}
    draw = Text.draw

    def spy(text, renderer, *options):
        if text.get_visible() and text.get_text().strip():
            seen[id(text)] = (text.get_text(), Text.get_window_extent(text, renderer))
        return draw(text, renderer, *options)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", spy)
        FigureCanvasAgg(figure).draw()
    return list(seen.values())


def meet(one, other, slack=2) -> bool:
    """Whether two boxes overlap by more than ``slack`` pixels both ways."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    return across > slack and min(one.y1, other.y1) - max(one.y0, other.y0) > slack


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("talk", [False, True], ids=["", "talk"])
def test_words_meet_no_other_words_and_none_is_cut_off(name, talk, monkeypatch):
    plots.talk(talk)
    try:
        figure = FIGURES[name]()
    finally:
        plots.talk(False)
    words = drawn(figure, monkeypatch)
    assert [(a, b) for (a, one), (b, other) in itertools.combinations(words, 2) if meet(one, other)] == []
    wide, high = figure.bbox.size
    assert [w for w, box in words if box.x0 < -2 or box.y0 < -2 or box.x1 > wide + 2 or box.y1 > high + 2] == []


@pytest.mark.parametrize("settings", list(itertools.product((0.25, 1, 8), (0.05, 0.5, 0.95), (0.5, 5))))
def test_two_bells_stay_readable_at_the_ends_of_the_sliders(settings, monkeypatch):
    figure = plots.draw_two_bells(*settings)
    words = drawn(figure, monkeypatch)
    assert [(a, b) for (a, one), (b, other) in itertools.combinations(words, 2) if meet(one, other)] == []
    left, right = figure.axes[1].get_xlim()
    lines = [line for line in figure.axes[1].lines if line.get_label().startswith("boundary")]
    assert len(lines) == np.isfinite(figure.numbers["boundary"]) and (not lines or left < figure.numbers["boundary"] < right)


def test_neither_legend_nor_words_cover_the_bars_of_scores(monkeypatch):
    figure = FIGURES["scores"]()
    words = [box for _, box in drawn(figure, monkeypatch)]
    bars = [bar.get_window_extent() for ax in figure.axes for bar in ax.patches if bar.get_height()]
    assert len(bars) > 20 and not any(meet(word, bar, 0) for word in words for bar in bars)


@pytest.mark.parametrize("name", [n for n in FIGURES if n not in ("cover", "gallery", "low gallery")])
def test_legends_lie_outside_the_axes(name):
    figure = FIGURES[name]()
    FigureCanvasAgg(figure).draw()
    boxes = [ax.get_window_extent() for ax in figure.axes]
    assert not any(meet(legend.get_window_extent(), box) for legend in figure.legends for box in boxes)
    assert not any(ax.get_legend() for ax in figure.axes)


@pytest.mark.parametrize("name", CHARTS)
def test_every_axis_has_a_name_and_short_ticks(name, monkeypatch):
    figure = FIGURES[name]()
    words = [word for word, _ in drawn(figure, monkeypatch)]
    axes = [ax for ax in figure.axes if ax.axison and ax.get_label() != "<colorbar>"]
    assert all(ax.get_ylabel() or ax.get_yticklabels() for ax in axes) and axes[-1].get_xlabel()
    cells = {f"{value:.2f}" for value in CELLS.mean(0).flat} | {f"{v:.2f}" for v in CELLS.reshape(2, 2, 6).mean(0).flat}
    assert not [word for word in words if word not in cells and word.endswith("0") and "." in word and " " not in word]


def test_numbers_in_a_heat_map_have_contrast_and_its_colour_bar_names_both_ends():
    figure = FIGURES["heat"]()
    FigureCanvasAgg(figure).draw()
    ax, bar = figure.axes
    colours = ax.collections[0].get_facecolors().reshape(4, 3, 4)
    for text in ax.texts:
        column, row = map(int, text.get_position())
        lights = sorted((relative_luminance(text.get_color()), relative_luminance(colours[row, column])))
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5
    ends, ticks = bar.get_ylim(), bar.get_yticks()
    assert (ticks[0], ticks[-1]) == pytest.approx(ends) and ends[0] <= CELLS.mean(0).min() < CELLS.mean(0).max() <= ends[1]
    colours = ax.collections[0].get_cmap()
    lightness = [relative_luminance(colours(v)) for v in np.linspace(0, 1, 20)]
    assert lightness == sorted(lightness)  # in grey print, too, brighter is more


def test_axes_begin_at_0_where_nothing_is_negative():
    for name in ("losses", "lines", "marks", "curve", "every epoch", "inside"):
        assert FIGURES[name]().axes[0].get_ylim()[0] == 0
    assert FIGURES["intervals"]().axes[0].get_xlim()[0] == 0
    assert plots.draw_intervals({"a": (-0.1, -0.2, 0.1)}).axes[0].get_xlim()[0] < -0.2


def test_no_line_is_left_out_and_no_two_look_alike():
    for name, count in (("lines", 8), ("curve", 7)):
        shown = [line for line in FIGURES[name]().axes[0].lines if not line.get_label().startswith("_")]
        assert len(shown) == count == len({(line.get_color(), line.get_marker()) for line in shown})


def test_routes_are_named_by_their_ratio():
    axes = FIGURES["routes"]().axes
    assert [[tick.get_text() for tick in ax.get_xticklabels()] for ax in axes] == [["1", "2", "4"]] * 3


def test_the_gallery_says_what_is_found_and_what_is_missed():
    maps = torch.stack([MASKS[0].float(), (~MASKS[0]).float()])
    figure = plots.draw_gallery(PHOTOS[:2], maps, 0.5, MASKS[:2], title="two photos", found=0.4)
    words = " ".join(text.get_text() for text in figure.findobj(Text))
    assert figure.numbers == {"ious": [1.0, 0.0]} and "IoU 1.00\nfound" in words and "IoU 0.00\nmissed" in words
    assert "two photos" in words


def test_an_outline_is_bright_and_dark_so_that_it_shows_on_any_ground():
    for ground in (0, 255):
        photo = torch.full((3, 24, 24), ground, dtype=torch.uint8)
        figure = plots.draw_map(photo, MAPS[0], 0.5, MASKS[0])
        FigureCanvasAgg(figure).draw()
        box, pixels = figure.axes[3].get_window_extent(), np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
        high = len(pixels)
        inside = pixels[high - int(box.y1) + 3 : high - int(box.y0) - 3, int(box.x0) + 3 : int(box.x1) - 3].reshape(-1, 3)
        assert (inside.sum(1) < 60).mean() > 0.005 < (inside[:, 1:].min(1) > 200).mean()


def test_no_figure_stays_open_in_pyplot():
    import matplotlib.pyplot

    assert all(isinstance(figure(), plots.Drawing) for figure in FIGURES.values()) and not matplotlib.pyplot.get_fignums()
