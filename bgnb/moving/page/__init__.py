"""A page that stands alone: one HTML file with its style, pictures and modules. It opens from disk and asks no server."""

import base64
import hashlib
import html
import io
import json
import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FileSystemLoader
from PIL import Image

from bgnb import moving

FOLDER = files("bgnb.moving") / "page"
MARK = '<meta name="generator" content="bgnb pages">'  # tells our own files from yours
QUALITY = 88  # of a WebP that loses something; one that loses nothing is taken where it is smaller
WIDE = 640  # pixels: a phone shows a wider picture in a box that scrolls, so its letters stay readable


def webp(picture: bytes, width: int | None = None) -> bytes:
    """A PNG, JPEG or WebP as WebP: without loss if that takes fewer bytes, which it does for most diagrams.

    Args:
        picture: the bytes of its file.
        width: of the result, in pixels, if the picture is wider. None: as it is.

    >>> file = io.BytesIO()
    >>> Image.new("RGB", (640, 480), "white").save(file, "png")
    >>> Image.open(io.BytesIO(webp(file.getvalue(), width=320))).size
    (320, 240)
    """
    image = Image.open(io.BytesIO(picture))
    image = image.convert("RGBA" if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA") else "RGB")
    if image.mode == "RGBA" and image.getextrema()[3] == (255, 255):
        image = image.convert("RGB")
    if width and image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    tried = []
    for options in (dict(quality=QUALITY, method=5), dict(lossless=True, method=3)):
        file = io.BytesIO()
        image.save(file, "webp", **options)
        tried.append(file.getvalue())
    return min(tried, key=len)


def picture(content: bytes, alt: str, width: int | None = None) -> str:
    """A picture as ``<img>`` with its data inside. A wide one lies in a box that scrolls on a phone.

    >>> file = io.BytesIO()
    >>> Image.new("RGB", (4, 3)).save(file, "png")
    >>> picture(file.getvalue(), 'black & "small"').partition(" src=")[0]
    '<img alt="black &amp; &quot;small&quot;" width="4" height="3"'
    """
    content = webp(content, width)
    size = Image.open(io.BytesIO(content)).size
    data = base64.b64encode(content).decode()
    shown = f'<img alt="{html.escape(alt)}" width="{size[0]}" height="{size[1]}" src="data:image/webp;base64,{data}">'
    return scrolling(shown, "wide") if size[0] >= WIDE else shown


def scrolling(inside: str, kind: str = "") -> str:
    """A box that scrolls sideways where its content is too wide. Browsers let the keyboard reach it when it does.

    >>> scrolling("<table></table>")
    '<div class="scrolls"><table></table></div>'
    """
    return f'<div class="{f"scrolls {kind}".strip()}">{inside}</div>'


def moves(kind: str, state: dict, still: str = "") -> str:
    """A place where a module of ``bgnb.moving`` draws, its numbers, and the still picture for paper and for no JavaScript.

    >>> print(moves("map", {"threshold": 0.5, "name": "</b>"}))
    <div class="moves" data-kind="map"></div><script type="application/json">{"threshold":0.5,"name":"\\u003c/b>"}</script>
    """
    numbers = json.dumps(state, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    still = f'<div class="still">{still}</div>' if still else ""
    return f'<div class="moves" data-kind="{kind}"></div><script type="application/json">{numbers}</script>{still}'


def document(template: str, **values) -> str:
    """A page from one of the templates of this folder, with a module for each kind that moves in it and its policy.

    Args:
        template: name of the file.
        values: what the template shows. ``base.html.j2`` needs ``title``.
    """
    page = templates().get_template(template).render(style=text("page.css"), mark=MARK, policy="@policy@", **values)
    kinds = sorted(set(re.findall(r'<div class="moves" data-kind="(\w+)">', page)))
    modules = [moving.source(kind) + text("stand_in.js").replace("@kind@", kind) for kind in kinds]
    scripts = "".join(f'<script type="module">{module}</script>\n' for module in modules)
    page = page.replace("</body>", f"{scripts}</body>")
    return page.replace("@policy@", policy(page), 1)


def policy(page: str) -> str:
    """What a page may do: show what it holds, run the very scripts that it was written with, and ask nobody for anything.

    >>> policy("<p>words</p>")
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: blob:; style-src 'unsafe-inline'"
    """
    allowed = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    allowed += ["img-src data: blob:", "style-src 'unsafe-inline'"]
    scripts = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    if scripts:
        hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
        assembly = ["'wasm-unsafe-eval'"] if any("WebAssembly" in script for script in scripts) else []
        allowed.append(" ".join(["script-src", *(f"'sha256-{one}'" for one in hashes), *assembly]))
    if any("Worker(" in script for script in scripts):
        allowed.append("worker-src blob:")
    return "; ".join(allowed)


@cache
def templates() -> Environment:
    """The templates of this folder."""
    return Environment(loader=FileSystemLoader(str(FOLDER)), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def text(name: str) -> str:
    """The text of a file of this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")
