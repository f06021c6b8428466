"""Loc. Acc. at every epoch, with the weights of the last update and with averaged weights."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from bgnb.plots.base import LABEL, SERIES, fold, legend_above, panels


def draw_every_epoch(lines: Mapping[str, Mapping[str, np.ndarray]], columns: int = 2) -> Figure:
    """A panel for each training: how its Loc. Acc. moves from epoch to epoch; the averaged weights are drawn thick.

    Args:
        lines: title -> "last" and "mean" -> ``(seeds, epochs)`` Loc. Acc. after the last update, and with averaged weights.
        columns: panels in a row.

    Returns:
        A Figure; ``.numbers``: title -> the highest minus the lowest of the last ten epochs, mean over seeds, for both.

    >>> wild, calm = np.tile([0.4, 0.8], (3, 10)), np.full((3, 20), 0.7)
    >>> draw_every_epoch({"x2": {"last": wild, "mean": calm}}).numbers
    {'x2': {'last': 0.4, 'mean': 0.0}}
    """
    columns = min(columns, len(lines))
    rows = -(-len(lines) // columns)
    figure, axes = panels(rows, columns, height=1 + 3 * rows)
    for ax in axes.flat[len(lines) :]:
        ax.remove()
    for ax, (title, both) in zip(axes.flat, lines.items(), strict=False):
        for seed, (last, mean) in enumerate(zip(both["last"], both["mean"], strict=True)):
            epochs, colour = np.arange(1, len(last) + 1), SERIES[seed % len(SERIES)]
            ax.plot(epochs, last, color=colour, lw=1, alpha=0.75, label=f"seed {seed}, last update")
            ax.plot(epochs, mean, color=colour, lw=3.5, label=f"seed {seed}, averaged weights")
        ax.set_title(fold(title, figure.get_figwidth() / columns - 0.7, LABEL), fontsize=LABEL, loc="left")
        ax.set(ylim=(0, 1), xlim=(1, len(epochs)))
        figure.numbers[title] = {w: round(float(np.ptp(values[:, -10:], axis=1).mean()), 4) for w, values in both.items()}
        ax.set_xlabel("epoch")
    for ax in axes[:, 0]:
        ax.set_ylabel("Loc. Acc. (IoU ≥ 0.4)")
    legend_above(figure)
    return figure
