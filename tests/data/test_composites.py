"""Cut-outs pasted on one half of a scene's photos: where, how large, how soft, and on which."""

import numpy as np
import pytest
import torch
from PIL import Image

from bgnb import InputError, load
from bgnb.data.composites import cut_out, paste

RED, BLACK = (250, 0, 0), (0, 0, 0)


def block(width=30, height=24, colour=RED):
    """A compact cut-out, all of it target."""
    return Image.new("RGBA", (width, height), (*colour, 255))


def flat_scenes(folder, count=8):
    """Every photo of the scene has a colour of its own: (0, 0, 20 i + 10)."""
    for file in (folder / "backgrounds/forest").iterdir():
        file.unlink()
    for i in range(count):
        Image.new("RGB", (60, 48), (0, 0, 20 * i + 10)).save(folder / f"backgrounds/forest/place_{i}.png")
    return folder


def compose(folder, **options):
    return load(folder, **(dict(size=48, compose=True, progress=False) | options))


@pytest.mark.parametrize(("count", "images"), [(8, None), (9, None), (8, 3), (12, 6)])
def test_no_photo_serves_on_both_sides(photos, count, images):
    flat_scenes(photos, count)
    for seed in range(3):
        result = compose(photos, images=images, seed=seed)
        clear = ~torch.nn.functional.max_pool2d(result.masks[:, None].float(), 7, 1, 3)[:, 0].bool()
        behind = [picture[2][where].unique().tolist() for picture, where in zip(result.targets, clear, strict=True)]
        alone = [picture[2].unique().tolist() for picture in result.backgrounds]
        assert all(len(colours) == 1 for colours in behind + alone)
        used = [colours[0] for colours in behind + alone]
        assert len(set(used)) == len(used)  # each photo once
        assert len(result.targets) == (images or count // 2)
        assert len(result.backgrounds) == (images or count - count // 2)


def test_the_share_of_the_picture_is_drawn_between_15_and_35_percent():
    scene, shares = Image.new("RGB", (100, 100)), []
    for seed in range(60):
        _, mask = paste(scene, block(), np.random.default_rng(seed))
        shares.append(mask.mean())
    assert 0.145 < min(shares) < 0.18 and 0.32 < max(shares) < 0.358
    assert np.mean(shares) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("size", [(30, 24), (300, 240), (90, 10), (5, 80)])
def test_the_target_lies_wholly_inside(size):
    for seed in range(12):
        picture, mask = paste(Image.new("RGB", (64, 64)), block(*size), np.random.default_rng(seed))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        shape = len(rows), len(columns)
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()  # nothing was cut off a block
        assert shape[1] / shape[0] == pytest.approx(size[0] / size[1], rel=0.15 if min(size) > 10 else 0.5)
        assert np.array_equal(np.asarray(picture)[mask].max(0) > 0, [True, False, False])


def test_the_mask_is_where_the_target_is_and_its_edge_is_soft():
    picture, mask = paste(Image.new("RGB", (250, 250)), block(), np.random.default_rng(1))
    red = np.asarray(picture)[..., 0]
    assert (red[~mask] < 128).all()
    inner = mask.copy()
    for _ in range(4):
        inner[1:-1, 1:-1] &= inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    assert (red[inner] > 245).all()
    between = (red > 20) & (red < 230)
    assert between.any() and not between[inner].any()


def test_about_half_are_mirrored():
    target = block()
    target.paste((0, 250, 0, 255), (0, 0, 15, 24))  # green on the left
    mirrored = 0
    for seed in range(60):
        picture, mask = paste(Image.new("RGB", (64, 64)), target, np.random.default_rng(seed))
        green = np.asarray(picture)[..., 1] > 150
        mirrored += np.flatnonzero(green.any(0)).mean() > np.flatnonzero(mask.any(0)).mean()
    assert 15 <= mirrored <= 45


def test_a_cut_out_is_the_target_in_its_box():
    photo, mask = Image.new("RGB", (20, 10), BLACK), Image.new("L", (20, 10))
    photo.paste(RED, (5, 2, 11, 6))
    mask.paste(255, (5, 2, 11, 6))
    result = cut_out(photo, mask)
    assert result.size == (6, 4) and result.getcolors() == [(24, (*RED, 255))]
    assert photo.mode == "RGB"  # the photo itself is left alone


def test_the_seed_decides_everything(photos, tmp_path, monkeypatch):
    flat_scenes(photos)
    made = []
    for part, seed in (("a", 0), ("b", 0), ("c", 1)):
        monkeypatch.setenv("BGNB_CACHE", str(tmp_path / part))  # made anew, not read from the cache
        made.append(compose(photos, seed=seed))
    one, same, other = made
    for name in ("targets", "masks", "backgrounds"):
        assert torch.equal(getattr(one, name), getattr(same, name))
    assert one.names == same.names and not torch.equal(one.masks, other.masks)


def test_every_cut_out_is_used_before_any_twice(photos):
    names = [name.partition("_on_")[0] for name in compose(flat_scenes(photos, 12)).names]
    assert sorted(names[:4]) == ["cat_0", "cat_1", "cat_2", "cat_3"] and len(names) == 6


@pytest.mark.parametrize(("count", "images"), [(2, None), (5, 3)])
def test_too_few_photos_are_named(photos, count, images):
    with pytest.raises(InputError, match="forest") as caught:
        compose(flat_scenes(photos, count), images=images)
    assert "\n" not in str(caught.value)


def test_without_masks_nothing_can_be_cut_out(make_photos):
    with pytest.raises(InputError, match=r"masks.cat.cat_0\.png"):
        compose(make_photos(masks=False))


def test_drawn_scenes_are_composed_already():
    with pytest.raises(InputError, match="compose"):
        load("scenes", compose=True)
