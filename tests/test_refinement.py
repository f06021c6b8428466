"""Edges of the photo: regions drawn by hand come back, marks decide, and nothing is lost where an algorithm fails."""

import numpy as np
import pytest
import torch

import bgnb.refinement as refinement
from bgnb import InputError, refine
from bgnb.metrics import overlap


def scene(seed=0, side=64):
    """A disc of one texture on another, its mask, and a blurred map of it that lies a little beside it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    mask = (x - 36) ** 2 + (y - 30) ** 2 < 14**2
    image = np.where(mask[..., None], (190, 120, 60), (60, 110, 70)) + rng.normal(0, 18, (side, side, 3))
    rough = np.exp(-((x - 33) ** 2 + (y - 33) ** 2) / (2 * 13**2))
    pixels = torch.from_numpy(image.clip(0, 255).astype(np.uint8)).permute(2, 0, 1)
    return pixels[None], torch.from_numpy(rough).float()[None], mask


@pytest.mark.parametrize(("how", "least"), [("grabcut", 0.85), ("walker", 0.72)])
def test_a_disc_is_found_by_its_edges(how, least):
    image, rough, mask = scene()
    plain = overlap((rough[0] >= 0.5).numpy(), mask)
    found = refine(image, rough, how, 0.5)
    assert found.shape == (1, 64, 64) and found.dtype == torch.bool
    assert plain < 0.7 and overlap(found[0].numpy(), mask) > least


@pytest.mark.parametrize("how", ["grabcut", "walker"])
def test_what_the_map_is_sure_of_stays(how):
    image, rough, _ = scene(1)
    found = refine(image, rough, how, 0.5)[0]
    sure = rough[0] >= rough[0][rough[0] >= 0.5].quantile(refinement.TARGET)
    assert found[sure].all() and not found[rough[0] < refinement.BACKGROUND * 0.5].any()


def test_the_order_of_the_photos_and_earlier_calls_change_nothing():
    (one, rough, _), (other, _, _) = scene(0), scene(5)
    both, maps = torch.cat([one, other]), torch.cat([rough, rough])
    before = both.clone(), maps.clone()
    there, back = refine(both, maps), refine(both.flip(0), maps)
    assert torch.equal(there, back.flip(0)) and torch.equal(there, refine(both, maps))
    assert torch.equal(before[0], both) and torch.equal(before[1], maps)


def test_without_a_threshold_it_is_that_of_all_maps():
    image, rough, _ = scene()
    assert torch.equal(refine(image, rough), refine(image, rough, threshold=refinement.threshold_without_masks(rough)))


@pytest.mark.parametrize("values", [torch.zeros(1, 64, 64), torch.ones(1, 64, 64)])
def test_a_map_without_one_of_the_marks_is_cut_plainly(values):
    assert torch.equal(refine(scene()[0], values, threshold=0.5), values >= 0.5)


@pytest.mark.parametrize(("kept", "plain"), [(0.2, True), (0.3, False)])
def test_a_region_that_almost_vanishes_is_not_believed(monkeypatch, kept, plain):
    image, rough, _ = scene()
    above = (rough[0] >= 0.5).numpy()
    few = np.zeros_like(above)
    few[tuple(np.argwhere(above)[: int(kept * above.sum())].T)] = True
    monkeypatch.setattr(refinement, "grab_cut", lambda *given: few)
    assert (refine(image, rough, threshold=0.5)[0].numpy() == (above if plain else few)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"how": "scissors"}, "how 'scissors': choose grabcut or walker"),
        ({"threshold": 1.5}, r"threshold 1\.5"),
        ({"images": torch.zeros(1, 3, 64, 64)}, "images of float32"),
        ({"images": torch.zeros(1, 64, 64, dtype=torch.uint8)}, "images"),
        ({"maps": torch.zeros(1, 64, 60)}, "maps"),
        ({"maps": torch.full((1, 64, 64), 2.0)}, "maps: must be floats in 0"),
        ({"maps": torch.full((1, 64, 64), float("nan"))}, "maps: must be floats in 0"),
    ],
)
def test_bad_input_is_named(change, words):
    image, rough, _ = scene()
    with pytest.raises(InputError, match=words):
        refine(**({"images": image, "maps": rough} | change))
