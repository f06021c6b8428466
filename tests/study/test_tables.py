"""Tables of the comparison: differences image by image, intervals, and that every learning rate is the one that was found."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bgnb.settings import METHODS, Run
from bgnb.study.sweeps import read_grid, read_results
from bgnb.study.tables import (
    SETTINGS,
    accuracy_table,
    chosen_rates,
    complete,
    difference_table,
    hits,
    method_name,
    rates,
    rates_table,
    settings_table,
)

ROOT = Path(__file__).parents[2]
RESULTS, GRIDS = ROOT / "docs" / "results", ROOT / "bgnb" / "study" / "grids"


def result(method, found, pxap=0.5, **settings):
    run = asdict(Run(method=method, **settings).resolved())
    return {"run": run, "hits": found, "loc_acc": np.mean([int(h) for h in found]), "pxap": pxap}


def test_differences_are_taken_image_by_image():
    results = [result("cam", "1100"), result("has", "1011"), result("cam", "1111", seed=1), result("has", "1110", seed=1)]
    found = hits(results)
    assert (found["HaS"]["cat, forest"] - found["CAM"]["cat, forest"]).tolist() == [[0, -1, 1, 1], [0, 0, 0, -1]]
    table = difference_table(results)
    assert list(table.columns[1:]) == ["cat, forest", "mean", "wins, ties, losses"]
    (row,) = table.to_numpy().tolist()
    assert row[0] == "HaS" and row[1].startswith("+0.00 [") and row[1].endswith("tie") and row[3] == "0, 1, 0"


def test_a_clear_difference_is_a_win_one_way_and_a_loss_the_other():
    results = [result(m, found * 10, seed=s) for s in range(3) for m, found in (("cam", "1100"), ("background", "1111"))]
    assert difference_table(results)["mean"][0].startswith("+0.50")
    assert difference_table(results)["wins, ties, losses"][0] == "1, 0, 0"
    assert difference_table(results, "background x1")["wins, ties, losses"][0] == "0, 0, 1"


def test_two_networks_stay_two_rows():
    nets = [result(m, found, net=net) for m in ("cam", "has") for net, found in (("tiny", "11"), ("resnet50", "00"))]
    assert accuracy_table(nets).set_index("Loc. Acc., IoU 0.40")["cat, forest"].to_dict() == {
        "CAM, net tiny": "1.00", "CAM, net resnet50": "0.00", "HaS, net tiny": "1.00", "HaS, net resnet50": "0.00",
    }  # fmt: skip


def test_a_seed_that_a_method_lacks_is_left_out():
    results = [result("cam", "10"), result("has", "11"), result("cam", "11", seed=1)]
    assert {m: p["cat, forest"].tolist() for m, p in hits(complete(results)).items()} == {"CAM": [[1, 0]], "HaS": [[1, 1]]}


def test_learning_rates_are_chosen_by_the_mean_over_sets_then_pxap():
    results = [result("cam", "11", lr=0.1), result("cam", "00", lr=0.1, target="dog")]
    results += [result("cam", "10", lr=0.3, pxap=0.7), result("cam", "10", lr=0.3, pxap=0.6, target="dog")]
    assert rates(results).loc["CAM"].to_numpy().tolist() == [[0.5, 0.5], [0.5, pytest.approx(0.65)]]
    assert chosen_rates(results) == {"CAM": 0.3} and rates_table(results).to_numpy().tolist() == [["CAM", "0.50", "**0.50**"]]


def test_everywhere_the_learning_rates_that_were_found(monkeypatch):
    monkeypatch.setenv("BGNB_PHOTOS", "photos")  # grids of photographs name it; here they are only read
    found = chosen_rates(read_results(RESULTS / "comparison_development.jsonl"))
    assert {name: lr for name, (_, _, lr) in SETTINGS.items()} == found
    assert {(r["method"], r["ratio"], r["lr"]) for r, _ in read_grid(GRIDS / "comparison.yml")} == set(SETTINGS.values())
    assert {method for method, *_ in SETTINGS.values()} <= set(METHODS)
    assert all(method_name({"method": m, "ratio": r}) == name for name, (m, r, _) in SETTINGS.items())


def test_all_methods_had_about_equally_many_updates():
    updates = settings_table(read_results(RESULTS / "comparison.jsonl"))["updates"]
    assert len(updates) == len(SETTINGS)
    assert max(map(int, updates)) <= 1.2 * min(map(int, updates))  # whole epochs and last batches that are not full


def test_the_table_is_what_was_measured():
    results = complete(read_results(RESULTS / "comparison.jsonl"))
    cam = [r for r in results if r["run"]["method"] == "cam" and r["run"]["source"] != "scenes"]
    first = [r["loc_acc"] for r in cam if (r["run"]["target"], r["run"]["scene"]) == ("cat", "forest")]
    by_hand = np.mean([r["loc_acc"] for r in cam])
    row = accuracy_table(results).set_index("Loc. Acc., IoU 0.40").loc["CAM"]
    assert row["mean [95 %]"].startswith(f"**{by_hand:.2f}** [")
    assert row["cat, forest"] == f"{np.mean(first):.2f}"
