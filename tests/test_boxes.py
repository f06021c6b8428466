"""All metrics at once, against scikit-learn, naive loops over thresholds and regions, and cases worked by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.metrics import average_precision_score, jaccard_score

from bgnb import Run, loc_acc, pxap
from bgnb.boxes import all_metrics, best_box_ious, box_ious, held_out, max_box_acc_v2, pointing
from bgnb.metrics import THRESHOLDS, bin_number, mask_ious
from bgnb.study.references import blurred_mask, true_labels


def random_maps(n=5, height=20, width=26, seed=0):
    rng = np.random.default_rng(seed)
    maps = ndimage.gaussian_filter(rng.random((n, height, width)), (0, 2, 2))
    maps = (maps - maps.min((1, 2), keepdims=True)) / np.ptp(maps, (1, 2), keepdims=True)
    masks = np.zeros((n, height, width), bool)
    for mask in masks:
        top, left = rng.integers(1, 9, 2)
        mask[top : top + 9, left : left + 12] = True
    return torch.from_numpy(maps).float(), torch.from_numpy(masks)


def naive_box_iou(a, b):
    """Corner boxes top, bottom, left, right, as sets of pixels."""
    one, other = ({(y, x) for y in range(t, d) for x in range(left, r)} for t, d, left, r in (a, b))
    return len(one & other) / len(one | other)


def box_of(region):
    y, x = np.nonzero(region)
    return y.min(), y.max() + 1, x.min(), x.max() + 1


@given(st.integers(16, 1200), st.integers(0, 10**6))
@settings(deadline=None)
def test_bins_by_multiplication_are_bins_by_search(count, seed):
    """Values on an edge, a hair below and above it, and anywhere."""
    edges = torch.arange(count) / count
    values = torch.rand(300, generator=torch.Generator().manual_seed(seed))
    on = edges[torch.randint(count, (100,), generator=torch.Generator().manual_seed(seed))]
    values = torch.cat([values, on, on.nextafter(torch.tensor(2.0)), on.nextafter(torch.tensor(0.0)), torch.tensor([0.0, 1.0])])
    assert torch.equal(bin_number(values, edges).long(), torch.bucketize(values, edges, right=True))


def test_the_mask_panel_is_the_metrics_one_by_one():
    maps, masks = random_maps()
    seen = all_metrics(maps, masks)
    for level in (0.3, 0.4, 0.5, 0.7):
        assert seen["loc_acc"][str(level)] == loc_acc(maps, masks, level).value
        assert seen["held_out"][str(level)] == held_out(mask_ious(maps, masks), level).double().mean().item()
    assert seen["pxap"] == pxap(maps, masks)
    by_sklearn = average_precision_score(masks.flatten(), maps.flatten())
    assert seen["pxap"] == pytest.approx(by_sklearn, abs=2e-3)  # 1000 thresholds against all
    best = [
        max(jaccard_score(m.flatten(), (v >= t / 200).flatten(), zero_division=0) for t in range(200))
        for v, m in zip(maps, masks, strict=True)
    ]
    assert seen["peak_iou"] == pytest.approx(np.mean(best), abs=5e-3) and seen["peak_iou"] >= np.mean(best)


def test_the_threshold_is_chosen_on_the_other_half():
    ious = torch.tensor([[0.6, 0.1, 0.6], [0.1, 0.6, 0.6], [0.6, 0.6, 0.1], [0.1, 0.6, 0.1]])
    # even images (0, 2) like threshold 0, which finds none of 1, 3; odd ones like threshold 1, which finds 2
    assert held_out(ious, 0.5).tolist() == [False, False, True, False]
    assert (ious >= 0.5).double().mean(0).max() == 0.75  # the oracle


def test_boxes_of_largest_regions_by_a_loop_over_images():
    for seed in range(3):
        maps, masks = random_maps(seed=seed)
        expected = np.zeros((len(maps), len(THRESHOLDS)))
        for i, (values, mask) in enumerate(zip(maps.numpy(), masks.numpy(), strict=True)):
            for k, threshold in enumerate(np.float32(THRESHOLDS)):
                regions, count = ndimage.label(values >= threshold)
                if count:
                    largest = np.bincount(regions.ravel())[1:].argmax() + 1
                    expected[i, k] = naive_box_iou(box_of(regions == largest), box_of(mask))
        np.testing.assert_allclose(box_ious(maps, masks), expected)


def test_regions_do_not_grow_from_image_to_image():
    maps = torch.ones(3, 4, 4)
    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[:, :2, :2] = True
    assert box_ious(maps, masks, (0.5,)).flatten().tolist() == [0.25] * 3
    assert best_box_ious(maps, masks, (0.5,), 0.1).flatten().tolist() == [0.25] * 3


@pytest.mark.parametrize("least", [0.0, 0.3])
def test_the_best_box_of_all_regions_by_a_loop(least):
    maps, masks = random_maps(seed=4)
    masks[2] = False  # an image without a target has no box
    thresholds = np.arange(1, 20) / 20
    seen = best_box_ious(maps, masks, thresholds, least)
    for i, (values, mask) in enumerate(zip(maps.numpy(), masks.numpy(), strict=True)):
        for k, threshold in enumerate(thresholds.astype(np.float32)):
            regions, count = ndimage.label(values >= threshold, np.ones((3, 3)))
            each = [naive_box_iou(box_of(regions == r), box_of(mask)) for r in range(1, count + 1)] if mask.any() else []
            best = max(each, default=0)
            assert seen[i, k].item() == pytest.approx(best if best >= least else 0)


def test_max_box_acc_v2_by_hand():
    """Two images; at 0.5 the first map's box is exact, the second's covers twice the mask's: IoU 1 and 0.5."""
    maps, masks = torch.zeros(2, 10, 10), torch.zeros(2, 10, 10, dtype=torch.bool)
    masks[:, 2:6, 2:6] = True
    maps[0, 2:6, 2:6], maps[1, 2:6, 2:10] = 0.9, 0.9
    assert max_box_acc_v2(maps, masks) == pytest.approx((1 + 1 + 0.5) / 3)


def test_noise_has_many_regions_and_is_measured_all_the_same():
    maps = torch.rand(8, 64, 64, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(8, 64, 64, dtype=torch.bool)
    masks[:, 10:40, 20:50] = True
    seen = all_metrics(maps, masks)
    share = masks.float().mean().item()
    assert seen["pxap"] == pytest.approx(share, abs=0.02)  # the precision of a blind guess
    assert seen["peak_iou"] == pytest.approx(share, abs=0.02) and seen["loc_acc"]["0.4"] == 0


def test_pointing_by_hand():
    maps, masks = torch.zeros(2, 9, 9), torch.zeros(2, 9, 9, dtype=torch.bool)
    masks[:, 0, 0] = True
    maps[0, 0, 0] = 1
    maps[1, 3, 4] = 1  # 5 pixels away
    assert pointing(maps, masks) == 0.5
    assert pointing(maps, masks, tolerance=4) == 0.5 and pointing(maps, masks, tolerance=5) == 1
    assert pointing(torch.ones(2, 9, 9), masks) == pytest.approx(1 / 81)


def test_a_perfect_map_is_perfect_by_every_metric():
    _, masks = random_maps()
    seen = all_metrics(masks.float(), masks)
    values = [*seen["loc_acc"].values(), *seen["held_out"].values(), *seen["loc_acc_box"].values()]
    assert values == [1.0] * 12
    assert [seen[key] for key in ("pxap", "peak_iou", "max_box_acc_v2", "pointing")] == [1.0] * 4


def test_the_blurred_mask_by_a_loop(random_set):
    pictures = random_set(targets=2, height=30, width=34)
    run, total = Run(size=30, patch=16, stride=6), torch.zeros(30, 34)
    count = torch.zeros(30, 34)
    for top in (0, 6, 12, 14):
        for left in (0, 6, 12, 18):
            share = pictures.masks[1, top : top + 16, left : left + 16].float().mean()
            total[top : top + 16, left : left + 16] += share
            count[top : top + 16, left : left + 16] += 1
    mean = total / count
    expected = (mean - mean.min()) / (mean.max() - mean.min())
    torch.testing.assert_close(blurred_mask(pictures, run)[1], expected, atol=1e-4, rtol=0)


def test_true_labels_follow_the_masks_where_image_labels_could_not(random_set):
    """Every image, of the target or not, holds a red and a green square; the masks alone say that the red one is meant."""
    pictures = random_set(targets=6, backgrounds=6, height=48, width=48)
    pictures.masks[:] = False
    pictures.masks[:, 4:24, 4:24] = True
    for images in (pictures.targets, pictures.backgrounds):
        images[:, 1, 24:44, 24:44] = 255
    pictures.targets[:, 0, 4:24, 4:24] = 255
    maps = true_labels(pictures, Run(size=48, patch=16, stride=4, epochs=10, batch=16, precision="fp32"))
    assert maps[:, 10:18, 10:18].mean() > 0.7 and maps[:, 30:38, 30:38].mean() < 0.3
