"""Patches: where they were cut, what they show_image, how many labels are wrong."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bgnb.data import ImageSet
from bgnb.patches import Patches, noise_rate
from bgnb.plots.base import BACKGROUNDNESS, KINDS_STYLE, array, legend_above, panels, picture, show_image


def draw_patches(imageset: ImageSet, patches: Patches, n: int = 4, first: int = 0) -> Figure:
    """Target images (above) and background images (below) with the frames of their patches, coloured by kind.

    Args:
        imageset: where the patches were cut. n: photos in a row. first: number of the first photo.

    Returns:
        A Figure; ``.numbers`` holds how many patches of each kind there are, and "noise", the label-noise rate.
    """
    n = min(n, len(imageset.targets), len(imageset.backgrounds))
    figure, axes = panels(2, n, height=0.3 + 2 * 9.6 / n)
    kind, side = patches.known_kind, patches.pixels.shape[-1]
    label, image, top, left = (array(t) for t in (patches.label, patches.image, patches.top, patches.left))
    for row, images in enumerate((imageset.targets, imageset.backgrounds)):
        for column in range(n):
            number = (first + column) % len(images)
            show_image(axes[row, column], picture(images[number]))
            for i in np.flatnonzero((label == row) & (image == number)):
                outline_patch(axes[row, column], left[i], top[i], side, kind[i])
    counts = {name: int((kind == name).sum()) for name in KINDS_STYLE if (kind == name).any()}
    figure.numbers = counts | {"noise": noise_rate(patches)}
    noise = "" if patches.kind is None else f"label noise: {figure.numbers['noise']:.0%} of the target images' patches are F"
    legend_of_kinds(figure, counts, noise)
    return figure


def outline_patch(ax: Axes, left: int, top: int, side: int, kind: str) -> None:
    """A patch's frame with a white rim and the letter of its kind, readable on any photo."""
    colour = KINDS_STYLE[kind][0]
    for rim, width in (("white", 4), (colour, 2.4)):
        ax.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=rim, linewidth=width))
    letter = "?" if kind == "T" else kind
    box = dict(facecolor=colour, edgecolor="none", pad=1.2)
    ax.text(left + 0.5, top + 0.5, letter, color="white", fontsize=9, weight="bold", va="top", ha="left", bbox=box, clip_on=True)


def legend_of_kinds(figure: Figure, kinds: Sequence[str], title: str = "") -> None:
    """What the colours mean, above everything, with a title."""
    handles = [Rectangle((0, 0), 1, 1, fill=False, ec=KINDS_STYLE[k][0], lw=2.4) for k in kinds]
    names = [KINDS_STYLE[k][2] for k in kinds]
    legend_above(figure, handles, names, title)


def draw_kind_strip(patches: Patches, n: int = 10, scores=None, title: str = "") -> Figure:
    """Examples of every kind, a row each; with ``scores`` (backgroundness of every patch) their colour and number below.

    The same patches are shown at every call, the first ``n`` of each kind: only their scores change.
    """
    kind = patches.known_kind
    found = [name for name in KINDS_STYLE if (kind == name).any()]
    step = 1.18 if scores is None else 1.4  # from row to row, in patches
    across, down = 1.1 * n + 2.4, step * len(found)
    figure, axes = panels(height=9.6 * down / (across + (1.2 if scores is not None else 0)) + (0.5 if title else 0.15))
    ax = axes[0, 0]  # one for all: thirty would take a second to draw
    show_image(ax, np.zeros((1, 1)), title, alpha=0)
    for row, name in enumerate(found):
        colour, _, words = KINDS_STYLE[name]
        letter, _, rest = words.partition(": ")
        ax.text(-2.3, step * row + 0.5, "?" if name == "T" else letter, va="center", color=colour, weight="bold", fontsize=26)
        ax.text(
            -1.75,
            step * row + 0.5,
            rest.replace(", ", ",\n").replace(" the ", "\nthe ").replace("d im", "d\nim"),
            va="center",
            fontsize=11,
        )
        for column, i in enumerate(np.flatnonzero(kind == name)[:n]):
            left, top, text = 1.1 * column, step * row, ""
            if scores is not None:
                colour, text = BACKGROUNDNESS(float(scores[i])), f"{float(scores[i]):.2f}"
            ax.imshow(picture(patches.pixels[i]), extent=(left, left + 1, top + 1, top))
            ax.add_patch(Rectangle((left, top), 1, 1, fill=False, edgecolor=colour, linewidth=4 if scores is None else 7))
            ax.text(left + 0.5, top + 1.07, text, ha="center", va="top", fontsize=12)
            if scores is None and name in "PF":
                box = dict(facecolor="white", alpha=0.85, edgecolor="none", pad=1)
                ax.text(left + 0.08, top + 0.9, f"{float(patches.target_fraction[i]):.0%}", fontsize=11, bbox=box)
    ax.set(xlim=(-2.4, 1.1 * n), ylim=(down, -0.06), aspect="equal")
    if scores is not None:
        bar = figure.colorbar(ScalarMappable(cmap=BACKGROUNDNESS), ax=ax, shrink=0.85, pad=0.01)
        bar.set_label("backgroundness", size=13)
    return figure


def draw_noise_curve(curves: Mapping[str, tuple[Sequence[float], Sequence[float], float]]) -> Figure:
    """Label-noise rate (share of F among target-image patches) against one or more settings, a panel each.

    Args:
        curves: what the x axis says -> (x values, rates, the x value that the lesson uses).

    >>> draw_noise_curve({"patch (pixels)": ([16, 32], [0.7, 0.5], 24)}).axes[0].get_ylabel()
    'label-noise rate'
    """
    figure, axes = panels(1, len(curves), height=3.8, sharey=True)
    for ax, (name, (x, rates, here)) in zip(axes[0], curves.items(), strict=True):
        ax.plot(x, rates, color=KINDS_STYLE["F"][0], marker=KINDS_STYLE["F"][1], lw=3, ms=9)
        ax.axvline(here, color="0.35", ls="--")
        ax.annotate("this lesson", (here, 0.03), xytext=(5, 0), textcoords="offset points", fontsize=11, color="0.35")
        ax.set(xlabel=name, ylim=(0, 1))
        ax.grid(alpha=0.3)
        ax.yaxis.set_major_formatter("{x:.0%}")
    axes[0, 0].set_ylabel("label-noise rate")
    return figure
