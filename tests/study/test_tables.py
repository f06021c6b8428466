"""Tables: every result counts in exactly one cell, differences image by image, and every learning rate as it was found."""

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgnb.settings import METHODS, Run
from bgnb.study import paper
from bgnb.study.claims import render
from bgnb.study.comparison import accuracy_table, chosen_rates, difference_table, rates, rates_table, settings_table
from bgnb.study.sweeps import read_grid, read_results, run_key
from bgnb.study.tables import SETTINGS, by_seed, combine, inside, method_name, paper_table, runs_table

ROOT = Path(__file__).parents[2]
RESULTS, GRIDS = ROOT / "docs" / "results", ROOT / "bgnb" / "study" / "grids"


def result(method, found, pxap=0.5, **parameters):
    run = asdict(Run(method=method, **parameters).resolved())
    return {"run": run, "hits": found, "loc_acc": np.mean([int(h) for h in found]), "pxap": pxap}


VARIED = st.fixed_dictionaries({
    "method": st.sampled_from(["background", "cam", "has"]),
    "net": st.sampled_from(["tiny", "resnet50"]),
    "ratio": st.sampled_from([1, 2, 2.0000001]),
    "lr": st.sampled_from([0.01, 0.010000001, 0.3]),
    "size": st.sampled_from([64, 128]),
    "weights": st.sampled_from([None, "DEFAULT"]),
    "preset": st.sampled_from(["recommended", "literal", "quick"]),
    "weight_average": st.booleans(),
    "source": st.sampled_from(["scenes", "$BGNB_PHOTOS"]),
    "images": st.sampled_from([None, 2]),
    "target": st.sampled_from(["cat", "dog"]),
    "camouflage": st.sampled_from([0, 0.5]),
    "seed": st.integers(0, 2),
})  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(VARIED, min_size=1, max_size=12, unique_by=run_key))
def test_no_table_loses_a_run_or_counts_it_twice(runs):
    runs = [run | {"patch": 16} for run in runs]
    results = [result(found=f"{i:010b}", **run) for i, run in enumerate(runs)]  # every result finds other images
    arrays = [tuple(hit) for pairs in by_seed(results).values() for seeds in pairs.values() for hit in seeds.values()]
    assert sorted(arrays) == sorted(tuple(map(int, r["hits"])) for r in results)
    assert sum(map(int, paper_table(results, "table2")["seeds"])) == len(results)
    table = runs_table([r | {"pxap": 0, "without_masks": {"loc_acc": 0}} for r in results])
    counts = [int(re.search(r"\((\d+)\)$", cell)[1]) for cell in table["min-max of seeds"]]
    assert sum(counts) == len(results)
    for names in (table[["target, scene", "network", "ratio"]], paper_table(results, "table2")[["target, scene", "method"]]):
        assert not names.duplicated().any()  # no two rows look alike
    for row in accuracy_table(results).to_dict("records"):
        pairs = by_seed(results)[row["Loc. Acc., IoU 0.40"]]
        for pair, seeds in pairs.items():
            assert row[pair] == f"{np.mean([hit.mean() for hit in seeds.values()]):.2f}"


def test_a_result_older_than_a_parameter_is_one_of_its_default():
    new = result("background", "1100", seed=1, colours="kept", augment=0)
    assert by_seed([result("background", "1010"), new]).keys() == {"background x1"}
    assert len(by_seed([result("background", "1010"), new | {"run": new["run"] | {"augment": 0.3}}])) == 2


def test_differences_are_taken_image_by_image():
    results = [result("cam", "1100"), result("has", "1011"), result("cam", "1111", seed=1), result("has", "1110", seed=1)]
    found = by_seed(results)
    difference = combine((1, found["HaS"]), (-1, found["CAM"]))["cat, forest"]
    assert difference.tolist() == [[0, -1, 1, 1], [0, 0, 0, -1]]
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


def test_a_seed_that_one_method_lacks_counts_for_the_other_but_not_in_the_difference():
    results = [result("cam", "10"), result("has", "11"), result("cam", "11", seed=1)]
    table = accuracy_table(results).set_index("Loc. Acc., IoU 0.40")
    assert table["cat, forest"].to_dict() == {"CAM": "0.75", "HaS": "1.00"}
    assert table["seeds"].to_dict() == {"CAM": "2", "HaS": "1"}
    assert difference_table(results)["cat, forest"][0].startswith("+0.50 [")


def test_pairs_with_other_seeds_than_others_are_counted():
    results = [
        result("cam", "11"),
        result("cam", "00", seed=1),
        result("cam", "11", target="dog"),
        result("has", "11", target="owl"),
    ]
    assert accuracy_table(results).set_index("Loc. Acc., IoU 0.40").loc["CAM", ["mean [95 %]", "seeds"]].tolist() == [
        "**0.75** [0.50, 1.00]", "1 to 2",
    ]  # fmt: skip
    assert difference_table(results).empty  # CAM and HaS share no pair


def test_the_papers_cells_stand_beside_ours():
    at = dict(size=128, patch=24, target="cat", scene="forest")
    results = [result("background", "1" * 98 + "0" * 2, ratio=2, seed=s, **at) for s in range(3)]
    results += [result("cam", "1" * 70 + "0" * 30, net="resnet50", seed=s, **at) for s in range(2)]
    results += [result("has", "1" * 50 + "0" * 50, **at | {"target": "zebra"})]
    table = paper_table(results, "table2").set_index("method")
    cam, ours, _ = table.to_dict("index").values()
    assert (ours["paper, VGG16"], ours["paper, ResNet50"]) == ("0.98 inside", "0.90 below")
    assert (cam["paper, VGG16"], cam["paper, ResNet50"]) == ("", "0.66 inside")
    assert ours["Loc. Acc. [95 %]"].startswith("**0.98** [0.9") and table["seeds"].tolist() == ["2", "3", "1"]
    assert inside(table) == "Inside our interval: 1 of the paper's 1 cells for VGG16, 1 of the paper's 2 cells for ResNet50."
    assert render(results, "table2").endswith(inside(table))


@pytest.mark.parametrize("table", paper.TABLES)
def test_every_run_of_a_table_of_the_paper_has_its_cells(table):
    for scale in ("cpu", "paper"):
        runs = read_grid(table, scale, seeds=1)
        found = [cell for run, _ in runs for cell in paper.cells(table, Run(**run).__dict__).items()]
        here = {"table1": 32, "table2": 96, "table3": 40, "table4": 24}[table]
        assert len(found) == here and all(len(paper.cells(table, Run(**run).__dict__)) in (1, 2) for run, _ in runs)
        whole = {"table3": paper.TABLE_3, "table4": paper.TABLE_4}.get(table, paper.TABLES_1_2)
        numbers = np.concatenate([(rows[4:] if table == "table1" else rows).ravel() for rows in whole.values()])
        assert sorted(value for _, value in found) == sorted(numbers)


def test_pictures_without_masks_have_no_table():
    without = {"run": asdict(Run().resolved()), "loc_acc": None}
    assert render([without, without]).startswith("2 runs on pictures without masks")


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
    results = read_results(RESULTS / "comparison.jsonl")
    cam = [r for r in results if r["run"]["method"] == "cam" and r["run"]["source"] != "scenes"]
    first = [r["loc_acc"] for r in cam if (r["run"]["target"], r["run"]["scene"]) == ("cat", "forest")]
    by_hand = np.mean([r["loc_acc"] for r in cam])
    row = accuracy_table(results).set_index("Loc. Acc., IoU 0.40").loc["CAM"]
    assert row["mean [95 %]"].startswith(f"**{by_hand:.2f}** [")
    assert row["cat, forest"] == f"{np.mean(first):.2f}"
