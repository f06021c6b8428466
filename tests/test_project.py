"""What stands around the code: citation, changelog, Makefile, hosted CI and the contributor's guide say the same."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
PYTHONS = [f"3.{minor}" for minor in range(50) if f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])]


def test_the_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # required by the format
    assert citation["cff-version"] == "1.2.0" and citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"] and citation["authors"] == [{"name": "The bgnb contributors"}]
    paper = citation["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == ["Nakamura", "Ueda", "Tanaka", "Fujiki"]
    assert paper["doi"] == "10.1007/978-981-99-4914-4_3" and paper["doi"] in (ROOT / "README.md").read_text()
    assert f"## {citation['version']} - {citation['date-released']}" in (ROOT / "CHANGELOG.md").read_text()


def test_hosted_ci_tests_every_supported_python():
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["tests"]
    assert job["strategy"]["matrix"]["python"] == PYTHONS
    steps = [step.get("run", "") for step in job["steps"]]
    assert "make test PYTHON=python${{ matrix.python }}" in steps and any("chromium" in step for step in steps)
    (cache,) = [step["with"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert cache["cache-dependency-path"] == "constraints.txt"
    (low, high) = re.findall(r"\(3, (\d+)\)", MAKEFILE.partition("\n\n")[0])
    assert [f"3.{minor}" for minor in range(int(low), int(high))] == PYTHONS


def test_the_page_of_a_repository_is_published_only_where_that_is_wanted():
    jobs = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text())["jobs"]
    runs = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert any(run.startswith("make pages ") for run in runs) and jobs["publish"]["needs"] == "build"
    (variable,) = re.findall(r"vars\.(\w+) == 'yes'", jobs["build"]["if"])
    assert variable in GUIDE
    (upload,) = [step["with"]["path"] for step in jobs["build"]["steps"] if "upload" in step.get("uses", "")]
    assert f"--out {upload} " in MAKEFILE


def test_the_help_of_make_names_every_command_and_the_guide_names_no_other():
    commands = set(re.findall(r"^(\w+):", MAKEFILE, re.M)) - {"help"}
    assert set(re.findall(r'@echo "make (\w+) ', MAKEFILE)) == commands
    assert set(re.findall(r"\bmake ([a-z]\w+)", " ".join(re.findall(r"`[^`]+`", GUIDE)))) <= commands


def test_the_guide_names_files_that_exist():
    named = set(re.findall(r"`([\w./]+\.(?:py|md|txt|toml|yml|json|ipynb))`", GUIDE)) - {"notebooks/09_NAME.ipynb"}
    folders = ("", "tests/notebooks/", "bgnb/study/")  # a file that was named in full is named in short after that
    assert [name for name in named if not any((ROOT / folder / name).exists() for folder in folders)] == []
    assert len(named) > 15 and len(GUIDE.splitlines()) <= 120


def test_a_bug_report_asks_what_bgnb_check_prints():
    forms = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")}
    assert set(forms) == {"bug_report", "lesson", "question"}
    for form in forms.values():
        assert form["name"] and form["description"] and all(field["attributes"]["label"] for field in form["body"])
    assert any("bgnb check" in field["attributes"]["label"] for field in forms["bug_report"]["body"])


def test_the_running_time_of_make_run_is_that_of_its_options():
    from bgnb.lessons.times import FIRST_PICTURE

    assert f"bgnb run {FIRST_PICTURE} --json" in MAKEFILE
