"""What all pictures that move share: a widget of a few numbers, its module, and how numbers travel."""

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import anywidget
import numpy as np
import traitlets
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from bgnb.files import InputError
from bgnb.plots import BACKGROUNDNESS, KINDS_STYLE, MASK, METHODS_STYLE, OUTLINE, TARGETNESS, array, png
from bgnb.plots.base import SERIES, room
from bgnb.plots.pictures import PLAIN

FOLDER = files("bgnb.moving")
PARTS = {  # what a kind needs besides common.js: KIND -> modules that are no kinds themselves
    "photo": ("network", "pixels"),
    "strip": ("lanes",),
    "live": ("micro", "pixels", "lanes", "curves", "training"),
    "routes": ("micro", "pixels", "lanes", "curves", "training"),
}
NO_KINDS = {"common"}.union(*PARTS.values())
MIME = "application/vnd.bgnb.moving+json"  # of an output that moves, while pages are built
LEVELS = 100  # map thresholds that a page can tell apart: 0.01, 0.02 ... 1
FOUND = 0.4  # the IoU from which a photo counts as found (paper, Sec. 4)


@cache
def source(kind: str) -> str:
    """The ES module of a kind of picture: colours, ``common.js``, its ``PARTS`` and ``KIND.js`` joined. It imports nothing.

    Its default export is ``{ render }``, as anywidget wants it. InputError if there is no such kind.

    >>> source("map").rstrip().endswith("export default { render };")
    True
    """
    if not (FOLDER / f"{kind}.js").is_file() or kind in NO_KINDS:
        raise InputError(f"kind {kind!r}: bgnb.moving has no such picture")
    parts = [(FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in ("common", *PARTS.get(kind, ()), kind)]
    return "\n".join([f"const LOOK = {json.dumps(look(), separators=(',', ':'))};", *parts])


def look() -> dict:
    """Colours and words of ``bgnb.plots``, for the modules."""

    def ramp(name) -> list[str]:
        return [to_hex(colormaps[name](i / LEVELS) if isinstance(name, str) else name(i / LEVELS)) for i in range(LEVELS + 1)]

    return {
        "kinds": {name: [colour, words] for name, (colour, _, words) in KINDS_STYLE.items()},
        "methods": {name: colour for name, (colour, _) in METHODS_STYLE.items()},
        "series": SERIES,
        "outline": OUTLINE,
        "mask": MASK,
        "plain": to_hex((PLAIN,) * 3),
        "magma": ramp(TARGETNESS),
        "viridis": ramp("viridis"),
        "backgroundness": ramp(BACKGROUNDNESS),
    }


class Moving(anywidget.AnyWidget):
    """A picture that moves: its kind's module draws it, here or in a static page, from a few numbers.

    Attributes:
        kind: name of the module.
        state: what can be moved, by name: small numbers, words, True and False. It follows the reader's hand.
        given: what stays as it is, as JSON.
        data: what stays as it is and is large, as bytes: name -> bytes.
        still: the same picture as a plain Figure, for paper and for wherever nothing can move.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    given = traitlets.Dict().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, kind: str, still: Figure, state: Mapping, given: Mapping | None = None, data: Mapping | None = None):
        self.still = still
        given = {**(given or {}), "talk": room(1) < 1}  # larger letters, as in figures
        super().__init__(_esm=source(kind), kind=kind, state=dict(state), given=given, data=dict(data or {}))

    def payload(self) -> dict:
        """All that a static page needs to show and move the picture; bytes are {"b64": text}."""
        data = {name: {"b64": base64.b64encode(value).decode()} for name, value in self.data.items()}
        return {"kind": self.kind, "state": {"state": self.state, "given": self.given, "data": data}}

    def __repr__(self) -> str:
        return f"Moving({self.kind}: " + ", ".join(f"{name} {value}" for name, value in self.state.items()) + ")"

    def _repr_png_(self) -> bytes:
        return png(self.still)

    def _repr_mimebundle_(self, **options) -> tuple[dict, dict]:
        # A front end shows the richest of these that it can: the widget if it is live; the PNG on paper or on GitHub.
        bundle, about = super()._repr_mimebundle_(**options)
        bundle["image/png"] = base64.b64encode(png(self.still)).decode()
        if os.environ.get("BGNB_PAGES"):
            bundle[MIME] = self.payload()
        return bundle, about


def levels(maps) -> np.ndarray:
    """Maps in [0, 1] as bytes: how many of the map thresholds 0.01, 0.02 ... 1 each value reaches, in its own precision.

    So a page that knows only the levels outlines the very pixels that Python does.

    >>> levels(np.array([0.0, 0.5, 0.999, 1.0])).tolist()
    [0, 50, 99, 100]
    """
    values = array(maps)
    edges = (np.arange(1, LEVELS + 1) / LEVELS).astype(values.dtype)
    return np.searchsorted(edges, values, side="right").astype(np.uint8)


def square(coded: np.ndarray) -> int:
    """Side of the largest squares, each of a single value, that maps ``(n, H, W)`` consist of.

    >>> square(np.kron(np.arange(6).reshape(1, 2, 3), np.ones((4, 4), int)))
    4
    """
    height, width = coded.shape[1:]
    for side in range(min(height, width), 1, -1):
        if height % side == width % side == 0:
            small = coded[:, ::side, ::side]
            if (small.repeat(side, 1).repeat(side, 2) == coded).all():
                return side
    return 1


def bits(masks) -> bytes:
    """Masks ``(n, H, W)`` as one bit a pixel; each begins with a byte of its own."""
    flat = array(masks).astype(bool)
    return np.packbits(flat.reshape(len(flat), -1), axis=1).tobytes()


def floats(values) -> bytes:
    """Numbers as float32, in the byte order of every browser."""
    return np.ascontiguousarray(array(values), "<f4").tobytes()


def integers(values) -> bytes:
    """Whole numbers as int32, in the byte order of every browser."""
    return np.ascontiguousarray(array(values), "<i4").tobytes()


def sheet(images, quality: int | None = 88) -> tuple[bytes, dict]:
    """Photos side by side in one WebP, and what a module needs to find them again.

    Args:
        images: ``(n, 3, H, W)`` uint8, or n arrays ``(H, W, 3)`` of one size.
        quality: of the WebP; None: without loss, which takes less for small patches.

    >>> content, about = sheet(np.zeros((5, 8, 12, 3), np.uint8))
    >>> about, Image.open(io.BytesIO(content)).size
    ({'n': 5, 'width': 12, 'height': 8, 'across': 3}, (36, 16))
    """
    pixels = array(images.permute(0, 2, 3, 1)) if isinstance(images, Tensor) else np.stack(list(images))
    n, height, width = pixels.shape[:3]
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    full = np.concatenate([pixels, np.zeros((rows * columns - n, height, width, 3), np.uint8)])
    whole = full.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)
    file = io.BytesIO()
    Image.fromarray(whole).save(file, "webp", **(dict(lossless=True) if quality is None else dict(quality=quality, method=4)))
    return file.getvalue(), {"n": n, "width": width, "height": height, "across": columns}


def named(values: Sequence[float]) -> list[float]:
    """Numbers as plain floats, for JSON."""
    return [float(value) for value in values]
