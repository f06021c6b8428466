"""A page shows all that its notebook showed, opens by itself, asks nobody for anything, and never replaces what is not ours."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import groupby, pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

import bgnb
from bgnb import moving
from bgnb.files import InputError
from bgnb.lessons import classroom, pages, reference
from bgnb.moving import MIME
from bgnb.moving.page import MARK, document

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
STATE = {"value": 3, "grey": {"b64": base64.b64encode(bytes(range(9))).decode()}, "words": "</script><b>"}
MODULE = """
function render({ model, el }) {
  el.innerHTML = '<label>row <input type="range" min="0" max="8"></label> <output></output>'
    + '<svg viewBox="0 0 9 9"><rect width="9" height="1"/></svg>';
  const show = () => {
    const row = model.get("value");
    el.querySelector("output").textContent = `${row} of ${model.get("words")}: ${model.get("grey").getUint8(row)}`;
    el.querySelector("rect").setAttribute("y", row);
  };
  el.querySelector("input").value = model.get("value");
  el.querySelector("input").addEventListener("input", (event) => model.set("value", +event.target.value));
  model.on("change:value", show);
  show();
}
export default { render };
"""
FIRST = "# 01 First\n**Does it *all* arrive?**\n\nRead [the next](02_second.ipynb#quiz) and [a file](../bgnb/maps.py)."
WORDS = "## One formula\n$$x = \\frac d2 \\log r.$$\n\nIt has $\\pi$.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
SHOWS = f'''import os, sys
import pandas as pd
from IPython.display import Markdown, display
from bgnb import plots
from bgnb.lessons.controls import sliders
print("five < six")
print("seven", file=sys.stderr)
display(pd.DataFrame({{"eight": [9]}}))
display(Markdown("a *ninth* word"))
def draw_bells(ratio):
    return plots.draw_two_bells(ratio, 0.3, 3)
display(sliders(draw_bells, ratio=(1, 4, 1, 2)))
bundle = {{"text/plain": "repr", "application/vnd.jupyter.widget-view+json": {{"model_id": "x"}}}}
moving = {{"{MIME}": {{"kind": "fake", "state": {STATE!r}}}}} if os.environ.get("BGNB_PAGES") else {{}}
import base64
still = {{"image/png": base64.b64encode(plots.png(plots.draw_two_bells(3, 0.3, 3))).decode()}}
display(bundle | still | moving, raw=True)
plots.draw_two_bells(2, 0.3, 3)'''


class Parsed(HTMLParser):
    """The tags of a page and its visible text."""

    VOID = ("meta", "link", "img", "br", "hr", "input")

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(page)
        assert self.open == []  # every tag is closed, in order

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict]:
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]


def book(folder: Path, name: str, cells: list) -> Path:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parameters = nbformat.v4.new_code_cell("fast = False  # quick", metadata={"tags": ["parameters"]})
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=[*cells[:1], parameters, *cells[1:]])
    nbformat.write(made, folder / name)
    return folder / name


@pytest.fixture(autouse=True)
def fake_kind(monkeypatch):
    real = getattr(moving, "source", None)
    monkeypatch.setattr(moving, "source", lambda kind: MODULE if kind == "fake" else real(kind), raising=False)


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    """Two notebooks, and the first of them executed."""
    folder = tmp_path_factory.mktemp("lessons")
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    solution = {"metadata": {"tags": ["solution"]}}
    answer = code("answer = 6 * 7\nprint(f'it is {answer}')", **solution)
    cells = [text(FIRST), text(WORDS), code(SHOWS), answer, text("Right.", **solution)]
    first = book(folder, "01_first.ipynb", cells)
    book(folder, "02_second.ipynb", [text("# 02 Second\n**Why?**"), text("## Quiz\nWell?"), code("print('short')")])
    return folder, pages.run_lesson(first, fast=True)


@pytest.fixture
def quick(lessons, monkeypatch):
    """``pages`` without kernels and trainings: the folder of the lessons, and a list of what was run."""
    folder, executed = lessons
    ran = []

    def run(lesson, fast):
        ran.append(lesson.name)
        return executed if lesson.name.startswith("01") else json.loads(lesson.read_text())

    empty = dict(title="Watch", description="a page of its own", picture="", up="")
    monkeypatch.setattr(pages, "run_lesson", run)
    monkeypatch.setattr(pages, "live_page", lambda lesson: document("live.html.j2", lesson=lesson, **empty))
    return folder, ran


def decoded(data: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def merged(outputs: list[dict]) -> list[dict]:
    """Outputs, with neighbours of the same stream as one: a progress bar draws over itself, piece by piece."""
    found = []
    for name, several in groupby(outputs, lambda output: output.get("name")):
        group = [*several]
        found += group if name is None else [{"text": "".join("".join(output["text"]) for output in group)}]
    return found


def compare(executed: dict, page: str) -> None:
    """Every output of the notebook is in the page, in its order, and nothing else."""
    found = Parsed(page)
    outputs = [output for cell in executed["cells"] for output in cell.get("outputs", [])]
    data = [output.get("data", {}) for output in outputs]
    pictures = [bundle["image/png"] for bundle in data if "image/png" in bundle]
    shown = [image["src"].partition("base64,")[2] for image in found.all("img")]
    assert len(shown) == len(pictures)
    for png, webp in zip(pictures, shown, strict=True):
        one, other = decoded(png), decoded(webp)
        assert one.shape == other.shape and np.abs(one - other).mean() < 4
    moves = [bundle[MIME] for bundle in data if MIME in bundle]
    states = re.findall(r'data-kind="(\w+)"></div><script type="application/json">(.*?)</script>', page)
    assert [(kind, json.loads(state)) for kind, state in states] == [(m["kind"], m["state"]) for m in moves]
    needing = [bundle for bundle in data if "application/vnd.jupyter.widget-view+json" in bundle and MIME not in bundle]
    assert len(found.all("figure", **{"class": "needs"})) == len(needing)
    text, place = squeezed(found.text), 0
    for output in (output for cell in executed["cells"] for output in merged(cell.get("outputs", []))):
        bundle = output.get("data", {})
        wanted = output.get("text", "").rstrip().split("\n")
        if not wanted[0] and not {"image/png", MIME, "application/vnd.jupyter.widget-view+json"} & set(bundle):
            wanted = [Parsed("".join(bundle["text/html"])).text] if "text/html" in bundle else []
        for line in wanted:
            words = squeezed(line.rpartition("\r")[2])
            assert words in text[place:], words
            place = text.index(words, place)


def check(page: str) -> Parsed:
    """What holds for every page."""
    found = Parsed(page)
    (policy,) = [meta["content"] for meta in found.all("meta", **{"http-equiv": "Content-Security-Policy"})]
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'") and "http" not in policy
    for script in re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert {attributes.get("type") for attributes in found.all("script")} <= {"module", "application/json"}
    assert [a["src"][:40] for _, a in found.tags if not a.get("src", "data:").startswith("data:")] == []
    assert [a["href"][:40] for a in found.all("link") if not a["href"].startswith("data:")] == []
    assert not [a for _, a in found.tags if any(name.startswith("on") for name in a)]
    assert [len(found.all(tag)) for tag in ("h1", "main", "header", "title")] == [1, 1, 2, 1] and found.all("html", lang="en")
    assert all(nav.get("aria-label") for nav in found.all("nav"))
    anchors = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(set(anchors)) == len(anchors)
    assert {a["href"][1:] for a in found.all("a") if a["href"].startswith("#")} <= set(anchors)
    assert found.all("a", href="#text", **{"class": "skip"})
    levels = [int(name[1]) for name, _ in found.tags if re.fullmatch("h[1-6]", name)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    return found


def test_a_page_shows_every_output_of_its_notebook(lessons):
    executed = lessons[1]
    kinds = {kind for cell in executed["cells"] for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert {MIME, "image/png", "text/html", "text/markdown"} <= kinds and "widgets" not in executed["metadata"]
    page = pages.lesson_page(executed, "01_first.ipynb")
    compare(executed, page)
    found = check(page)
    assert page.count("a <em>ninth</em> word") == 1 and found.text.count("Solution 1") == found.text.count("Solution 2") == 1
    assert "data-kind" not in pages.lesson_page(json.loads(json.dumps(executed).replace(MIME, "application/x-other")), "x")
    pictures = found.all("img")  # with what draw_two_bells says of itself
    assert len(pictures) == 3 and all("exact backgroundness" in image["alt"] for image in pictures)
    assert "$" not in found.text and len(found.all("math")) == 2 and found.all("math", display="block")


def test_a_real_lesson_arrives_whole(tmp_path):
    executed = pages.run_lesson(NOTEBOOKS / "08_reading_the_paper.ipynb", fast=True)
    page = pages.lesson_page(executed, "08_reading_the_paper.ipynb", ("07_your_own_photos.html", "07"), None)
    compare(executed, page)
    found = check(page)
    assert len(found.all("details", **{"class": "solution"})) == 3 and found.all("a", rel="prev")
    assert all(len(image["alt"]) > 20 for image in found.all("img"))
    assert len(page.encode()) < pages.PAGE and "object at 0x" not in found.text


def test_the_site_has_contents_and_links_that_lead_somewhere(quick, tmp_path):
    folder, ran = quick
    (folder / "README.md").write_text("<!-- times -->\n| 01_first  | 12 s | 3 s |\n<!-- end -->")
    written = dict(pages.pages(folder, tmp_path / "site", progress=False))
    names = {"01_first.html", "02_second.html", "live.html", "index.html"}
    assert set(written) == {file.name for file in (tmp_path / "site").iterdir()} == names
    assert ran == ["01_first.ipynb", "02_second.ipynb"]
    for name, size in written.items():
        content = (tmp_path / "site" / name).read_text()
        assert size == len(content.encode())
        for link in check(content).all("a"):
            path, _, anchor = link["href"].partition("#")
            assert not anchor or f'id="{anchor}"' in (tmp_path / "site" / (path or name)).read_text()
            assert (tmp_path / "site" / (path or name)).is_file(), link
    contents = Parsed((tmp_path / "site" / "index.html").read_text())
    assert "Does it all arrive?" in contents.text and "1 min to read, 12 s to run" in contents.text
    first = (tmp_path / "site" / "01_first.html").read_text()
    assert '<a href="02_second.html#quiz">the next</a>' in first and "and a file." in first and 'rel="prev"' not in first


def test_nothing_is_built_twice(quick, tmp_path):
    folder, ran = quick
    list(pages.pages(folder, tmp_path / "site", progress=False))
    before = (tmp_path / "site" / "01_first.html").stat().st_mtime_ns
    ran.clear()
    list(pages.pages(folder, tmp_path / "site", progress=False))
    assert ran == [] and (tmp_path / "site" / "01_first.html").stat().st_mtime_ns == before
    list(pages.pages(folder, tmp_path / "site", only=["02"], fast=True, progress=False))
    assert ran == ["02_second.ipynb"]  # with another parameter
    assert "First" in (tmp_path / "site" / "index.html").read_text()
    second = folder / "02_second.ipynb"
    content = second.read_text()
    ran.clear()
    try:
        second.write_text(content.replace("short", "shorter"))
        list(pages.pages(folder, tmp_path / "site", only=["02"], fast=True, progress=False))
    finally:
        second.write_text(content)
    assert ran == ["02_second.ipynb"]


def test_files_of_others_stay(quick, tmp_path):
    folder, ran = quick
    for name in ("02_second.html", "index.html"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(InputError, match=f"{name}: is there already"):
            list(pages.pages(folder, tmp_path, progress=False))
        assert (tmp_path / name).read_text() == "mine" and ran == []
        (tmp_path / name).unlink()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt: is a file"):
        list(pages.pages(folder, tmp_path / "notes.txt", progress=False))
    list(pages.pages(folder, tmp_path, progress=False))
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(("limit", "words"), [("PAGE", r"01_first\.html: 0\.\d MB, and a page"), ("SITE", "MB in all")])
def test_a_site_that_is_too_large_is_refused_in_one_line(quick, tmp_path, monkeypatch, limit, words):
    monkeypatch.setattr(pages, limit, 50_000)
    with pytest.raises(InputError, match=words):
        list(pages.pages(quick[0], tmp_path / "site", progress=False))
    assert limit == "SITE" or not list(tmp_path.rglob("*.html"))


def test_what_a_page_cannot_show_is_said(tmp_path):
    with pytest.raises(InputError, match="01, cell 3: shows application/x-new, which a page cannot"):
        pages.show({"output_type": "display_data", "data": {"application/x-new": "?"}}, "", "01, cell 3")
    with pytest.raises(InputError, match="holds no lesson"):
        list(pages.pages(tmp_path, tmp_path / "out"))
    with pytest.raises(InputError, match=r"absent\.png: there is no such file"):
        pages.markdown("![](absent.png)", pages.Renderer(folder=tmp_path))


def test_the_command_says_one_line_and_writes_nothing_of_a_lesson_that_fails(tmp_path):
    book(tmp_path, "01_bad.ipynb", [nbformat.v4.new_markdown_cell("# 01 Bad"), nbformat.v4.new_code_cell("1 / 0")])
    command = [sys.executable, "-m", "bgnb.cli", "pages", str(tmp_path), "--out", str(tmp_path / "out"), "--only", "07"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.strip().endswith("holds no lesson of that number")
    with pytest.raises(InputError, match=r"01_bad\.ipynb, cell 2: ZeroDivisionError: division by zero"):
        list(pages.pages(tmp_path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_class_gets_pages_without_solutions_and_a_way_to_run_them(quick, tmp_path):
    folder, _ = quick
    list(pages.pages(folder, tmp_path / "site", only=["01"], progress=False))
    whole = (tmp_path / "site" / "01_first.html").read_text()
    assert classroom.write_pages(folder, tmp_path / "site", tmp_path / "class") == [tmp_path / "class" / "01_first.html"]
    page = (tmp_path / "class" / "01_first.html").read_text()
    found = check(page)
    assert "Solution" in whole and "Right." in whole and "Solution" not in page and "Right." not in page and "6 * 7" not in page
    links = [a["href"] for a in found.all("a")]
    assert links.count("../render/01_first.ipynb") == 2 and "../render" not in whole  # at the top, and at the slider
    assert "make lab" in whole and "make lab" not in page
    contents = [a["href"] for a in check((tmp_path / "class" / "index.html").read_text()).all("a")]
    assert contents[2:] == ["01_first.html", "../render/02_second.ipynb"]
    copies = classroom.write_copies(folder, tmp_path / "class", live=True)
    cells = ["".join(cell["source"]) for cell in json.loads(copies[0].read_text())["cells"]]
    assert cells[0] == "[Contents](../files/index.html) | [This lesson as a page](../files/01_first.html)"
    assert not any("Your turn" in cell or "Right" in cell for cell in cells)
    (tmp_path / "class" / "index.html").write_text("mine")
    with pytest.raises(InputError, match=r"index\.html: is there already"):
        classroom.write_pages(folder, tmp_path / "site", tmp_path / "class")
    with pytest.raises(InputError, match="holds no page of a lesson"):
        classroom.write_pages(folder, tmp_path, tmp_path / "class")


def test_the_reference_is_read_from_docs_and_docstrings(quick, tmp_path):
    folder, _ = quick
    work = tmp_path / "project"
    shutil.copytree(folder, work / "notebooks")
    (work / "docs" / "results").mkdir(parents=True)
    (work / "docs" / "photos.md").write_text(
        "<!-- note -->\n# Photos\n[plan](results/plan.md#why), [02](../notebooks/02_second.ipynb), [maps](../bgnb/maps.py), "
        "[gone](../gone.md), [start](../README.md), [far](https://example.org)"
    )
    (work / "docs" / "results" / "plan.md").write_text("# Plan\n## Why\n[up](../photos.md)")
    written = dict(pages.pages(work / "notebooks", work / "out", only=["docs"], progress=False))
    assert list(written) == ["docs/photos.html", "docs/results/plan.html", "docs/api.html", "index.html"]
    found = {name: check((work / "out" / name).read_text()) for name in written}
    links = [a["href"] for a in found["docs/photos.html"].all("a")][3:]
    assert links == ["results/plan.html#why", "../02_second.html", "api.html#maps", "../index.html", "https://example.org"]
    assert found["docs/results/plan.html"].all("a", href="../photos.html") and "gone," in found["docs/photos.html"].text
    assert found["index.html"].all("a", href="docs/photos.html") and "note" not in found["docs/photos.html"].text
    api = found["docs/api.html"]
    for name in bgnb.__all__:
        assert f"bgnb.{name}" in api.text, name
    words = squeezed(api.text)
    assert "loc_acc( maps: Tensor, masks: Tensor, iou: float = 0.4," in words  # how it is called, without quotes
    assert "maps (n, H, W) in [0, 1]. masks (n, H, W) bool. iou in (0, 1]; the paper's 0.40." in words
    assert ">>> found.value, found.threshold, found.curve.tolist() (1.0, 0.8, [0.0, 0.0, 1.0])" in words
    assert "object at 0x" not in words
    folders = {path.stem for path in Path(bgnb.__file__).parent.iterdir() if path.suffix in ("", ".py") and path.stem[0] != "_"}
    assert set(reference.ORDER) == folders


def test_every_template_marks_its_pages():
    for name in ("lesson", "contents", "words"):
        assert MARK in pages.document(f"{name}.html.j2", title="x", cells=[], lessons=[], text="")[:3000]
