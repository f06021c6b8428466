"""Patches and scenes that move say what Python counts, at every place of their sliders."""

import numpy as np
import pytest

from bgnb import moving
from bgnb.data import ImageSet
from bgnb.files import InputError
from bgnb.moving.pictures import first_of
from bgnb.patches import noise_rate, sample_patches

from .conftest import drawn, put, state


def test_the_label_noise_is_pythons_at_every_place(page, functions, photos):
    picture = moving.move_patches(photos, most=7, seed=2)
    sizes, least = range(16, 33, 4), [round(0.02 * k, 2) for k in range(1, 26)]
    assert picture.given["sizes"]["range"] == [16, 32, 4]
    functions("patches", "noise")
    code = "([shares, counts, least]) => counts.map((n) => least.map((f) => window.module.noise(shares, n, f)))"
    fractions = np.frombuffer(picture.data["fractions"], "<f4").reshape(5, 35)
    for size, shares in zip(sizes, fractions, strict=True):
        patches = sample_patches(photos, size, 7, generator=2)
        found = page.evaluate(code, [shares.tolist(), [5 * crops for crops in range(1, 8)], least])
        for crops, row in enumerate(found, 1):
            part = first_of(patches, 5 * crops, 35)
            assert part.image[part.label == 0].bincount().tolist() == [crops] * 5 and len(part) == 10 * crops
            assert row == pytest.approx([noise_rate(part, f) for f in least], abs=1e-6)


def test_patches_follow_the_keys(shown, photos):
    page = shown(moving.move_patches(photos, patch=23, most=7, seed=2))
    assert state(page) == {"size": 24, "least": 0.1, "crops": 6} and page.locator("canvas").count() == 8
    page.get_by_role("slider", name="min. fraction").focus()
    page.keyboard.press("End")
    part = first_of(sample_patches(photos, 24, 7, generator=2), 30, 35)
    assert f"Label noise: {noise_rate(part, 0.5):.0%}".replace("%", " %") in page.locator(".said").inner_text()
    for name, canvas in (("patch size", 0), ("patches from each photo", 5)):
        before = drawn(page, canvas)
        page.get_by_role("slider", name=name).focus()
        page.keyboard.press("ArrowLeft")
        assert drawn(page, canvas) != before
    assert state(page) == {"size": 20, "least": 0.5, "crops": 5}


def test_without_masks_no_patch_is_called_p_or_f(shown, photos):
    page = shown(moving.move_patches(ImageSet(photos.targets, None, photos.backgrounds[:3])))
    assert "No mask tells P from F" in page.locator(".said").inner_text()
    assert page.get_by_role("slider").count() == 2 and page.locator("canvas").count() == 6


def draw(light: int, place: str):
    picture = np.full((8, 12, 3), {"wood": 40, "field": 120}[place] + light, np.uint8)
    return picture, np.arange(96).reshape(8, 12) < {"wood": 24, "field": 48}[place] + light


def test_each_turn_of_a_dial_shows_its_own_frame(shown):
    picture = moving.move_frames(draw, {"light": [0, 12, 24], "place": ["wood", "field"]}, {"light": 12})
    assert picture.given["n"] == 1 + 2 + 1 and picture.state == {"dial": "light", "step": 1}
    page = shown(picture)
    for dial, step, light, place in (("light", 0, 0, "wood"), ("light", 2, 24, "wood"), ("light", 1, 12, "wood"),
                                     ("place", 1, 12, "field"), ("place", 0, 12, "wood")):  # fmt: skip
        put(page, dial=dial, step=step)
        expected, mask = draw(light, place)
        assert f"covers {mask.mean():.0%}".replace("%", " %") in page.locator(".said").inner_text()
        red = page.locator("canvas").first.evaluate("c => c.getContext('2d').getImageData(30, 30, 1, 1).data[0]")
        assert abs(red - int(expected[0, 0, 0])) <= 4  # a WebP
    page.get_by_role("radio", name="light").check()
    assert state(page) == {"dial": "light", "step": 1}  # where it began
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["step"] == 2 and page.get_by_role("slider").get_attribute("aria-valuetext") == "24"


def test_a_dial_cannot_begin_where_it_cannot_turn():
    with pytest.raises(InputError, match="start light=5: this dial can take 0, 12"):
        moving.move_frames(draw, {"light": [0, 12], "place": ["wood"]}, {"light": 5})
