"""What all figures share: colours, letters, lines, an empty figure, its legend."""

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter

# Colour (told apart by colour-blind people, too), marker, words. T stands for what is P or F when no mask tells which.
KINDS_STYLE = {
    "P": ("#0072B2", "o", "P: shows the target"),
    "F": ("#E69F00", "X", "F: target image, hardly any target"),
    "N": ("#AA4499", "s", "N: background image"),
    "T": ("#56B4E9", "D", "P or F: no mask tells"),
}
# Colours that colour-blind people tell apart, and markers; patches round, whole images angular.
METHODS_STYLE = {
    "background x1": ("#0072B2", "o"),
    "background x2": ("#56B4E9", "o"),
    "CAM": ("#D55E00", "s"),
    "ADL": ("#E69F00", "^"),
    "HaS": ("#AA4499", "D"),
    "CutMix": ("#009E73", "v"),
}
TARGETNESS = "magma"  # dark = background, bright = target
# Backgroundness from 0 (the colour of P) to 1 (the colour of N).
BACKGROUNDNESS = LinearSegmentedColormap.from_list("backgroundness", ["#0072B2", "#F7F7F7", "#AA4499"])
SERIES = ["#0072B2", "#E69F00", "#AA4499", "#009E73", "#D55E00", "#4D4D4D"]  # of lines that are no kinds and no methods
MARKERS, DASHES = "osXD^v", ("-", "--", ":", "-.")
LINE = dict(lw=2.8, ms=9, clip_on=False)  # every line: a marker at 0 or at the last epoch is shown whole
TITLE, LABEL, SMALL = 15, 14, 12  # points
LETTER = 0.0075  # inches that a letter takes, about, for each of its points
TALK = 1.35  # how much larger letters and lines are in a talk
_scale = 1.0


def talk(on: bool = True) -> None:
    """Make letters and lines of all later figures a third larger, for the last row of a lecture hall; ``talk(False)`` ends it.

    >>> talk()
    >>> larger = panels()[0]
    >>> talk(False)
    >>> larger.dpi > panels()[0].dpi
    True
    """
    global _scale
    _scale = TALK if on else 1.0


class Drawing(Figure):
    """A Figure that a notebook shows by itself, without pyplot; ``numbers`` holds what it shows."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})  # the same picture is the same bytes
    return file.getvalue()


def save(figure: Figure, name: str) -> Figure:
    """Write ``name``.png into the folder that the environment variable FIGURES names; without it nothing. Returns the figure.

    ``make figures`` runs the lessons that way; whoever reads a lesson is left without files.
    """
    if folder := os.environ.get("FIGURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.png").write_bytes(png(figure))
    return figure


def room(width: float) -> float:
    """The inches that a figure of this width has: fewer in a talk."""
    return width / _scale


def panels(
    rows: int = 1,
    columns: int = 1,
    width: float = 9.6,
    height: float = 3.6,
    tall: float | None = None,
    beside: float = 0.0,
    **options,
) -> tuple[Figure, np.ndarray]:
    """An empty figure, inches wide and high, and its axes ``(rows, columns)``; letters large enough for the last row of a room.

    Axes, colour bars and tables count from 0 to 1; a share that a sentence or a photo names is in percent.

    Args:
        rows: of panels.
        columns: of panels.
        width: of the figure, in inches.
        height: of the figure, in inches.
        tall: height / width of the photos in the panels; the figure is then as high as they need, and ``height`` is for words.
        beside: inches left or right of the photos, for words or a colour bar.
        **options: of matplotlib's ``Figure.subplots``.

    >>> figure, axes = panels(2, 3)
    >>> axes.shape
    (2, 3)
    """
    # A talk's figure has as many pixels, but fewer inches: letters and lines are given in points, so they grow.
    width, layout = room(width), "constrained" if tall is None else "compressed"
    height = height / _scale**0.6 if tall is None else height + rows * tall * (width - beside) / columns
    figure = Drawing(figsize=(width, height), dpi=round(100 * _scale), layout=layout)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for ax in axes.flat:
        ax.set_anchor("S")  # what is left of the height goes to the words above
        for axis in (ax.xaxis, ax.yaxis):
            axis.label.set_size(LABEL)
            axis.set_major_formatter(tick)
        ax.tick_params(labelsize=SMALL)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.3)
        ax.set_axisbelow(True)
    figure.numbers = {}
    return figure, axes


def tick(value: float, place: int | None = None) -> str:
    """A number as short as it can be.

    >>> tick(0.1), tick(1.0), tick(-0.25)
    ('0.1', '1', '−0.25')
    """
    return f"{value:g}".replace("-", "−")


def styles(names: Iterable[str]) -> dict[str, dict]:
    """Colour, marker and dashes of every line: methods have their own, others take them in turn; no two are alike.

    >>> styles(["CAM", "ratio 1"])["CAM"]
    {'color': '#D55E00', 'marker': 's', 'ls': '-'}
    """
    found = {}
    for i, name in enumerate(names):
        colour, marker = METHODS_STYLE.get(name, (SERIES[i % 6], MARKERS[(i + i // 6) % 6]))
        found[name] = dict(color=colour, marker=marker, ls="-" if name in METHODS_STYLE else DASHES[i % 4])
    return found


def rim(width: float, colour: str = "black", extra: float = 1.8) -> list:
    """Path effects: a line of this width has an edge of another colour."""
    return [withStroke(linewidth=width + extra, foreground=colour)]


def colour_bar(figure: Figure, shown, axes, label: str, **options):
    """A colour bar with the letters of all axes."""
    bar = figure.colorbar(shown, ax=axes, format=FuncFormatter(tick), **options)
    bar.ax.tick_params(labelsize=SMALL)
    bar.set_label(label, size=LABEL)
    return bar


def fold(words: str, inches: float, size: float = TITLE) -> str:
    """Words in lines of about one length, none longer than so many inches, in letters of ``size`` points.

    >>> fold("CAM: the whole photo, one label", 3)
    'CAM: the whole\\nphoto, one label'
    """
    most, lines = max(1, int(inches / LETTER / size)), []
    for line in words.replace(" %", "\N{NO-BREAK SPACE}%").split("\n"):
        ways = [wrap(line, width, break_long_words=False) for width in range(1, most + 1)]
        lines += next(way for way in ways if len(way) == len(ways[-1]))
    return "\n".join(lines)


def largest(words: str, inches: float, size: float = TITLE) -> float:
    """The points of the largest letters, up to ``size``, in which no line is longer than so many inches."""
    return min([size, *(inches / LETTER / len(line) for line in words.split("\n") if line)])


def legend_above(figure: Figure, handles: Sequence | None = None, names: Sequence[str] | None = None, title: str = "") -> None:
    """One legend above everything, in as many columns as its words leave room for."""
    if handles is None:
        found = {name: handle for ax in figure.axes for handle, name in zip(*ax.get_legend_handles_labels(), strict=True)}
        handles, names = list(found.values()), list(found)
    title = fold(title, figure.get_figwidth())
    if not handles:
        if title:
            figure.suptitle(title, fontsize=TITLE)
        return
    size = SMALL + 1
    needed = [0.75 + LETTER * size * len(name) for name in names]  # inches, about: handle, gaps, words
    fits = [c for c in range(1, len(names) + 1) if sum(map(max, np.array_split(needed, c))) < figure.get_figwidth()]
    rows = -(-len(names) // max(fits, default=1))  # as few as there can be, and all of one length
    figure.set_figheight(figure.get_figheight() + 0.019 * size * (rows - 1))  # panels keep their height
    figure.legend(
        handles, names, loc="outside upper center", ncols=-(-len(names) // rows), frameon=False, fontsize=size, handlelength=2.4,
        columnspacing=1.4, handletextpad=0.6, title=title or None, title_fontsize=TITLE,
    )  # fmt: skip
