"""The decision boundary: two bells on a line, and what three routes to a higher ratio change."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from bgnb.plots.base import KINDS_STYLE, SERIES, SMALL, legend_above, panels
from bgnb.study.theory import bayes_backgroundness, normal_backgroundness, normal_boundary, normal_density, share_below


def draw_two_bells(ratio: float, pi: float, distance: float) -> Figure:
    """Above: what carries which label, on a line. Below: exact backgroundness, and the boundary where it is 1/2.

    Returns:
        A Figure; ``.numbers``: "boundary", "bayes" (backgroundness of F and N far from the target), "called background",
        the shares of P and of F (as of N) left of the boundary.

    >>> draw_two_bells(1, 0.3, 3.0).numbers["boundary"]
    1.5
    """
    figure, axes = panels(2, 1, height=5.4, sharex=True)
    above, below = axes[:, 0]
    x = np.linspace(-3.5, max(distance, 2) + 3.5, 500)
    parts = {"N": ratio * normal_density(x, 0), "F": (1 - pi) * normal_density(x, 0), "P": pi * normal_density(x, distance)}
    weights = {"N": f"r = {ratio:g} times", "F": f"1 $-$ π = {1 - pi:.2f} times", "P": f"π = {pi:.2f} times"}
    for name, density in parts.items():
        colour, _, words = KINDS_STYLE[name]
        above.fill_between(x, density, color=colour, alpha=0.25)
        above.plot(x, density, color=colour, lw=3, label=f"{weights[name]} {words.partition(',')[0]}")
    above.set(ylabel="patches", yticks=[], ylim=(0, None))
    level, boundary = bayes_backgroundness(ratio, pi), normal_boundary(ratio, pi, distance)
    below.plot(x, normal_backgroundness(x, ratio, pi, distance), color="0.1", lw=3)
    below.axhline(0.5, color="0.6", lw=1.5)
    below.axhline(level, color="0.1", ls="--", lw=2)
    high = level < 0.82
    below.text(x[-1], level, f"r / (r + 1 $-$ π) = {level:.2f}", ha="right", va="bottom" if high else "top", fontsize=SMALL + 1)
    for ax in (above, below):
        ax.axvline(max(boundary, x[0]), color=SERIES[4], lw=3)
    missed = {"P": share_below(boundary, distance), "F": share_below(boundary, 0)}
    where = f"boundary at {boundary:.2f}" if np.isfinite(boundary) else "no boundary: all is called target"
    below.set(xlabel=f"what a patch looks like (one number); {where}", ylabel="backgroundness", ylim=(0, 1.02))
    below.set_title(f"called background: {missed['P']:.0%} of P, {missed['F']:.0%} of F and of N", fontsize=SMALL + 2)
    legend_above(figure)
    figure.numbers = {"boundary": boundary, "bayes": level, "called background": missed}
    return figure


def draw_routes(rows: Sequence[dict], pi: float | None = None) -> Figure:
    """Three routes to ratio k, a line each: median backgroundness of F, ranking of F above P, Loc. Acc.

    Args:
        rows: as ``bgnb.study.routes.routes`` gives them. Lines go through the mean of the seeds, dots are seeds.
        pi: draws r / (r + 1 - pi) into the first panel.

    Returns:
        A Figure; ``.numbers``: route -> measure -> means, one for each k.
    """
    figure, axes = panels(1, 3, height=4.2)
    ks = sorted({row["k"] for row in rows})
    names = list(dict.fromkeys(row["route"] for row in rows))
    titles = {"F": "median backgroundness of F", "ranking": "F above P, share of pairs", "loc_acc": "Loc. Acc. (IoU ≥ 0.4)"}
    for ax, (measure, title) in zip(axes[0], titles.items(), strict=True):
        for i, (name, colour, marker, line) in enumerate(zip(names, SERIES, "osX", ("-", "--", ":"), strict=False)):
            cells = [[row[measure] for row in rows if row["route"] == name and row["k"] == k] for k in ks]
            means = [float(np.mean(values)) for values in cells]
            place = np.arange(len(ks)) + 0.08 * (i - 1)  # side by side, since all routes agree at k = 1
            ax.plot(place, means, color=colour, ls=line, lw=3, marker=marker, ms=9, label=name)
            ax.plot(np.repeat(place, [len(c) for c in cells]), np.concatenate(cells), ".", color=colour, ms=7, alpha=0.6)
            figure.numbers.setdefault(name, {})[measure] = means
        ax.set(xticks=range(len(ks)), xticklabels=[f"{k:g}" for k in ks], xlabel="ratio, or k", ylim=(0, 1.02))
        ax.set_title(title, fontsize=SMALL + 1)
        ax.grid(alpha=0.3)
    if pi is not None:
        levels = [bayes_backgroundness(k, pi) for k in ks]
        axes[0, 0].plot(range(len(ks)), levels, "k_", ms=34, mew=2, label="r / (r + 1 $-$ π)")
    legend_above(figure)
    return figure
