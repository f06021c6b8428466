"""Tables as pictures: a heat map to choose a cell from, and results with intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from seaborn.utils import relative_luminance
from torch import Tensor

from bgnb.plots.base import LABEL, METHODS_STYLE, SERIES, SMALL, TARGETNESS, colour_bar, fold, panels, rim
from bgnb.plots.pictures import array, iou, legend_of_outlines, outlines, picture, show_image

LOC_ACC = "Loc. Acc. (IoU ≥ 0.4)"


def draw_heat(
    values: np.ndarray,
    rows: Sequence,
    columns: Sequence,
    names: tuple[str, str] = ("patch (pixels)", "ratio"),
    chosen: tuple[int, int] | None = None,
    title: str = LOC_ACC,
) -> Figure:
    """A heat map with its numbers: large the mean over seeds, small, if there are several, from the lowest to the highest.

    Args:
        values: ``(rows, columns)`` or ``(seeds, rows, columns)``.
        rows: what stands beside the cells.
        columns: what stands below the cells.
        names: of the rows and of the columns.
        chosen: a cell to frame.
        title: what the numbers are.

    Returns:
        A Figure; ``.numbers``: "best" (row, column) by name, and "chosen", the mean of that cell.

    >>> draw_heat(np.array([[0.1, 0.2], [0.8, 0.4]]), [16, 24], [1, 2], chosen=(0, 1)).numbers
    {'best': (24, 1), 'chosen': 0.2}
    """
    figure, axes = panels(height=max(3, 1.3 + 0.85 * len(rows)))
    figure.numbers = heat(axes[0, 0], values, rows, columns, names, chosen, title)
    return figure


def heat(ax: Axes, values, rows: Sequence, columns: Sequence, names: tuple[str, str], chosen, title: str, bar=True) -> dict:
    """The heat map of ``draw_heat`` on given axes; its numbers. The colour bar names both its ends; without it, a title."""
    seeds = np.asarray(values, float).reshape(-1, len(rows), len(columns))
    mean, low, high = seeds.mean(0), seeds.min(0), seeds.max(0)
    ticks = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(np.nanmin(mean), max(np.nanmax(mean), np.nanmin(mean) + 0.05))
    style = dict(cmap="viridis", vmin=ticks[0], vmax=ticks[-1], xticklabels=columns, yticklabels=rows, fmt="", ax=ax)
    size = min(SMALL, 8.8 * ax.get_position().width * ax.figure.get_figwidth() / len(columns))
    large = dict(fontsize=1.6 * size, weight="bold", va="bottom" if len(seeds) > 1 else "center")
    sns.heatmap(mean, annot=np.vectorize("{:.2f}".format)(mean), annot_kws=large, cbar=False, **style)
    if len(seeds) > 1:
        spans = np.vectorize("{:.2f} … {:.2f}".format)(low, high)
        sns.heatmap(mean, annot=spans, annot_kws=dict(fontsize=size, va="top"), cbar=False, **style)
    colours = ax.collections[0].get_facecolors().reshape(*mean.shape, 4)
    for text in ax.texts:  # black or white, whichever has more contrast: 4.5 or better
        column, row = map(int, text.get_position())
        text.set_color("black" if relative_luminance(colours[row, column]) > 0.18 else "white")
    if chosen is not None:
        frame = dict(fill=False, edgecolor=SERIES[4], linewidth=5, path_effects=rim(5, "white", 4))
        ax.add_patch(Rectangle((chosen[1] + 0.04, chosen[0] + 0.06), 0.92, 0.88, **frame))
    ax.set(ylabel=names[0], xlabel=names[1])
    ax.tick_params(rotation=0, length=0)
    if bar:
        colour_bar(ax.figure, ax.collections[0], ax, title, ticks=ticks)
    else:
        ax.set_title(title, fontsize=LABEL)
    best = np.unravel_index(mean.argmax(), mean.shape)
    return {"best": (rows[best[0]], columns[best[1]]), "chosen": None if chosen is None else float(mean[chosen])}


def draw_choice(
    values: np.ndarray,
    rows: Sequence,
    columns: Sequence,
    chosen: tuple[int, int],
    images: Tensor,
    maps: Tensor,
    masks: Tensor | None = None,
    threshold: float = 0.5,
) -> Figure:
    """The heat map of ``draw_heat`` with a cell framed, and beside it some photos above the maps that this cell gives.

    Args:
        values: as for ``draw_heat``.
        rows: as for ``draw_heat``.
        columns: as for ``draw_heat``.
        chosen: the cell to frame.
        images: ``(n, 3, H, W)`` uint8, n = 3 fit well.
        maps: ``(n, H, W)`` targetness.
        masks: ``(n, H, W)`` bool, if known.
        threshold: map threshold.

    Returns:
        A Figure; ``.numbers`` as for ``draw_heat``, and "ious" of the shown maps at the threshold.
    """
    figure, axes = panels(2, 1 + len(images), height=1.6 + 0.85 * len(rows), width_ratios=[2.2] + [1] * len(images))
    large = axes[0, 0]
    large.set_subplotspec(large.get_gridspec()[:, 0])
    axes[1, 0].remove()
    figure.numbers = heat(large, values, rows, columns, ("patch (pixels)", "ratio"), chosen, LOC_ACC, bar=False)
    ious = None if masks is None else [iou(m, mask, threshold) for m, mask in zip(maps, masks, strict=True)]
    for i, (above, below) in enumerate(axes[:, 1:].T):
        show_image(above, picture(images[i]))
        show_image(below, array(maps[i]), "" if ious is None else f"IoU {ious[i]:.2f}", cmap=TARGETNESS, vmin=0, vmax=1)
        outlines(below, maps[i], threshold, None if masks is None else masks[i])
    legend_of_outlines(figure, threshold, masks)
    figure.numbers["ious"] = ious
    return figure


def draw_intervals(
    values: Mapping[str, tuple[float, float, float]], xlabel: str = "Loc. Acc.", others: Mapping[str, float] | None = None
) -> Figure:
    """Values with their intervals, a line each, and a line at zero where there are differences.

    Args:
        values: name -> (value, low, high); methods have colours and markers of their own.
        xlabel: what the values are.
        others: name -> value, without an interval: baselines and ceilings.

    Returns:
        A Figure; ``.numbers``: how many pairs of intervals there are, "pairs", and how many do not meet, "apart".
    """
    rows = {**values, **{name: (value,) * 3 for name, value in (others or {}).items()}}
    figure, axes = panels(height=1 + 0.45 * len(rows))
    ax = axes[0, 0]
    for i, (name, (value, low, high)) in enumerate(rows.items()):
        colour, marker = METHODS_STYLE.get(name, (SERIES[0], "o") if name in values else ("0.35", "d"))
        ax.plot([low, high], [i, i], color=colour, lw=5, alpha=0.55, solid_capstyle="butt", clip_on=False)
        ax.plot(value, i, color=colour, marker=marker, ms=12, clip_on=False)
    ax.set_yticks(range(len(rows)), list(rows), fontsize=LABEL)
    ax.set(xlabel=fold(xlabel, 0.62 * figure.get_figwidth(), LABEL), ylim=(len(rows) - 0.4, -0.6))
    if min(low for _, low, _ in rows.values()) < 0:
        ax.axvline(0, color="0.1", lw=1.5, zorder=1)
    else:
        ax.set_xlim(left=0)
    ends = [(low, high) for _, low, high in values.values()]
    pairs = [(a, b) for i, a in enumerate(ends) for b in ends[i + 1 :]]
    figure.numbers = {"pairs": len(pairs), "apart": sum(a[1] < b[0] or b[1] < a[0] for a, b in pairs)}
    return figure
