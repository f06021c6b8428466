"""Curves of long trainings, on results made up so that the answer is known."""

import numpy as np
import pytest

from bgnb import Run
from bgnb.study.curves import ALL, Change, curves, longer, over_pairs, stretches
from bgnb.training import count_updates

EPOCHS = (2, 4, 10)


def result(method, seed, target, found, ratio=1, target_share=None):
    """A result with snapshots after ``EPOCHS``, which find ``found`` with averaged weights; a single update finds less."""
    run = Run(method=method, ratio=ratio, seed=seed, target=target, epochs=10, batch=8, per_image=2, weight_average=True)
    taken = []
    for epoch, value in zip(EPOCHS, found, strict=True):
        for weights, less in (("last", 0.1), ("mean", 0.0)):
            snap = dict(epoch=epoch, weights=weights, held_out=value - less, hits="10", held_out_hits="10")
            taken.append(snap | ({"target": {"P": value, "F": 1 - value}} if method == "background" else {}))
    return {"run": vars(run.resolved()), "images": {"targets": 8}, "hits": "10", "epochs_run": 10, "epochs": taken}


def made():
    """x1 is ahead at first, CAM in the end; with seed 1, CAM stays behind on the owl."""
    results = []
    for seed in (0, 1):
        results.append(result("background", seed, "cat", (0.4, 0.5, 0.6)))
        results.append(result("background", seed, "owl", (0.4, 0.5, 0.5)))
        results.append(result("cam", seed, "cat", (0.2, 0.4, 0.9)))
        results.append(result("cam", seed, "owl", (0.2, 0.4, 0.9 - 0.5 * seed)))
    return results


def test_every_snapshot_is_a_row_with_its_updates():
    frame = curves(made())
    assert len(frame) == 8 * 2 * 3 and frame["held_out"].sum() == pytest.approx(
        sum(s["held_out"] for r in made() for s in r["epochs"])
    )
    for row in frame.itertuples():
        method = "cam" if row.name == "CAM" else "background"
        run = Run(method=method, epochs=row.epoch, batch=8, per_image=2)
        assert row.updates == count_updates(run, 8)  # as if the training had ended there
        assert np.isnan(row.F) == (method == "cam")
    assert set(frame["pictures"]) == {"cat, forest", "owl, forest"} and set(frame["name"]) == {"background x1", "CAM"}


def test_the_mean_over_pairs_needs_all_pairs():
    results = made()[:-1]  # CAM lacks the owl with seed 1
    mean = over_pairs(curves(results))
    assert set(mean["pictures"]) == {ALL}
    assert {(r.name, r.seed) for r in mean.itertuples()} == {("background x1", 0), ("background x1", 1), ("CAM", 0)}
    last = mean[(mean["weights"] == "mean") & (mean["epoch"] == 10)].set_index(["name", "seed"])["held_out"]
    assert last["CAM", 0] == pytest.approx(0.9) and last["background x1", 1] == pytest.approx(0.55)


def test_who_is_ahead_when():
    """CAM makes 2 updates an epoch (16 images in batches of 8), x1 makes 4 (32 patches): CAM is known at 4, 8 and 20, x1 at 8,
    16 and 40. Between two snapshots counts the straight line."""
    frame = curves(made())
    parts = stretches(frame[frame["pictures"] == "cat, forest"])
    assert [(s.first, s.last, s.name, s.next, s.ahead, s.seeds) for s in parts] == [
        (8, 8, "background x1", "CAM", 0, 2),  # both have .4; the first stays first
        (16, 20, "CAM", "background x1", 2, 2),
    ]
    at_16, at_20 = 0.4 + 0.5 * 8 / 12 - 0.5, 0.9 - (0.5 + 0.1 * 4 / 24)
    assert parts[1].lead == pytest.approx((at_16 + at_20) / 2)
    (*_, last) = stretches(frame[frame["pictures"] == "owl, forest"])
    assert (last.name, last.ahead, last.seeds) == ("CAM", 1, 2)
    assert stretches(frame[frame["name"] == "CAM"]) == []


def test_longer_helps_where_it_helps():
    frame = curves(made())
    found = longer(frame, "CAM", since=0.4)
    assert list(found) == ["cat, forest", "owl, forest"]
    assert found["cat, forest"] == Change(0.4, 0.9, 2, 0, 2)
    assert found["owl, forest"] == Change(0.4, pytest.approx(0.65), 1, 0, 2)
    fading = longer(frame, "background x1", "F", since=0.2)  # epoch 2
    assert fading["cat, forest"] == Change(pytest.approx(0.6), pytest.approx(0.4), 0, 2, 2)
    assert list(fading) == ["owl, forest", "cat, forest"]


def test_a_mean_counts_every_seed_alike():
    frame = curves(made())
    by_hand = np.mean(
        [r["epochs"][-1]["held_out"] for r in made() if r["run"]["method"] == "cam" and r["run"]["target"] == "owl"]
    )
    assert longer(frame, "CAM")["owl, forest"].after == pytest.approx(by_hand)
