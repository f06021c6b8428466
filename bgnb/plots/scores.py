"""Curves and histograms: the loss, backgroundness by kind, Loc. Acc. against the map threshold, anything against a setting."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from bgnb.files import InputError
from bgnb.metrics import LocAcc
from bgnb.plots.base import KINDS_STYLE, LABEL, LINE, SERIES, SMALL, fold, legend_above, panels, rim, styles, tick
from bgnb.plots.pictures import array


def draw_losses(losses: Sequence[float], at: int | None = None) -> Figure:
    """Mean loss of every epoch, from 1; a dot at epoch ``at``."""
    figure, axes = panels(height=3.2)
    ax = axes[0, 0]
    epochs = np.arange(1, len(losses) + 1)
    ax.plot(epochs, losses, color="0.2", marker="." if len(losses) < 60 else None, **LINE)
    if at is not None:
        ax.plot(at, losses[at - 1], "o", color=SERIES[4], ms=12, clip_on=False)
    ax.set(xlabel="epoch", ylabel="mean loss\n(cross-entropy)", xlim=(0.5, len(losses) + 0.5), ylim=(0, None))
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return figure


def draw_medians(history, kind: np.ndarray, bayes: float | None = None, at: int | None = None) -> Figure:
    """Median backgroundness of each kind, epoch by epoch.

    Args:
        history: ``(epochs, n)`` backgroundness of the same n patches after every epoch.
        kind: ``(n,)`` their kinds.
        bayes: dashed line, what the best classifier gives F and N.
        at: an epoch to mark.
    """
    figure, axes = panels(height=4)
    ax, history = axes[0, 0], array(history)
    epochs, few = np.arange(1, len(history) + 1), len(history) < 60
    for name in [k for k in KINDS_STYLE if (kind == k).any()]:
        colour, marker, words = KINDS_STYLE[name]
        middle = np.median(history[:, kind == name], axis=1)
        ax.plot(epochs, middle, color=colour, marker=marker, markevery=1 if few else len(epochs) // 20, label=words, **LINE)
    if bayes is not None:
        ax.axhline(bayes, color="0.2", ls="--", lw=2, label="r / (r + 1 − π)")
    if at is not None:
        ax.axvline(at, color="0.35", lw=1.5)
    ax.set(xlabel="epoch", ylabel="median backgroundness", ylim=(0, 1), xlim=(0.5, len(history) + 0.5))
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    legend_above(figure)
    return figure


def draw_scores(
    scores: Mapping[str, np.ndarray],
    bayes: float | None = None,
    title: str = "",
    bins: int = 20,
    predicted: Mapping[str, np.ndarray] | None = None,
    words: str = "predicted",
) -> Figure:
    """Relative frequency of backgroundness by kind, a panel each (paper, Fig. 4), with the median and r / (r + 1 - pi).

    Args:
        scores: kind -> ``(n,)`` backgroundness.
        bayes: dashed line in the panels of F and N.
        title: above everything.
        bins: number of bars in a panel.
        predicted: kind -> backgroundness that was expected: a black outline over the bars.
        words: what to call it.

    Returns:
        A Figure; ``.numbers`` holds each kind's median.
    """
    found = {k: array(scores[k]) for k in KINDS_STYLE if k in scores and len(scores[k])}
    if not found:
        raise InputError("scores: there is no patch of any kind")
    figure, axes = panels(len(found), 1, height=1 + 1.6 * len(found), sharex=True, sharey=True)
    for ax, (name, values) in zip(axes[:, 0], found.items(), strict=True):
        colour, _, kind = KINDS_STYLE[name]
        same = dict(bins=bins, binrange=(0, 1), stat="probability", ax=ax)
        sns.histplot(x=values, color=colour, alpha=0.5, linewidth=0, **same)
        if predicted is not None and len(predicted.get(name, ())):
            sns.histplot(x=array(predicted[name]), element="step", fill=False, color="0.1", linewidth=2, label=words, **same)
        figure.numbers[name] = float(np.median(values))
        ax.axvline(figure.numbers[name], color=colour, lw=4, path_effects=rim(4, "white"), clip_on=False)
        ax.set_title(f"{kind}; median (thick line) {figure.numbers[name]:.2f}", fontsize=LABEL, loc="left")
        if bayes is not None and name != "P":
            ax.axvline(bayes, color="0.1", ls="--", lw=2, label=f"r / (r + 1 − π) = {bayes:.2f}")
        ax.set(xlim=(0, 1), ylabel="")
    axes[-1, 0].set_xlabel("backgroundness")
    figure.supylabel("relative frequency", fontsize=LABEL)
    legend_above(figure, title=title)
    return figure


def draw_curve(found: LocAcc | Mapping[str, LocAcc]) -> Figure:
    """Loc. Acc. against the map threshold, the best in a ring; several by name.

    >>> import torch
    >>> from bgnb import loc_acc
    >>> one = loc_acc(torch.rand(5, 8, 8), torch.rand(5, 8, 8) > 0.5)
    >>> draw_curve(one).axes[0].get_ylabel()
    'Loc. Acc. (IoU ≥ 0.4)'
    """
    found = found if isinstance(found, Mapping) else {"": found}
    levels = {a.iou for a in found.values()}
    figure, axes = panels(height=4)
    ax, looks = axes[0, 0], styles(found)
    for name, one in found.items():
        words = f"{name}: " * bool(name) + f"{one.value:.2f} at map threshold {tick(one.threshold)}"
        ax.plot(one.thresholds, array(one.curve), label=words, **looks[name], **LINE)
        ax.plot(one.threshold, one.value, marker="o", ms=18, mfc="none", mec=looks[name]["color"], mew=2, clip_on=False)
    ax.set(xlabel="map threshold", xlim=(0, 1), ylim=(0, 1))
    ax.set_ylabel(f"Loc. Acc. (IoU ≥ {levels.pop()})" if len(levels) == 1 else "Loc. Acc.")
    legend_above(figure)
    return figure


def draw_lines(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, marks: Mapping[str, float] | None = None
) -> Figure:
    """One or more lines over ``x`` with markers of their own; ``marks`` are named places on the x axis.

    >>> draw_lines([1, 2], {"cat": [0.5, 0.7]}, "ratio", "Loc. Acc.").numbers
    {'cat': 0.7}
    """
    figure, axes = panels(height=4 + 0.2 * len(marks or {}))
    ax = axes[0, 0]
    for (name, y), look in zip(lines.items(), styles(lines).values(), strict=True):
        ax.plot(x, y, label=name, markevery=max(1, len(x) // 20), **look, **LINE)
        figure.numbers[name] = max(y)
    for level, (name, place) in enumerate(sorted((marks or {}).items(), key=lambda mark: -mark[1])):
        ax.axvline(place, color="0.35", lw=1.5, ls="--")  # names above the axes, the leftmost highest: none meets another
        leader = dict(arrowstyle="-", color="0.35", lw=1.5, relpos=(0, 0), shrinkA=0, shrinkB=0)
        over = dict(xycoords=("data", "axes fraction"), textcoords="offset points", arrowprops=leader)
        ax.annotate(f" {name}", (place, 1), (0, 5 + 17 * level), fontsize=SMALL + 1, **over)
    if min(map(min, lines.values())) >= 0:  # begin at 0, or differences look larger than they are
        ax.set_ylim(0, 1.1 * max(map(max, lines.values())) or 1)
    if len(x) <= 8:
        ax.set_xticks(list(x))
    ax.set(xlabel=xlabel, ylabel=fold(ylabel, 0.7 * figure.get_figheight(), LABEL))
    legend_above(figure)
    return figure
