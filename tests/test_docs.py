"""The examples in the docstrings run, and ``import bgnb`` asks for no more than it promises."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
import textwrap

import pytest

import bgnb

MODULES = sorted(m.name for m in pkgutil.walk_packages(bgnb.__path__, "bgnb.") if not m.name.endswith("__main__"))


@pytest.mark.parametrize("name", ["bgnb", *MODULES])
def test_examples_in_docstrings(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


@pytest.mark.parametrize("name", [name for name in bgnb.__all__ if callable(getattr(bgnb, name))])
def test_all_that_a_notebook_calls_is_documented(name):
    assert getattr(bgnb, name).__doc__


BARE_IMPORT = """
    import re, sys
    from importlib.metadata import packages_distributions, requires

    # torch, torchvision, numpy, pillow and what they need in turn stay; every other installed package is taken away.
    allowed, waiting = {"bgnb"}, ["torch", "torchvision", "numpy", "pillow"]
    while waiting:
        name = re.sub("[-_.]+", "-", waiting.pop()).lower()
        if name not in allowed:
            allowed.add(name)
            try:
                waiting += [re.match(r"[\\w.-]+", line)[0] for line in requires(name) or [] if "extra ==" not in line]
            except ImportError:
                pass  # a requirement of another platform
    normal = lambda name: re.sub("[-_.]+", "-", name).lower()
    blocked = {m for m, owners in packages_distributions().items() if not allowed & {normal(o) for o in owners}}
    expected = "scipy pandas tqdm safetensors platformdirs matplotlib seaborn ipywidgets tyro sklearn yaml"
    assert set(expected.split()) <= blocked, blocked

    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in blocked:
                raise ImportError(f"{name} is not there")

    sys.meta_path.insert(0, Absent())
    import bgnb
    from bgnb import *
    assert not [m for m in sys.modules if m.partition(".")[0] in blocked]
    print(bgnb.Run(ratio=2).resolved().overlap, bgnb.build("tiny", 24).step)
"""


def test_import_needs_torch_torchvision_numpy_and_pillow_only():
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(BARE_IMPORT)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "average 4\n"), done.stderr
