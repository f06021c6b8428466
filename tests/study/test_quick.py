"""The page about the preset ``quick`` shows what the stored runs say, by a command of tests/bench."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from bgnb.study.sweeps import read_results

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
PAGE = (RESULTS / "quick.md").read_text()


@pytest.fixture(scope="module")
def quick(bench):
    return bench("quick")


def test_the_page_shows_the_stored_runs(quick):
    assert PAGE.partition("<!-- proof -->\n")[2].partition("\n<!-- end -->")[0] == quick.text(quick.trainings(RESULTS))


def test_the_difference_is_that_of_the_hits(quick):
    """Against a plain loop over the files."""
    found = {}
    for name, preset in (("quick", "quick"), ("verdict", "recommended")):
        for result in read_results(RESULTS / f"{name}.jsonl"):
            run = result["run"]
            if run["method"] == "background" and run["preset"] == preset:
                last = [taken for taken in result["epochs"] if taken["weights"] == "mean"][-1]
                found[preset, run["target"], run["scene"], run["seed"]] = np.mean([int(hit) for hit in last["held_out_hits"]])
    assert len(found) == 40
    means = [np.mean([value for key, value in found.items() if key[0] == preset]) for preset in ("quick", "recommended")]
    row = quick.proof(quick.trainings(RESULTS)).iloc[0]
    assert f"**{means[0] - means[1]:+.3f}**" in row["difference [95 %]"] and "**no**" in row.to_list()


def test_no_other_setting_found_as_much_on_the_playground():
    found = defaultdict(dict)
    for result in read_results(RESULTS / "quick_playground.jsonl"):
        found[result["run"]["target"]][result["run"]["epochs"]] = max(
            result["loc_acc"], found[result["run"]["target"]].get(result["run"]["epochs"], 0)
        )
    assert set(found) == {"cat", "dog"} and all(best[28] < best[150] for best in found.values())
