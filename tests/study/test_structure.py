"""docs/photos.md shows what the stored runs say about edges, thresholds and colours."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bgnb.metrics import threshold_without_masks
from bgnb.patches import draw_crops

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


def test_the_page_shows_the_measured_rows(bench):
    for name, table in (("own", bench("own").table), ("options", bench("options").table), ("small", bench("small").table)):
        assert block(name) == table(pd.read_csv(RESULTS / f"{name}.csv"))
    few, _ = bench("own").curve(pd.read_csv(RESULTS / "own.csv"))
    assert block("few") == few.to_markdown(index=False, disable_numparse=True)


def test_the_readme_says_what_was_measured():
    """Against a plain count over the file."""
    rows = list(csv.DictReader((RESULTS / "own.csv").open()))
    sets = {
        r"sixty cats pasted into forests (\d+) %": "sixty composites of cats in forests",
        r"forests \d+ %, of ten (\d+) %": "ten composites of cats in forests",
        r"sixty dogs pasted on playgrounds (\d+) %": "sixty composites of dogs on playgrounds",
        r"playgrounds \d+ %, of ten (\d+) %": "ten composites of dogs on playgrounds",
        r"sixty real flaws on steel (\d+) %": "sixty photos of pitting on steel",
    }
    said = " ".join((ROOT / "README.md").read_text().split())
    for pattern, name in sets.items():
        found = [float(row["refined"]) >= 0.4 for row in rows if row["photos"] == name]
        assert len({row["seed"] for row in rows if row["photos"] == name}) == 5  # "five draws each"
        assert int(re.search(pattern, said)[1]) == round(100 * np.mean(found))


def test_the_second_round_relabels_what_the_maps_call_background(bench, random_set):
    """Against a loop over the patches."""
    pictures, method = random_set(), bench("options").SecondRound
    maps = torch.rand(len(pictures.targets), 40, 44, generator=torch.Generator().manual_seed(0)) / 4
    maps[:, 5:20, 10:25] += 0.7
    crops = draw_crops(pictures, 16, 30, 1)
    limit = 0.5 * threshold_without_masks(maps)
    expected = [
        int(label or maps[image, top : top + 16, left : left + 16].mean() < limit)
        for image, top, left, label in zip(crops.image, crops.top, crops.left, crops.label, strict=True)
    ]
    assert method(maps).training_labels(crops, pictures, 16).tolist() == expected
    assert 0 < sum(expected) - int((crops.label == 1).sum()) < 120  # some, not all, of the target patches


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
