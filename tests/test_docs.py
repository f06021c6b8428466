"""The examples in the docstrings run, and ``import bgnb`` asks for no more than it promises."""

import ast
import doctest
import importlib
import pkgutil
import subprocess
import sys
import textwrap
from graphlib import TopologicalSorter
from pathlib import Path

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


NO_TORCH = """
    import sys
    import bgnb
    assert {"load", "fit", "Run"} <= set(dir(bgnb)) and not {"torch", "numpy"} & set(sys.modules)
    bgnb.Run(ratio=2).resolved()
    from bgnb.scenes import target_picture
    assert target_picture("cat", "forest", 0, size=32)[0].shape == (32, 32, 3)
    from bgnb.cli import main
    try:
        main(["--help"])
    except SystemExit as end:
        assert end.code == 0
    assert "torch" not in sys.modules
"""


def test_scenes_runs_and_help_need_no_torch():
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(NO_TORCH)], capture_output=True, text=True)
    assert done.returncode == 0 and "extract" in done.stdout, done.stderr


def test_no_public_name_is_a_module():
    assert not set(bgnb.__all__) & {module.name for module in pkgutil.iter_modules(bgnb.__path__)}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="fitt"):
        bgnb.fitt  # noqa: B018


ROOT = Path(bgnb.__file__).parent
# The order in which bgnb/ is read: a file imports only from files further up; a folder is one place in it.
ORDER = ["files", "settings", "device", "scenes", "data", "networks", "patches", "methods", "training", "windows", "maps"]
ORDER += ["metrics", "boxes", "refinement", "study", "plots", "moving", "photos", "lessons", "cli"]


def imports() -> dict[str, set[str]]:
    """Module -> the modules of bgnb that it imports anywhere, inside functions too; ``from bgnb import fit`` has fit's home."""
    modules = {"bgnb", *MODULES}
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        found[name] = set()
        package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package.rsplit(".", node.level - 1)[0] if node.level else ""
                origin = ".".join(filter(None, [above, node.module]))
                names = [f"{origin}.{alias.name}" if f"{origin}.{alias.name}" in modules else origin for alias in node.names]
            else:
                continue
            found[name] |= {n for n in names if n in modules}
    return found


def test_every_file_imports_only_from_files_above_it():
    places = {path.stem if path.suffix == ".py" else path.name for path in ROOT.iterdir()}
    assert places - {"__init__", "__main__", "__pycache__"} == set(ORDER)
    for name, needs in imports().items():
        mine = ORDER.index(name.split(".")[1])
        for other in needs:
            assert other != "bgnb", f"{name} imports from bgnb itself: name the module"
            assert ORDER.index(other.split(".")[1]) <= mine, f"{name} imports {other}, which stands below it"


def test_no_imports_in_a_circle():
    list(TopologicalSorter(imports()).static_order())  # CycleError names the circle
