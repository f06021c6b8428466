"""Every lesson as a static page whose pictures move: text, formulas, results, folded code. ``bgnb pages`` writes them."""

import ast
import base64
import html
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from nbconvert.filters import ansi2html

from bgnb import plots
from bgnb.files import InputError, atomic_write, key, progress_bar
from bgnb.lessons.live import NAME as LIVE
from bgnb.lessons.live import live_page
from bgnb.lessons.reference import API, addresses, documents
from bgnb.lessons.rerun import rerun
from bgnb.lessons.words import Renderer, code, markdown, plain
from bgnb.moving import MIME
from bgnb.moving.page import MARK, document, moves, picture, scrolling

WIDGET = "application/vnd.jupyter.widget-view+json"
PAGE, SITE = 4_000_000, 20_000_000  # bytes, at most
PACE = 180  # words that a learner reads in a minute
NEEDS_KERNEL = "Only the notebook can move this: open the lesson with <code>make lab</code>."
REFERENCE = {  # what the contents name of docs/; the rest is a link away
    "docs/protocol.html": "How we read the paper",
    "docs/glossary.html": "Glossary",
    "docs/results/README.html": "Results",
    "docs/photos.html": "Your photos",
    "docs/scenes.html": "The drawn scenes",
    "docs/public-data.html": "Public data sets",
    "docs/speed.html": "How fast it is",
    "docs/classroom.html": "In a classroom",
    "docs/api.html": "All functions and classes",
}
ABOUT = '<script type="application/json" id="about">'


def show(output: dict, alt: str, where: str) -> str:
    """An output of a cell as HTML, in the richest form that a page can show. InputError, naming ``where``, if there is none.

    >>> show({"output_type": "stream", "name": "stdout", "text": "a < b"}, "", "")
    '<figure class="printed"><pre>a &lt; b</pre></figure>'
    """
    if output["output_type"] == "stream":
        return printed("".join(output["text"]), output["name"] == "stderr")
    if output["output_type"] == "error":
        raise InputError(f"{where}: ends with {output['ename']}: {output['evalue']}")
    data = {kind: value if isinstance(value, dict) else "".join(value) for kind, value in output["data"].items()}
    still = ""
    for kind in ("image/png", "image/jpeg"):
        if kind in data and not still:
            still = picture(base64.b64decode(data[kind]), alt)
    if MIME in data:
        return f"<figure>{moves(**data[MIME], still=still)}</figure>"
    if WIDGET in data:
        return f'<figure class="needs">{still}<figcaption>{NEEDS_KERNEL}</figcaption></figure>'
    if "text/html" in data:
        return f"<figure>{scrolling(data['text/html'])}</figure>"
    if "image/svg+xml" in data:
        drawing = base64.b64encode(data["image/svg+xml"].encode()).decode()
        return f'<figure><img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{drawing}"></figure>'
    if still:
        return f'<figure class="picture">{still}</figure>'
    if "text/markdown" in data:
        return f'<div class="text">{markdown(data["text/markdown"])}</div>'
    if "text/latex" in data:
        return f'<div class="text">{markdown(data["text/latex"])}</div>'
    if "text/plain" in data:
        return printed(data["text/plain"])
    raise InputError(f"{where}: shows {' and '.join(data) or 'nothing'}, which a page cannot")


def joined(outputs: list[dict]) -> list[dict]:
    """The outputs of a cell, with neighbours that went to the same stream as one.

    >>> parts = [{"output_type": "stream", "name": "stderr", "text": text} for text in ("a\\n", "b\\n")]
    >>> joined(parts)
    [{'output_type': 'stream', 'name': 'stderr', 'text': 'a\\nb\\n'}]
    """
    found = []
    for output in outputs:
        if output["output_type"] == "stream":
            text, last = "".join(output["text"]), found[-1] if found else {}
            if last.get("name") == output["name"]:
                last["text"] += text
                continue
            output = {**output, "text": text}
        found.append(output)
    return found


def printed(text: str, log: bool = False) -> str:
    """What a cell printed. A table of three columns or more scrolls; the rest wraps. What went to standard error is folded."""
    text = text.replace(str(Path.home()), "~")  # a published page does not name the folders of the machine that built it
    lines = [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").rstrip().split("\n")]
    columns = ' class="columns"' if any(re.search(r"\S {2,}\S.*\S {2,}\S", line) for line in lines) else ""
    shown = f"<pre{columns}>{ansi2html(chr(10).join(lines))}</pre>"
    if log:
        return f'<details class="log"><summary>Messages</summary><figure class="printed">{shown}</figure></details>'
    return f'<figure class="printed">{shown}</figure>'


def described(source: str, drawn: dict[str, str], seen: frozenset[str] = frozenset()) -> str:
    """What the pictures of a cell show: the first sentences of the docstrings of the ``draw_*`` functions that it calls.

    Args:
        source: of the cell.
        drawn: name -> source, of what the lesson defines itself: its functions, and the figures that it keeps for later.
        seen: names in ``drawn`` that were followed already.
    """
    found = []
    for name in dict.fromkeys(re.findall(r"\w+", source)):
        if name.startswith("draw_") and name in plots.__all__:
            found.append(" ".join((getattr(plots, name).__doc__ or "").strip().partition("\n\n")[0].split()))
        elif name in drawn and name not in seen:
            found.append(described(drawn[name], drawn, seen | {name}))
    return " ".join(dict.fromkeys(filter(None, found)))


def definitions(sources: Iterable[str]) -> dict[str, str]:
    """Name -> source, for all that cells define with a ``draw_*`` function in it."""
    found = {}
    for source in sources:
        try:
            nodes = ast.parse(source).body
        except SyntaxError:  # a magic of IPython
            continue
        for node in nodes:
            part = ast.get_source_segment(source, node) or ""
            names = [node.name] if isinstance(node, ast.FunctionDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            found |= {name: part for name in names if "draw_" in part}
    return found


def beginning(cells: list[dict]) -> tuple[str, str, str, str]:
    """Number, heading and question of a lesson, and what its first cell says after them.

    >>> beginning([{"cell_type": "markdown", "source": "# 03 Maps\\n**How?**\\n\\nRun it."}])
    ('03', 'Maps', 'How?', 'Run it.')
    """
    first = "".join(cells[0]["source"]) if cells and cells[0]["cell_type"] == "markdown" else ""
    found = re.match(r"# (?:(\d\d) )?(.+)\n?(?:\s*\*\*(.+?)\*\*\s*)?", first)
    if not found:
        return "", "", "", first
    return found[1] or "", found[2], found[3] or "", first[found.end() :]


def words(cells: list[dict]) -> int:
    """How many words of text a notebook has, solutions not counted."""
    texts = [cell for cell in cells if cell["cell_type"] == "markdown" and "solution" not in cell["metadata"].get("tags", [])]
    return sum(len(re.findall(r"\w[\w'-]*", "".join(cell["source"]))) for cell in texts)


def lesson_page(executed: dict, name: str, before=None, after=None, stamp: str = "", runs: str = "") -> str:
    """The page of an executed notebook.

    Args:
        executed: the notebook, as JSON.
        name: of its file.
        before: (address, words) of the page before it, or None.
        after: the same for the page after it.
        stamp: written into the page, to know it again; see ``page_key``.
        runs: how long the notebook takes to run: "21 s".

    Raises:
        InputError: an output that a page cannot show.
    """
    cells = executed["cells"]
    number, heading, question, rest = beginning(cells)
    renderer = Renderer(follow=beside)
    drawn = definitions("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    shown, solutions, part = [], 0, heading
    for place, cell in enumerate(cells):
        tags, source = cell["metadata"].get("tags", []), "".join(cell["source"])
        if "injected-parameters" in tags:
            continue
        solutions += "solution" in tags
        entry = {"solution": solutions if "solution" in tags else 0, "parameters": "parameters" in tags, "outputs": []}
        if cell["cell_type"] == "markdown":
            entry["text"] = markdown(rest if place == 0 else source, renderer)
            part = plain(renderer.headings[-1][1]) if renderer.headings else heading
        elif cell["cell_type"] == "code":
            entry["code"] = code(source) if source.strip() else ""
            alt = cell["metadata"].get("alt") or described(source, drawn) or f"Picture to “{part}”"
            entry["outputs"] = [show(output, alt, f"{name}, cell {place}") for output in joined(cell["outputs"])]
        shown.append(entry)
    minutes = max(1, round(words(cells) / PACE))
    about = f"{minutes} min to read" + (f", {runs} to run" if runs else "")
    facts = {"heading": heading or Path(name).stem, "number": number, "question": markdown(question)[3:-5], "about": about}
    page = document(
        "lesson.html.j2", title=f"{heading or Path(name).stem}: background learning", description=question, cells=shown,
        headings=renderer.headings, before=before, after=after, made=made(executed, name), up="", **facts,
    )  # fmt: skip
    return with_facts(page, facts | {"stamp": stamp})


def beside(link: str) -> str | None:
    """Where a link of a lesson leads on the site: to another page, to a place elsewhere, or (None) to nothing.

    >>> beside("03_extraction_maps.ipynb"), beside("../docs/photos.md#now"), beside("#quiz"), beside("../bgnb/maps.py")
    ('03_extraction_maps.html', 'docs/photos.html#now', '#quiz', None)
    """
    if re.match(r"(https?:|mailto:|#|data:)", link):
        return link
    path, mark, anchor = link.partition("#")
    path = path.removeprefix("../").removeprefix("notebooks/")
    if re.fullmatch(r"\w+\.ipynb|docs/[\w/.-]+\.md", path):
        return f"{path.removesuffix('.ipynb').removesuffix('.md')}.html{mark}{anchor}"
    return None


def made(executed: dict, name: str) -> str:
    """One line on how the page was made."""
    facts = executed["metadata"].get("bgnb", {})
    versions = facts.get("versions", {})
    fast = " with fast = True" if facts.get("parameters", {}).get("fast") else ""
    parts = [f"{library} {versions[library]}" for library in ("python", "torch", "bgnb") if library in versions]
    return (
        f"Computed by {name}{fast}"
        + (f", on {facts['device']}" if "device" in facts else "")
        + "".join(f", {p}" for p in parts)
        + "."
    )


def page_key(notebook: Path, *more) -> str:
    """A hash of a notebook and of all that its page is made with."""
    package = sorted(f for f in Path(str(files("bgnb"))).rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    return key(notebook, *package, [*more])


def with_facts(page: str, facts: dict) -> str:
    """A page with something about itself inside, for ``facts_of``."""
    text = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    return page.replace("</body>", f"{ABOUT}{text}</script>\n</body>")


def facts_of(page: Path) -> dict:
    """What ``with_facts`` wrote into a page about itself; {} if the file is none."""
    try:
        text = page.read_text(encoding="utf-8")
        return json.loads(text.rpartition(ABOUT)[2].partition("</script>")[0]) if MARK in text[:3000] else {}
    except (OSError, ValueError):
        return {}


def pages(
    notebooks: str | Path, out: str | Path, only: Iterable[str] = (), fast: bool = False, progress: bool = True
) -> Iterator[tuple[str, int]]:
    """Write every lesson of a folder as a page, then a network that learns in the page (``live.html``), the reference and the
    contents: name and size in bytes, one by one.

    A page is not built again while its notebook and the package are as they were.

    Args:
        notebooks: folder of the lessons. If a folder ``docs`` lies beside it, that becomes the reference.
        out: folder for the pages. Each is written whole or not at all.
        only: numbers of the lessons to build, "live", and "docs" for the reference: ["03", "docs"]; none: all. The contents
            list every page that is there.
        fast: run the lessons with ``fast = True``.
        progress: show a bar.

    Raises:
        InputError: no lesson, a lesson that fails, a page that is too large, or a file in ``out`` that is not ours.
    """
    notebooks, out = Path(notebooks), Path(out)
    docs = notebooks.absolute().parent / "docs"
    lessons = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise InputError(f"{notebooks}: holds no lesson")
    if unknown := set(only) - {lesson.name[:2] for lesson in lessons} - {"live", "docs"}:
        raise InputError(f"only {min(unknown)}: {notebooks} holds no lesson of that number")
    names = {f"{lesson.stem}.html" for lesson in lessons}
    check_out(out, {*names, *addresses(docs), API, LIVE, "index.html"})
    titles = [beginning(json.loads(lesson.read_text())["cells"]) for lesson in lessons]
    links = [
        None,
        *((f"{p.stem}.html", f"{number} {heading}") for p, (number, heading, *_) in zip(lessons, titles, strict=True)),
        None,
    ]
    runs = running_times(notebooks)
    wanted = [i for i, lesson in enumerate(lessons) if not only or lesson.name[:2] in only]
    for i in progress_bar(wanted, "pages", progress):
        lesson, before, after = lessons[i], links[i], links[i + 2]
        place, stamp = out / f"{lesson.stem}.html", page_key(lesson, before, after, fast, runs)
        if facts_of(place).get("stamp") != stamp:
            executed = run_lesson(lesson, fast)
            write(place, lesson_page(executed, lesson.name, before, after, stamp, runs.get(lesson.stem, "")))
        yield place.name, place.stat().st_size
    if not only or "live" in only:
        lesson = next((name for name in sorted(names) if name[:2] == "02"), "")
        stamp = page_key(Path(__file__), lesson)
        if facts_of(out / LIVE).get("stamp") != stamp:
            write(out / LIVE, with_facts(live_page(lesson), {"stamp": stamp}))
        yield LIVE, (out / LIVE).stat().st_size
    if docs.is_dir() and (not only or "docs" in only):
        for name, page in documents(docs, names):
            write(out / name, page)
            yield name, (out / name).stat().st_size
    write(out / "index.html", contents(out, lessons))
    yield "index.html", (out / "index.html").stat().st_size
    total = sum(file.stat().st_size for file in out.rglob("*.html"))
    if total > SITE:
        raise InputError(f"{out}: {total / 1e6:.1f} MB in all, and the limit is {SITE / 1e6:.0f} MB")


def run_lesson(lesson: Path, fast: bool) -> dict:
    """A lesson, executed with its pictures ready to move, without the state of its widgets."""
    with tempfile.TemporaryDirectory() as folder, variable("BGNB_PAGES", "1"):
        copy = rerun(lesson, [("fast", "True")] if fast else [], folder, progress=False)
        executed = json.loads(copy.read_text())
    executed["metadata"].pop("widgets", None)
    return executed


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """An environment variable that kernels inherit while they are started."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def running_times(notebooks: Path) -> dict[str, str]:
    """Lesson -> how long it runs with an empty cache, as ``make times`` wrote it into README.md beside the lessons."""
    try:
        table = (notebooks / "README.md").read_text().partition("<!-- times -->")[2].partition("<!-- end -->")[0]
    except OSError:
        return {}
    return {name: f"{seconds} s" for name, seconds in re.findall(r"^\| (\d\d_\w+) +\| (\d+) s", table, re.MULTILINE)}


def contents(out: Path, lessons: list[Path], live: str = "") -> str:
    """The page that lists all pages in ``out``, each with its question, a picture and the time it takes.

    Args:
        out: folder of the pages.
        lessons: the notebooks, in order.
        live: address of the folder in which lessons run: a lesson without a page leads there. "": it is left out.
    """
    found, measured = [], bool(lessons and running_times(lessons[0].parent))
    for lesson in lessons:
        place = out / f"{lesson.stem}.html"
        if facts := facts_of(place):
            first = re.search(r'src="data:image/webp;base64,([^"]+)"', place.read_text(encoding="utf-8"))
            shown = picture(base64.b64decode(first[1]), "", width=480) if first else ""
            found.append(facts | {"page": place.name, "picture": shown})
        elif live:
            number, heading, question, _ = beginning(json.loads(lesson.read_text())["cells"])
            question = markdown(question)[3:-5]
            found.append({"number": number, "heading": heading, "question": question, "page": f"{live}{lesson.name}"})
    more = [(name, words) for name, words in REFERENCE.items() if (out / name).is_file()]
    return document(
        "contents.html.j2",
        title="Background learning",
        kind="contents",
        lessons=found,
        more=more,
        play=LIVE if (out / LIVE).is_file() else "",
        pace=PACE,
        measured=measured,
        up="",
    )


def check_out(out: Path, names: Iterable[str]) -> None:
    """InputError, before any work, if a page would replace a file that ``bgnb pages`` did not write."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; out must be a folder")
    for place in (out / name for name in names):
        if place.is_dir() or (place.exists() and MARK not in place.read_text(encoding="utf-8", errors="replace")[:3000]):
            raise InputError(f"{place}: is there already, and bgnb pages did not write it; name another folder")


def write(place: Path, page: str) -> None:
    """Write a page, whole or not at all. InputError if it is too large."""
    content = page.encode()
    if len(content) > PAGE:
        raise InputError(f"{place.name}: {len(content) / 1e6:.1f} MB, and a page may have {PAGE / 1e6:.0f} MB")
    with atomic_write(place) as part:
        part.write_bytes(content)
