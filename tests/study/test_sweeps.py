"""Grids, their results, and that the pages of docs/results show what was measured."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from bgnb.files import InputError, append_line, only_writer
from bgnb.study.claims import render as render_page
from bgnb.study.sweeps import grids, read_grid, read_results, run_key, sweep
from bgnb.study.tables import beside, put_into, render, runs_table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
GRIDS = sorted((ROOT / "bgnb" / "study" / "grids").glob("*.yml"))
PAGES = "\n".join(page.read_text() for page in sorted(RESULTS.glob("*.md")))
RUNNING = set()  # shown while it is being measured; take it out when it is complete
SHOWN = [grid for grid in GRIDS if f"<!-- {grid.stem} -->" in PAGES]  # the others are still being measured


def block(name):
    """What a page of docs/results shows between a table's marks, which stand on one page only."""
    assert PAGES.count(f"<!-- {name} -->\n") == 1
    return PAGES.partition(f"<!-- {name} -->\n")[2].partition("\n<!-- end -->")[0]


def test_no_table_got_lost():
    assert len(SHOWN) >= 10
    assert {"main_job", "comparison", "comparison_development", "comparison_scenes"} <= {grid.stem for grid in SHOWN}


@pytest.mark.parametrize("grid", SHOWN, ids=lambda path: path.stem)
def test_the_pages_show_the_stored_results(grid, monkeypatch):
    monkeypatch.setenv("BGNB_PHOTOS", "photos")
    results = read_results(RESULTS / f"{grid.stem}.jsonl")
    assert block(grid.stem) == render_page(results)
    wanted = {run_key(settings) for settings, _ in read_grid(grid)}
    measured = {run_key(result["run"]) for result in results}
    if grid.stem in RUNNING:
        assert measured < wanted
        return
    assert measured == wanted
    for settings, asked in read_grid(grid):  # every result holds what its grid asks for
        (result,) = [r for r in results if run_key(r["run"]) == run_key(settings)]
        assert set(asked) <= result.keys()


@pytest.mark.parametrize("grid", GRIDS, ids=lambda path: path.stem)
def test_every_stored_result_is_of_its_grid_and_counts_once(grid, monkeypatch):
    monkeypatch.setenv("BGNB_PHOTOS", "photos")
    wanted = {run_key(settings): asked for settings, asked in read_grid(grid)}
    stored = [run_key(result["run"]) for result in read_results(RESULTS / f"{grid.stem}.jsonl")]
    assert len(set(stored)) == len(stored) and set(stored) <= set(wanted)


def test_the_table_is_the_mean_over_seeds_of_what_was_measured():
    results = read_results(RESULTS / "main_job.jsonl")
    table = runs_table(results)
    assert len(table) == len(results) / 3
    for _, row in table.iterrows():
        pair, ratio = row["target, scene"], row["ratio"]
        group = [r for r in results if (f"{r['run']['target']}, {r['run']['scene']}", f"x{r['run']['ratio']:g}") == (pair, ratio)]
        by_hand = np.mean([r["loc_acc"] for r in group])
        assert len(group) == 3 and row["Loc. Acc. [95 %]"].startswith(f"**{by_hand:.2f}** [")
        hits = [np.mean([int(h) for h in r["hits"]]) for r in group]
        assert np.allclose(hits, [r["loc_acc"] for r in group])


def test_what_differs_is_named_and_two_networks_stay_two_rows():
    results = read_results(RESULTS / "main_job.jsonl")
    other = [result | {"run": result["run"] | {"size": 64, "lr": 0.5}} for result in results]
    assert len(runs_table([*results, *other])) == 2 * len(runs_table(results))
    assert sum("size 64, lr 0.5" in network or "lr 0.5" in network for network in runs_table([*results, *other])["network"]) == 6


def test_two_tables_side_by_side_hold_the_cells_of_both():
    photos, drawn = (read_results(RESULTS / f"{name}.jsonl") for name in ("main_job", "scenes"))
    both = beside(photos, drawn)
    assert block("main_job_scenes") == both
    patches, drawn_patches = (read_results(RESULTS / f"{name}.jsonl") for name in ("patches", "scenes_patches"))
    assert block("patches_scenes") == beside(patches, drawn_patches)
    left, right = (runs_table(half).set_index(["target, scene", "ratio"]) for half in (photos, drawn))
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in both.splitlines()[2:]]
    assert len(rows) == 6  # two pairs at three ratios; the drawn scenes have other pairs, too
    for pair, _, ratio, accuracy, *_ in rows:
        assert accuracy == " / ".join(half.loc[(pair, ratio), "Loc. Acc. [95 %]"] for half in (left, right))
    with pytest.raises(InputError, match="no results"):
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


def test_grids_have_names_and_each_says_what_it_is_for():
    assert set(grids()) == {path.stem for path in GRIDS} and all(words.endswith(".") for words in grids().values())
    with pytest.raises(InputError, match=r"grid 'table9'.*main_job"):
        read_grid("table9")


def test_a_grid_asks_for_more(tmp_path):
    (tmp_path / "g.yml").write_text("size: 32\npatch: 16\nimages: 3\nepochs: 1\nmeasure: baselines metrics\n")
    (result,) = sweep(tmp_path / "g.yml", tmp_path / "g.jsonl", jobs=1)
    assert {"baselines", "metrics"} <= result.keys() and "ceilings" not in result
    (tmp_path / "g.yml").write_text("measure: everything\n")
    with pytest.raises(InputError, match="measure 'everything'"):
        read_grid(tmp_path / "g.yml")


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


def test_one_writer_at_a_time(tmp_path):
    (tmp_path / "g.yml").write_text("size: 32\npatch: 16\nimages: 3\nepochs: 1\n")
    with only_writer(tmp_path / "g.jsonl"), pytest.raises(InputError, match=r"g\.jsonl: another process"):
        sweep(tmp_path / "g.yml", tmp_path / "g.jsonl", jobs=1)


def test_the_lock_ends_with_a_killed_process(tmp_path):
    code = "import os, sys; from bgnb.files import only_writer\n"
    code += "with only_writer(sys.argv[1]): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "g.jsonl")]).returncode == -9
    with only_writer(tmp_path / "g.jsonl"):
        pass


def test_a_run_counts_once_and_half_a_line_does_not_stay(tmp_path):
    out = tmp_path / "r.jsonl"
    one, two = (json.dumps({"run": {"seed": seed}, "loc_acc": seed}) for seed in (0, 1))
    out.write_text(f"{one}\n{one}\n{two[:20]}")
    assert [result["run"]["seed"] for result in read_results(out)] == [0]
    append_line(out, two)
    assert out.read_text() == f"{one}\n{one}\n{two}\n" and [r["loc_acc"] for r in read_results(out)] == [0, 1]


def test_a_whole_line_without_its_end_is_kept_and_a_file_of_something_else_is_refused(tmp_path):
    out = tmp_path / "r.jsonl"
    one, two = (json.dumps({"run": {"seed": seed}}) for seed in (0, 1))
    out.write_text(one)
    assert len(read_results(out)) == 1
    append_line(out, two)
    assert out.read_text() == f"{one}\n{two}\n"
    out.write_text("my notes, in one line")
    with pytest.raises(InputError, match=r"line 1: is no"):
        read_results(out)
    (tmp_path / "g.yml").write_text("size: 32\npatch: 16\nimages: 3\nepochs: 1\n")
    with pytest.raises(InputError, match=r"line 1: is no"):
        sweep(tmp_path / "g.yml", out, jobs=1)
    assert out.read_text() == "my notes, in one line"


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path):
    code = "import resource, sys; from bgnb.files import append_line\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)); append_line(sys.argv[1], 'x' * 400)"
    out = tmp_path / "r.jsonl"
    out.write_text("whole\n")
    done = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True)
    assert done.returncode == 1 and str(out) in done.stderr.splitlines()[-1]
    assert out.read_text() == "whole\n"


@pytest.mark.parametrize("line", ["", "null", "{}", "no json", "[]", '{"run": 1}', '{"run": {"speed": 1}}'])
def test_a_line_that_is_no_result_is_named(tmp_path, line):
    out = tmp_path / "r.jsonl"
    out.write_text(json.dumps({"run": {}}) + f"\n{line}\n")
    with pytest.raises(InputError, match=r"r\.jsonl, line 2: is no result"):
        read_results(out)


@pytest.mark.parametrize(
    ("text", "named"),
    [("ratio: abc", "ratio 'abc'"), ("patch: null", "patch None"), ("seed: []", "seed has no value"), ("lr: .inf", "lr inf")],
)
def test_a_grid_with_a_bad_value_is_one_line(tmp_path, text, named):
    (tmp_path / "g.yml").write_text(text)
    with pytest.raises(InputError, match=rf"g\.yml: {named}"):
        read_grid(tmp_path / "g.yml")


def test_files_that_are_no_text_are_named(tmp_path):
    for name, read in (("g.yml", read_grid), ("r.jsonl", read_results)):
        (tmp_path / name).write_bytes(b"ratio: \xff\n")
        with pytest.raises(InputError, match=re.escape(name)):
            read(tmp_path / name)


def test_jobs_must_be_there(tmp_path):
    (tmp_path / "g.yml").write_text("seed: 0")
    with pytest.raises(InputError, match="jobs 0"):
        sweep(tmp_path / "g.yml", tmp_path / "g.jsonl", jobs=0)


def test_where_no_patch_is_f_the_table_has_a_dash():
    results = read_results(RESULTS / "main_job.jsonl")
    results = [result | {"backgroundness": result["backgroundness"] | {"F": None}} for result in results]
    assert set(runs_table(results)["median F"]) == {"-"} and "| - " in render(results)


def test_workers_end_with_a_killed_sweep(tmp_path):
    grid = tmp_path / "g.yml"
    grid.write_text("size: 64\npatch: 16\nimages: 40\nepochs: 400\n")
    command = [sys.executable, "-m", "bgnb.cli", "sweep", str(grid), "--out", str(tmp_path / "g.jsonl"), "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    workers = []
    while not workers and process.poll() is None:  # the worker is there before torch is loaded
        workers = [p for p in psutil.Process(process.pid).children() if "spawn_main" in " ".join(p.cmdline())]
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert workers and not psutil.wait_procs(workers, timeout=30)[1]


def test_a_table_is_put_between_its_marks_only(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\nkept\n<!-- end -->\n")
    put_into(page, "one", "new")
    assert page.read_text() == "a\n<!-- one -->\nnew\n<!-- end -->\nb\n<!-- two -->\nkept\n<!-- end -->\n"
    with pytest.raises(InputError, match="three"):
        put_into(page, "three", "new")
