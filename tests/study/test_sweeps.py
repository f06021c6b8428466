"""Grids, their results, and that the README shows what was measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from bgnb.files import InputError
from bgnb.study.sweeps import beside, over_seeds, put_into, read_grid, read_results, settings_key, sweep, table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
GRIDS = sorted((ROOT / "bgnb" / "study" / "grids").glob("*.yml"))


@pytest.mark.parametrize("grid", GRIDS, ids=lambda path: path.stem)
def test_the_readme_shows_the_stored_results(grid, monkeypatch):
    monkeypatch.setenv("BGNB_PHOTOS", "photos")
    block = (ROOT / "README.md").read_text().partition(f"<!-- {grid.stem} -->\n")[2].partition("\n<!-- end -->")[0]
    results = read_results(RESULTS / f"{grid.stem}.jsonl")
    assert block == table(results)
    wanted = {(r["ratio"], r["seed"], r["net"], r["target"], r["scene"], r["epochs"]) for r, _ in read_grid(grid)}
    measured = {tuple(r["run"][k] for k in ("ratio", "seed", "net", "target", "scene", "epochs")) for r in results}
    assert measured == wanted
    for settings, asked in read_grid(grid):  # every result holds what its grid asks for
        (result,) = [r for r in results if settings_key(r["run"]) == settings_key(settings)]
        assert set(asked) <= result.keys()


def test_the_table_is_the_mean_over_seeds_of_what_was_measured():
    results = read_results(RESULTS / "main_job.jsonl")
    for settings, group in over_seeds(results):
        by_hand = np.mean([r["loc_acc"] for r in results if all(r["run"][k] == v for k, v in settings.items())])
        assert len(group) == 3
        assert f"x{settings['ratio']:g} | **{by_hand:.2f}**" in table(group)
        hits = [np.mean([int(h) for h in r["hits"]]) for r in group]
        assert np.allclose(hits, [r["loc_acc"] for r in group])


def test_two_tables_side_by_side_hold_the_cells_of_both():
    photos, drawn = (read_results(RESULTS / f"{name}.jsonl") for name in ("main_job", "scenes"))
    both = beside(photos, drawn)
    assert both in (ROOT / "README.md").read_text().partition("<!-- main_job_scenes -->\n")[2].partition("\n<!-- end -->")[0]
    left, right = (half.split("\n\n")[0].splitlines() for half in (table(photos), table(drawn)))
    rows = both.splitlines()[2:]
    assert len(rows) == 6  # two pairs at three ratios; the drawn scenes have other pairs, too
    for row in rows:
        pair, _, ratio, accuracy = row.removeprefix("| ").split(" | ")[:4]
        one, other = (next(line for line in half if pair in line and f"| {ratio} |" in line) for half in (left, right))
        assert accuracy == " / ".join(line.removeprefix("| ").split(" | ")[3] for line in (one, other))
    with pytest.raises(InputError, match="in common"):
        beside(photos, [])


def test_all_combinations_of_a_grid(tmp_path):
    (tmp_path / "g.yml").write_text("pairs: [{target: cat}, {target: dog}]\nratio: [1, 2]\nseed: [0, 1, 2]\nsize: 64\n")
    runs = read_grid(tmp_path / "g.yml")
    assert len({json.dumps(r, sort_keys=True) for r in runs}) == len(runs) == 12
    assert all(run["size"] == 64 for run, _ in runs)


@pytest.mark.parametrize(
    ("text", "named"),
    [("raito: 2", "raito"), ("source: $BGNB_NOT_SET", "BGNB_NOT_SET"), ("- 1", "parameters"), ("a: [", "YAML")],
)
def test_a_bad_grid_is_one_line(tmp_path, text, named):
    (tmp_path / "g.yml").write_text(text)
    with pytest.raises(InputError, match=named) as refused:
        read_grid(tmp_path / "g.yml")
    assert "\n" not in str(refused.value) and "g.yml" in str(refused.value)


def test_a_sweep_goes_on_where_it_stopped(tmp_path):
    grid, out = tmp_path / "g.yml", tmp_path / "g.jsonl"
    grid.write_text("size: 32\npatch: 16\nimages: 3\nepochs: 1\nseed: [0, 1]\n")
    first = sweep(grid, out, jobs=1)
    lines = out.read_text().splitlines()
    out.write_text(lines[1] + "\n")
    again = sweep(grid, out, jobs=1)
    assert len(first) == len(again) == len(out.read_text().splitlines()) == 2
    assert out.read_text().splitlines()[0] == lines[1]  # not measured again
    for results in (first, again):
        results.sort(key=lambda r: r["run"]["seed"])
    assert [r["loc_acc"] for r in first] == [r["loc_acc"] for r in again]


def test_a_table_is_put_between_its_marks_only(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\nkept\n<!-- end -->\n")
    put_into(page, "one", "new")
    assert page.read_text() == "a\n<!-- one -->\nnew\n<!-- end -->\nb\n<!-- two -->\nkept\n<!-- end -->\n"
    with pytest.raises(InputError, match="three"):
        put_into(page, "three", "new")
