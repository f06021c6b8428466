"""What all figures share: colours, letters, an empty figure, photos in it."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

# Colour (told apart by colour-blind people, too), marker, words. T stands for what is P or F when no mask tells which.
KINDS_STYLE = {
    "P": ("#0072B2", "o", "P: shows the target"),
    "F": ("#E69F00", "X", "F: target image, no target"),
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
OUTLINE = "#00E5FF"  # of the thresholded map, on photos
MASK = "#FFFFFF"  # outline of the mask, on photos
PLAIN = 0.93  # grey of the ground behind a cut-out
SERIES = ["#0072B2", "#E69F00", "#AA4499", "#009E73", "#D55E00", "0.3"]  # of lines that are no kinds
TITLE, LABEL, SMALL = 14, 13, 11  # points
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


def panels(rows: int = 1, columns: int = 1, width: float = 9.6, height: float = 3.6, **options) -> tuple[Figure, np.ndarray]:
    """An empty figure, inches wide and high, and its axes ``(rows, columns)``; letters large enough for the last row of a room.

    >>> figure, axes = panels(2, 3)
    >>> axes.shape
    (2, 3)
    """
    # A talk's figure has as many pixels, but fewer inches: letters and lines are given in points, so they grow.
    figure = Drawing(figsize=(width / _scale, height / _scale**0.6), dpi=round(100 * _scale), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for ax in axes.flat:
        ax.title.set_size(TITLE)
        ax.xaxis.label.set_size(LABEL)
        ax.yaxis.label.set_size(LABEL)
        ax.tick_params(labelsize=SMALL)
        ax.spines[["top", "right"]].set_visible(False)
    figure.numbers = {}
    return figure, axes


def picture(pixels: Tensor) -> np.ndarray:
    """``(3, H, W)`` -> ``(H, W, 3)`` on the CPU, as matplotlib wants it."""
    return pixels.permute(1, 2, 0).cpu().numpy()


def array(values) -> np.ndarray:
    """A tensor on any device, or anything else, as a NumPy array."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def show_image(ax: Axes, image: np.ndarray, title: str = "", **options):
    """An image without ticks or frame; options go to ``imshow``."""
    ax.set_axis_off()
    ax.set_title(title)
    return ax.imshow(image, **options)


def outline(ax: Axes, region: np.ndarray, colour: str, width: float = 2.2, line: str = "-") -> None:
    """The border of a region ``(H, W)`` bool; the margin around it closes borders that run along the picture's edge."""
    if not region.any():
        return
    field = np.pad(region.astype(float), 1)
    height, across = region.shape
    along, down = np.arange(-1, across + 1), np.arange(-1, height + 1)
    if line != "-":  # dashes need a dark line below them on bright ground
        ax.contour(along, down, field, [0.5], colors="black", linewidths=width + 0.6, linestyles="-", alpha=0.7)
    ax.contour(along, down, field, [0.5], colors=colour, linewidths=width, linestyles=line)
    ax.set(xlim=(-1, across), ylim=(height, -1))


def cut_out(photo: Tensor, alpha: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` in [0, 1]: the photo, ``alpha`` (H, W) opaque, on a plain ground."""
    return PLAIN + (picture(photo) / 255 - PLAIN) * alpha[..., None]


def legend_above(figure: Figure, handles: Sequence | None = None, names: Sequence[str] | None = None, title: str = "") -> None:
    """One legend above everything, in as many columns as its words leave room for."""
    if handles is None:
        found = {name: handle for ax in figure.axes for handle, name in zip(*ax.get_legend_handles_labels(), strict=True)}
        handles, names = list(found.values()), list(found)
    if not handles:
        figure.suptitle(title, fontsize=TITLE)
        return
    size = SMALL + 1
    needed = [0.6 + 0.0078 * size * len(name) for name in names]  # inches, about
    fits = [c for c in range(1, len(names) + 1) if sum(max(needed[i::c]) for i in range(c)) < figure.get_figwidth()]
    figure.legend(
        handles, names, loc="outside upper center", ncols=max(fits, default=1), frameon=False, fontsize=size,
        title=title or None, title_fontsize=TITLE,
    )  # fmt: skip
