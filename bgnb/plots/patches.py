"""Patches: where they were cut, what they show, how many labels are wrong."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from bgnb.data import ImageSet
from bgnb.patches import Patches, noise_rate
from bgnb.plots.base import BACKGROUNDNESS, KINDS_STYLE, LABEL, LINE, SMALL, colour_bar, legend_above, panels, rim
from bgnb.plots.pictures import array, picture, show_image


def draw_patches(imageset: ImageSet, patches: Patches, n: int = 4, first: int = 0) -> Figure:
    """Target images (above) and background images (below) with the frames of their patches, coloured by kind.

    Args:
        imageset: where the patches were cut.
        patches: the patches.
        n: photos in a row.
        first: number of the first photo.

    Returns:
        A Figure; ``.numbers`` holds how many patches of each kind there are, and "noise", the label-noise rate.
    """
    n = min(n, len(imageset.targets), len(imageset.backgrounds))
    letters = 0.85 if patches.target_fraction is not None else 0.5
    figure, axes = panels(2, n, height=letters, tall=imageset.targets.shape[2] / imageset.targets.shape[3])
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
    handles = [Rectangle((0, 0), 1, 1, fill=False, ec=KINDS_STYLE[name][0], lw=2.4) for name in counts]
    legend_above(figure, handles, [KINDS_STYLE[name][2] for name in counts], noise)
    return figure


def outline_patch(ax: Axes, left: int, top: int, side: int, kind: str) -> None:
    """A patch's frame with a white rim and the letter of its kind, readable on any photo; no frame hides a letter."""
    colour = KINDS_STYLE[kind][0]
    frame = dict(fill=False, edgecolor=colour, linewidth=2.4, path_effects=rim(2.4, "white"), clip_on=False)
    ax.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, **frame))
    inches = side / ax.images[0].get_array().shape[1] * 0.8 * ax.figure.get_figwidth() / ax.get_gridspec().ncols
    letters = dict(color="white", fontsize=min(SMALL - 2, 32 * inches), weight="bold", va="top", ha="left", zorder=3)
    box = dict(facecolor=colour, edgecolor="none", pad=1.2)
    ax.text(left + 0.5, top + 0.5, "?" if kind == "T" else kind, bbox=box, **letters)


def draw_kind_strip(patches: Patches, n: int = 10, scores=None, title: str = "") -> Figure:
    """Examples of every kind, a row each; with ``scores`` (backgroundness of every patch) their colour and number below.

    The same patches are shown at every call, the first ``n`` of each kind: only their scores change. Without scores the
    numbers say which share of a patch is target, if masks tell.
    """
    kind, plain, side = patches.known_kind, scores is None, 1.16  # from patch to patch, in patches
    found = {name: np.flatnonzero(kind == name)[:n] for name in KINDS_STYLE if (kind == name).any()}
    n, bar = max(map(len, found.values())), 0 if plain else 1.0
    if not title and plain and "T" not in found:
        title = "numbers: share of target pixels"
    size = dict(width=min(9.6, max(4, n + bar)), tall=1.1 / n / side, beside=bar)
    figure, axes = panels(len(found), 1, height=0.3 + (0.55 if title else 0.35) * len(found), **size)
    for ax, (name, chosen) in zip(axes[:, 0], found.items(), strict=True):  # one for a row: thirty would take a second
        numbers = [""] * len(chosen)
        if not plain:
            numbers = [f"{float(scores[i]):.2f}" for i in chosen]
        elif name in "PF":
            numbers = [f"{float(patches.target_fraction[i]):.0%}" for i in chosen]
        for left, i in zip(side * np.arange(len(chosen)), chosen, strict=True):
            colour = KINDS_STYLE[name][0] if plain else BACKGROUNDNESS(float(scores[i]))
            ax.imshow(picture(patches.pixels[i]), extent=(left, left + 1, 1, 0))
            ax.add_patch(Rectangle((left, 0), 1, 1, fill=False, edgecolor=colour, linewidth=5, clip_on=False))
        ax.set_title(KINDS_STYLE[name][2], fontsize=LABEL, loc="left")
        ax.set_xticks(side * np.arange(len(chosen)) + 0.5, numbers)
        ax.set(xlim=(-0.06, side * n - 0.06), ylim=(1.05, -0.05), yticks=[], aspect="equal")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.grid(False)
    if not plain:
        colour_bar(figure, ScalarMappable(cmap=BACKGROUNDNESS), axes[:, 0], "backgroundness", shrink=0.9, pad=0.01)
    legend_above(figure, [], title=title)
    return figure


def draw_tiles(tiles: Tensor, columns: int = 6, title: str = "") -> Figure:
    """Patches as they are, in rows.

    Args:
        tiles: ``(n, 3, h, w)`` uint8.
        columns: patches in a row.
        title: a line above.
    """
    figure, axes = panels(-(-len(tiles) // columns), columns, height=0.5 if title else 0, width=min(9.6, 1.4 * columns), tall=1)
    for ax in axes.flat:
        ax.axis("off")
    for ax, tile in zip(axes.flat, tiles, strict=False):
        show_image(ax, picture(tile))
    legend_above(figure, [], title=title)
    return figure


def draw_noise_curve(curves: Mapping[str, tuple[Sequence[float], Sequence[float], float]]) -> Figure:
    """Label-noise rate (share of F among target-image patches) against one or more settings, a panel each.

    Args:
        curves: what the x axis says -> (x values, rates, the x value that the lesson uses).

    >>> draw_noise_curve({"patch (pixels)": ([16, 32], [0.7, 0.5], 24)}).axes[0].get_ylabel()
    'label-noise rate'
    """
    figure, axes = panels(1, len(curves), height=4, sharey=True)
    colour, marker, _ = KINDS_STYLE["F"]
    for ax, (name, (x, rates, here)) in zip(axes[0], curves.items(), strict=True):
        ax.plot(x, rates, color=colour, marker=marker, **LINE)
        ax.axvline(here, color="0.35", ls="--", lw=2, label="this lesson")
        ax.set(xlabel=name, xlim=(0, None), ylim=(0, 1))
    axes[0, 0].set_ylabel("label-noise rate")
    legend_above(figure)
    return figure
