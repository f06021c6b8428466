"""Grids, their results, and that the pages of docs/results show what was measured."""

import json
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from bgnb.cli import main
from bgnb.files import InputError, append_line, only_writer
from bgnb.settings import Run
from bgnb.study.claims import render
from bgnb.study.sweeps import SCALES, grids, in_processes, read_grid, read_results, run_key, sweep
from bgnb.study.tables import beside, put_into, runs_table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
GRIDS = sorted((ROOT / "bgnb" / "study" / "grids").glob("*.yml"))
PAGES = "\n".join(page.read_text() for page in sorted(RESULTS.glob("*.md")))
# Shown while they are being measured; take them out when they are complete.
RUNNING = {"verdict_ratios", "verdict_images", "table1_photographs", "table4_photographs"}
# Tables by name -> how their grid is read. Those with scales are measured at the scale cpu, from all files with such runs.
TABLES = {grid.stem: dict(grid=grid, scale="cpu" if "[" in grids()[grid.stem] else None) for grid in GRIDS}
BOTH = [name for name in TABLES if "photographs]" in grids()[name]]
TABLES |= {f"{name}_photographs": TABLES[name] | dict(photographs=True) for name in BOTH}
SHOWN = [name for name in TABLES if f"<!-- {name} -->" in PAGES]  # the others are still being measured


def block(name):
    """What a page of docs/results shows between a table's marks, which stand on one page only."""
    assert PAGES.count(f"<!-- {name} -->\n") == 1
    return PAGES.partition(f"<!-- {name} -->\n")[2].partition("\n<!-- end -->")[0]


def test_no_table_got_lost():
    assert len(SHOWN) >= 10
    assert {"main_job", "comparison", "comparison_development", "comparison_scenes", "verdict"} <= set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_the_pages_show_the_stored_results(name):
    files, how = [RESULTS / f"{name}.jsonl"], TABLES[name]
    if how["scale"]:
        files = [*sorted(set(RESULTS.glob("*.jsonl")) - set(files)), *files]
    results = read_results(*files)
    if how["scale"]:
        counting = {run_key(settings) for settings, _ in read_grid(**how, seeds=5)}
        results = [result for result in results if run_key(result["run"]) in counting]
    assert block(name) == render(results, how["grid"].stem)
    seeds = len({result["run"]["seed"] for result in results}) if how["scale"] else None
    wanted = {run_key(settings): asked for settings, asked in read_grid(**how, seeds=seeds)}
    measured = {run_key(result["run"]): result for result in results}
    if name in RUNNING:
        assert set(measured) < set(wanted)
        return
    assert set(measured) == set(wanted)
    assert all(set(asked) <= measured[key].keys() for key, asked in wanted.items())  # every result holds what was asked for


@pytest.mark.parametrize("name", TABLES)
def test_every_stored_result_is_of_its_grid_and_counts_once(name):
    wanted = {run_key(settings) for settings, _ in read_grid(**TABLES[name], seeds=5 if TABLES[name]["scale"] else None)}
    stored = [run_key(result["run"]) for result in read_results(RESULTS / f"{name}.jsonl")]
    assert len(set(stored)) == len(stored) and set(stored) <= wanted


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
    [
        ("raito: 2", "raito"),
        ("- 1", "parameters"),
        ("a: [", "YAML"),
        ("cpu: [1]", "cpu must hold"),
        ("fast: {raito: 2}", "raito"),
    ],
)
def test_a_bad_grid_is_one_line(tmp_path, text, named):
    (tmp_path / "g.yml").write_text(text)
    with pytest.raises(InputError, match=named) as refused:
        read_grid(tmp_path / "g.yml")
    assert "\n" not in str(refused.value) and "g.yml" in str(refused.value)


def test_an_environment_variable_that_is_not_set_is_named_before_anything_runs(tmp_path):
    (tmp_path / "g.yml").write_text("source: $BGNB_NOT_SET")
    assert read_grid(tmp_path / "g.yml")[0][0]["source"] == "$BGNB_NOT_SET"
    with pytest.raises(InputError, match=r"g\.yml: source \$BGNB_NOT_SET: this environment variable is not set"):
        sweep(tmp_path / "g.yml", tmp_path / "g.jsonl")


def test_a_scale_and_photographs_replace_what_the_grid_says(tmp_path):
    grid = tmp_path / "g.yml"
    grid.write_text(
        "seed: [3, 4]\nratio: [1, 2]\nimages: 9\nfast: {images: 2}\ncpu: {images: 80, ratio: 4}\n"
        "photographs: {source: photos, pairs: [{target: dog}]}\n"
    )
    assert [run for run, _ in read_grid(grid)] == [run for run, _ in read_grid(grid, "fast")]
    assert [run for run, _ in read_grid(grid)] == [{"seed": s, "ratio": r, "images": 2} for s in (3, 4) for r in (1, 2)]
    (first, _), (second, _) = read_grid(grid, "cpu", photographs=True)
    assert first == {"seed": 3, "ratio": 4, "images": 80, "source": "photos", "target": "dog"} and second == first | {"seed": 4}
    assert [run["seed"] for run, _ in read_grid(grid, "cpu", seeds=3)] == [0, 1, 2]
    wrongs = {"has no paper; it has fast, cpu, photographs": dict(scale="paper"), "scale 'huge'": dict(scale="huge")}
    for named, wrong in (wrongs | {"seeds 0": dict(seeds=0)}).items():
        with pytest.raises(InputError, match=named):
            read_grid(grid, **wrong)
    with pytest.raises(InputError, match=r"has no cpu$"):
        read_grid("main_job", "cpu")


def test_seeds_replace_those_that_a_grid_has_anywhere(tmp_path):
    (tmp_path / "g.yml").write_text("pairs: [{target: cat, seed: 7}, {target: dog, seed: 8}]\narms: [{seed: 1}, {seed: 2}]\n")
    runs = [run for run, _ in read_grid(tmp_path / "g.yml", seeds=2)]
    assert runs == [{"target": target, "seed": seed} for seed in (0, 1) for target in ("cat", "dog")]


@pytest.mark.parametrize("table", ["table1", "table2", "table3", "table4"])
def test_the_tables_of_the_paper_have_three_scales(table):
    many = {"table1": (8, 2), "table2": (8, 6), "table3": (4, 5), "table4": (4, 3)}[table]
    for scale in SCALES:
        runs = [Run(**run).resolved() for run, _ in read_grid(table, scale, seeds=5)]
        assert len(runs) == 5 * np.prod(many) * (2 if scale == "paper" else 1) and {run.seed for run in runs} == set(range(5))
        assert {run.source for run in runs} == {"scenes"} and all(run.weight_average and run.lr == 0.01 for run in runs)
    assert {run.net for run in runs} == {"vgg16", "resnet50"}  # the last scale is the paper's
    assert {(run.size, run.images, run.epochs, run.batch) for run in runs if not run.image_level} == {(256, 240, 150, 512)}
    assert all(run.batch == 64 for run in runs if run.image_level)
    sizes = {"table1": {48}, "table2": {48}, "table3": {32, 48, 64, 96, 128}, "table4": {32}}[table]
    assert {run.patch for run in runs} == sizes


def test_the_long_runs_count_in_the_tables_of_photographs():
    keys = {grid: {run_key(run) for run, _ in read_grid(grid, *variant, seeds=5)} for grid, *variant in (
        ("verdict",), ("verdict_ratios",), ("table1", "cpu", True), ("table2", "cpu", True), ("table4", "cpu", True)
    )}  # fmt: skip
    assert keys["verdict"] < keys["table2"] and keys["table1"] < keys["table2"] & keys["table4"] | keys["table2"]
    assert keys["verdict_ratios"] < keys["table4"] and keys["table1"] <= keys["verdict"] | keys["verdict_ratios"]


def test_grids_have_names_and_each_says_what_it_is_for():
    assert set(grids()) == {path.stem for path in GRIDS} and all("." in words for words in grids().values())
    with pytest.raises(InputError, match=r"grid 'table9'.*main_job"):
        read_grid("table9")


def test_the_command_measures_a_scale_and_its_table_has_the_papers_cells(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("table1.yml").write_text(
        "ratio: [1, 2]\npatch: 16\nepochs: 1\nfast: {size: 40}\ncpu: {size: 32, images: 3}\nphotographs: {size: 48}\n"
    )
    Path("page.md").write_text("<!-- table1 -->\n<!-- end -->\n")
    main(["sweep", "table1.yml", "--scale", "cpu", "--seeds", "1", "--jobs", "1", "--into", "page.md"])
    table = capsys.readouterr().out.strip()
    assert (
        table.endswith("The paper has no such cells.") and len(read_results("table1.jsonl")) == 2
    )  # patch 16 of 32 is 128 of 256
    assert Path("page.md").read_text() == f"<!-- table1 -->\n{table}\n<!-- end -->\n"
    main(["sweep", "--list"])
    assert re.search(r"^table1 .*\[fast, cpu, paper, photographs\]$", capsys.readouterr().out, flags=re.MULTILINE)


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


def test_what_a_result_lacks_is_measured_and_what_another_file_holds_is_not(tmp_path):
    grid, out, other = tmp_path / "g.yml", tmp_path / "g.jsonl", tmp_path / "other.jsonl"
    grid.write_text("size: 32\npatch: 16\nimages: 3\nepochs: 1\nseed: [0, 1]\n")
    sweep(grid, other, jobs=1, seeds=1)
    before = other.read_text()
    with pytest.raises(InputError, match=r"have .*typo\.jsonl"):
        sweep(grid, out, have=[tmp_path / "typo.jsonl"])
    results = sweep(grid, out, jobs=1, have=[other])
    assert [r["run"]["seed"] for r in results] == [0, 1] and [r["run"]["seed"] for r in read_results(out)] == [1]
    grid.write_text(grid.read_text() + "measure: metrics\n")
    results = sweep(grid, out, jobs=1, have=[other])
    assert len(results) == 2 and all("metrics" in result for result in results) and other.read_text() == before
    assert len(out.read_text().splitlines()) == 3 and len(read_results(out)) == 2


def test_every_run_has_the_threads_that_it_is_given():
    settings = {"size": 32, "patch": 16, "images": 3, "epochs": 1}
    with in_processes([(settings, [], 2)], jobs=1) as results:
        assert [result["device"] for result in results if "cpu" in result["device"]] in (["cpu (2 threads)"], [])


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


def test_photographs_are_not_taken_for_drawn_scenes():
    assert run_key({}) != run_key({"source": "$BGNB_PHOTOS"}) == run_key({"source": "$BGNB_PHOTOS", "device": "cpu"})


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
        with suppress(psutil.NoSuchProcess):  # a child that ends while it is asked
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
