"""Sliding windows against double loops that cut one window after the other."""

import functools
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bgnb.windows
from bgnb import InputError, Run, build, localise, merge_windows, score_windows, starts, targetness
from bgnb.maps import cell_side, enlarge, min_max


def photos(n, height, width, seed=0):
    """Blocks of 8 pixels under noise: something to see for small windows and for large ones."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (n, 3, height, width), dtype=torch.uint8, generator=generator)
    blocks = torch.randint(0, 192, (n, 3, height // 8 + 1, width // 8 + 1), dtype=torch.uint8, generator=generator)
    return noise // 4 + blocks.repeat_interleave(8, 2).repeat_interleave(8, 3)[:, :, :height, :width]


@functools.cache
def lively(net, patch):
    """A network whose answers differ from window to window, so that a window at a wrong place shows."""
    model = build(net, patch, seed=patch)
    with torch.no_grad():
        for seed in range(4):
            model(photos(8, patch, patch, seed))  # moves the running statistics of batch norm
        model.eval()
        logits = model(photos(16, patch, patch, 9))
        model.head.weight *= (1 / logits.std()).clamp(max=10)  # more would enlarge the rounding too
        model.head.bias -= model(photos(16, patch, patch, 9)).mean()
    return model


def colour_model(windows):
    """Any function serves as a model; this one knows which pixels it was given."""
    ramp = torch.linspace(-1, 1, windows.shape[-1])
    return ((windows.float() / 128 - 1) * (ramp[:, None] + 2 * ramp)).mean((1, 2, 3)) * 5


def naive_starts(length, patch, stride):
    places = [place for place in range(length) if place % stride == 0 and place + patch <= length]
    return places if places[-1] + patch == length else [*places, length - patch]


def naive_scores(model, images, patch, stride):
    rows, columns = (naive_starts(length, patch, stride) for length in images.shape[2:])
    scores = torch.zeros(len(images), len(rows), len(columns))
    for n, image in enumerate(images):
        for i, top in enumerate(rows):
            windows = torch.stack([image[:, top : top + patch, left : left + patch] for left in columns])
            with torch.no_grad():
                scores[n, i] = 1 / (1 + torch.exp(-model(windows)))
    return scores


def naive_sums(values, patch, stride, height, width):
    """Sum of the windows over each pixel, and how many there are."""
    total, count = (torch.zeros(len(values), height, width, dtype=torch.float64) for _ in range(2))
    for i, top in enumerate(naive_starts(height, patch, stride)):
        for j, left in enumerate(naive_starts(width, patch, stride)):
            total[:, top : top + patch, left : left + patch] += values[:, i, j].double()[:, None, None]
            count[:, top : top + patch, left : left + patch] += 1
    return total, count


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 90), st.integers(1, 60), st.integers(1, 60))
def test_windows_reach_both_borders_and_leave_no_gap(extra, patch, stride):
    stride, length = min(stride, patch), patch + extra - 1
    places = starts(length, patch, stride)
    assert places == naive_starts(length, patch, stride)
    assert places[0] == 0 and places[-1] + patch == length
    assert all(place < after <= place + stride for place, after in pairwise(places))


@settings(max_examples=12, deadline=None)
@given(
    patch=st.integers(16, 36),
    stride=st.integers(1, 36),
    down=st.integers(0, 20),
    right=st.integers(0, 20),
    n=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_tiny_scores_every_window_in_every_mode(patch, stride, down, right, n, seed):
    stride = max(min(stride, patch), 1 + max(down, right) // 4)  # at most 5 x 5 windows
    images, model = photos(n, patch + down, patch + right, seed), lively("tiny", patch)
    expected = naive_scores(model, images, patch, stride)
    for mode in ("exact", "windows", "dense"):
        torch.testing.assert_close(score_windows(model, images, patch, stride, mode), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("patch", range(16, 61))
def test_sliding_tiny_is_exact_for_every_patch_and_stride(patch):
    model, images = lively("tiny", patch), photos(1, patch, patch + 7, patch)
    every = naive_scores(model, images, patch, 1)
    assert every.std() > 1e-4  # the windows do differ, by more than the tolerance
    for stride in (*range(1, 8), patch):  # more strides than the image has places give the same two windows
        expected = every[:, :, naive_starts(patch + 7, patch, stride)]
        torch.testing.assert_close(score_windows(model, images, patch, stride, "dense"), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("patch", [16, 17, 20, 25])
def test_sliding_micro_is_exact(patch):
    model, images = lively("micro", patch), photos(1, patch + 3, patch + 8, patch)
    for stride in (1, 2, 3, 5):
        expected = naive_scores(model, images, patch, stride)
        assert expected.std() > 1e-4
        for mode in ("exact", "windows", "dense"):
            torch.testing.assert_close(score_windows(model, images, patch, stride, mode), expected, atol=1e-5, rtol=0)


@settings(max_examples=20, deadline=None)
@given(patch=st.integers(1, 20), stride=st.integers(1, 20), down=st.integers(0, 25), right=st.integers(0, 25))
def test_any_function_is_slid(patch, stride, down, right):
    stride, images = min(stride, patch), photos(2, patch + down, patch + right)
    expected = naive_scores(colour_model, images, patch, stride)
    for mode in ("exact", "windows"):
        torch.testing.assert_close(score_windows(colour_model, images, patch, stride, mode), expected, atol=1e-5, rtol=0)


def test_resnet50_is_scored_window_by_window():
    model, images = build("resnet50", 20, seed=1).eval(), photos(1, 24, 28)
    expected = naive_scores(model, images, 20, 4)
    for mode in ("exact", "windows"):
        torch.testing.assert_close(score_windows(model, images, 20, 4, mode), expected, atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="dense"):
        score_windows(model, images, 20, 4, "dense")


def test_a_plain_function_cannot_be_dense():
    with pytest.raises(InputError, match="dense"):
        score_windows(colour_model, photos(1, 24, 24), 20, 4, "dense")


@pytest.mark.parametrize("chunk", [1, 700, 2**13])
@pytest.mark.parametrize("mode", ["windows", "dense"])
def test_the_chunk_does_not_matter(monkeypatch, mode, chunk):
    model, images = lively("tiny", 24), photos(2, 50, 71)
    expected = score_windows(model, images, 24, 5, mode)
    monkeypatch.setattr(bgnb.windows, "CHUNK", {"cpu": chunk})
    torch.testing.assert_close(score_windows(model, images, 24, 5, mode), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("patch", "stride"), [(24, 4), (24, 7), (33, 6)])
def test_a_large_photo_is_slid_in_stretches(monkeypatch, patch, stride):
    model, images = lively("tiny", patch), photos(1, 150, 131)
    expected = score_windows(model, images, patch, stride, "windows")
    monkeypatch.setattr(bgnb.windows, "CHUNK", {"cpu": 80**2})
    torch.testing.assert_close(score_windows(model, images, patch, stride, "dense"), expected, atol=1e-5, rtol=0)


def test_the_network_stays_in_the_mode_it_was_in():
    model, images = build("tiny", 24), photos(1, 30, 30)
    in_training = score_windows(model.train(), images, 24, 3)
    assert model.training and all(part.training for part in model.modules())
    in_evaluation = score_windows(model.eval(), images, 24, 3)
    assert not model.training
    assert torch.equal(in_training, in_evaluation)  # always scored in evaluation mode


@pytest.mark.parametrize("mode", ["windows", "dense"])
def test_bf16_differs_by_rounding_only(mode):
    model, images = lively("tiny", 24), photos(1, 60, 60)
    exact, rough = (score_windows(model, images, 24, 4, mode, precision=p) for p in ("fp32", "bf16"))
    # a logit of about 1 passes through six layers of 8 bits
    assert 0 < (exact - rough).abs().max() < 0.03 and rough.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (dict(patch=31), "patch 31"),
        (dict(patch=0), "patch 0"),
        (dict(stride=0), "stride 0"),
        (dict(stride=25), "stride 25"),
        (dict(mode="fast"), "fast"),
        (dict(precision="fp8"), "fp8"),
    ],
)
def test_bad_input_is_named(options, named):
    with pytest.raises(InputError, match=named):
        score_windows(lively("tiny", 24), photos(1, 30, 40), **(dict(patch=24, stride=4) | options))


@settings(max_examples=40, deadline=None)
@given(
    patch=st.integers(1, 24),
    stride=st.integers(1, 24),
    down=st.integers(0, 30),
    right=st.integers(0, 30),
    n=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_spread_and_targetness_are_what_loops_give(patch, stride, down, right, n, seed):
    stride, size = min(stride, patch), (patch + down, patch + right)
    counts = [len(naive_starts(length, patch, stride)) for length in size]
    scores = torch.rand(n, *counts, generator=torch.Generator().manual_seed(seed))
    total, count = naive_sums(scores, patch, stride, *size)
    assert count.min() >= 1
    for overlap, expected in (("average", total / count), ("add", total)):
        maps = merge_windows(scores, patch, stride, size, overlap).double()
        torch.testing.assert_close(maps, expected, atol=1e-5, rtol=1e-5)
    total, count = naive_sums(1 - scores, patch, stride, *size)
    for overlap, expected in (("average", total / count), ("add", total)):
        maps = targetness(scores, patch, stride, size, overlap).double()
        for one, values in zip(maps, expected, strict=True):
            low, high = values.min(), values.max()
            flat = high - low <= 1e-6 * high
            # a map of small differences is stretched, and its rounding with it
            room = 1e-5 * max(1, (high / (high - low)).item()) if not flat else 0
            torch.testing.assert_close(one, torch.zeros_like(one) if flat else (values - low) / (high - low), atol=room, rtol=0)
            assert one.min() == 0 and (flat or one.max() == 1)


def test_the_window_that_looks_least_like_background_is_the_target():
    scores = torch.full((1, 5, 5), 0.9)
    scores[0, 3, 1] = 0.1
    for overlap in ("average", "add"):
        found = targetness(scores, 16, 8, 48, overlap)[0]
        assert found[24:40, 8:24].mean() > 2 * found.mean()
        top, left = divmod(found.argmax().item(), 48)
        assert 24 <= top < 40 and 8 <= left < 24


def test_only_add_makes_an_object_out_of_nothing():
    side, patch, stride = 256, 48, 8
    count = len(naive_starts(side, patch, stride))
    constant = torch.full((1, count, count), 0.3)
    assert targetness(constant, patch, stride, side, "average").abs().max() == 0
    # The classifier that says the same of every window, measured on a disc of 20 % of the picture in its middle.
    added = naive_sums(1 - constant, patch, stride, side, side)[0][0]
    added = (added - added.min()) / (added.max() - added.min())
    y, x = torch.meshgrid(*[torch.arange(side) - (side - 1) / 2] * 2, indexing="ij")
    disc = x**2 + y**2 <= 0.2 * side**2 / math.pi
    assert disc.double().mean().item() == pytest.approx(0.2, abs=0.001)
    maps = targetness(constant, patch, stride, side, "add")[0]
    torch.testing.assert_close(maps.double(), added, atol=1e-4, rtol=0)
    best = 0.0
    for threshold in range(1, 100):
        above = added >= threshold / 100
        best = max(best, ((above & disc).sum() / (above | disc).sum()).item())
    assert best == pytest.approx(0.42, abs=0.015)


def test_a_flat_map_shows_nothing():
    maps = torch.tensor([[[0.5, 0.5 + 1e-7]], [[-3.0, 1.0]], [[0.0, 0.0]]])
    assert min_max(maps).tolist() == [[[0, 0]], [[0, 1]], [[0, 0]]]


def test_scores_of_another_size_are_refused():
    with pytest.raises(InputError, match="3 windows"):
        merge_windows(torch.rand(1, 3, 3), 16, 8, 48)
    with pytest.raises(InputError, match="overlap"):
        targetness(torch.rand(1, 5, 5), 16, 8, 48, "max")


def test_localise_scores_and_spreads_as_the_run_says():
    model, images = lively("tiny", 24), photos(2, 40, 64)  # photos need not be square here
    for overlap in ("average", "add"):
        run = Run(size=40, patch=24, stride=5, overlap=overlap, precision="fp32", device="cpu")
        total, count = naive_sums(1 - naive_scores(model, images, 24, 5), 24, 5, 40, 64)
        expected = total / count if overlap == "average" else total
        expected = expected - expected.amin((1, 2), keepdim=True)
        expected = expected / expected.amax((1, 2), keepdim=True)
        torch.testing.assert_close(localise(model, images, run).double(), expected, atol=1e-4, rtol=0)


@given(st.sampled_from([(48, 8), (24, 4), (24, 24), (20, 5)]), st.integers(0, 3), st.integers(0, 2), st.integers(0, 999))
@settings(deadline=None, max_examples=20)
def test_a_map_is_constant_on_its_cells(grid, down, right, seed):
    patch, stride = grid
    size = patch + down * stride, patch + right * stride
    rows, columns = (len(starts(length, patch, stride)) for length in size)
    scores = torch.rand(2, rows, columns, generator=torch.Generator().manual_seed(seed))
    whole = min_max(merge_windows(1 - scores, patch, stride, size))  # every pixel computed by itself
    side = cell_side(patch, stride, size)
    assert side == stride
    cells = targetness(scores, patch, stride, size)[:, ::side, ::side]
    assert torch.allclose(enlarge(cells, side), whole, atol=1e-5)


def test_without_cells_every_pixel_is_its_own():
    assert cell_side(24, 7, 96) == 1 and cell_side(24, 4, (96, 98)) == 1
