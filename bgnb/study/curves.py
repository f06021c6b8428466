"""How Loc. Acc. moves with the updates of a long training: who is ahead when, and where longer training helps."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from bgnb.settings import Run
from bgnb.study.tables import labelled
from bgnb.training import count_updates

ALL = "mean over the pairs"  # what stands in the place of a pair


class Stretch(NamedTuple):
    """From ``first`` to ``last`` updates, ``name`` is ahead of all other methods, by ``lead`` on average.

    At the end of the stretch, it is ahead of ``next``, the second, with ``ahead`` of the ``seeds`` that both have.
    """

    first: int
    last: int
    name: str
    next: str
    lead: float
    ahead: int
    seeds: int


class Change(NamedTuple):
    """A number after a part of a training and after all of it, means over seeds.

    With ``up`` of the ``seeds`` it is higher at the end, with ``down`` lower.
    """

    before: float
    after: float
    up: int
    down: int
    seeds: int


def curves(results: Iterable[dict]) -> pd.DataFrame:
    """One row for each snapshot of each result (see ``bgnb.study.runs.with_snapshots``).

    Columns: "name" of the method, "pictures" (the pair), "seed", "weights" ("last" or "mean"), "epoch", "updates" so far,
    "held_out" (Loc. Acc. with the threshold from the other half of the photos), and "P" and "F", the shares of these patches
    that are called target: NaN for methods without patches.
    """
    rows = []
    for _, one in labelled(results).iterrows():
        result, run = one["result"], Run(**one["result"]["run"])
        updates = count_updates(run, result["images"]["targets"]) // run.epochs_run  # of an epoch
        for taken in result["epochs"]:
            found = {column: one[column] for column in ("name", "pictures", "seed")}
            found |= {"weights": taken["weights"], "epoch": taken["epoch"], "updates": updates * taken["epoch"]}
            called = taken.get("target", {})
            rows.append(found | {"held_out": taken["held_out"], "P": called.get("P", np.nan), "F": called.get("F", np.nan)})
    return pd.DataFrame(rows)


def over_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """The mean over the pairs, in rows of the same form: for methods and seeds that are measured on all pairs."""
    by = ["name", "seed", "weights", "epoch", "updates"]
    groups = frame.groupby(by, sort=False)[["held_out", "P", "F"]]
    complete = groups.size() == frame["pictures"].nunique()
    return groups.mean()[complete].reset_index().assign(pictures=ALL)


def by_seed(frame: pd.DataFrame, name: str, updates: np.ndarray) -> dict[int, np.ndarray]:
    """Seed -> a method's Loc. Acc. with averaged weights at these updates; between two snapshots, on a straight line."""
    chosen = frame[(frame["name"] == name) & (frame["weights"] == "mean")].sort_values("updates")
    return {seed: np.interp(updates, one["updates"], one["held_out"]) for seed, one in chosen.groupby("seed")}


def stretches(frame: pd.DataFrame) -> list[Stretch]:
    """Who is ahead at equal updates, from the first to the last update that all methods have. With one method, empty.

    Args:
        frame: the curves of one pair, or ``over_pairs``; averaged weights count, means over the seeds that all methods have.
    """
    chosen = frame[frame["weights"] == "mean"]
    ends = chosen.groupby("name", sort=False)["updates"].agg(["min", "max"])
    if len(ends) < 2:
        return []
    at = np.unique(chosen["updates"])
    at = at[(at >= ends["min"].max()) & (at <= ends["max"].min())]
    found = {name: by_seed(frame, name, at) for name in ends.index}
    seeds = sorted(set.intersection(*(set(by) for by in found.values())))
    if not seeds or not len(at):
        return []
    values = np.array([[found[name][seed] for seed in seeds] for name in found])  # (methods, seeds, updates)
    order = np.argsort(-values.mean(1), axis=0, kind="stable")  # (methods, updates), the leader first
    breaks = [0, *(np.flatnonzero(np.diff(order[0])) + 1), len(at)]
    parts = []
    for first, last in pairwise(breaks):
        means, (top, second) = values.mean(1)[:, first:last], order[:2, last - 1]
        lead = (np.sort(means, axis=0)[-1] - np.sort(means, axis=0)[-2]).mean()
        ahead = (values[top, :, last - 1] > values[second, :, last - 1]).sum()
        names = [list(found)[i] for i in (top, second)]
        parts.append(Stretch(int(at[first]), int(at[last - 1]), *names, float(lead), int(ahead), len(seeds)))
    return parts


def longer(frame: pd.DataFrame, name: str, value: str = "held_out", since: float = 0.2) -> dict[str, Change]:
    """What a training still changes after the share ``since`` of its epochs, by pair; the largest gain comes first.

    With averaged weights, from the snapshot nearest to that share to the last.
    """
    chosen = frame[(frame["name"] == name) & (frame["weights"] == "mean")]
    found = {}
    for pair, group in chosen.groupby("pictures", sort=False):
        last = group["epoch"].max()
        early = min(group["epoch"].unique(), key=lambda epoch: abs(epoch - since * last))
        table = group.pivot(index="seed", columns="epoch", values=value).dropna(subset=[early, last])
        change = table[last] - table[early]
        counts = int((change > 0).sum()), int((change < 0).sum()), len(change)
        found[pair] = Change(float(table[early].mean()), float(table[last].mean()), *counts)
    return dict(sorted(found.items(), key=lambda item: item[1].before - item[1].after))
