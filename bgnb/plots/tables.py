"""Tables as pictures: a heat map to choose a cell from, and results with intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from bgnb.metrics import mask_ious
from bgnb.plots.base import (
    LABEL,
    MASK,
    METHODS_STYLE,
    OUTLINE,
    PLAIN,
    SERIES,
    SMALL,
    TARGETNESS,
    array,
    legend_above,
    outline,
    panels,
    picture,
    show_image,
)


def draw_heat(
    values: np.ndarray,
    rows: Sequence,
    columns: Sequence,
    names: tuple[str, str] = ("patch (pixels)", "ratio"),
    chosen: tuple[int, int] | None = None,
    title: str = "Loc. Acc. (IoU ≥ 0.4)",
) -> Figure:
    """A heat map with its numbers, mean over seeds and, if there are several, from the lowest to the highest.

    Args:
        values: ``(rows, columns)`` or ``(seeds, rows, columns)``. chosen: a cell to frame.

    Returns:
        A Figure; ``.numbers``: "best" (row, column) by name, and "chosen", the mean of that cell.

    >>> draw_heat(np.array([[0.1, 0.2], [0.8, 0.4]]), [16, 24], [1, 2], chosen=(0, 1)).numbers
    {'best': (24, 1), 'chosen': 0.2}
    """
    figure, axes = panels(height=1.3 + 0.85 * len(rows))
    figure.numbers = heat(axes[0, 0], values, rows, columns, names, chosen, title)
    return figure


def heat(ax: Axes, values, rows: Sequence, columns: Sequence, names: tuple[str, str], chosen, title: str) -> dict:
    """The heat map of ``draw_heat`` on given axes; its numbers."""
    seeds = np.asarray(values, float).reshape(-1, len(rows), len(columns))
    mean = seeds.mean(0)
    texts = [[f"{mean[i, j]:.2f}" for j in range(len(columns))] for i in range(len(rows))]
    if len(seeds) > 1:
        low, high = seeds.min(0), seeds.max(0)
        texts = [[f"{t}\n{low[i, j]:.2f} … {high[i, j]:.2f}" for j, t in enumerate(line)] for i, line in enumerate(texts)]
    style = dict(cmap="viridis", annot_kws={"fontsize": SMALL + 1}, cbar_kws={"label": title})
    sns.heatmap(mean, annot=np.array(texts), fmt="", xticklabels=columns, yticklabels=rows, ax=ax, **style)
    if chosen is not None:
        for colour, width in (("white", 8), (SERIES[4], 4.5)):
            corner = (chosen[1] + 0.03, chosen[0] + 0.05)
            ax.add_patch(Rectangle(corner, 0.94, 0.9, fill=False, edgecolor=colour, linewidth=width))
    ax.set(ylabel=names[0], xlabel=names[1])
    ax.collections[0].colorbar.ax.yaxis.label.set_size(LABEL)
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
        values, rows, columns, chosen: as for ``draw_heat``.
        images: ``(n, 3, H, W)`` uint8, n = 3 fit well. maps: ``(n, H, W)`` targetness. masks: ``(n, H, W)``.

    Returns:
        A Figure; ``.numbers`` as for ``draw_heat``, and "ious" of the shown maps at the threshold.
    """
    figure, axes = panels(2, 1 + len(images), height=1.3 + 0.85 * len(rows), width_ratios=[2.6] + [1] * len(images))
    grid = axes[0, 0].get_gridspec()
    for ax in axes[:, 0]:
        ax.remove()
    large = figure.add_subplot(grid[:, 0])
    figure.numbers = heat(large, values, rows, columns, ("patch (pixels)", "ratio"), chosen, "Loc. Acc. (IoU ≥ 0.4)")
    ious = None if masks is None else mask_ious(maps.cpu(), masks.cpu(), (threshold,))[:, 0].tolist()
    for i, (above, below) in enumerate(axes[:, 1:].T):
        show_image(above, picture(images[i]))
        show_image(below, array(maps[i]), "" if ious is None else f"IoU {ious[i]:.2f}", cmap=TARGETNESS, vmin=0, vmax=1)
        outline(below, array(maps[i]) >= threshold, OUTLINE)
        if masks is not None:
            outline(below, array(masks[i]), MASK, 1.8, "--")
    figure.numbers["ious"] = ious
    return figure


def draw_cut_outs(photos: Sequence[np.ndarray], maps: Sequence[np.ndarray], threshold: float, n: int = 4) -> Figure:
    """Photos of any size, above their cut-outs at the map threshold, and the histogram of targetness that it parts.

    Args:
        photos: ``(h, w, 3)`` uint8 each. maps: ``(h, w)`` targetness each. threshold: map threshold. n: how many to show.

    Returns:
        A Figure; ``.numbers``: "share", the mean share of a photo that is cut out, over all photos.
    """
    n = min(n, len(photos))
    figure, axes = panels(3, n, height=6.4, height_ratios=[2, 2, 1.3])
    for ax, photo in zip(axes[0], photos, strict=False):
        show_image(ax, photo)
    for ax, photo, values in zip(axes[1], photos, maps, strict=False):
        alpha = (values >= threshold)[..., None]
        show_image(ax, np.where(alpha, photo / 255, PLAIN), f"{alpha.mean():.0%}")
    for ax in axes[2]:
        ax.remove()
    ax = figure.add_subplot(axes[2, 0].get_gridspec()[2, :])
    ax.hist(np.concatenate([m.ravel() for m in maps]), 50, range=(0, 1), color="0.55")
    ax.axvline(threshold, color=SERIES[4], lw=3)
    ax.set(yticks=[], xlim=(0, 1))
    ax.set_xlabel(f"targetness of all pixels of all photos; map threshold {threshold:.2f}", size=LABEL)
    ax.spines[["top", "right"]].set_visible(False)
    figure.numbers = {"share": float(np.mean([(m >= threshold).mean() for m in maps]))}
    return figure


def draw_intervals(
    values: Mapping[str, tuple[float, float, float]], xlabel: str = "Loc. Acc.", others: Mapping[str, float] | None = None
) -> Figure:
    """Values with their intervals, a line each, and a line at zero where there are differences.

    Args:
        values: name -> (value, low, high); methods have colours and markers of their own.
        others: name -> value, without an interval: baselines and ceilings.

    Returns:
        A Figure; ``.numbers``: how many pairs of intervals there are, "pairs", and how many do not meet, "apart".
    """
    rows = {**values, **{name: (value,) * 3 for name, value in (others or {}).items()}}
    figure, axes = panels(height=1 + 0.45 * len(rows))
    ax = axes[0, 0]
    for i, (name, (value, low, high)) in enumerate(rows.items()):
        colour, marker = METHODS_STYLE.get(name, (SERIES[0], "o") if name in values else ("0.35", "|"))
        ax.plot([low, high], [i, i], color=colour, lw=4, alpha=0.6, solid_capstyle="butt")
        ax.plot(value, i, color=colour, marker=marker, ms=11, mew=3 if marker == "|" else 1)
    ax.set_yticks(range(len(rows)), list(rows), fontsize=SMALL + 1)
    ax.set_xlabel(xlabel)
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)
    if ax.get_xlim()[0] < 0:
        ax.axvline(0, color="0.1", lw=1.5)
    ends = [(low, high) for _, low, high in values.values()]
    pairs = [(a, b) for i, a in enumerate(ends) for b in ends[i + 1 :]]
    figure.numbers = {"pairs": len(pairs), "apart": sum(a[1] < b[0] or b[1] < a[0] for a, b in pairs)}
    return figure


def draw_lines(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, marks: Mapping[str, float] | None = None
) -> Figure:
    """One or more lines over ``x`` with markers of their own; ``marks`` are named places on the x axis.

    >>> draw_lines([1, 2], {"cat": [0.5, 0.7]}, "ratio", "Loc. Acc.").numbers
    {'cat': 0.7}
    """
    figure, axes = panels(height=4)
    ax = axes[0, 0]
    many = len(x) > 40
    for (name, y), colour, marker, style in zip(lines.items(), SERIES, "osXD^v", ("-", "--", ":", "-.", "-", "--"), strict=False):
        ax.plot(x, y, color=colour, marker=None if many else marker, ls=style, lw=2 if many else 3, ms=9, label=name)
        figure.numbers[name] = max(y)
    for i, (name, place) in enumerate((marks or {}).items()):
        ax.axvline(place, color="0.35", lw=1.5, ls="--")
        side = dict(ha="right", xytext=(-8, 0)) if i == 0 else dict(ha="left", xytext=(9, 0))
        options = dict(xycoords=("data", "axes fraction"), textcoords="offset points", color="0.2", fontsize=SMALL + 1)
        ax.annotate(name, (place, 0.93), **options, **side)
    if len(x) <= 8:  # a few settings: name each, and begin at 0, or differences look larger than they are
        ax.set(xticks=list(x), ylim=(0, 1.1 * max(0.1, max(map(max, lines.values())))))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(alpha=0.3)
    legend_above(figure)
    return figure
