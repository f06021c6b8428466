"""Every parameter that a lesson declares changes what it shows. The cells run here, in this process, as small as they can be."""

import ast
import contextlib
import io
import itertools
import json
from pathlib import Path

import pytest

import bgnb
from bgnb.files import InputError
from bgnb.lessons.controls import Sliders
from bgnb.lessons.rerun import declared

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SMALL = dict(images=6, size=48, patch=16, patches=[16, 24], stride=8, ratios=[1, 2], ratio=2, epochs=1, batch=64, seeds=1)
OTHER = dict(
    target="owl", other="dog", camouflage=0.0, scene="playground", compose=True, images=7, size=64, patch=20, patches=[20, 24],
    stride=4, ratio=1, ratios=[1, 4], epochs=3, batch=16, equal_updates=False, seeds=2, stated=200, seed=1, device="abacus",
    fast=True, talk=True, source="no such folder", net="abacus", lr=0.1, preset="literal", schedule="one-cycle",
    weight_average=True,
)  # fmt: skip
QUICK = dict(schedule="constant", weight_average=False)  # where the preset is quick, which has the other values
TOGETHER = {"weight_average": dict(epochs=6)}  # the mean over a single epoch is that epoch
# How long a training lasts shows in this lesson only through a few coarse shares, so that test asks for the trainings themselves.
COARSE = ("06", "equal_updates")
CASES = [(path, name) for path in NOTEBOOKS for name in declared(path) if (path.stem[:2], name) != COARSE]


def seen(value) -> bytes:
    """What a notebook would show of a value."""
    if isinstance(value, Sliders):
        return value.message.value.encode() + bytes(value.picture.value)
    return value._repr_png_() if hasattr(value, "_repr_png_") else repr(value).encode()


def outputs(path: Path, **parameters):
    """What a lesson shows, piece by piece as its cells run; a refusal is the last piece."""
    shown, names = [], {"__name__": "__main__", "display": lambda value: shown.append(seen(value))}
    for number, cell in enumerate(c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"):
        tree = ast.parse("".join(cell["source"]))
        text = io.StringIO()
        try:
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(io.StringIO()):
                last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, f"{path.name} {number}", "exec"), names)
                if "parameters" in cell["metadata"].get("tags", []):
                    names.update({k: v for k, v in (SMALL | parameters).items() if k in names})
                if last is not None:
                    value = eval(compile(ast.Expression(last.value), f"{path.name} {number}", "eval"), names)
                    if value is not None and "object at 0x" not in repr(value)[:200]:
                        shown.append(seen(value))
        except InputError as error:
            yield str(error).encode()
            return
        yield b"".join([text.getvalue().encode(), *shown])
        shown.clear()


@pytest.fixture(scope="module")
def usual():
    """A lesson's pieces with the small parameters, each lesson run once."""
    kept = {}

    def run(path):
        if path not in kept:
            kept[path] = list(outputs(path))
        return kept[path]

    return run


@pytest.fixture(autouse=True)
def plain_style():
    from bgnb import plots

    yield
    plots.talk(False)


@pytest.mark.parametrize(("path", "name"), CASES, ids=[f"{path.stem[:2]}-{name}" for path, name in CASES])
def test_the_parameter_changes_what_the_lesson_shows(path, name, usual):
    other = (OTHER | (QUICK if declared(path).get("preset") == "quick" else {}))[name]
    assert other != SMALL.get(name, declared(path)[name])
    both = TOGETHER.get(name, {})
    pairs = itertools.zip_longest(outputs(path, **both) if both else usual(path), outputs(path, **both, **{name: other}))
    assert any(one != two for one, two in pairs)  # stops at the first difference


def test_equal_updates_decides_how_long_networks_are_trained(monkeypatch):
    path = next(p for p in NOTEBOOKS if p.stem[:2] == COARSE[0])
    epochs, trained = {}, bgnb.trained
    for equal in (True, False):
        monkeypatch.setattr(
            bgnb, "trained", lambda *a, e=equal, **k: epochs.setdefault(e, []).append(a[1].epochs_run) or trained(*a, **k)
        )
        list(outputs(path, epochs=3, equal_updates=equal))
    assert set(epochs[True]) == {3, 2} and set(epochs[False]) == {3}  # at the ratios 1 and 2


def test_the_same_parameters_show_the_same(usual):
    path = next(p for p in NOTEBOOKS if p.stem[:2] == "03")
    assert usual(path) == list(outputs(path))
