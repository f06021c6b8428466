"""Many runs: a grid of parameters, measured on all cores, kept line by line."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import reduce
from importlib.resources import files
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import yaml

from bgnb.files import InputError, choose, progress_bar
from bgnb.settings import Machine, Run, names

EXTRAS = ("baselines", "ceilings", "metrics", "epochs")  # what a grid may ask for beside the run itself


def grids() -> dict[str, str]:
    """The grids in the package by name, each with the first sentence of its comment.

    >>> grids()["main_job"]
    'The main job on real photographs; BGNB_PHOTOS names their folder.'
    """
    found = {}
    for file in sorted((files("bgnb.study") / "grids").iterdir(), key=lambda file: file.name):
        comment = " ".join(line[1:].strip() for line in file.read_text().splitlines() if line.startswith("#"))
        found[file.name.removesuffix(".yml")] = comment.partition(". ")[0].rstrip(".") + "."
    return found


def grid_file(grid: str | Path) -> Path:
    """The file of a grid: a path that ends in .yml, or a name from ``grids``."""
    if Path(grid).suffix in (".yml", ".yaml"):
        return Path(grid)
    choose("grid", str(grid), grids())
    return Path(str(files("bgnb.study") / "grids" / f"{grid}.yml"))


def read_grid(grid: str | Path) -> list[tuple[dict, list[str]]]:
    """All combinations of a YAML grid, each with what else is asked to be measured; what stands first varies slowest.

    A parameter has one value or a list of values. A list of settings that belong together may have any name, ``pairs`` say:
    ``pairs: [{target: cat, scene: forest}, {target: dog, scene: playground}]``. A word such as ``$BGNB_PHOTOS`` stands for
    that environment variable. ``measure: baselines metrics`` asks for more than the run itself, see ``bgnb.measure``.
    """
    path = grid_file(grid)
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold parameters of a run, NAME: VALUE or NAME: [VALUE, ...]")
    choices = []
    for name, value in content.items():
        values = value if isinstance(value, list) else [value]
        choices.append([each if isinstance(each, dict) else {name: each} for each in values])
    for name in sorted({name for values in choices for settings in values for name in settings} - {*names(Run), "measure"}):
        raise InputError(f"{path}: {name} is no parameter of a run")
    runs = []
    for run in (reduce(dict.__or__, combination, {}) for combination in product(*choices)):
        asked = run.pop("measure", "").split()
        for word in asked:
            choose(f"{path}: measure", word, EXTRAS)
        for name, value in run.items():
            if isinstance(value, str) and "$" in os.path.expandvars(value):
                raise InputError(f"{path}: {name} {value}: this environment variable is not set")
        runs.append((run, asked))
    return runs


def run_key(settings: dict) -> str:
    """A run's resolved parameters as one line, without what differs from machine to machine: the source and the device.

    >>> run_key({"method": "cam"}) == run_key({"method": "cam", "batch": 64, "device": "cpu"})
    True
    """
    resolved = asdict(Run(**settings).resolved())
    return json.dumps({name: value for name, value in sorted(resolved.items()) if name not in ("source", *names(Machine))})


def read_results(path: str | Path) -> list[dict]:
    """The results in a file of one JSON a line; none if there is no file."""
    path = Path(path)
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: a line is no JSON ({error})") from None


def measure_one(settings: dict, asked: Sequence[str], threads: int) -> dict:
    """Measure one run in a process of its own."""
    import torch

    from bgnb.device import keep_memory
    from bgnb.study.runs import measure

    torch.set_num_threads(min(threads, torch.get_num_threads()))  # OMP_NUM_THREADS, where it is set, asks for fewer
    keep_memory()
    expanded = {name: os.path.expandvars(value) if isinstance(value, str) else value for name, value in settings.items()}
    numbers = measure(Run(**expanded), **dict.fromkeys(asked, True), progress=False).numbers
    numbers["run"]["source"] = settings.get("source", "scenes")  # as in the grid: no folder of this machine
    return numbers


def sweep(grid: str | Path, out: str | Path, jobs: int = 2) -> list[dict]:
    """Measure every run of a grid that ``out`` does not hold yet; each result is added to ``out`` at once.

    Processes with few threads each beat one process with many: small networks cannot keep several cores busy.
    """
    runs = read_grid(grid)
    done = read_results(out)
    have = {run_key(result["run"]) for result in done}
    wanted = [(settings, asked) for settings, asked in runs if run_key(settings) not in have]
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(measure_one, settings, asked, threads) for settings, asked in wanted]
        try:
            for future in progress_bar(as_completed(futures), "runs", total=len(futures)):
                done.append(future.result())
                with Path(out).open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    keys = {run_key(settings) for settings, _ in runs}
    return [result for result in done if run_key(result["run"]) in keys]
