"""A small part of ``make torture``, without its limits in seconds."""

import subprocess
import sys
from pathlib import Path

SUITE = Path(__file__).parent / "torture"


def test_kills_damaged_pictures_and_odd_values_do_no_harm():
    parts = ["--only", "kills", "pictures", "values", "--share", "0.01", "--untimed"]
    done = subprocess.run([sys.executable, SUITE, *parts], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert {row.split("|")[1].strip() for row in rows} == {"pictures", "values", "kills", "all of these"}
