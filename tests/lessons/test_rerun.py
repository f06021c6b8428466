"""bgnb rerun refuses what papermill takes, finds what papermill misses, and leaves nothing half-written."""

import json
import subprocess
import sys

import nbformat
import pytest

from bgnb.files import InputError
from bgnb.lessons.rerun import declared, rerun, typed

PARAMETERS = 'images = 4  # how many\nlr = 0.1  # rate\nfast = False  # quick\nname = "cat"  # who\nratios = [1, 2]  # which\n'


@pytest.fixture
def notebook(tmp_path):
    """A notebook that prints its parameters: ``notebook("more code")``."""

    def make(code="print(images, lr, fast, name, ratios)", parameters=PARAMETERS):
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        book.cells = [
            nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(code),
        ]
        path = tmp_path / "lesson.ipynb"
        nbformat.write(book, path)
        return path

    return make


def test_the_parameters_reach_the_cells_and_the_environment_is_stamped(notebook, tmp_path):
    given = [("images", "9"), ("lr", "1"), ("fast", "true"), ("name", "7"), ("ratios", "[8]")]
    written = rerun(notebook(), given, tmp_path / "out", progress=False)
    executed = json.loads(written.read_text())
    assert "".join(executed["cells"][-1]["outputs"][0]["text"]) == "9 1.0 True 7 [8]\n"
    stamp = executed["metadata"]["bgnb"]
    assert stamp["parameters"] == {"images": 9, "lr": 1.0, "fast": True, "name": "7", "ratios": [8]}
    assert {"versions", "device", "platform", "seconds", "source"} <= stamp.keys() and "torch" in stamp["versions"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["lesson.ipynb"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("imags", "4", "none of that name, but images, lr"),
        ("images", "many", "a whole number"),
        ("images", "4.5", "a whole number"),
        ("images", "True", "a whole number"),
        ("fast", "1", "True or False"),
        ("lr", "fast", "a number"),
        ("ratios", "2", "a list"),
        ("ratios", "['x']", "a list"),
        ("ratios", "[]", "a list"),
    ],
)
def test_unknown_names_and_wrong_types_are_refused(notebook, tmp_path, name, text, words):
    with pytest.raises(InputError, match=f"parameter {name}.*{words}"):
        rerun(notebook(), [(name, text)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_text_stays_text():
    assert typed("name", "True", "cat") == "True" and typed("x", "3", None) == 3


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 / 0", "cell 1: ZeroDivisionError"),
        ("import bgnb\nbgnb.load('nowhere')", "cell 1: .*nowhere"),
        ("from bgnb.lessons.controls import sliders\nsliders(lambda x: 1 / 0, x=(0, 3, 1, 1))", "a slider: .*division by zero"),
        ("import ipywidgets\nipywidgets.interactive(lambda x: 1 / 0, x=3)", "a slider: ZeroDivisionError"),
    ],
)
def test_what_fails_is_named_and_nothing_is_written(notebook, tmp_path, code, words):
    with pytest.raises(InputError, match=words):
        rerun(notebook(code), [], tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_no_notebook_and_the_notebooks_own_folder_are_refused(notebook, tmp_path):
    with pytest.raises(InputError, match=r"absent\.ipynb: No such file"):
        declared(tmp_path / "absent.ipynb")
    with pytest.raises(InputError, match="one cell tagged parameters"):
        declared(notebook(parameters="images = 2 + 2"))
    path = notebook()
    before = path.read_text()
    with pytest.raises(InputError, match="name another folder"):
        rerun(path, [], tmp_path)
    assert path.read_text() == before


def test_the_command_takes_several_parameters_and_says_one_line(notebook, tmp_path):
    command = [sys.executable, "-m", "bgnb.cli", "rerun", str(notebook()), "--out", str(tmp_path / "out")]
    done = subprocess.run([*command, "-p", "images", "9", "-p", "fast", "maybe"], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("bgnb: parameter fast 'maybe'")]
