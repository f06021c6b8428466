"""Figures of long trainings: Loc. Acc. and memorised patches against the updates, with a band over the seeds."""

from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bgnb.plots.base import KINDS_STYLE, LABEL, LINE, fold, legend_above, panels, styles, tick

# Beside METHODS_STYLE, which has no room for them in a gallery.
MORE_STYLE = {"background x4": ("#00305A", "o"), "CAM, unpadded": ("#7F2704", "s")}
TICKS = (30, 100, 300, 1000, 3000)  # updates; the axis is logarithmic, because most happens early


def draw_learning(frame: pd.DataFrame, columns: int = 2) -> Figure:
    """Loc. Acc. of every method against the updates, a panel for each pair.

    Line: averaged weights, mean over the seeds. Band: from the lowest seed to the highest. Faint dots: the weights after
    a single update, a dot for each seed.

    Args:
        frame: columns "name", "pictures" (a panel each), "seed", "weights", "updates", "held_out": see
            ``bgnb.study.curves.curves``.
        columns: panels in a row.

    Returns:
        A Figure; ``.numbers``: pictures -> method -> Loc. Acc. of the line at its end.
    """
    pairs = list(frame["pictures"].unique())
    columns = min(columns, len(pairs))
    rows = -(-len(pairs) // columns)
    figure, axes = panels(rows, columns, height=1 + (3 if columns > 1 else 4.4) * rows, sharex=True, sharey=True)
    looks = method_styles(frame["name"].unique())
    order = [*sorted(name for name in looks if name.startswith("background")), *looks]  # background learning first
    for ax in axes.flat[len(pairs) :]:
        ax.remove()
    for ax, pair in zip(axes.flat, pairs, strict=False):
        groups = dict([*frame[frame["pictures"] == pair].groupby("name")])
        names = [name for name in dict.fromkeys(order) if name in groups]
        figure.numbers[pair] = {name: draw_band(ax, groups[name], "held_out", name, looks[name]) for name in names}
        ax.set_title(pair, fontsize=LABEL, loc="left")
    finish(figure, axes, "Loc. Acc. (IoU ≥ 0.4)")
    return figure


def draw_memory(frame: pd.DataFrame, pairs: Sequence[str], titles: Sequence[str] = ()) -> Figure:
    """Above: Loc. Acc. of one method. Below: the share of P and of F that is called target. A column for each pair; see above.

    Whoever calls F target has memorised its wrong label.

    Args:
        frame: as for ``draw_learning``, of one method, with the columns "P" and "F".
        pairs: which pairs, from left to right.
        titles: what to write over their columns; nothing: their names.

    Returns:
        A Figure; ``.numbers``: pair -> "held_out", "P" and "F" -> value of the line at its end.
    """
    figure, axes = panels(2, len(pairs), height=6.6, sharex=True, sharey=True)
    for (above, below), pair, title in zip(axes.T, pairs, titles or pairs, strict=True):
        here = frame[frame["pictures"] == pair]
        (name,) = here["name"].unique()
        numbers = {"held_out": draw_band(above, here, "held_out", f"Loc. Acc., {name}", method_styles([name])[name])}
        for kind in "PF":
            colour, marker, words = KINDS_STYLE[kind]
            numbers[kind] = draw_band(below, here, kind, words, dict(color=colour, marker=marker, ls="-"))
        figure.numbers[pair] = numbers
        above.set_title(fold(title, figure.get_figwidth() / len(pairs) - 0.9, LABEL), fontsize=LABEL, loc="left")
    finish(figure, axes, "Loc. Acc. (IoU ≥ 0.4)")
    axes[1, 0].set_ylabel("share called target")
    return figure


def method_styles(names: Iterable[str]) -> dict[str, dict]:
    """``bgnb.plots.base.styles`` for all methods of the long runs."""
    more = {name: dict(color=colour, marker=marker, ls="-") for name, (colour, marker) in MORE_STYLE.items()}
    return {name: more.get(name, look) for name, look in styles(names).items()}


def draw_band(ax: Axes, frame: pd.DataFrame, value: str, label: str, look: dict) -> float:
    """Line, band and dots of one column of one method on one pair, see ``draw_learning``. Returns the line's last value."""
    single, mean = (frame[frame["weights"] == weights] for weights in ("last", "mean"))
    ax.plot(single["updates"], single[value], ".", color=look["color"], alpha=0.3, ms=5, mew=0, zorder=1.5, clip_on=False)
    line = mean.groupby("updates")[value].agg(["min", "mean", "max"])
    ax.fill_between(line.index, line["min"], line["max"], color=look["color"], alpha=0.15, lw=0)
    early = list(range(0, len(line) - 9)) or [0]  # the last ten snapshots lie so close that their markers would meet
    ax.plot(line.index, line["mean"], label=label, markevery=[*early, len(line) - 1], **look, **(LINE | dict(ms=6)))
    return float(line["mean"].iloc[-1])


def finish(figure: Figure, axes, ylabel: str) -> None:
    """Names and limits of all axes, and the legend."""
    for ax in figure.axes:
        ax.set(ylim=(0, 1), xscale="log")
        low, high = ax.get_xlim()
        ax.set_xticks([place for place in TICKS if low <= place <= high])
        ax.minorticks_off()
        ax.xaxis.set_major_formatter(tick)
    for column in axes.T:
        last = [ax for ax in column if ax in figure.axes][-1]
        last.set_xlabel("updates")
        last.tick_params(labelbottom=True)
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel)
    legend_above(figure)
