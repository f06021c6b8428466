"""One list of requirements, told three times: pyproject.toml, environment.yml (conda) and constraints.txt (exact)."""

import ast
import re
import shlex
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
# All others are called the same on conda-forge.
CONDA_NAMES = {"torch": "pytorch", "playwright": "playwright-python", "jupyter-client": "jupyter_client"}
CONDA_NAMES |= {"docstring-parser": "docstring_parser", "jupyter-server": "jupyter_server", "opencv-python-headless": "opencv"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
CONDA = {}
for line in [*ENVIRONMENT["dependencies"], *ENVIRONMENT["dependencies"][-1]["pip"][:-1]]:
    if isinstance(line, str):
        name, _, bounds = line.partition(" ")
        CONDA[name] = SpecifierSet(bounds)
NEEDED = {}
for line in [
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["test"],
    *PROJECT["optional-dependencies"]["class"],
    *PROJECT["optional-dependencies"]["cluster"],
    *PROJECT["optional-dependencies"]["dev"],
]:
    requirement = Requirement(line)
    NEEDED[canonicalize_name(requirement.name)] = requirement.specifier


def lower(bounds):
    """The version from which ``bounds`` begin, None without one."""
    return next((Version(part.version) for part in bounds if part.operator == ">="), None)


@pytest.mark.parametrize("name", NEEDED)
def test_conda_begins_where_pip_begins_or_later(name):
    conda, pip = CONDA[CONDA_NAMES.get(name, name)], NEEDED[name]
    assert lower(conda) >= lower(pip)
    assert lower(conda).release[1:], "a minor version, not only a major one"


def test_conda_asks_for_nothing_that_pip_does_not():
    assert set(CONDA) - {"python", "pip"} == {CONDA_NAMES.get(name, name) for name in NEEDED}
    assert CONDA["python"] == SpecifierSet(PROJECT["requires-python"])


def test_the_environment_has_its_name_and_one_channel():
    assert ENVIRONMENT["name"] == "bgnb" and ENVIRONMENT["channels"] == ["conda-forge"]
    assert [line for line in ENVIRONMENT["dependencies"] if not isinstance(line, str)] == [
        {"pip": ["torchcam >=0.5,<1", "--editable ."]}
    ]


def test_every_line_of_the_environment_says_what_needs_it():
    text = (ROOT / "environment.yml").read_text().partition("dependencies:\n")[2]
    lines = [line for line in text.splitlines() if line.strip() and line.strip() != "- pip:"]
    assert len(lines) == len(CONDA) + 1
    assert [line for line in lines if not re.search(r"  # \w[^#]{4,}$", line)] == []


PINS = [line.split("==") for line in (ROOT / "constraints.txt").read_text().split()]
PINNED = {canonicalize_name(name): version for name, version in PINS}
PYTHONS = [f"3.{minor}" for minor in range(50) if f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])]


@pytest.mark.parametrize("name", NEEDED)
def test_the_versions_that_were_tested_fit_everywhere(name):
    assert PINNED[name] in NEEDED[name] and PINNED[name] in CONDA[CONDA_NAMES.get(name, name)]


def test_every_version_is_pinned_once_and_for_any_build():
    assert len(PINNED) == len(PINS)
    assert [version for version in PINNED.values() if Version(version).local] == []  # 2.15.0, not 2.15.0+cpu
    for line in PROJECT["optional-dependencies"]["bench"]:
        assert PINNED[canonicalize_name(Requirement(line).name)] in Requirement(line).specifier


def test_every_python_that_is_supported_can_install_the_pinned_versions():
    assert PYTHONS == ["3.11", "3.12", "3.13"]
    for name, version in PINNED.items():
        try:
            known = metadata(name)
        except PackageNotFoundError:  # of another system, or of the bench
            continue
        if Version(known["Version"]).public == version and (bounds := known.get("Requires-Python")):
            assert [python for python in PYTHONS if f"{python}.99" not in SpecifierSet(bounds)] == [], name


def test_a_torch_that_is_there_already_may_keep_what_it_needs():
    """``make run VENV_FLAGS=...`` leaves out the pins of torch and of all that torch asks for in a narrow range."""
    (pattern,) = re.findall(r"sed -E '/(\S+)/d'", (ROOT / "Makefile").read_text())
    kept = {name for name, version in PINNED.items() if not re.search(pattern, f"{name}=={version}")}
    narrow = {"torch", "torchvision"}
    for need in map(Requirement, requires("torch")):
        if any(part.operator in ("==", "~=") for part in need.specifier) and not (need.marker and "extra" in str(need.marker)):
            narrow.add(canonicalize_name(need.name))
    assert not narrow & kept and {"numpy", "torchcam", "torchmetrics"} <= kept


def test_the_hooks_run_the_tools_that_are_installed():
    """No hook has a version of its own, so constraints.txt holds for them, too."""
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local" and {hook["language"] for hook in repository["hooks"]} == {"system"}
    tools = {shlex.split(hook["entry"])[0] for hook in repository["hooks"]}
    development = {Requirement(line).name for line in PROJECT["optional-dependencies"]["dev"]}
    assert tools == {f".venv/bin/{name}" for name in development - {"pre-commit"}}


NAMES = {"pillow": "PIL", "pyyaml": "yaml", "ipython": "IPython", "jupyter-client": "jupyter_client"}  # as they are imported
NAMES |= {"docstring-parser": "docstring_parser", "jupyter-server": "jupyter_server"}
NAMES |= {"opencv-python-headless": "cv2", "scikit-image": "skimage"}
# Required, and run or used by another package, but imported nowhere in bgnb.
TOOLS = {"jupyterlab": "the lessons are read in it", "tabulate": "pandas writes Markdown with it"}


def imported() -> set[str]:
    """The packages from elsewhere that any file of bgnb imports, inside functions too."""
    found = set()
    for file in (ROOT / "bgnb").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {name.partition(".")[0] for name in names}
    return found - set(sys.stdlib_module_names) - {"bgnb"}


def test_what_is_imported_is_required_and_what_is_required_is_used():
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["class"], *extras["cluster"]]
    required = {canonicalize_name(Requirement(line).name) for line in lines}
    assert {NAMES.get(name, name) for name in required - set(TOOLS)} == imported()
    assert set(TOOLS) <= required
