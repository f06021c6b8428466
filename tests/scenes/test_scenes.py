"""The painted scenes: the same for the same index, different for another, and no cue beside the animal."""

import inspect
import os

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from bgnb import load, scenes
from bgnb.files import InputError
from bgnb.scenes import photograph, sheets
from bgnb.scenes.workers import in_processes

PAIRS = [*((target, scene) for target in scenes.ANIMALS for scene in scenes.PLACES), ("rust", "steel")]


@pytest.mark.parametrize(("target", "scene"), [("dog", "forest"), ("dog", "playground"), ("rust", "steel")])
def test_a_picture_alone_is_the_picture_in_the_batch(target, scene):
    targets, masks, backgrounds = scenes.make(target, scene, size=64, images=3, seed=5, progress=False)
    picture, mask = scenes.target_picture(target, scene, 2, seed=5, size=64)
    assert np.array_equal(targets[2], picture) and np.array_equal(masks[2], mask)
    assert np.array_equal(backgrounds[1], scenes.background_picture(scene, 1, seed=5, size=64))
    assert targets.shape == backgrounds.shape == (3, 64, 64, 3) and targets.dtype == backgrounds.dtype == np.uint8
    assert masks.shape == (3, 64, 64) and masks.dtype == bool


def test_the_first_index_chooses_other_pictures():
    later = scenes.make("cat", "forest", size=32, images=1, first=2, progress=False)
    assert np.array_equal(later[0][0], scenes.target_picture("cat", "forest", 2, size=32)[0])


@pytest.mark.parametrize(("target", "scene"), PAIRS)
def test_the_target_covers_the_share_that_was_asked_for(target, scene):
    for area in ((0.15, 0.35), (0.05, 0.06)):
        shares = [scenes.target_picture(target, scene, i, size=128, area=area)[1].mean() for i in range(3)]
        assert all(area[0] * 0.88 <= share <= area[1] * 1.08 for share in shares), shares


def test_other_indices_seeds_and_sides_differ():
    pictures = [scenes.background_picture("forest", i, seed, size=32) for i in range(3) for seed in range(2)]
    pictures += [scenes.target_picture("cat", "forest", i, size=32)[0] for i in range(3)]
    assert len({p.tobytes() for p in pictures}) == len(pictures)


def test_all_animals_of_an_index_stand_in_one_scene():
    (cat, cats), (owl, owls) = (scenes.target_picture(t, "playground", 4, area=(0.05, 0.06)) for t in ("cat", "owl"))
    far = ~(cats | owls)
    for _ in range(24):  # well away from both animals and their shadows
        far[1:] &= far[:-1]
        far[:-1] &= far[1:]
        far[:, 1:] &= far[:, :-1]
        far[:, :-1] &= far[:, 1:]
    assert (np.abs(cat.astype(int) - owl)[far] > 2).mean() < 0.02


def test_a_size_is_the_same_picture_scaled():
    large, mask = scenes.target_picture("horse", "forest", 1, size=256)
    small, small_mask = scenes.target_picture("horse", "forest", 1, size=128)
    halved = large.reshape(128, 2, 128, 2, 3).mean((1, 3))
    assert np.abs(halved - small).max() <= 1
    assert (mask[::2, ::2] == small_mask).mean() > 0.97
    assert scenes.target_picture("horse", "forest", 1, size=100)[0].shape == (100, 100, 3)


@pytest.mark.parametrize(("target", "scene"), [("cat", "forest"), ("cat", "playground"), ("rust", "steel")])
def test_scenes_behind_targets_are_like_background_pictures(target, scene):
    """Colour, contrast and sharpness of the two sides do not tell them apart (the animal left out)."""

    def numbers(picture, keep):
        grey = picture.astype(float).mean(2)
        sharp = np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
        return [*picture[keep].mean(0), grey[keep].std(), sharp[keep].mean()]

    n = 24
    targets, masks, backgrounds = scenes.make(target, scene, size=64, images=n, area=(0.03, 0.05), progress=False)
    one = np.array([numbers(p, ~m) for p, m in zip(targets, masks, strict=True)])
    other = np.array([numbers(p, np.roll(~masks[i], 5)) for i, p in enumerate(backgrounds)])
    apart = (one.mean(0) - other.mean(0)) / np.sqrt((one.var(0) + other.var(0)) / n)
    assert np.abs(apart).max() < 4


def test_the_seam_changes_the_border_not_the_mask():
    made = {seam: scenes.target_picture("dog", "forest", 3, size=128, seam=seam) for seam in scenes.SEAMS}
    assert all(np.array_equal(made["hard"][1], mask) for _, mask in made.values())
    assert not np.array_equal(made["hard"][0], made["soft"][0]) and not np.array_equal(made["soft"][0], made["blended"][0])


def test_the_seam_control_pastes_pieces_of_other_backgrounds():
    plain, pasted = (scenes.background_picture("forest", 2, size=128, seam_control=c) for c in (False, True))
    share = (np.abs(plain.astype(int) - pasted) > 6).any(2).mean()
    assert 0.1 < share < 0.6


def test_rust_is_browner_and_rougher_than_what_lies_around_it():
    """Stains and chips are brown as well, and scratches are rough; but both less so."""
    inside, outside = [], []
    for index in range(8):
        picture, mask = scenes.target_picture("rust", "steel", index, size=128)
        grey = np.abs(np.diff(picture.astype(float).mean(2), axis=1, append=0))
        inside.append((picture[mask][:, 0].mean() - picture[mask][:, 2].mean(), grey[mask].mean()))
        outside.append((picture[~mask][:, 0].mean() - picture[~mask][:, 2].mean(), grey[~mask].mean()))
    assert (np.array(inside) > np.array(outside)).all()


def test_rust_throws_no_shadow():
    """Away from the rust, the plate is to the bit what it would be without any."""
    rusty, mask = scenes.target_picture("rust", "steel", 1, light=0, variety=0)
    plate, *_ = scenes.steel(scenes._rng(0, 1, scenes.TARGET, "steel"), 0, 0)
    bare = photograph.develop(plate, scenes._rng(0, 1, scenes.TARGET, "steel", 1), 256)
    far = ~np.asarray(Image.fromarray(mask).filter(ImageFilter.MaxFilter(25)))
    assert far.mean() > 0.2 and np.array_equal(rusty[far], bare[far])


def test_camouflage_moves_the_coat_to_the_scene():
    def distance(camouflage):
        total = 0.0
        for index in range(6):
            picture, mask = scenes.target_picture("horse", "playground", index, size=64, camouflage=camouflage)
            total += np.abs(picture[mask].mean(0) - picture[~mask].mean(0)).sum()
        return total

    assert distance(1.0) < distance(0.0)
    hidden, mask = scenes.target_picture("rust", "steel", 0, camouflage=1.0)
    bare, _ = scenes.target_picture("rust", "steel", 0)
    assert np.abs(hidden[mask].mean(0) - hidden[~mask].mean(0)).sum() < np.abs(bare[mask].mean(0) - bare[~mask].mean(0)).sum()


def test_feathers_take_all_of_the_texture_and_fur_a_part():
    ground = np.random.default_rng(0).uniform(0, 255, (256, 256, 3)).astype(np.float32)
    coat, ones = np.full_like(ground, 90), np.ones((256, 256), np.float32)
    for feathers, part in ((None, photograph.FUR), (0.5, 1.0)):
        worn, _ = photograph.camouflaged(coat, ones, ones, ground, 0.5, feathers, (9, 9), 1.0, np.random.default_rng(1))
        assert worn.std() == pytest.approx(0.5 * part * ground.std(), rel=1e-3)


def test_light_and_variety_change_pictures():
    for dial in ({"light": 0}, {"variety": 0.0}):
        assert not np.array_equal(
            scenes.background_picture("forest", 1, size=32, **dial), scenes.background_picture("forest", 1, size=32)
        )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"target": "cow"}, "target"),
        ({"scene": "beach"}, "scene"),
        ({"scene": "steel"}, "target"),
        ({"target": "rust"}, "target"),
        ({"camouflage": 1.5}, "camouflage"),
        ({"light": -1}, "light"),
        ({"variety": "much"}, "variety"),
        ({"area": (0.4, 0.2)}, "area"),
        ({"area": 0.2}, "area"),
        ({"seam": "glue"}, "seam"),
        ({"size": 8}, "size"),
        ({"seed": -1}, "seed"),
        ({"images": 0}, "images"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(arguments, named):
    with pytest.raises(InputError, match=f"^{named} ?.*") as error:
        scenes.make(**({"size": 32, "images": 1, "progress": False} | arguments))
    assert "\n" not in str(error.value)


def test_all_three_functions_take_the_same_dials():
    both = [inspect.getfullargspec(f).kwonlydefaults for f in (scenes.target_picture, scenes.background_picture)]
    assert both[0] == both[1]


def test_load_gives_held_out_pictures():
    settings = dict(size=32, images=2, progress=False)
    one, other = load(**settings, first=1), load(**settings, first=10_000)
    assert torch.equal(one.targets[0], load(**settings).targets[1])
    assert not any(torch.equal(a, b) for a in one.targets for b in other.targets)


@pytest.mark.parametrize("scene", scenes.PLACES)
@pytest.mark.parametrize("target", scenes.ANIMALS)
def test_animals_stand_on_the_ground_wholly_or_nearly_inside(target, scene):
    for index in range(4):
        _, mask = scenes.target_picture(target, scene, index, size=64, area=(0.15, 0.2))
        assert not mask[0].any() and np.flatnonzero(mask.any(1))[-1] > 0.45 * 64  # no head cut off, no foot in the sky


def test_an_owl_in_the_forest_looks_more_like_its_place_than_one_on_the_playground():
    def contrast(scene):
        pictures = [scenes.target_picture("owl", scene, i, size=64) for i in range(8)]
        return np.mean([np.abs(p[m].mean(0) - p[~m].mean(0)).mean() for p, m in pictures])

    assert contrast("forest") < contrast("playground")


def test_playgrounds_are_photographed_by_many_cameras_and_forests_by_one():
    """Saturation (of HSV, by Pillow) differs far more from picture to picture of the very same thing."""
    painted = np.full((scenes.PIXELS, scenes.PIXELS, 3), (180, 140, 90), np.float32)

    def merge_windows(cameras):
        pictures = [photograph.develop(painted, np.random.default_rng(seed), 64, cameras) for seed in range(40)]
        return np.std([np.asarray(Image.fromarray(p).convert("HSV"))[..., 1].mean() for p in pictures])

    assert merge_windows(1.0) > 2 * merge_windows(0.0)
    assert np.array_equal(
        photograph.develop(painted, np.random.default_rng(0), 64), photograph.develop(painted, np.random.default_rng(0), 64, 0.0)
    )
    assert scenes.CAMERAS["playground"] > scenes.CAMERAS["forest"] == 0


def test_full_camouflage_leaves_the_mask_and_the_ground_alone():
    (seen, mask), (hidden, same) = (scenes.target_picture("cat", "forest", 5, camouflage=c) for c in (0.0, 1.0))
    far = np.asarray(Image.fromarray(mask).filter(ImageFilter.MaxFilter(21)))
    assert np.array_equal(mask, same) and np.array_equal(seen[~far], hidden[~far])
    assert (np.abs(seen.astype(int) - hidden)[mask] > 8).mean() > 0.3


def test_the_sheets_show_all_animals_and_all_dials():
    assert sheets.draw_contact_sheet(size=32, each=1).size == (76, 4 + 5 * (32 + 18 + 4))
    assert {name for name, _ in sheets.DIALS} | {"seam_control"} == set(scenes.target_picture.__kwdefaults__)
    for name, values in sheets.DIALS:
        for value in values:
            scenes.target_picture("cat", "forest", 0, size=16, **{name: value})


def test_helpers_give_the_pictures_that_this_process_gives():
    alone, helped = (scenes.make("cat", "playground", size=32, images=n, progress=False) for n in (2, 24))
    assert all(np.array_equal(a, b[:2]) for a, b in zip(alone, helped, strict=True))


def test_a_helper_helps_and_does_not_load_torch():
    who = "(__import__('time').sleep(0.03), __import__('os').getpid(), 'torch' in __import__('sys').modules)[1:]"
    loaded = dict(in_processes(eval, [who] * 150, helpers=1))  # over four seconds: a helper is awake long before
    assert loaded.pop(os.getpid()) is True
    assert list(loaded.values()) == [False]
