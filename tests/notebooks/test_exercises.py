"""Student copies hold no solution; and nbval runs three lessons, as a lecturer would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from voila.voila_kernel_manager import voila_kernel_manager_factory

from bgnb.files import InputError
from bgnb.lessons.classroom import student_copy, voila_command, write_copies

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SMALL = {"images": 6, "size": 48, "patch": 16, "patches": [16], "ratios": [1, 2], "epochs": 1, "seeds": 1, "stride": 8}


def test_student_copies_hold_the_questions_and_no_answer(tmp_path):
    for path in write_copies(NOTEBOOKS, tmp_path / "student"):
        original, copy = (json.loads(p.read_text())["cells"] for p in (NOTEBOOKS / path.name, path))
        solved = [i for i, cell in enumerate(original) if "solution" in cell["metadata"].get("tags", [])]
        assert len(solved) >= 3 and len(copy) == len(original)
        for i, (before, after) in enumerate(zip(original, copy, strict=True)):
            if i in solved:
                text = "".join(after["source"])
                assert "our turn" in text and "".join(before["source"]) not in path.read_text()
                assert before["cell_type"] == after["cell_type"] and len(text) < 40
            else:
                assert before == after


def test_a_solution_need_not_be_the_last_cell_and_the_original_stays():
    book = {"cells": [{"cell_type": "markdown", "metadata": {"tags": ["x", "solution"]}, "source": ["secret"]}] * 2}
    assert "secret" not in json.dumps(student_copy(book)) and "secret" in json.dumps(book)


def test_a_folder_without_lessons_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no lesson"):
        write_copies(tmp_path, tmp_path / "out")


def test_voila_is_called_with_a_token_and_small_idle_kernels(tmp_path):
    write_copies(NOTEBOOKS, tmp_path)
    command = voila_command(tmp_path, 8866, "secret", "127.0.0.1", ["01"])
    assert "--token=secret" in command and any("cull_idle_timeout=600" in word for word in command)
    manager = voila_kernel_manager_factory(object, True, 1)  # which lessons Voila itself would keep ready, told this
    option, _, denied = next(word for word in command if "preheat_denylist" in word).partition("=")
    assert option == f"--{manager.__name__}.preheat_denylist"
    told = SimpleNamespace(preheat_denylist=json.loads(denied))
    ready = [path.name for path in sorted(tmp_path.glob("*.ipynb")) if manager._notebook_filter(told, path)]
    assert ready == ["01_patch_taxonomy.ipynb"]
    assert "--preheat_kernel=False" in voila_command(tmp_path, 8866, "secret", "127.0.0.1", [])


@pytest.mark.parametrize("number", ["01", "03", "08"])
def test_nbval_runs_all_cells_and_solutions(number, tmp_path):
    """On a copy as small as it can be, of the quickest lessons. Papermill runs every lesson: see test_notebooks.py."""
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    book = json.loads(path.read_text())
    (parameters,) = (cell["source"] for cell in book["cells"] if "parameters" in cell["metadata"].get("tags", []))
    parameters += [f"\n{name} = {value!r}" for name, value in SMALL.items() if f"{name} = " in "".join(parameters)]
    (tmp_path / path.name).write_text(json.dumps(book))
    options = ["--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout[-3000:]
