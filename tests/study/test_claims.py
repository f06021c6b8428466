"""Claims by the plan's rule, on results made up so that the answer is known."""

import json
from dataclasses import asdict
from itertools import product

import numpy as np
import pytest

from bgnb import Run
from bgnb.study.claims import claims, decide, endpoint, endpoint_table, epochs_table, readings_table, render, snapshots

PAIRS = (("cat", "forest"), ("cat", "playground"), ("dog", "forest"), ("dog", "playground"))


def result(method, seed, pair, found, last="1000"):
    """A training of 20 epochs: with averaged weights it finds ``found``, after the last update ``last``."""
    run = Run(method=method, ratio=2 if method == "background" else 1, seed=seed, target=pair[0], scene=pair[1], epochs=20)
    taken = []
    for epoch, (weights, hits) in product((5, *range(11, 21)), (("last", last), ("mean", found))):
        share = np.mean([int(hit) for hit in hits]) * epoch / 20
        numbers = dict(loc_acc=share, threshold=0.5, hits=hits, held_out=share, held_out_hits=hits, loc_acc_50=0, held_out_50=0)
        taken.append(dict(epoch=epoch, weights=weights, pxap=0.5) | numbers)
    numbers = {"run": asdict(run.resolved()), "hits": found, "epochs": taken, "epochs_run": 20, "loc_acc": 0}
    return numbers | {"images": {"targets": len(found)}}


def made(found, seeds=5):
    """Results of both methods: ``found`` says what background learning finds on each of the four pairs; CAM finds half."""
    results = [result("background", s, p, f * 5) for s in range(seeds) for p, f in zip(PAIRS, found, strict=True)]
    return results + [result("cam", s, p, "1100" * 5) for s in range(seeds) for p in PAIRS]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (["1111", "1111", "1111", "1111"], "supported"),
        (["1111", "1111", "1111", "1000"], "supported"),  # three of four
        (["1111", "1111", "1000", "1000"], "undecided"),  # two of four
        (["1100", "1100", "1100", "1100"], "undecided"),
        (["1000", "1000", "1000", "1000"], "refuted"),
    ],
)
def test_the_rule_of_the_plan(tmp_path, found, verdict):
    (tmp_path / "verdict.jsonl").write_text("".join(json.dumps(r) + "\n" for r in made(found)))
    h3 = claims(tmp_path)["photographs"]["H3"]
    assert h3["verdict"] == verdict and (h3["pairs"], h3["seeds"]) == (4, 5)
    by_hand = np.mean([np.mean([int(d) for d in f]) - 0.5 for f in found])
    assert h3["effect"] == pytest.approx(by_hand) and h3["interval"][0] <= by_hand <= h3["interval"][1]


def test_what_has_not_run_is_undecided(tmp_path):
    found = claims(tmp_path)
    assert set(found) == {"photographs", "scenes"} and all(set(part) == {f"H{i}" for i in range(1, 7)} for part in found.values())
    for claim in (*found["photographs"].values(), *found["scenes"].values()):
        assert (claim["verdict"], claim["why"], claim["effect"]) == ("undecided", "not run", None)


def test_only_seeds_that_both_methods_have_count():
    results = made(["1111"] * 4)[:-4]  # CAM lacks the last seed
    table = endpoint(snapshots(results))
    assert {found.shape for by_pair in table.values() for found in by_pair.values()} == {(4, 20)}
    few = decide({p: table["background x2"][p] - table["CAM"][p] for p in table["CAM"]})
    assert few["seeds"] == 4 and few["interval"][0] > 0 and few["verdict"] == "undecided"  # one seed is still to come


def test_tables_are_means_over_pairs_and_seeds():
    frame = snapshots(made(["1111", "1111", "1000", "1100"]))
    table = endpoint_table(frame).set_index("Loc. Acc., held-out threshold")
    assert table.loc["background x2", "dog, forest"] == "0.25" and table.loc["CAM", "mean [95 %]"].startswith("**0.50** [0.4")
    assert table.loc["background x2 minus CAM", "mean [95 %]"].startswith("**+0.19**")
    readings = readings_table(frame).set_index("")
    row = readings.loc["background x2"]
    assert row["averaged weights, held-out threshold"] == f"{np.mean([1, 1, 0.25, 0.5]):.2f}"
    assert row["last update, best threshold"] == "0.25"
    assert row["last ten epochs, mean"] == f"{0.25 * np.mean(range(11, 21)) / 20:.2f}"
    assert row["highest minus lowest of the ten"] == f"{0.25 * 9 / 20:.2f}"
    assert epochs_table(frame).set_index("epoch").loc["CAM"].tolist() == ["0.12", "0.50"]  # after 5 and 20 epochs
    assert render(made(["1111"] * 4)).startswith("20 target images a pair; seeds: background x2 5, CAM 5\n\n| Loc. Acc.")
