"""Yardsticks: what they must find, and where they must be even."""

from dataclasses import replace

import pytest
import torch

from bgnb import (
    ImageSet,
    InputError,
    Run,
    build,
    centred_gaussian,
    colour_distance,
    constant_map,
    fit,
    loc_acc,
    localise,
    untrained,
)
from bgnb.methods import TrueLabels
from bgnb.study import references
from bgnb.study.references import baselines, few_shot, halves, held_out_photos, shots
from bgnb.training import count_updates


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


# Few shots and held-out photos

SMALL = Run(size=32, patch=16, stride=8, epochs=2, per_image=4, batch=12, ratio=2, lr=0.05, device="cpu", precision="fp32")


def test_few_shots_see_the_masks_of_a_few_photos_and_no_others(easy_set):
    pictures = easy_set(images=8)
    few = shots(pictures, SMALL, 2).tolist()
    one, other = few[0], next(i for i in range(8) if i not in few)
    found = few_shot(pictures, SMALL, 2)

    def without_mask(photo):
        masks = pictures.masks.clone()
        masks[photo] = False
        return few_shot(replace(pictures, masks=masks), SMALL, 2)

    assert found.shape == (8, 32, 32)
    assert torch.equal(without_mask(other), found) and not torch.equal(without_mask(one), found)


def test_few_shots_train_as_long_as_all_photos(easy_set, monkeypatch):
    pictures, seen = easy_set(images=8), []
    monkeypatch.setattr(references, "fit", lambda *given, **options: seen.append((*given, options)) or fit(*given, **options))
    for photos in (2, 4):
        few_shot(pictures, SMALL, photos)
        few, run, options = seen[-1]
        assert isinstance(options["method"], TrueLabels) and torch.equal(few.backgrounds, pictures.backgrounds)
        chosen = [i for i in range(8) if any(torch.equal(pictures.targets[i], photo) for photo in few.targets)]
        assert chosen == shots(pictures, SMALL, photos).tolist() and len(chosen) == photos
        assert torch.equal(few.masks, pictures.masks[chosen])
        assert count_updates(run, photos) == count_updates(SMALL, 8)  # (8 x 4 + 64 patches) / 12, twice
        assert replace(run, per_image=4) == SMALL


def test_few_shots_need_masks_and_photos(easy_set):
    pictures = easy_set(images=4)
    for given, photos in ((pictures, 5), (replace(pictures, masks=None), 2)):
        with pytest.raises(InputError, match=r"few_shot: needs \d target images"):
            few_shot(given, SMALL, photos)


@pytest.mark.parametrize("run", [SMALL, replace(SMALL, method="cam", batch=5, ratio=1)], ids=["patches", "images"])
def test_held_out_photos_are_mapped_by_a_network_that_has_not_seen_them(easy_set, run):
    """Against two trainings by hand, and by what another photo changes."""
    pictures = easy_set(images=7)
    found = held_out_photos(pictures, run)
    one, other = (half.tolist() for half in halves(pictures, run))
    assert sorted(one + other) == list(range(7)) and (len(one), len(other)) == (4, 3)
    for seen, unseen in ((one, other), (other, one)):
        half = ImageSet(pictures.targets[seen], None, pictures.backgrounds)
        model = fit(half, replace(run, batch={12: 6, 5: 3}[run.batch]), progress=False)
        assert torch.equal(found[unseen], localise(model, pictures.targets[unseen], run))
    targets = pictures.targets.clone()
    targets[one[0]] = targets[one[0]].flip(0)  # green instead of red
    again = held_out_photos(replace(pictures, targets=targets), run)
    same = [i for i in range(7) if torch.equal(again[i], found[i])]
    assert same == sorted(one[1:])  # not its own map, and not those of the half that trains on it


def test_halves_and_shots_differ_from_seed_to_seed_but_not_from_call_to_call(easy_set):
    pictures = easy_set(images=12)
    for draw in (lambda run: halves(pictures, run)[0], lambda run: shots(pictures, run, 5)):
        drawn = [tuple(draw(replace(SMALL, seed=seed)).tolist()) for seed in (0, 1, 2, 3, 4, 0)]
        assert drawn[0] == drawn[-1] and len(set(drawn)) > 2
