"""Tables of the comparison: differences image by image, intervals, and that every learning rate is the one that was found."""

import re
from pathlib import Path

import numpy as np
import pytest

from bgnb.settings import METHODS
from bgnb.study.sweeps import read_grid, read_results
from bgnb.study.tables import (
    SETTINGS,
    chosen_rates,
    comparison,
    complete,
    difference_table,
    hits,
    interval_over_seeds,
    method_name,
    rates,
    rates_table,
)

ROOT = Path(__file__).parents[2]
RESULTS, GRIDS = ROOT / "docs" / "results", ROOT / "bgnb" / "study" / "grids"


def result(method, found, seed=0, ratio=1, target="cat", lr=0.01, pxap=0.5, **more):
    run = dict(method=method, ratio=ratio, seed=seed, target=target, scene="forest", lr=lr, source="scenes")
    return {"run": run, "hits": found, "loc_acc": np.mean([int(h) for h in found]), "pxap": pxap, **more}


def test_differences_are_taken_image_by_image():
    results = [result("cam", "1100"), result("has", "1011"), result("cam", "1111", 1), result("has", "1110", 1)]
    found = hits(results)
    assert (found["HaS"]["cat, forest"] - found["CAM"]["cat, forest"]).tolist() == [[0, -1, 1, 1], [0, 0, 0, -1]]
    head, row = difference_table(results)
    assert head[1:] == ["cat, forest", "mean", "wins, ties, losses"]
    assert row[0] == "HaS" and row[1].startswith("+0.00 [") and row[1].endswith("tie") and row[3] == "0, 1, 0"


def test_a_clear_difference_is_a_win_one_way_and_a_loss_the_other():
    results = [result(m, found * 10, s) for s in range(3) for m, found in (("cam", "1100"), ("background", "1111"))]
    assert difference_table(results)[1][1].startswith("+0.50") and difference_table(results)[1][3] == "1, 0, 0"
    assert difference_table(results, "background x1")[1][3] == "0, 0, 1"


def test_a_seed_that_a_method_lacks_is_left_out():
    results = [result("cam", "10"), result("has", "11"), result("cam", "11", 1)]
    assert {m: p["cat, forest"].tolist() for m, p in hits(complete(results)).items()} == {"CAM": [[1, 0]], "HaS": [[1, 1]]}


def test_the_interval_grows_with_the_spread_of_seeds():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (3, 200))
    low, high = interval_over_seeds(images)
    error = np.sqrt(images.var() / images.size)  # seeds alike: as if all images were one sample
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.35)
    apart = np.stack([np.zeros(200), np.ones(200), np.ones(200)])
    low, high = interval_over_seeds(apart)
    assert (low, high) == (0, 1)  # drawn three times, the seeds can all be the same one
    assert interval_over_seeds(np.ones((2, 3, 5))) == (1, 1)


def test_learning_rates_are_chosen_by_the_mean_over_sets_then_pxap():
    results = [result("cam", "11", lr=0.1), result("cam", "00", lr=0.1, target="dog")]
    results += [result("cam", "10", lr=0.3, pxap=0.7), result("cam", "10", lr=0.3, pxap=0.6, target="dog")]
    assert rates(results) == {"CAM": {0.1: (0.5, 0.5), 0.3: pytest.approx((0.5, 0.65))}}
    assert chosen_rates(results) == {"CAM": 0.3} and "| CAM | 0.50 | **0.50** |" in rates_table(results)


def test_everywhere_the_learning_rates_that_were_found(monkeypatch):
    monkeypatch.setenv("BGNB_PHOTOS", "photos")  # grids of photographs name it; here they are only read
    found = chosen_rates(read_results(RESULTS / "comparison_development.jsonl"))
    assert {name: lr for name, (_, _, lr) in SETTINGS.items()} == found
    assert {(r["method"], r["ratio"], r["lr"]) for r, _ in read_grid(GRIDS / "comparison.yml")} == set(SETTINGS.values())
    assert {method for method, *_ in SETTINGS.values()} == set(METHODS)
    assert all(method_name({"method": m, "ratio": r}) == name for name, (m, r, _) in SETTINGS.items())


def test_all_methods_had_about_equally_many_updates():
    updates = re.findall(r"\| (\d+) \|$", comparison(read_results(RESULTS / "comparison.jsonl")).split("\n\n")[-1], re.MULTILINE)
    assert len(updates) == len(SETTINGS)
    assert max(map(int, updates)) <= 1.2 * min(map(int, updates))  # whole epochs and last batches that are not full


def test_the_table_is_what_was_measured():
    results = complete(read_results(RESULTS / "comparison.jsonl"))
    cam = [r for r in results if r["run"]["method"] == "cam" and r["run"]["source"] != "scenes"]
    first = [r["loc_acc"] for r in cam if (r["run"]["target"], r["run"]["scene"]) == ("cat", "forest")]
    by_hand = np.mean([r["loc_acc"] for r in cam])
    row = next(line for line in comparison(results).splitlines() if line.startswith("| CAM |"))
    assert f"**{by_hand:.2f}**" in row
    assert row.split(" | ")[1] == f"{np.mean(first):.2f}"
