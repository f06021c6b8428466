"""The decision boundary: two bells on a line, and what three routes to a higher ratio change."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from bgnb.plots.base import KINDS_STYLE, LABEL, SERIES, fold, legend_above, panels, styles, tick
from bgnb.study.theory import bayes_backgroundness, normal_backgroundness, normal_boundary, normal_density, share_below


def draw_two_bells(ratio: float, pi: float, distance: float) -> Figure:
    """Above: what carries which label, on a line. Below: exact backgroundness, and the boundary where it is 1/2.

    Returns:
        A Figure; ``.numbers``: "boundary", "bayes" (backgroundness of F and N far from the target), "called background",
        the shares of P and of F (as of N) left of the boundary.

    >>> draw_two_bells(1, 0.3, 3.0).numbers["boundary"]
    1.5
    """
    figure, axes = panels(2, 1, height=5.6, sharex=True)
    above, below = axes[:, 0]
    level, boundary = bayes_backgroundness(ratio, pi), normal_boundary(ratio, pi, distance)
    exists = np.isfinite(boundary)
    x = np.linspace(min(-3.5, boundary - 0.5 if exists else 0), max(distance + 3.5, 5.5, boundary + 0.5), 500)
    parts = {"N": ratio * normal_density(x, 0), "F": (1 - pi) * normal_density(x, 0), "P": pi * normal_density(x, distance)}
    weights = {"N": f"r = {ratio:g}", "F": f"1 − π = {1 - pi:.2f}", "P": f"π = {pi:.2f}"}
    for name, density in parts.items():
        colour, _, words = KINDS_STYLE[name]
        above.fill_between(x, density, color=colour, alpha=0.25)
        above.plot(x, density, color=colour, lw=3, label=f"{words.partition(',')[0]}, {weights[name]}")
    above.set(ylabel="patches", yticks=[], ylim=(0, None))
    below.plot(x, normal_backgroundness(x, ratio, pi, distance), color="0.1", lw=3)
    below.axhline(0.5, color="0.6", lw=1.5)
    below.axhline(level, color="0.1", ls="--", lw=2, label=f"r / (r + 1 − π) = {level:.2f}")
    for ax in (above, below):
        words = f"boundary at {tick(round(boundary, 2))}" if exists else "no boundary"
        ax.axvline(boundary if exists else np.nan, color=SERIES[4], lw=3, label=words)
    missed = {"P": share_below(boundary, distance), "F": share_below(boundary, 0)}
    below.set(xlabel="what a patch looks like (one number)", ylabel="backgroundness", xlim=(x[0], x[-1]), ylim=(0, 1))
    called = f"called background: {missed['P']:.0%} of P, {missed['F']:.0%} of F and of N"
    below.set_title(called if exists else "no boundary: all is called target", fontsize=LABEL)
    legend_above(figure)
    figure.numbers = {"boundary": boundary, "bayes": level, "called background": missed}
    return figure


def draw_routes(rows: Sequence[dict], pi: float | None = None) -> Figure:
    """Three routes to ratio k, a line each: median backgroundness of F, ranking of F above P, Loc. Acc.

    Args:
        rows: as ``bgnb.study.routes.routes`` gives them. Lines go through the mean of the seeds, bars reach from the lowest
            to the highest seed, dots are seeds.
        pi: draws r / (r + 1 - pi) into the first panel.

    Returns:
        A Figure; ``.numbers``: route -> measure -> means, one for each k.
    """
    figure, axes = panels(1, 3, height=4.4)
    frame = pd.DataFrame(list(rows))
    ks, looks = sorted(frame.k.unique()), styles(frame.route.unique())
    measures = {"F": "median backgroundness of F", "ranking": "F above P, share of pairs", "loc_acc": "Loc. Acc. (IoU ≥ 0.4)"}
    same = dict(data=frame, x="k", hue="route", order=ks, palette={name: look["color"] for name, look in looks.items()})
    look = {name: [look[key] for look in looks.values()] for name, key in (("markers", "marker"), ("linestyles", "ls"))}
    apart = 0.8 * (1 - 1 / len(looks))  # side by side, as ``stripplot`` does it, since all routes agree at k = 1
    for ax, (measure, words) in zip(axes[0], measures.items(), strict=True):
        sns.pointplot(y=measure, errorbar=("pi", 100), dodge=apart, linewidth=2.8, err_kws=dict(alpha=0.5), ax=ax, **same, **look)
        sns.stripplot(y=measure, dodge=True, jitter=False, size=4, legend=False, ax=ax, **same)
        ax.set_xticks(range(len(ks)), [tick(k) for k in ks])
        ax.set(xlabel="ratio, or k", xlim=(-0.5, len(ks) - 0.5))
        ax.set(ylabel=fold(words, 0.7 * figure.get_figheight(), LABEL), ylim=(0, 1))
        ax.get_legend().remove()
    means = frame.groupby(["route", "k"], sort=True)[list(measures)].mean()
    figure.numbers = {name: {m: means.loc[name, m].tolist() for m in measures} for name in looks}
    if pi is not None:
        levels = [bayes_backgroundness(k, pi) for k in ks]
        at = np.arange(len(ks))
        axes[0, 0].hlines(levels, at - 0.4, at + 0.4, color="black", lw=2, label="r / (r + 1 − π)")
    legend_above(figure)
    return figure
