"""Many runs: a grid of parameters, measured on all cores or on a cluster, saved line by line."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from functools import reduce
from importlib.resources import files
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import yaml

from bgnb.files import InputError, append_line, choose, only_writer, progress_bar
from bgnb.settings import Machine, Run, names
from bgnb.study.cluster import on_cluster

BEGINNING = '{"run": '  # of every result
# What a grid may measure besides the run itself.
EXTRAS = ("baselines", "ceilings", "metrics", "epochs", "few_shot", "held_out_photos", "every", "signals")
SCALES = ("fast", "cpu", "paper")  # minutes; hours on a few cores; the paper's own, for a GPU
VARIANTS = (*SCALES, "photographs")


def grids() -> dict[str, str]:
    """The grids that come with bgnb by name, each with the first sentence of its comment and the variants that it has.

    >>> grids()["main_job"]
    'The main job on real photographs; BGNB_PHOTOS names their folder.'
    >>> grids()["table4"].partition(". ")[2]
    '[fast, cpu, paper, photographs]'
    """
    found = {}
    for name, file in grid_files().items():
        comment = " ".join(line[1:].strip() for line in file.read_text().splitlines() if line.startswith("#"))
        variants = [name for name in yaml.safe_load(file.read_text()) if name in VARIANTS]
        words = comment.partition(". ")[0].rstrip(".") + "."
        found[name] = f"{words} [{', '.join(variants)}]" if variants else words
    return found


def grid_files() -> dict[str, Path]:
    """The grids that come with bgnb: name -> file."""
    return {file.stem: file for file in sorted(Path(str(files("bgnb.study") / "grids")).glob("*.yml"))}


def grid_file(grid: str | Path) -> Path:
    """The file of a grid: a path that ends in .yml, or a name from ``grids``."""
    if Path(grid).suffix in (".yml", ".yaml"):
        return Path(grid)
    choose("grid", str(grid), grid_files())
    return grid_files()[str(grid)]


def read_grid(
    grid: str | Path, scale: str | None = None, photographs: bool = False, seeds: int | None = None
) -> list[tuple[dict, list[str]]]:
    """All combinations of a YAML grid, each with what else to measure. The first parameter in the file varies slowest.

    A parameter has one value or a list of values. A list of settings that belong together can have any name, ``pairs`` say:
    ``pairs: [{target: cat, scene: forest}, {target: dog, scene: playground}]``. A word such as ``$BGNB_PHOTOS`` stands for
    that environment variable. ``measure: baselines metrics`` asks for more than the run itself, see ``bgnb.measure``.
    ``fast:``, ``cpu:``, ``paper:`` and ``photographs:`` hold parameters that replace the others where they are asked for.

    Args:
        grid: see ``grid_file``.
        scale: which of a grid's scales; None: fast, if it has any.
        photographs: measure photographs instead of drawn scenes.
        seeds: the seeds are 0 ... seeds - 1, whatever the grid says; None: as it says.
    """
    path = grid_file(grid)
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold parameters of a run, NAME: VALUE or NAME: [VALUE, ...]")
    if scale is not None:
        choose("scale", scale, SCALES)
    variants = {name: content.pop(name) or {} for name in VARIANTS if name in content}
    if scale is None and any(name in SCALES for name in variants):
        scale = next(name for name in SCALES if name in variants)
    for name in [*([scale] if scale else []), *(["photographs"] if photographs else [])]:
        if name not in variants:
            raise InputError(f"{path}: has no {name}" + (f"; it has {', '.join(variants)}" if variants else ""))
        if not isinstance(variants[name], dict):
            raise InputError(f"{path}: {name} must hold parameters of a run")
        content |= variants[name]
    if seeds is not None and seeds < 1:
        raise InputError(f"seeds {seeds}: at least 1")
    choices = []
    for name, value in content.items():
        values = value if isinstance(value, list) else [value]
        if not values:
            raise InputError(f"{path}: {name} has no value")
        choices.append([each if isinstance(each, dict) else {name: each} for each in values])
    for name in sorted({name for values in choices for settings in values for name in settings} - {*names(Run), "measure"}):
        raise InputError(f"{path}: {name} is not a parameter of a run")
    combinations = [reduce(dict.__or__, combination, {}) for combination in product(*choices)]
    if seeds is not None:
        combinations = [combination | {"seed": seed} for seed in range(seeds) for combination in combinations]
        combinations = [one for i, one in enumerate(combinations) if one not in combinations[:i]]
    runs = []
    for run in combinations:
        asked = run.pop("measure", "").split()
        for word in asked:
            choose(f"{path}: measure", word, EXTRAS)
        try:
            Run(**run)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        runs.append((run, asked))
    return runs


def run_key(settings: dict) -> str:
    """A run's resolved parameters as one line, without the device. The source is as the grid names it, ``$BGNB_PHOTOS`` say.

    >>> run_key({"method": "cam"}) == run_key({"method": "cam", "batch": 64, "device": "cpu"})
    True
    """
    resolved = asdict(Run(**settings).resolved())
    return json.dumps({name: value for name, value in sorted(resolved.items()) if name not in names(Machine)})


def read_results(*paths: str | Path) -> list[dict]:
    """The results in files with one JSON a line, each run once: as the last line has it that holds it. Files may be missing."""
    found = {}
    for path in map(Path, paths):
        if not path.exists():
            continue
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from None
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            try:
                result = json.loads(line)
                found[run_key(result["run"])] = result
            except (ValueError, KeyError, TypeError):
                cut_short = number == len(lines) and not text.endswith("\n")
                if cut_short and (line.startswith(BEGINNING) or BEGINNING.startswith(line)):
                    break  # half of a result at the end, left by a full disk or a kill
                raise InputError(f"{path}, line {number}: is no result of a sweep") from None
    return list(found.values())


def measure_one(settings: dict, asked: Sequence[str], threads: int) -> dict:
    """Measure one run, in a process of its own or on another machine, with so many threads."""
    import torch
    from tqdm import tqdm

    from bgnb.device import keep_memory
    from bgnb.study.runs import measure

    tqdm.set_lock(threading.RLock())  # its own lock, between processes, would be reported as leaked if this one is killed
    torch.set_num_threads(threads)
    keep_memory()
    expanded = {name: os.path.expandvars(value) if isinstance(value, str) else value for name, value in settings.items()}
    numbers = measure(Run(**expanded), **dict.fromkeys(asked, True), progress=False).numbers
    numbers["run"]["source"] = settings.get("source", "scenes")  # as in the grid, not a folder of this machine
    return numbers


def sweep(
    grid: str | Path,
    out: str | Path,
    jobs: int = 2,
    scale: str | None = None,
    photographs: bool = False,
    seeds: int | None = None,
    have: Sequence[str | Path] = (),
    scheduler: str | None = None,
) -> list[dict]:
    """Measure every run of a grid that no file holds yet; each result is added to ``out`` at once. Returns those of the grid.

    Several processes with few threads beat one process with many: small networks cannot keep several cores busy. A run that
    lacks something that the grid asks for is measured again.

    Args:
        grid: see ``read_grid``.
        out: file that collects the results.
        jobs: runs at a time, each on its share of the cores, or of OMP_NUM_THREADS.
        scale: see ``read_grid``.
        photographs: see ``read_grid``.
        seeds: see ``read_grid``.
        have: files with other results. Runs in them are not measured again; the files stay as they are.
        scheduler: address of a Dask scheduler, or "local", see ``on_cluster``. Behind an address, every run has as many threads
            as OMP_NUM_THREADS says here, or one; so no number depends on which machine computes it.
    """
    if jobs < 1:
        raise InputError(f"jobs {jobs}: at least 1 run at a time")
    for path in have:
        if not Path(path).exists():
            raise InputError(f"have {path}: there is no such file")
    wanted = {run_key(settings): (settings, asked) for settings, asked in read_grid(grid, scale, photographs, seeds)}
    here = scheduler in (None, "local")
    for settings, _ in wanted.values() if here else ():
        for name, value in settings.items():
            if isinstance(value, str) and "$" in os.path.expandvars(value):
                raise InputError(f"{grid}: {name} {value}: this environment variable is not set")
    threads = int(os.environ.get("OMP_NUM_THREADS") or (available_cores() if here else 1))
    threads = max(1, threads // jobs if here else threads)
    with only_writer(out):
        done = {run_key(result["run"]): result for result in read_results(*have, out)}
        left = [key for key, (_, asked) in wanted.items() if key not in done or not holds(done[key], asked)]
        tasks = [(*wanted[key], threads) for key in left]
        with on_cluster(measure_one, tasks, scheduler, jobs) if scheduler and tasks else in_processes(tasks, jobs) as results:
            for result in progress_bar(results, "runs", total=len(tasks)):
                done[run_key(result["run"])] = result
                append_line(out, json.dumps(result))
    return [result for key, result in done.items() if key in wanted]


def holds(result: dict, asked: Iterable[str]) -> bool:
    """Whether a result has all that was asked for, or cannot have it, because its pictures have no masks."""
    return result.get("loc_acc") is None or set(asked) <= result.keys()


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def in_processes(tasks: Sequence[tuple], jobs: int) -> Iterator[Iterator[dict]]:
    """``measure_one(*task)`` of all tasks in processes of this machine. Whoever leaves early ends them."""
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), end_with_parent, (os.getpid(),))
    try:
        futures = [pool.submit(measure_one, *task) for task in tasks]
        yield (future.result() for future in as_completed(futures))
    except BaseException:
        for process in [*(pool._processes or {}).values()]:  # nobody needs what they are computing any more
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def end_with_parent(parent: int) -> None:
    """Start a worker that ends within a second once the sweep is gone, even if the sweep was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the sweep, which ends its workers
    threading.Thread(target=watch, daemon=True).start()
