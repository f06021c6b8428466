"""Backgroundness by kind: its histograms, its medians, the loss."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from bgnb.files import InputError
from bgnb.plots.base import KINDS_STYLE, LABEL, array, legend_above, panels


def draw_losses(losses: Sequence[float], at: int | None = None) -> Figure:
    """Mean loss of every epoch, from 1; a dot at epoch ``at``."""
    figure, axes = panels(height=3.2)
    ax = axes[0, 0]
    epochs = np.arange(1, len(losses) + 1)
    ax.plot(epochs, losses, color="0.2", lw=2.5, marker="." if len(losses) < 60 else None)
    if at is not None:
        ax.plot(at, losses[at - 1], "o", color="#D55E00", ms=11)
    ax.set(xlabel="epoch", ylabel="mean loss", xlim=(0.5, len(losses) + 0.5))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    return figure


def draw_medians(history, kind: np.ndarray, bayes: float | None = None, at: int | None = None) -> Figure:
    """Median backgroundness of each kind, epoch by epoch.

    Args:
        history: ``(epochs, n)`` backgroundness of the same n patches after every epoch. kind: ``(n,)`` their kinds.
        bayes: dashed line, what the best classifier gives F and N. at: an epoch to mark.
    """
    figure, axes = panels(height=4)
    ax, history = axes[0, 0], array(history)
    epochs = np.arange(1, len(history) + 1)
    for name in [k for k in KINDS_STYLE if (kind == k).any()]:
        colour, marker, words = KINDS_STYLE[name]
        ax.plot(epochs, np.median(history[:, kind == name], axis=1), color=colour, marker=marker, lw=2.5, ms=7, label=words)
    if bayes is not None:
        ax.axhline(bayes, color="0.2", ls="--", lw=2, label="r / (r + 1 $-$ π)")
    if at is not None:
        ax.axvline(at, color="0.35", lw=1)
    ax.set(xlabel="epoch", ylabel="median backgroundness", ylim=(0, 1), xlim=(0.5, len(history) + 0.5))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
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
        scores: kind -> ``(n,)`` backgroundness. bayes: dashed line in the panels of F and N.
        predicted: kind -> backgroundness that was expected: a black outline over the bars. words: what to call it.

    Returns:
        A Figure; ``.numbers`` holds each kind's median.
    """
    found = {k: array(scores[k]) for k in KINDS_STYLE if k in scores and len(scores[k])}
    if not found:
        raise InputError("scores: there is no patch of any kind")
    figure, axes = panels(len(found), 1, height=0.8 + 1.5 * len(found), sharex=True, sharey=True)
    for ax, (name, values) in zip(axes[:, 0], found.items(), strict=True):
        colour, _, kind = KINDS_STYLE[name]
        same = dict(bins=bins, binrange=(0, 1), stat="probability", ax=ax)
        sns.histplot(x=values, color=colour, alpha=0.85, linewidth=0, **same)
        if predicted is not None and len(predicted.get(name, ())):
            sns.histplot(x=array(predicted[name]), element="step", fill=False, color="0.1", linewidth=2, label=words, **same)
        figure.numbers[name] = float(np.median(values))
        ax.axvline(figure.numbers[name], color=colour, lw=4)
        text = f"{kind}\nmedian {figure.numbers[name]:.2f}"
        box = dict(facecolor="white", edgecolor=colour, linewidth=2, alpha=0.85)
        ax.text(0.015, 0.9, text, transform=ax.transAxes, va="top", fontsize=12, bbox=box)
        if bayes is not None and name != "P":
            ax.axvline(bayes, color="0.1", ls="--", lw=2, label=f"r / (r + 1 $-$ π) = {bayes:.2f}")
        ax.set(xlim=(0, 1), ylabel="")
        ax.yaxis.set_major_formatter("{x:.0%}")
    top = max(ax.get_ylim()[1] for ax in axes.flat)
    axes[0, 0].set_ylim(0, 1.35 * top)
    axes[-1, 0].set_xlabel("backgroundness")
    figure.supylabel("relative frequency", fontsize=LABEL)
    legend_above(figure, title=title)
    return figure
