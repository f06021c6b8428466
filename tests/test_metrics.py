"""Metrics against naive loops, cases worked by hand, scikit-learn and the normal approximation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from bgnb import InputError, loc_acc, pxap
from bgnb.boxes import box_ious
from bgnb.metrics import THRESHOLDS, best_accuracy, mask_ious


def some(n, height, width, seed, steps=20):
    """Maps in few steps, so that many values equal a threshold, and masks that are never empty."""
    rng = np.random.default_rng(seed)
    maps = torch.from_numpy(rng.integers(0, steps + 1, (n, height, width)) / steps).float()
    masks = torch.from_numpy(rng.random((n, height, width)) < 0.4)
    masks[:, 0, 0] = True
    return maps, masks


def naive_iou(above, mask):
    both = sum(a and m for a, m in zip(above, mask, strict=True))
    either = sum(a or m for a, m in zip(above, mask, strict=True))
    return both / either


def bounding(pixels):
    rows, columns = zip(*pixels, strict=True)
    return min(rows), max(rows) + 1, min(columns), max(columns) + 1


def naive_regions(above):
    """Connected regions (up, down, left, right) by flood fill, in reading order of their first pixel."""
    left, regions = {(int(y), int(x)) for y, x in zip(*np.nonzero(above), strict=True)}, []
    for pixel in sorted(left):
        if pixel in left:
            left.remove(pixel)
            region, front = [], [pixel]
            while front:
                y, x = front.pop()
                region.append((y, x))
                for beside in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                    if beside in left:
                        left.remove(beside)
                        front.append(beside)
            regions.append(region)
    return regions


def naive_box_iou(above, mask):
    regions = naive_regions(above)
    if not regions:
        return 0.0
    boxes = bounding(max(regions, key=len)), bounding(list(zip(*np.nonzero(mask), strict=True)))
    one, other = ({(y, x) for y in range(top, bottom) for x in range(left, right)} for top, bottom, left, right in boxes)
    return len(one & other) / len(one | other)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 999), st.sampled_from([0.1, 0.4, 0.5, 1.0]))
def test_loc_acc_is_what_loops_over_images_and_thresholds_give(n, height, width, seed, iou):
    maps, masks = some(n, height, width, seed)
    for ious, naive in ((None, None), (box_ious(maps, masks), naive_box_iou)):
        result, curve = loc_acc(maps, masks, iou) if ious is None else best_accuracy(ious, iou=iou), []
        for k, threshold in enumerate(THRESHOLDS):
            found = 0
            for i in range(n):
                above, mask = maps[i].numpy() >= np.float32(threshold), masks[i].numpy()
                value = naive(above, mask) if naive else naive_iou(above.ravel().tolist(), mask.ravel().tolist())
                assert result.ious[i, k].item() == pytest.approx(value, abs=1e-12)
                found += value >= iou
            curve.append(found / n)
        assert result.curve.tolist() == pytest.approx(curve)
        assert result.value == pytest.approx(max(curve))
        assert result.threshold == THRESHOLDS[curve.index(max(curve))]
        assert result.hits.double().mean().item() == pytest.approx(result.value)


def test_a_case_worked_by_hand():
    mask = torch.tensor([[[1, 1, 0, 0], [1, 1, 0, 0]], [[0, 0, 0, 1], [0, 0, 0, 0]]]).bool()
    maps = torch.tensor([[[0.9, 0.9, 0.5, 0], [0.9, 0.3, 0, 0]], [[0, 0, 0, 0.6], [0, 0.7, 0.2, 0]]])
    result = loc_acc(maps, mask, iou=0.6, thresholds=(0.2, 0.4, 0.65, 0.8))
    # first image: 4 of 5, 3 of 5, 3 of 4, 3 of 4; second: 1 of 3, 1 of 2, 0 of 2, 0 of 1
    expected = [[0.8, 0.6, 0.75, 0.75], [1 / 3, 1 / 2, 0, 0]]
    assert result.ious.tolist() == [pytest.approx(row) for row in expected]
    assert result.curve.tolist() == [0.5] * 4 and result.threshold == 0.2 and result.hits.tolist() == [True, False]


def test_the_box_is_around_the_largest_region():
    maps, mask = torch.zeros(1, 6, 8), torch.zeros(1, 6, 8, dtype=torch.bool)
    maps[0, 1:4, 1:3] = 1  # 6 pixels
    maps[0, 4:6, 6:8] = 1  # 4 pixels, apart
    mask[0, 1:4, 1:4] = True
    assert box_ious(maps, mask, [0.5]).tolist() == [[pytest.approx(6 / 9)]]
    mask[0, 5, 7] = True  # the mask's box holds all of the mask: 5 x 7
    assert box_ious(maps, mask, [0.5]).tolist() == [[pytest.approx(6 / 35)]]


def test_nothing_above_the_threshold_is_nothing_found():
    maps, mask = torch.zeros(1, 3, 3), torch.ones(1, 3, 3, dtype=torch.bool)
    assert loc_acc(maps, mask).value == best_accuracy(box_ious(maps, mask)).value == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_value_equal_to_the_threshold_is_above(dtype):
    maps = torch.tensor(THRESHOLDS, dtype=dtype).view(1, 1, -1)
    masks = torch.ones(1, 1, 10, dtype=torch.bool)
    expected = [[(10 - k) / 10 for k in range(10)]]
    assert mask_ious(maps, masks).tolist() == [pytest.approx(row) for row in expected]
    assert box_ious(maps, masks).tolist() == [pytest.approx(row) for row in expected]


def test_thresholds_are_the_papers():
    assert [round(100 * threshold) for threshold in THRESHOLDS] == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 12), st.integers(0, 999), st.sampled_from([3, 50, 1000]))
def test_pxap_is_average_precision(n, side, seed, steps):
    rng = np.random.default_rng(seed)
    masks = torch.from_numpy(rng.random((n, side, side)) < 0.3)
    masks[0, 0, 0] = True
    level = rng.integers(0, steps, (n, side, side)) + masks.numpy() * rng.integers(0, steps, (n, side, side))
    maps = torch.from_numpy(level.clip(0, 999) / 1000).float()
    expected = average_precision_score(masks.numpy().ravel(), maps.numpy().ravel())
    assert pxap(maps, masks) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("options", [dict(iou=0), dict(iou=1.1), dict(thresholds=(0.5, 0.4)), dict(thresholds=(0.5, 0.5))])
def test_bad_input_is_named(options):
    with pytest.raises(InputError, match=next(iter(options))):
        loc_acc(*some(2, 4, 4, 0), **options)


@pytest.mark.parametrize("masks", [torch.ones(2, 4, 5), torch.ones(1, 4, 4), torch.ones(0, 4, 4)])
def test_shapes_must_agree(masks):
    for measure in (loc_acc, pxap):
        with pytest.raises(InputError, match="maps"):
            measure(torch.rand(2, 4, 4) if len(masks) else torch.rand(0, 4, 4), masks.bool())


def test_maps_with_nan_and_masks_of_bytes_are_refused():
    maps, masks = some(2, 4, 4, 0)
    with pytest.raises(InputError, match="masks of uint8"):
        loc_acc(maps, masks.byte() * 255)
    maps[1, 2, 3] = float("nan")
    with pytest.raises(InputError, match="NaN"):
        pxap(maps, masks)
