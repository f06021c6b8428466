"""Many runs: a grid of parameters, measured on all cores, saved line by line."""

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import reduce
from importlib.resources import files
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import yaml

from bgnb.files import InputError, append_line, choose, only_writer, progress_bar
from bgnb.settings import Machine, Run, names

BEGINNING = '{"run": '  # of every result
EXTRAS = ("baselines", "ceilings", "metrics", "epochs")  # what a grid may ask for besides the run itself


def grids() -> dict[str, str]:
    """The grids that come with bgnb by name, each with the first sentence of its comment.

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
    """All combinations of a YAML grid, each with what else to measure. The first parameter in the file varies slowest.

    A parameter has one value or a list of values. A list of settings that belong together can have any name, ``pairs`` say:
    ``pairs: [{target: cat, scene: forest}, {target: dog, scene: playground}]``. A word such as ``$BGNB_PHOTOS`` stands for
    that environment variable. ``measure: baselines metrics`` asks for more than the run itself, see ``bgnb.measure``.
    """
    path = grid_file(grid)
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold parameters of a run, NAME: VALUE or NAME: [VALUE, ...]")
    choices = []
    for name, value in content.items():
        values = value if isinstance(value, list) else [value]
        if not values:
            raise InputError(f"{path}: {name} has no value")
        choices.append([each if isinstance(each, dict) else {name: each} for each in values])
    for name in sorted({name for values in choices for settings in values for name in settings} - {*names(Run), "measure"}):
        raise InputError(f"{path}: {name} is not a parameter of a run")
    runs = []
    for run in (reduce(dict.__or__, combination, {}) for combination in product(*choices)):
        asked = run.pop("measure", "").split()
        for word in asked:
            choose(f"{path}: measure", word, EXTRAS)
        for name, value in run.items():
            if isinstance(value, str) and "$" in os.path.expandvars(value):
                raise InputError(f"{path}: {name} {value}: this environment variable is not set")
        try:
            Run(**run)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        runs.append((run, asked))
    return runs


def run_key(settings: dict) -> str:
    """A run's resolved parameters as one line, without those that differ between machines: the source and the device.

    >>> run_key({"method": "cam"}) == run_key({"method": "cam", "batch": 64, "device": "cpu"})
    True
    """
    resolved = asdict(Run(**settings).resolved())
    return json.dumps({name: value for name, value in sorted(resolved.items()) if name not in ("source", *names(Machine))})


def read_results(path: str | Path) -> list[dict]:
    """The results in a file with one JSON a line, each run once; none if there is no file."""
    path = Path(path)
    if not path.exists():
        return []
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    found = {}
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        try:
            result = json.loads(line)
            found.setdefault(run_key(result["run"]), result)  # a run counts once
        except (ValueError, KeyError, TypeError):
            cut_short = number == len(lines) and not text.endswith("\n")
            if cut_short and (line.startswith(BEGINNING) or BEGINNING.startswith(line)):
                break  # half of a result at the end, left by a full disk or a kill
            raise InputError(f"{path}, line {number}: is no result of a sweep") from None
    return list(found.values())


def measure_one(settings: dict, asked: Sequence[str], threads: int) -> dict:
    """Measure one run, in its own process."""
    import torch

    from bgnb.device import keep_memory
    from bgnb.study.runs import measure

    torch.set_num_threads(min(threads, torch.get_num_threads()))  # OMP_NUM_THREADS, if set, asks for fewer
    keep_memory()
    expanded = {name: os.path.expandvars(value) if isinstance(value, str) else value for name, value in settings.items()}
    numbers = measure(Run(**expanded), **dict.fromkeys(asked, True), progress=False).numbers
    numbers["run"]["source"] = settings.get("source", "scenes")  # as in the grid, not a folder of this machine
    return numbers


def sweep(grid: str | Path, out: str | Path, jobs: int = 2) -> list[dict]:
    """Measure every run of a grid that ``out`` does not hold yet; each result is added to ``out`` at once.

    Several processes with few threads beat one process with many: small networks cannot keep several cores busy.
    """
    if jobs < 1:
        raise InputError(f"jobs {jobs}: at least 1 run at a time")
    runs = read_grid(grid)
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1) // jobs)
    with only_writer(out):
        done = read_results(out)
        have = {run_key(result["run"]) for result in done}
        wanted = {run_key(settings): (settings, asked) for settings, asked in runs}
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), end_with_parent, (os.getpid(),))
        futures = [pool.submit(measure_one, *wanted[run], threads) for run in wanted if run not in have]
        try:
            for future in progress_bar(as_completed(futures), "runs", total=len(futures)):
                done.append(future.result())
                append_line(out, json.dumps(done[-1]))
        except BaseException:
            for process in [*(pool._processes or {}).values()]:  # nobody needs what they are computing any more
                process.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    return [result for result in done if run_key(result["run"]) in wanted]


def end_with_parent(parent: int) -> None:
    """Start a worker that ends within a second once the sweep is gone, even if the sweep was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the sweep, which ends its workers
    threading.Thread(target=watch, daemon=True).start()
