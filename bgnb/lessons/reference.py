"""The pages of ``docs/`` and a reference of all functions, in the look of the lessons: ``bgnb pages --only docs``."""

import html
import inspect
import pkgutil
import posixpath
import re
from collections.abc import Iterator
from doctest import DocTestParser
from importlib import import_module
from pathlib import Path

import docstring_parser

from bgnb.lessons.words import Renderer, code, markdown
from bgnb.moving.page import document

API = "docs/api.html"
ORDER = (  # in which bgnb/ is read
    "files", "settings", "device", "scenes", "data", "networks", "patches", "methods", "training", "windows", "maps", "metrics",
    "boxes", "refinement", "study", "plots", "moving", "photos", "lessons", "cli",
)  # fmt: skip


def addresses(docs: str | Path) -> dict[str, Path]:
    """Address on the site -> file, for every Markdown file of a folder: ``results/plan.md`` is ``docs/results/plan.html``."""
    files = sorted(Path(docs).rglob("*.md"))
    return {f"docs/{file.relative_to(docs).with_suffix('.html').as_posix()}": file for file in files}


def documents(docs: str | Path, others: set[str]) -> Iterator[tuple[str, str]]:
    """Every Markdown file of a folder, then the reference: address on the site, and page.

    Args:
        docs: the folder.
        others: addresses of the other pages of the site. A link to what is not on the site becomes plain text.
    """
    site = {*others, *addresses(docs), API, "index.html"}
    for here, file in addresses(docs).items():
        source = re.sub(r"^<!--.*?-->$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        renderer = Renderer(lambda link, here=here: followed(link, here, site), file.parent)
        text = markdown(source, renderer)
        title = re.search(r"^# (.+)$", source, re.MULTILINE)
        yield here, frame(here, title[1].replace("`", "") if title else file.stem, text, renderer.headings)
    yield API, api()


def followed(link: str, here: str, site: set[str]) -> str | None:
    """Where a link in a file of the repository leads on the site, seen from the page ``here``; None if nowhere.

    >>> followed("../notebooks/03_maps.ipynb#quiz", "docs/photos.html", {"03_maps.html"})
    '../03_maps.html#quiz'
    >>> followed("../../bgnb/study/theory.py", "docs/results/plan.html", {"docs/api.html"})
    '../api.html#study.theory'
    """
    if re.match(r"(https?:|mailto:|#)", link):
        return link
    path, mark, anchor = link.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
    if re.fullmatch(r"bgnb/[\w/]+\.py", path):
        path, mark, anchor = API, "#", path[5:-3].replace("/", ".")
    elif path in ("README.md", "notebooks/README.md"):
        path, mark, anchor = "index.html", "", ""
    else:
        path = re.sub(r"\.(md|ipynb)$", ".html", path.removeprefix("notebooks/"))
    return posixpath.relpath(path, posixpath.dirname(here) or ".") + mark + anchor if path in site else None


def frame(here: str, title: str, text: str, headings: list[tuple[str, str]]) -> str:
    """A page of words that begins with an <h1>."""
    heading, _, text = text.strip().removeprefix("<h1").partition("</h1>")
    return document(
        "words.html.j2", title=f"{title}: background learning", heading=heading.partition(">")[2], text=text, headings=headings,
        kind="words", up="../" * here.count("/"),
    )  # fmt: skip


def api() -> str:
    """The page of all functions and classes that have a docstring, file by file."""
    parts, headings, names = [], [], []
    package = import_module("bgnb")
    modules = {module.name for module in pkgutil.walk_packages(package.__path__, "bgnb.")} - {"bgnb.__main__"}
    for name in sorted(modules, key=lambda name: (ORDER.index(name.split(".")[1]), name)):
        module, short = import_module(name), name.removeprefix("bgnb.")
        members = [value for value in vars(module).values() if getattr(value, "__module__", "") == name]
        members = [value for value in members if not getattr(value, "__name__", "_").startswith("_") and inspect.getdoc(value)]
        names += [(member.__name__, f"{short}.{member.__name__}") for member in members if member.__name__ in package.__all__]
        if members:
            headings.append((short, short))
            parts.append(f'<h2 id="{short}">{short}</h2>\n' + prose(inspect.getdoc(module) or ""))
            parts += [entry(value, f"{short}.{value.__name__}", value.__name__ in package.__all__) for value in members]
    start = (
        "# Reference\nAll functions and classes, file by file, in the order in which they build on each other. A name that "
        "starts with `bgnb` can be used after `import bgnb`. Every example runs in the tests.\n\nAfter `import bgnb`: "
        + ", ".join(f"[{short}](#{name})" for short, name in sorted(names, key=lambda pair: pair[0].lower()))
        + "."
    )
    return frame(API, "Reference", markdown(start) + "\n".join(parts), headings)


def entry(value, name: str, public: bool = False, level: int = 3) -> str:
    """A function or class: its name, how it is called, what its docstring says, and for a class its methods."""
    shown = f"bgnb.{value.__name__}" if public else value.__name__
    call = code(called(value)) if called(value) != value.__name__ else ""
    parts = [f'<h{level} id="{name}"><code>{shown}</code></h{level}>\n{call}{described(value)}']
    if inspect.isclass(value):
        methods = [method for key, method in vars(value).items() if not key.startswith("_") and inspect.isfunction(method)]
        parts += [entry(method, f"{name}.{method.__name__}", level=4) for method in methods if inspect.getdoc(method)]
    return "\n".join(parts)


def called(value) -> str:
    """How a function or class is called, one argument a line if it is long.

    >>> def half(number: float, up: bool = True) -> float: pass
    >>> print(called(half))
    half(number: float, up: bool = True) -> float
    """
    try:
        signature = inspect.signature(value)
    except ValueError:  # some classes of the standard library
        return value.__name__
    line = value.__name__ + str(signature)
    if len(line) > 72 and signature.parameters:
        end = str(signature.replace(parameters=[])).removeprefix("()")
        line = f"{value.__name__}(\n" + "".join(f"    {one},\n" for one in signature.parameters.values()) + f"){end}"
    line = re.sub(r"(: |-> )'([^'\n]+)'", r"\1\2", line)  # annotations that Python keeps as text
    line = re.sub(r"\b(?:[a-z_]\w*\.)+([A-Z]\w*)", r"\1", line)  # torch.Tensor is a Tensor
    return re.sub(r"<[\w.]+ object at 0x\w+>|<factory>", "...", line)


def described(value) -> str:
    """A docstring as HTML: its sentences, what goes in, what comes out, which errors there are, and the examples."""
    text = inspect.getdoc(value) or ""
    pieces = DocTestParser().parse(text)
    examples = [">>> " + "... ".join(one.source.splitlines(True)) + one.want for one in pieces if not isinstance(one, str)]
    found = docstring_parser.parse("".join(piece for piece in pieces if isinstance(piece, str)))
    if inspect.isclass(value) and not found.params:
        found.meta += docstring_parser.parse_from_object(value).params
    parts = [prose("\n\n".join(filter(None, [found.short_description, found.long_description])))]
    attributes = [one for one in found.params if one.args[0] == "attribute"]
    arguments = [one for one in found.params if one not in attributes]
    lists = (("Arguments", arguments), ("Attributes", attributes), ("Returns", found.many_returns), ("Errors", found.raises))
    for title, items in lists:
        if items:
            parts.append(f'<p class="part">{title}</p>\n<dl>\n{"".join(map(item, items))}</dl>')
    if examples:
        parts.append(code("".join(examples), "pycon"))
    return "\n".join(parts)


def item(one) -> str:
    """A line of a docstring's list."""
    name = getattr(one, "arg_name", None) or (one.type_name if one.args[0] == "raises" else "")
    text = one.description or ""
    if not name and one.type_name:  # "a dict: name -> value" is a sentence here, not a type
        text = f"{one.type_name}: {text}"
    name = f"<dt><code>{html.escape(name)}</code></dt>\n" if name else ""
    return f"{name}<dd>{prose(text)}</dd>\n"


def prose(text: str) -> str:
    """Sentences of a docstring as HTML.

    >>> prose("``a`` < b")
    '<p><code>a</code> &lt; b</p>\\n'
    """
    return markdown(text.replace("``", "`"), Renderer(escape=True))
