"""docs/photos.md shows what the stored runs say about edges, thresholds and colours."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
PAGE = (ROOT / "docs" / "photos.md").read_text()


@pytest.fixture(scope="module")
def structure(bench):
    return bench("structure")


def block(name):
    return PAGE.partition(f"<!-- {name} -->\n")[2].partition("\n<!-- end -->")[0]


def runs(name):
    return [json.loads(line) for line in (RESULTS / f"{name}.jsonl").read_text().splitlines()]


def test_the_page_shows_the_stored_runs(structure):
    for name, table in (
        ("edges", structure.edges(structure.flat("quick.jsonl"))),
        ("colours", structure.colours(structure.flat("colours.jsonl"))),
    ):
        assert block(name) == table.to_markdown(index=False, disable_numparse=True)


def test_edges_are_means_over_seeds():
    """Against a plain loop over the file."""
    found = [r["refined"] for r in runs("quick") if (r["run"]["target"], r["run"]["scene"]) == ("cat", "forest")]
    (row,) = [line for line in block("edges").splitlines() if "cat, forest" in line]
    for kind in ("plain", "refined"):
        means = (np.mean([one[kind][name] for one in found]) for name in ("loc_acc", "loc_acc_70", "iou"))
        assert " / ".join(f"{mean:.2f}" for mean in means) in row
    assert f"{len(found)} seeds" in row


def test_the_change_by_colours_is_that_of_every_seed():
    found = {}
    for r in runs("colours"):
        if r["run"]["target"] == "pitting":
            found[r["run"]["seed"], r["run"]["colours"]] = r["refined"]["refined"]["loc_acc"]
    (row,) = [line for line in block("colours").splitlines() if "pitting" in line]
    seeds = sorted({seed for seed, _ in found})
    changes = [found[seed, "standardised"] - found[seed, "kept"] for seed in seeds]
    shown = [float(number) for number in re.findall(r"[+-]\d\.\d\d", row)]
    assert shown == pytest.approx([np.mean(changes), *changes], abs=0.006)
