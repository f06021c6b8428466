"""Figures: what they show as numbers against a count by hand, their words, and that nothing is left open."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.text import Text

import bgnb
from bgnb import plots
from bgnb.tools import InputError


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
    assert set(plots.kind_of(patches)) == {"T", "N"} and np.isnan(plots.noise_rate(patches))
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
    code += "from bgnb import plots; plots.draw_losses([1.0]); assert 'matplotlib.pyplot' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
