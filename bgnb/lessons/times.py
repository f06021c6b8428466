"""How long each lesson takes, first and second time, as a table for the README; ``make times`` and ``make figures``.

    python -m bgnb.lessons.times NOTEBOOKS [--once] [--into README.md]

The first time with an empty cache, the second with what the first left. Each lesson has a process of its own, as by hand.
"""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from bgnb.files import InputError, pick_device
from bgnb.study.runs import describe


def seconds(notebook: Path, cache: str) -> float:
    """Run a lesson with its own parameters, in a folder that vanishes: the seconds from start to end, kernel included."""
    import papermill

    before = os.environ.get("BGNB_CACHE")
    os.environ["BGNB_CACHE"] = cache
    try:
        with tempfile.TemporaryDirectory() as folder:
            clock = time.perf_counter()
            papermill.execute_notebook(str(notebook.resolve()), f"{folder}/out.ipynb", cwd=folder, progress_bar=False)
            return time.perf_counter() - clock
    finally:
        os.environ.pop("BGNB_CACHE")
        if before is not None:
            os.environ["BGNB_CACHE"] = before


def first_picture(cache: str) -> float:
    """What ``make run`` does after the installation, as a process of its own: seconds to its picture, with an empty cache."""
    import subprocess

    with tempfile.TemporaryDirectory() as folder:
        options = "--size 128 --patch 24 --stride 4 --ratio 2 --epochs 20 --json run.json --picture run.png"
        command = [sys.executable, "-m", "bgnb.cli", "run", *options.split()]
        clock = time.perf_counter()
        subprocess.run(command, cwd=folder, env=os.environ | {"BGNB_CACHE": cache}, check=True, capture_output=True)
        return time.perf_counter() - clock


def table(rows: list[tuple[str, float, float]]) -> str:
    """The times as Markdown.

    >>> print(table([("01_a", 61.4, 5.2)]))
    | | first time | second time |
    | --- | --- | --- |
    | 01_a | 61 s | 5 s |
    """
    lines = [f"| {name} | {first:.0f} s | {second:.0f} s |" for name, first, second in rows]
    return "\n".join(["| | first time | second time |", "| --- | --- | --- |", *lines])


def main(arguments: list[str]) -> None:
    """``NOTEBOOKS [--once] [--into FILE]``: without --once also ``bgnb run``, and everything twice."""
    from bgnb.study.sweeps import put_into

    lessons = sorted(Path(arguments[0]).glob("[0-9][0-9]_*.ipynb")) if arguments else []
    if not lessons:
        sys.exit("python -m bgnb.lessons.times NOTEBOOKS [--once] [--into README.md]")
    once, rows = "--once" in arguments, []
    laps = {path.stem: partial(seconds, path) for path in lessons} | ({} if once else {"bgnb run": first_picture})
    for name, lap in laps.items():
        with tempfile.TemporaryDirectory() as cache:
            first = lap(cache)
            rows.append((name, first, first if once else lap(cache)))
        print(f"{name}: {rows[-1][1]:.0f} s, then {rows[-1][2]:.0f} s", flush=True)
    if "--into" in arguments:
        try:
            text = f"{table(rows)}\n\nOn {describe(pick_device())}."
            put_into(Path(arguments[arguments.index("--into") + 1]), "times", text)
        except (InputError, IndexError) as error:
            sys.exit(f"bgnb: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
