"""Every lesson: its form, and a run by papermill from another folder, whose saved sliders are searched for errors."""

import ast
import json
import os
from pathlib import Path

import papermill
import pytest

from bgnb.lessons.controls import ERROR
from bgnb.lessons.rerun import widget_errors

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request) -> Path:
    return request.param


def cells(path: Path, kind: str = "code", tag: str | None = None) -> list[str]:
    """The sources of a notebook's cells."""
    found = json.loads(path.read_text())["cells"]
    tagged = [c for c in found if tag is None or tag in c["metadata"].get("tags", [])]
    return ["".join(c["source"]) for c in tagged if c["cell_type"] == kind]


def execute(path: Path, folder: Path, **parameters) -> dict:
    """Run a lesson with ``fast=True`` in an empty folder; the executed notebook."""
    out = folder / "out.ipynb"
    papermill.execute_notebook(
        str(path), str(out), {"fast": True} | parameters, kernel_name="python3", cwd=str(folder), progress_bar=False
    )
    return json.loads(out.read_text())


def errors(executed: dict) -> list[str]:
    """What went wrong in callbacks: papermill itself does not see it."""
    text = json.dumps([c.get("outputs") for c in executed["cells"]])
    return [ERROR] * text.count(ERROR) + widget_errors(executed)


def pictures(executed: dict) -> list[str]:
    """All PNGs that the lesson shows, in order."""
    outputs = [o for c in executed["cells"] for o in c.get("outputs", [])]
    return [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]


def test_there_are_lessons():
    numbers = [int(path.stem[:2]) for path in NOTEBOOKS]
    assert len(set(numbers)) == len(numbers) and {1, 2, 3, 4, 5, 6, 7, 8} <= set(numbers)


def test_one_parameters_cell_of_commented_literals(notebook):
    (source,) = cells(notebook, tag="parameters")
    names = set()
    for line, node in zip(source.splitlines(), ast.parse(source).body, strict=True):
        assert isinstance(node, ast.Assign)
        ast.literal_eval(node.value)
        assert "  # " in line, line
        names.add(node.targets[0].id)
    assert {"source", "seed", "device", "fast"} <= names
    assert {p["name"] for p in papermill.inspect_notebook(str(notebook)).values()} == names


def test_short_cells_no_output_and_exercises_with_solutions(notebook):
    content = json.loads(notebook.read_text())
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"] and cell["execution_count"] is None
            longest = 22 if "parameters" in cell["metadata"].get("tags", []) else 15
            assert len([line for line in "".join(cell["source"]).splitlines() if line.strip()]) <= longest
    exercises = next(text for text in cells(notebook, "markdown") if text.startswith("## Exercises"))
    solutions = cells(notebook, "markdown", "solution") + cells(notebook, "code", "solution")
    assert all(f"\n{i}. " in exercises for i in (1, 2, 3)) and len(solutions) == 3


def test_runs_from_any_folder_without_an_error_in_any_slider(notebook, tmp_path):
    executed = execute(notebook, tmp_path)
    assert errors(executed) == []
    assert len(pictures(executed)) >= (3 if notebook.stem[:2] == "08" else 4)
    # What a lesson derives by hand and what the package does are the same; it prints the difference.
    text = "".join("".join(o.get("text", "")) for c in executed["cells"] for o in c.get("outputs", []))
    differences = [float(line.split(": ")[1]) for line in text.splitlines() if line.startswith("largest difference")]
    assert bool(differences) == (notebook.stem[:2] in ("01", "02", "03", "04", "05", "08"))
    assert max(differences, default=0) < 1e-4
    assert [p.name for p in tmp_path.iterdir()] == ["out.ipynb"]  # a lesson leaves nothing behind


@pytest.mark.photos
@pytest.mark.skipif("BGNB_PHOTOS" not in os.environ, reason="BGNB_PHOTOS names no folder of real photographs")
def test_runs_on_real_photographs(tmp_path):
    executed = execute(next(p for p in NOTEBOOKS if p.stem[:2] == "03"), tmp_path, source=os.environ["BGNB_PHOTOS"], compose=True)
    assert errors(executed) == []


def test_an_error_in_a_slider_would_be_found(tmp_path):
    import nbformat

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    source = "from bgnb.lessons.controls import sliders\nsliders(lambda x: 1 / 0, x=(0, 3, 1, 1))"
    book.cells = [nbformat.v4.new_code_cell("fast = False", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(source)]
    path = tmp_path / "bad.ipynb"
    nbformat.write(book, path)
    assert errors(execute(path, tmp_path))
