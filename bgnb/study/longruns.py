"""Long trainings, measured at many epochs: what they find by the reading of docs/results/plan.md, and the plan's rule."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from bgnb.study.intervals import bootstrap_over_seeds
from bgnb.study.tables import Found, array, combine, labelled, ordered, seed_count, stacked

ARM, BASE = "background x2", "CAM"  # of the primary endpoint
HELD_OUT = ", held-out photos"
MOST_PAIRS = 0.75  # of the pairs must agree in sign
SEEDS, FEWEST = 5, 3  # seeds that a verdict needs: the primary endpoint on photographs; everything else
NOT_RUN = {"effect": None, "interval": None, "verdict": "undecided", "why": "not run"}


def snapshots(results: Iterable[dict]) -> pd.DataFrame:
    """One row for each snapshot of each result (see ``bgnb.study.runs.with_snapshots``), with "name", "pictures" and "seed".

    "hits" and "held_out_hits" are arrays ``(images,)`` of 0 and 1; "last" says whether it is the training's last epoch.
    """
    rows = []
    for _, run in labelled(results).iterrows():
        for taken in run["result"]["epochs"]:
            arrays = {name: array(taken[name]) for name in ("hits", "held_out_hits")}
            last = taken["epoch"] == run["result"]["epochs_run"]
            rows.append({"name": run["name"], "pictures": run["pictures"], "seed": run["seed"], "last": last} | taken | arrays)
    return pd.DataFrame(rows)


def endpoint(frame: pd.DataFrame) -> dict[str, Found]:
    """Method -> pair -> seed -> ``(images,)`` of 0 and 1: what the averaged weights find after the last epoch.

    IoU 0.40; the map threshold for one half of the photos is the best one on the other half.
    """
    table = {}
    for _, row in frame[frame["last"] & (frame["weights"] == "mean")].iterrows():
        table.setdefault(row["name"], {}).setdefault(row["pictures"], {})[row["seed"]] = row["held_out_hits"]
    return table


def decide(differences: Mapping[str, np.ndarray], pairs: int = 1, seeds: int = FEWEST) -> dict:
    """The plan's rule for a difference between two methods.

    Supported: the interval of the mean over pairs lies above 0, and the difference is positive on at least three quarters of
    the pairs. Refuted: the same with the opposite sign. Undecided: otherwise, or with too few pairs or seeds; "why" says so.

    Args:
        differences: pair -> ``(seeds, images)``, the same number of seeds for each pair; or ``(seeds, 1)``, one value a seed.
        pairs: as many must be there.
        seeds: as many must be there.

    >>> better = {pair: np.tile([1, 0, 0, 0], (5, 20)) for pair in "abcd"}
    >>> decide(better)["verdict"], decide({pair: -d for pair, d in better.items()})["verdict"]
    ('supported', 'refuted')
    >>> decide(better, seeds=6)["why"], decide({})["why"]
    ('5 of 6 seeds', 'not run')
    """
    if not differences:
        return NOT_RUN
    low, high = bootstrap_over_seeds([*differences.values()])
    means = [float(values.mean()) for values in differences.values()]
    found = {"effect": float(np.mean(means)), "interval": [low, high], "verdict": "undecided"}
    found |= {"pairs": len(means), "seeds": len(next(iter(differences.values())))}
    if few := lacking(found, pairs, seeds):
        return found | {"why": few}
    if low <= 0 <= high:
        return found | {"why": "the interval contains 0"}
    agreeing = sum(np.sign(mean) == np.sign(low) for mean in means)
    if agreeing < MOST_PAIRS * len(means):
        return found | {"why": f"only {agreeing} of {len(means)} pairs agree in sign"}
    return found | {"verdict": "supported" if low > 0 else "refuted"}


def lacking(found: Mapping, pairs: int, seeds: int) -> str:
    """What is still missing for a verdict, "2 of 4 pairs" say; "" if nothing is."""
    missing = [(found[name], wanted, name) for name, wanted in (("pairs", pairs), ("seeds", seeds)) if found[name] < wanted]
    return ", ".join(f"{there} of {wanted} {name}" for there, wanted, name in missing)


def signed(effect: float, interval: Iterable[float]) -> str:
    """An effect with its interval, each with its sign.

    >>> signed(0.121, (-0.01, 0.2))
    '+0.12 [-0.01, +0.20]'
    """
    low, high = interval
    return f"{effect:+.2f} [{low:+.2f}, {high:+.2f}]"


# ---- tables ----


def endpoint_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Loc. Acc. of every method by the primary endpoint's reading, pair by pair, and the difference with its interval."""
    return pair_by_pair("Loc. Acc., held-out threshold", endpoint(frame), (ARM, BASE))


def reviewers_table(results: Iterable[dict]) -> pd.DataFrame:
    """Loc. Acc. at the best of ten map thresholds, pair by pair: of the training's photos, of held-out photos, and of few shots.

    Few shots are counted on the photos whose masks were not used. See ``bgnb.study.references``.
    """
    table: dict[str, dict] = {}
    for _, run in labelled(results).iterrows():
        found = {run["name"]: run["hits"]}
        if "held_out_photos" in run["result"]:
            found[run["name"] + HELD_OUT] = array(run["result"]["held_out_photos"]["hits"])
        for photos, few in run["result"].get("few_shot", {}).items():
            found[f"true labels on {photos} photos"] = np.delete(array(few["hits"]), few["photos"])
        for name, hits in found.items():
            table.setdefault(name, {}).setdefault(run["pictures"], {})[run["seed"]] = hits
    return pair_by_pair("Loc. Acc., best threshold", table, (ARM, BASE), (ARM + HELD_OUT, BASE + HELD_OUT))


def pair_by_pair(title: str, table: Mapping[str, Found], *differences: tuple[str, str]) -> pd.DataFrame:
    """A row for each method: Loc. Acc. of every pair, and their mean; then rows for differences between two of them."""
    rows = []
    for name, found in table.items():
        pairs = stacked(found)
        low, high = bootstrap_over_seeds([*pairs.values()])
        cells = {pair: f"{values.mean():.2f}" for pair, values in pairs.items()}
        mean = np.mean([values.mean() for values in pairs.values()])
        cells |= {"mean [95 %]": f"**{mean:.2f}** [{low:.2f}, {high:.2f}]", "seeds": seed_count(found)}
        rows.append({title: name, **cells})
    for one, other in differences:
        apart = combine((1, table[one]), (-1, table[other])) if one in table and other in table else {}
        if apart:
            cells = {pair: signed(values.mean(), bootstrap_over_seeds(values)) for pair, values in apart.items()}
            said = decide(apart, seeds=SEEDS)
            effect = signed(said["effect"], said["interval"]).split(" ", 1)
            verdict = f" {said['verdict']}" if title.endswith("held-out threshold") else ""  # the plan's rule is about this one
            cells |= {"mean [95 %]": f"**{effect[0]}** {effect[1]}{verdict}", "seeds": str(said["seeds"])}
            rows.append({title: f"{one} minus {other}", **cells})
    return ordered(pd.DataFrame(rows), "mean [95 %]", "seeds")


def readings_table(frame: pd.DataFrame) -> pd.DataFrame:
    """The same trainings, read in other ways: means over pairs and seeds, and the mean range of the last ten epochs."""
    rows = []
    for name, group in frame.groupby("name", sort=False):
        final = {weights: one for weights, one in group[group["last"]].groupby("weights")}
        single = group[(group["weights"] == "last") & (group["epoch"] > group["epoch"].max() - 10)]
        spans = single.groupby(["pictures", "seed"])["loc_acc"].agg(["min", "max"])
        rows.append({
            "": name,
            "averaged weights, held-out threshold": f"{final['mean']['held_out'].mean():.2f}",
            "averaged weights, best threshold": f"{final['mean']['loc_acc'].mean():.2f}",
            "last update, best threshold": f"{final['last']['loc_acc'].mean():.2f}",
            "last ten epochs, mean": f"{single['loc_acc'].mean():.2f}",
            "highest minus lowest of the ten": f"{(spans['max'] - spans['min']).mean():.2f}",
            "IoU 0.50, averaged, held-out": f"{final['mean']['held_out_50'].mean():.2f}",
            "PxAP, averaged": f"{final['mean']['pxap'].mean():.2f}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def epochs_table(frame: pd.DataFrame, weights: str = "mean") -> pd.DataFrame:
    """Loc. Acc. (held-out threshold) after some epochs, means over pairs and seeds."""
    chosen = frame[(frame["weights"] == weights) & ((frame["epoch"] <= frame["epoch"].max() - 10) | frame["last"])]
    means = chosen.groupby(["name", "epoch"], sort=False)["held_out"].mean().unstack()
    rows = [{"epoch": name} | {str(e): f"{v:.2f}" for e, v in row.sort_index().items()} for name, row in means.iterrows()]
    return pd.DataFrame(rows)
