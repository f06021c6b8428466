"""Figures: what they show as numbers against a count by hand, their words, and that nothing is left open."""

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.text import Text

import bgnb
from bgnb import plots
from bgnb.files import InputError


@pytest.fixture(scope="module")
def photos():
    return bgnb.load(size=64, images=4, progress=False)


@pytest.fixture(scope="module")
def patches(photos):
    return bgnb.sample_patches(photos, 24, per_image=6, ratio=1, generator=0)


@pytest.fixture(scope="module")
def maps(photos):
    return photos.masks.float() * 0.8 + torch.linspace(0, 0.2, 64)


def words(figure) -> str:
    """All that is written in a figure."""
    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_patches_are_counted_by_kind(photos, patches):
    numbers = plots.draw_patches(photos, patches).numbers
    assert {k: numbers[k] for k in "PFN"} == {k: int((patches.kind == k).sum()) for k in "PFN"}
    assert numbers["noise"] == pytest.approx(numbers["F"] / (numbers["P"] + numbers["F"]))


def test_without_masks_nobody_tells_p_from_f(photos):
    plain = bgnb.ImageSet(photos.targets, None, photos.backgrounds)
    patches = bgnb.sample_patches(plain, 24, per_image=6, generator=0)
    assert set(patches.known_kind) == {"T", "N"} and np.isnan(bgnb.noise_rate(patches))
    figure = plots.draw_patches(plain, patches)
    assert set(figure.numbers) == {"T", "N", "noise"} and "label noise" not in words(figure)
    assert plots.png(plots.draw_kind_strip(patches))


def test_a_map_carries_its_pixels_and_its_iou(photos, maps):
    for threshold in (0.3, 0.5, 0.9):
        numbers = plots.draw_map(photos.targets[0], maps[0], threshold, photos.masks[0]).numbers
        found = maps[0] >= threshold
        assert numbers["outlined"] == int(found.sum())
        assert numbers["iou"] == pytest.approx(((found & photos.masks[0]).sum() / (found | photos.masks[0]).sum()).item())


def test_windows_are_counted():
    numbers = plots.draw_cover(torch.zeros(3, 32, 32, dtype=torch.uint8), patch=16, stride=8).numbers
    assert numbers == {"windows": 9, "most": 4}


def test_scores_carry_their_medians_and_no_patches_are_refused():
    figure = plots.draw_scores({"P": np.array([0.1, 0.2, 0.9]), "N": torch.tensor([0.8]), "F": np.empty(0)}, bayes=0.75)
    assert figure.numbers == {"P": 0.2, "N": pytest.approx(0.8)} and "0.75" in words(figure)
    with pytest.raises(InputError, match="no patch"):
        plots.draw_scores({"P": np.empty(0)})


def test_the_words_are_those_of_the_lessons(photos, patches, maps):
    assert "backgroundness" in words(plots.draw_kind_strip(patches, scores=torch.rand(len(patches))))
    assert "median backgroundness" in words(plots.draw_medians(torch.rand(3, len(patches)), patches.kind, 0.8))
    found = bgnb.loc_acc(maps, photos.masks, iou=0.5)
    assert "map threshold" in words(plots.draw_curve(found)) and "IoU ≥ 0.5" in words(plots.draw_curve(found))
    assert "mean loss" in words(plots.draw_losses([0.7, 0.6], at=2))


@pytest.mark.parametrize("threshold", [None, 0.5])
@pytest.mark.parametrize("masked", [True, False])
def test_the_gallery_takes_any_shape_of_photo(photos, maps, threshold, masked, tmp_path):
    images, few = photos.targets[:3, :, :40], maps[:3, :40]
    figure = plots.draw_gallery(images, few, threshold, photos.masks[:3, :40] if masked else None, n=2)
    figure.savefig(tmp_path / "gallery.png")
    assert len(figure.axes) == 6 and ("IoU" in words(figure)) == (masked and threshold is not None)


def test_kinds_differ_in_colour_and_marker():
    for part in zip(*plots.KINDS_STYLE.values(), strict=True):
        assert len(set(part)) == len(plots.KINDS_STYLE)


def test_figures_show_themselves_and_pyplot_knows_nothing_of_them():
    assert plots.draw_losses([1.0])._repr_png_().startswith(b"\x89PNG")
    code = "import bgnb, sys; assert not {'matplotlib', 'ipywidgets'} & set(sys.modules)\n"
    code += "from bgnb import plots; plots.draw_losses([1.0]); plots.draw_heat([[0.5]], [1], [1])\n"
    code += "import matplotlib.pyplot; assert not matplotlib.pyplot.get_fignums()"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_two_bells_carry_the_exact_boundary_and_what_it_costs():
    from scipy.stats import norm

    numbers = plots.draw_two_bells(4, 0.3, 3.0).numbers
    assert numbers["boundary"] == pytest.approx(1.5 + np.log(3.3 / 0.3) / 3) and numbers["bayes"] == pytest.approx(4 / 4.7)
    assert numbers["called background"]["P"] == pytest.approx(norm.cdf(numbers["boundary"], 3))
    assert "no boundary" in words(plots.draw_two_bells(0.25, 0.05, 3.0))


def test_routes_are_means_over_seeds():
    rows = [
        dict(route=name, k=k, seed=s, F=0.5, ranking=0.8, loc_acc=0.1 * k + 0.2 * s)
        for name in "ab"
        for k in (1, 2)
        for s in (0, 1)
    ]
    figure = plots.draw_routes(rows, pi=0.5)
    assert figure.numbers["a"]["loc_acc"] == pytest.approx([0.2, 0.3]) and "Loc. Acc." in words(figure)


def test_a_heat_map_says_its_best_and_its_chosen_cell(photos, maps):
    values = np.array([[[0.1, 0.2], [0.8, 0.4]], [[0.3, 0.2], [0.6, 0.6]]])
    figure = plots.draw_choice(values, [16, 24], [1, 4], (0, 1), photos.targets[:3], maps[:3], photos.masks[:3], 0.5)
    assert figure.numbers["best"] == (24, 1) and figure.numbers["chosen"] == pytest.approx(0.2)
    found = [
        ((m >= 0.5) & t).sum().item() / ((m >= 0.5) | t).sum().item() for m, t in zip(maps[:3], photos.masks[:3], strict=True)
    ]
    assert figure.numbers["ious"] == pytest.approx(found)
    assert "0.20" in words(figure) and "0.10 … 0.30" in words(figure)


def test_cut_outs_count_their_share_and_intervals_their_gaps():
    halves = [np.tile(np.linspace(0, 1, 10), (4, 1)), np.zeros((6, 5))]
    photos = [np.zeros((*m.shape, 3), np.uint8) for m in halves]
    assert plots.draw_cut_outs(photos, halves, 0.5).numbers["share"] == pytest.approx(0.25)
    three = {"a": (0.1, 0.0, 0.2), "b": (0.3, 0.25, 0.35), "c": (0.2, 0.1, 0.3)}
    assert plots.draw_intervals(three).numbers == {"pairs": 3, "apart": 1}


def test_a_prediction_is_drawn_over_what_was_measured():
    figure = plots.draw_scores({"F": np.array([0.5, 0.6])}, 0.7, "title", predicted={"F": np.array([0.6, 0.7])}, words="expected")
    assert "expected" in words(figure) and "title" in words(figure)


def test_a_talk_enlarges_letters_and_lines_but_not_the_picture():
    from PIL import Image

    def size():
        return Image.open(io.BytesIO(plots.png(plots.draw_losses([1.0, 0.5])))).size

    usual = size()
    plots.talk()
    try:
        larger, figure = size(), plots.draw_losses([1.0, 0.5])
    finally:
        plots.talk(False)
    assert abs(larger[0] - usual[0]) <= 10 and figure.dpi > 1.3 * 100 and size() == usual


def test_saved_figures_are_reproducible_and_only_on_request(tmp_path, monkeypatch):
    monkeypatch.delenv("FIGURES", raising=False)
    monkeypatch.chdir(tmp_path)
    plots.save(plots.draw_losses([1.0]), "x")
    assert list(tmp_path.iterdir()) == []
    for folder in ("a", "b"):
        monkeypatch.setenv("FIGURES", str(tmp_path / folder))
        assert plots.save(plots.draw_two_bells(2, 0.3, 3.0), "01_line").numbers["bayes"] > 0.7
    one, two = ((tmp_path / folder / "01_line.png").read_bytes() for folder in ("a", "b"))
    assert one == two and b"Software" not in one and b"tIME" not in one and b"matplotlib" not in one
