"""Patches against slices of the images and naive means of the masks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bgnb import ImageSet, InputError, kinds, load, sample_patches
from bgnb.patches import colours_last, cutter, draw_crops, pool


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(5, 40),
    width=st.integers(5, 40),
    size=st.integers(1, 40),
    targets=st.integers(1, 4),
    backgrounds=st.integers(1, 4),
    per_image=st.integers(1, 5),
    ratio=st.sampled_from([0.3, 1, 1.5, 2, 4]),
    seed=st.integers(0, 1000),
)
def test_patches_are_slices_of_the_images(random_set, height, width, size, targets, backgrounds, per_image, ratio, seed):
    size = min(size, height, width)
    imageset = random_set(targets, backgrounds, height, width, seed=seed)
    patches = sample_patches(imageset, size, per_image, ratio, generator=seed)
    assert (patches.label == 0).sum() == targets * per_image
    assert (patches.label == 1).sum() == max(1, round(ratio * targets * per_image))
    assert patches.pixels.shape == (len(patches), 3, size, size) and patches.pixels.dtype == torch.uint8
    for i in range(len(patches)):
        image, top, left = patches.image[i], patches.top[i], patches.left[i]
        place = slice(top, top + size), slice(left, left + size)
        source = imageset.backgrounds if patches.label[i] == 1 else imageset.targets
        assert torch.equal(patches.pixels[i], source[image][:, *place])
        fraction = 0.0 if patches.label[i] == 1 else imageset.masks[image][place].double().mean().item()
        assert patches.target_fraction[i].item() == pytest.approx(fraction, abs=1e-6)
        assert patches.kind[i] == ("N" if patches.label[i] == 1 else "P" if fraction >= 0.1 else "F")


def test_every_image_gets_an_equal_share(random_set):
    patches = sample_patches(random_set(targets=3, backgrounds=5), size=8, per_image=7, ratio=2)
    assert patches.image[patches.label == 0].bincount().tolist() == [7, 7, 7]
    shares = patches.image[patches.label == 1].bincount(minlength=5)
    assert shares.sum() == 42 and shares.max() - shares.min() <= 1


def test_a_ratio_that_is_no_whole_number(random_set):
    patches = sample_patches(random_set(targets=4, backgrounds=3), size=8, per_image=3, ratio=1.25)
    assert patches.label.bincount().tolist() == [12, 15]


def test_corners_are_uniform_over_all_that_fit(random_set):
    patches = sample_patches(random_set(targets=2, height=12, width=11), size=8, per_image=3000, generator=3)
    for corner, places in ((patches.top, 5), (patches.left, 4)):
        share = corner.bincount().double() / len(patches)
        assert len(share) == places
        deviation = (1 / places * (1 - 1 / places) / len(patches)) ** 0.5
        assert (share - 1 / places).abs().max() < 4.5 * deviation


def test_a_patch_as_large_as_the_image_is_the_image(random_set):
    imageset = random_set(targets=2, backgrounds=2, height=20, width=20)
    patches = sample_patches(imageset, size=20, per_image=1)
    chosen = patches.label == 0
    assert torch.equal(patches.pixels[chosen], imageset.targets[patches.image[chosen]])
    assert torch.equal(patches.pixels[~chosen], imageset.backgrounds[patches.image[~chosen]])


def test_the_seed_decides_and_a_generator_moves_on(random_set):
    imageset = random_set()
    one, same, other = (sample_patches(imageset, 8, generator=seed).pixels for seed in (5, 5, 6))
    assert torch.equal(one, same) and not torch.equal(one, other)
    generator = torch.Generator().manual_seed(5)
    first, second = (sample_patches(imageset, 8, generator=generator).pixels for _ in range(2))
    assert torch.equal(first, one) and not torch.equal(second, first)
    before = torch.get_rng_state()
    sample_patches(imageset, 8, generator=1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("inside", "kind"), [(9, "F"), (10, "P"), (11, "P"), (0, "F"), (100, "P")])
def test_the_line_lies_at_ten_percent_of_the_patch(inside, kind):
    mask = torch.zeros(100, dtype=torch.bool)
    mask[:inside] = True
    blank = torch.zeros(1, 3, 10, 10, dtype=torch.uint8)
    patches = sample_patches(ImageSet(blank, mask.view(1, 10, 10), blank), size=10, per_image=1)
    assert patches.kind.tolist() == [kind, "N"]
    assert patches.target_fraction.tolist() == pytest.approx([inside / 100, 0])


def test_another_line_moves_the_border():
    label, fraction = torch.tensor([0, 0, 0, 1]), torch.tensor([0.25, 0.249, 0.5, 0.0])
    assert kinds(label, fraction, min_fraction=0.25).tolist() == ["P", "F", "P", "N"]


def test_without_masks_nobody_knows_the_kind(random_set):
    with_masks, without = (sample_patches(random_set(masks=masks), 8) for masks in (True, False))
    assert without.kind is None and without.target_fraction is None
    assert torch.equal(without.pixels, with_masks.pixels)  # masks decide nothing that training sees


def test_the_share_of_target_is_exact_in_large_masks():
    # The running sum of a large mask exceeds what float32 counts exactly.
    blank = torch.zeros(1, 3, 4200, 4200, dtype=torch.uint8)
    patches = sample_patches(ImageSet(blank, torch.ones(1, 4200, 4200, dtype=torch.bool), blank), size=7, per_image=50)
    assert np.unique(patches.target_fraction[patches.label == 0].numpy()).tolist() == [1.0]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (dict(size=41), "patch 41"),
        (dict(size=0), "patch 0"),
        (dict(per_image=0), "per_image 0"),
        (dict(ratio=0), "ratio 0"),
        (dict(ratio=float("nan")), "ratio nan"),
    ],
)
def test_bad_input_is_named(random_set, options, named):
    with pytest.raises(InputError, match=named):
        draw_crops(random_set(height=40, width=44), **(dict(size=8) | options))


@pytest.mark.parametrize("size", [8, None])
@pytest.mark.parametrize("lying", ["colours last, as load gives them", "colours first"])
def test_crops_are_the_same_from_where_images_lie_and_from_a_copy_of_all(random_set, monkeypatch, size, lying):
    imageset = random_set(targets=4, backgrounds=3)
    if lying != "colours first":
        last = [t.contiguous(memory_format=torch.channels_last) for t in (imageset.targets, imageset.backgrounds)]
        imageset = ImageSet(last[0], None, last[1])
    crops = draw_crops(imageset, 8, 3, ratio=1.5, generator=2)
    crops = crops[torch.randperm(len(crops), generator=torch.Generator().manual_seed(0))]
    here = cutter(imageset, torch.device("cpu"), size)(crops)
    monkeypatch.setattr("bgnb.patches.pool", lambda imageset, device: pool(imageset))  # as for a GPU, which this machine may lack
    there = cutter(imageset, torch.device("cuda"), size)(crops)
    assert torch.equal(here, there) and here.stride() == there.stride()


def test_images_of_load_are_not_copied_to_be_cut():
    images = load(size=32, images=2, progress=False).backgrounds
    assert colours_last(images).data_ptr() == images.data_ptr()
