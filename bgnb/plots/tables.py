"""Tables as pictures: a heat map to choose a cell from, and results with intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from bgnb.plots.base import LABEL, SERIES, SMALL, legend_above, panels


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
    seeds = np.asarray(values, float).reshape(-1, len(rows), len(columns))
    mean = seeds.mean(0)
    figure, axes = panels(height=1.3 + 0.85 * len(rows), width=9.6)
    ax = axes[0, 0]
    shown = ax.imshow(mean, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(mean.shape):
        text = f"{mean[i, j]:.2f}"
        if len(seeds) > 1:
            text += f"\n{seeds[:, i, j].min():.2f} … {seeds[:, i, j].max():.2f}"
        ax.text(j, i, text, ha="center", va="center", color="black" if mean[i, j] > 0.55 else "white", fontsize=LABEL)
    if chosen is not None:
        i, j = chosen
        ax.plot(
            [j - 0.48, j + 0.48, j + 0.48, j - 0.48, j - 0.48], [i - 0.46, i - 0.46, i + 0.46, i + 0.46, i - 0.46], c="w", lw=7
        )
        ax.plot(
            [j - 0.48, j + 0.48, j + 0.48, j - 0.48, j - 0.48],
            [i - 0.46, i - 0.46, i + 0.46, i + 0.46, i - 0.46],
            c=SERIES[4],
            lw=4,
        )
    ax.set(xticks=range(len(columns)), yticks=range(len(rows)), xticklabels=columns, yticklabels=rows)
    ax.set(ylabel=names[0], xlabel=names[1])
    figure.colorbar(shown, ax=ax).set_label(title, size=LABEL)
    best = np.unravel_index(mean.argmax(), mean.shape)
    figure.numbers = {"best": (rows[best[0]], columns[best[1]]), "chosen": None if chosen is None else float(mean[chosen])}
    return figure


def draw_intervals(values: Mapping[str, tuple[float, float, float]], xlabel: str = "Loc. Acc.") -> Figure:
    """Values with their intervals, a line each: name -> (value, low, high).

    Returns a Figure; ``.numbers``: how many pairs of intervals there are, "pairs", and how many do not meet, "apart".
    """
    figure, axes = panels(height=1 + 0.42 * len(values))
    ax = axes[0, 0]
    for i, (value, low, high) in enumerate(values.values()):
        ax.plot([low, high], [i, i], color="0.35", lw=3)
        ax.plot(value, i, "o", color=SERIES[0], ms=9)
    ax.set(yticks=range(len(values)), yticklabels=list(values), xlabel=xlabel)
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)
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
    for name, place in (marks or {}).items():
        ax.axvline(place, color="0.35", lw=1.5, ls="--")
        ax.annotate(name, (place, 0.03), xycoords=("data", "axes fraction"), xytext=(5, 0), textcoords="offset points",
                    fontsize=SMALL, color="0.35")  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(alpha=0.3)
    legend_above(figure)
    return figure
