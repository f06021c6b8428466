"""The words of a page: Jupyter's Markdown, formulas and marked code as HTML."""

import html
import re
from collections.abc import Callable
from pathlib import Path

from latex2mathml.converter import convert
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from bgnb.files import InputError
from bgnb.moving.page import picture, scrolling


class Renderer(IPythonRenderer):
    """Jupyter's Markdown, with formulas as MathML, pictures inside the page, and tables that scroll on a phone.

    Attributes:
        headings: (anchor, HTML) of each second-level heading, in order.
    """

    def __init__(self, follow: Callable[[str], str | None] = str, folder: Path | None = None, escape: bool = False):
        super().__init__(escape=escape, exclude_anchor_links=True)
        self.follow, self.folder, self.headings, self.anchors = follow, folder, [], set()

    def block_math(self, body: str) -> str:
        return scrolling(formula(body, "block"), "formula")

    def inline_math(self, body: str) -> str:
        return formula(body)

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def heading(self, text: str, level: int, **attributes) -> str:
        # The anchor is spelt as GitHub does, so links between pages of docs/ lead to the same place here.
        words = plain(text)
        anchor = wanted = re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-") or "part"
        number = 1
        while anchor in self.anchors:
            anchor, number = f"{wanted}-{number}", number + 1
        self.anchors.add(anchor)
        if level == 2:
            self.headings.append((anchor, text))
        return f'<h{level} id="{html.escape(anchor)}">{text}</h{level}>\n'

    def table(self, text: str) -> str:
        return scrolling(f"<table>\n{text}</table>") + "\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        place = self.follow(url)
        return super().link(text, place, title) if place else text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        file = self.folder / url if self.folder else None
        if file is None or not file.is_file():
            raise InputError(f"picture {url}: there is no such file")
        return picture(file.read_bytes(), plain(text))


def markdown(text: str, renderer: Renderer | None = None) -> str:
    """Markdown as HTML.

    >>> markdown("*a* < b")
    '<p><em>a</em> &lt; b</p>\\n'
    >>> markdown("$x^2$").partition("<msup>")[2].partition("</msup>")[0]
    '<mi>x</mi><mn>2</mn>'
    """
    text = re.sub(r"\n+</details>", "\n\n</details>", text)  # otherwise it would end up within the last item of a list
    return MarkdownWithMath(renderer=renderer or Renderer()).render(text)


def plain(shown: str) -> str:
    """HTML without its tags.

    >>> plain("<em>a</em> &lt; b")
    'a < b'
    """
    return html.unescape(re.sub(r"<[^>]+>", "", shown))


def formula(latex: str, display: str = "inline") -> str:
    """LaTeX as MathML, with thin spaces around the names of functions.

    >>> formula("a").partition(">")[2]
    '<mrow><mi>a</mi></mrow></math>'
    """
    thin = '<mspace width="0.17em"/>'
    return re.sub(r"(<mi>[a-z]{2,}</mi>)", rf"{thin}\1{thin}", convert(latex.strip(), display=display))


def code(source: str, kind: str = "python3") -> str:
    """Python with its words marked; or ("pycon") examples with their answers."""
    return Highlight2HTML(pygments_lexer=kind)(source)
