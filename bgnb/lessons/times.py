"""How long each lesson takes, first with an empty cache, then with what the first run left; each in its own process."""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pandas as pd

from bgnb.files import InputError, progress_bar


def seconds(notebook: Path, cache: str) -> float:
    """Seconds to run a lesson with its own parameters in a temporary folder, from start to end, kernel included."""
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


FIRST_PICTURE = "--images 120 --size 128 --patch 24 --stride 4 --ratio 2 --preset quick --epochs 12 --lr 0.01 --augment 0"


def first_picture(cache: str) -> float:
    """Seconds until the picture of ``make run`` is there, after the installation: in its own process, with an empty cache."""
    import subprocess

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bgnb.cli", "run", *FIRST_PICTURE.split(), "--json", "run.json", "--picture", "run.png"]
        clock = time.perf_counter()
        subprocess.run(command, cwd=folder, env=os.environ | {"BGNB_CACHE": cache}, check=True, capture_output=True)
        return time.perf_counter() - clock


def times(notebooks: str | Path, once: bool = False) -> pd.DataFrame:
    """How long each lesson of a folder takes, in seconds: "" (its name), "first time", "second time".

    Args:
        notebooks: the folder.
        once: run them only once. Otherwise ``bgnb run`` is measured, too.

    Raises:
        InputError: a folder without lessons.
    """
    lessons = sorted(Path(notebooks).glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise InputError(f"{notebooks}: holds no lesson")
    laps, rows = {path.stem: partial(seconds, path) for path in lessons} | ({} if once else {"bgnb run": first_picture}), []
    for name, lap in progress_bar(laps.items(), "lessons"):
        with tempfile.TemporaryDirectory() as cache:
            first = lap(cache)
            rows.append({"": name, "first time": f"{first:.0f} s"} | ({} if once else {"second time": f"{lap(cache):.0f} s"}))
    return pd.DataFrame(rows)
