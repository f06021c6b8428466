"""Many runs: a grid of parameters, measured on all cores, kept line by line, and shown as a table."""

import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import reduce
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bgnb.files import InputError, choose, keep_memory, progress, whole_file
from bgnb.metrics import interval
from bgnb.settings import Machine, Run, names
from bgnb.study.tables import comparison, method_name, rates_table

EXTRAS = ("baselines", "ceilings", "metrics")  # what a grid may ask for beside the run itself


def read_grid(path: str | Path) -> list[tuple[dict, list[str]]]:
    """All combinations of a YAML grid, each with what else is asked to be measured; what stands first varies slowest.

    A parameter has one value or a list of values. A list of settings that belong together may have any name, ``pairs`` say:
    ``pairs: [{target: cat, scene: forest}, {target: dog, scene: playground}]``. A word such as ``$BGNB_PHOTOS`` stands for
    that environment variable. ``measure: "baselines metrics"`` asks for more than the run itself, see ``bgnb.measure``.
    """
    import yaml

    try:
        grid = yaml.safe_load(Path(path).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(grid, dict):
        raise InputError(f"{path}: must hold parameters of a run, NAME: VALUE or NAME: [VALUE, ...]")
    known = {*names(Run), "measure"}
    choices = []
    for name, value in grid.items():
        values = value if isinstance(value, list) else [value]
        choices.append([each if isinstance(each, dict) else {name: each} for each in values])
    for name in sorted({name for values in choices for settings in values for name in settings} - known):
        raise InputError(f"{path}: {name} is no parameter of a run")
    runs = []
    for run in (reduce(dict.__or__, combination, {}) for combination in product(*choices)):
        asked = run.pop("measure", "").split()
        for word in asked:
            choose("measure", word, EXTRAS)
        runs.append((run, asked))
        for name, value in run.items():
            if isinstance(value, str) and "$" in os.path.expandvars(value):
                raise InputError(f"{path}: {name} {value}: this environment variable is not set")
    return runs


def settings_key(settings: dict) -> str:
    """A run's resolved parameters as one line, without what differs from machine to machine: the source and the device.

    >>> settings_key({"method": "cam"}) == settings_key({"method": "cam", "batch": 64, "device": "cpu"})
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


def one(settings: dict, asked: Sequence[str], threads: int) -> dict:
    """Measure one run in a process of its own."""
    import torch

    from bgnb.study.runs import measure

    torch.set_num_threads(min(threads, torch.get_num_threads()))  # OMP_NUM_THREADS, where it is set, asks for fewer
    keep_memory()
    expanded = {name: os.path.expandvars(value) if isinstance(value, str) else value for name, value in settings.items()}
    numbers = measure(Run(**expanded), **{name: True for name in asked}, show=False).numbers
    numbers["run"]["source"] = settings.get("source", "scenes")  # as in the grid: no folder of this machine
    return numbers


def sweep(grid: str | Path, out: str | Path, jobs: int = 2) -> list[dict]:
    """Measure every run of a grid that ``out`` does not hold yet; each result is added to ``out`` at once.

    Processes with few threads each beat one process with many: small networks cannot keep several cores busy.
    """
    runs = read_grid(grid)
    done = read_results(out)
    have = {settings_key(result["run"]) for result in done}
    wanted = [(settings, asked) for settings, asked in runs if settings_key(settings) not in have]
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(one, settings, asked, threads) for settings, asked in wanted]
        try:
            for future in progress(as_completed(futures), "runs", total=len(futures)):
                done.append(future.result())
                with Path(out).open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    keys = {settings_key(settings) for settings, _ in runs}
    return [result for result in done if settings_key(result["run"]) in keys]


def over_seeds(results: Iterable[dict]) -> list[tuple[dict, list[dict]]]:
    """Results grouped by all parameters but the seed: ``[(parameters, [result of each seed])]``, in order of appearance."""
    groups = {}
    for result in sorted(results, key=lambda r: r["run"]["seed"]):
        settings = {name: value for name, value in result["run"].items() if name != "seed"}
        groups.setdefault(settings_key(settings), (settings, []))[1].append(result)
    order = ("net", "target", "scene", "ratio", "patch", "camouflage", "seam_control")
    return sorted(groups.values(), key=lambda group: [group[0].get(name, 0) for name in order])


def row_names(settings: dict, several_patches: bool) -> list[str]:
    """The first three cells of a row: pictures, network, ratio; what else was changed stands where it belongs."""
    pictures = f"{settings['target']}, {settings['scene']}"
    if settings.get("camouflage"):
        pictures += f", camouflage {settings['camouflage']:g}"
    if settings.get("seam_control"):
        pictures += ", seam control"
    network = f"{settings['net']}, {settings['epochs']} epochs" + several_patches * f", patch {settings['patch']}"
    return [pictures, network, f"x{settings['ratio']:g}"]


def cells(group: list[dict]) -> dict[str, str]:
    """What a table says of the seeds of one run, by the name of the column.

    Loc. Acc. at IoU .40 is the mean over seeds, each at its best map threshold; its interval is a bootstrap over all images
    of all seeds. Everything else is a mean over seeds.
    """

    def mean(*path: str) -> str:
        return f"{np.mean([reduce(dict.__getitem__, path, result) for result in group]):.2f}"

    low, high = interval([int(hit) for result in group for hit in result["hits"]])
    single = [result["loc_acc"] for result in group]
    return {
        "Loc. Acc. [95 %]": f"**{mean('loc_acc')}** [{low:.2f}, {high:.2f}]",
        "min-max of seeds": f"{min(single):.2f}-{max(single):.2f} ({len(single)})",
        "threshold without masks": mean("without_masks", "loc_acc"),
        "PxAP": mean("pxap"),
        **{name: mean("baselines", name, "loc_acc") for name in group[0]["baselines"]},
        "median F": mean("backgroundness", "F"),
        "median N": mean("backgroundness", "N"),
        "r / (r + 1 - pi)": mean("bayes_backgroundness"),
        "median P": mean("backgroundness", "P"),
        "pi": mean("pi"),
    }


def markdown(rows: list[list[str]]) -> str:
    """A table whose first row is its head."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]])


def table(results: list[dict]) -> str:
    """The results as two Markdown tables: how well targets are found, and where the kinds of patches end up; see ``cells``.

    A grid of several methods has tables of its own, see ``bgnb.study.tables``; one of several learning rates shows the best.
    """
    if len({result["run"]["method"] for result in results}) > 1:
        settings = {(method_name(result["run"]), result["run"]["lr"]) for result in results}
        return comparison(results) if len(settings) == len({method for method, _ in settings}) else rates_table(results)
    several = len({result["run"]["patch"] for result in results}) > 1
    rows = [(row_names(settings, several), cells(group)) for settings, group in over_seeds(results)]
    columns = list(rows[0][1])
    cut = columns.index("median F")
    return "\n\n".join(
        markdown([["target, scene", "network", "ratio", *part], *([*names, *(row[c] for c in part)] for names, row in rows)])
        for part in (columns[:cut], columns[cut:])
    )


def beside(left: list[dict], right: list[dict]) -> str:
    """Two tables in one, for what both have measured (pictures, network, epochs, ratio): each cell is left / right.

    Raises InputError if there is nothing that both have.
    """
    one, other = ({tuple(row_names(s, True)): cells(group) for s, group in over_seeds(half)} for half in (left, right))
    both = [names for names in one if names in other]
    if not both:
        raise InputError("beside: the two have no pictures, network and ratio in common")
    columns = [c for c in one[both[0]] if c in other[both[0]] and c not in ("min-max of seeds", "PxAP", "pi")]
    rows = [[*names, *(f"{one[names][c]} / {other[names][c]}" for c in columns)] for names in both]
    return markdown([["target, scene", "network", "ratio", *columns], *rows])


def put_into(path: str | Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- end -->`` in a Markdown file."""
    page = Path(path).read_text()
    before, mark, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not (mark and end):
        raise InputError(f"{path}: has no lines <!-- {name} --> and <!-- end -->")
    with whole_file(path) as part:
        part.write_text(f"{before}{mark}{text}\n{end}{after}")
