"""Run: what presets fill in, what is refused, and that it fits what it is handed to."""

import inspect
import re
from dataclasses import FrozenInstanceError, replace

import pytest

from bgnb import InputError, Run, load
from bgnb.settings import Machine, Maps, Pictures, Training, names

DECIDED = ("overlap", "redraw", "momentum", "weight_decay", "batch")


@pytest.mark.parametrize(
    ("preset", "method", "values"),
    [
        ("recommended", "background", ["average", True, 0.9, 1e-4, 512]),
        ("literal", "background", ["add", False, 0.0, 0.0, 512]),
        ("recommended", "cam", ["average", True, 0.9, 1e-4, 64]),
    ],
)
def test_preset_and_method_decide_what_was_left_open_and_nothing_before(preset, method, values):
    run = Run(preset=preset, method=method)
    assert [getattr(run, name) for name in DECIDED] == [None] * 5
    assert [getattr(run.resolved(), name) for name in DECIDED] == values
    assert replace(Run(), preset=preset, method=method) == run  # a change of preset changes what it decides
    assert run.resolved().resolved() == run.resolved()


def test_what_is_given_stays():
    given = dict(overlap="average", redraw=True, momentum=0.5, weight_decay=0.1, batch=7)
    run = Run(preset="literal", method="cam", **given).resolved()
    assert {name: getattr(run, name) for name in DECIDED} == given
    # values that are false are values too
    run = Run(redraw=False, momentum=0.0, weight_decay=0.0).resolved()
    assert (run.redraw, run.momentum, run.weight_decay) == (False, 0.0, 0.0)


def test_every_parameter_is_in_one_group():
    grouped = [name for group in (Pictures, Training, Maps, Machine) for name in names(group)]
    assert sorted(grouped) == sorted(names(Run)) and len(set(grouped)) == len(grouped)


def test_the_defaults_are_the_papers_protocol():
    run = Run().resolved()
    assert (run.size, run.patch, run.stride, run.per_image) == (256, 48, 8, 8)
    assert (run.epochs, run.batch, run.lr, run.schedule, run.weight_average) == (150, 512, 0.01, "constant", False)


@pytest.mark.parametrize(("method", "batch", "lr", "augment"), [("background", 128, 0.03, 0.3), ("cam", 8, 0.003, 0)])
def test_quick_keeps_our_reading_and_changes_the_training(method, batch, lr, augment):
    run, protocol = Run(preset="quick", method=method).resolved(), Run(method=method).resolved()
    changed = {name for name in names(Run) if getattr(run, name) != getattr(protocol, name)}
    own = {"augment"} if augment else set()
    assert changed == {"preset", "epochs", "batch", "lr", "schedule", "weight_average"} | own
    assert (run.batch, run.lr, run.schedule, run.weight_average, run.augment) == (batch, lr, "one-cycle", True, augment)
    assert Run(preset="quick", epochs=7, lr=0.1, weight_average=False).resolved().epochs == 7


@pytest.mark.parametrize(
    "wrong",
    [
        dict(preset="best"), dict(method="magic"), dict(overlap="max"), dict(precision="fp64"), dict(net="alexnet"),
        dict(schedule="zigzag"), dict(part="half"), dict(weights=""),
        dict(patch=15), dict(patch=257), dict(stride=0), dict(stride=49), dict(ratio=0),
        dict(ratio=-1), dict(ratio=float("nan")), dict(ratio=float("inf")), dict(per_image=0), dict(epochs=0),
        dict(epochs=1.5), dict(epochs=True), dict(batch=0), dict(batch=1), dict(lr=0), dict(lr=float("inf")), dict(lr=1e30),
        dict(lr="fast"), dict(momentum=-0.1), dict(momentum=float("inf")),
        dict(weight_decay=-1), dict(seed=-1), dict(seed=10**20),
        dict(size=10**20), dict(images=1), dict(camouflage=2),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(wrong):
    [(name, value)] = wrong.items()
    with pytest.raises(InputError, match=rf"^{name} {re.escape(repr(value))}") as caught:
        Run(**wrong)
    assert "\n" not in str(caught.value)


def test_a_run_does_not_change():
    with pytest.raises(FrozenInstanceError):
        Run().ratio = 2


@pytest.mark.parametrize(("ratio", "epochs"), [(1, 150), (2, 100), (4, 60), (3, 75), (0.5, 200), (1000, 1)])
def test_equal_updates(ratio, epochs):
    assert Run(ratio=ratio, equal_updates=True).epochs_run == epochs
    assert Run(ratio=ratio).epochs_run == 150


def test_load_takes_its_part_of_a_run():
    arguments = Run(size=64, seed=3).load_arguments()
    assert arguments.keys() <= inspect.signature(load).parameters.keys()
    assert all(arguments[name] == getattr(Run(size=64, seed=3), name) for name in arguments)
