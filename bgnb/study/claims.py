"""What the long runs say about the paper's claims, by the rules of docs/results/plan.md."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from bgnb.study import tables
from bgnb.study.intervals import bootstrap_over_seeds
from bgnb.study.sweeps import read_results
from bgnb.study.tables import labelled, markdown

CLAIMS = {
    "H1": "a higher ratio raises the backgroundness of F and N",
    "H2": "a higher ratio raises the backgroundness of some P, too",
    "H3": "with a suitable ratio, background learning finds more than CAM, ADL, HaS and CutMix",
    "H4": "smaller patches find more, down to a best size that depends on the scene",
    "H5": "more background helps in the forest, and has no clear effect on the playground",
    "H6": "the owl in the forest is found worst",
}
NOT_RUN = {"effect": None, "interval": None, "verdict": "undecided", "why": "not run"}
ARM, BASE = "background x2", "CAM"  # of the primary endpoint of H3
MOST_PAIRS = 0.75  # of the pairs must agree in sign
SEEDS = 5  # that the plan asks for; with fewer, nothing is decided


def snapshots(results: Iterable[dict]) -> pd.DataFrame:
    """One row for each snapshot of each result (see ``bgnb.study.runs.snapshots``), with "name", "pictures" and "seed".

    "hits" and "held_out_hits" are arrays ``(images,)`` of 0 and 1; "last" says whether it is the training's last epoch.
    """
    rows = []
    for _, run in labelled(results).iterrows():
        for taken in run["result"]["epochs"]:
            arrays = {name: np.array([int(hit) for hit in taken[name]]) for name in ("hits", "held_out_hits")}
            last = taken["epoch"] == run["result"]["epochs_run"]
            rows.append({"name": run["name"], "pictures": run["pictures"], "seed": run["seed"], "last": last} | taken | arrays)
    return pd.DataFrame(rows)


def endpoint(frame: pd.DataFrame, weights: str = "mean", hits: str = "held_out_hits") -> dict[str, dict[str, np.ndarray]]:
    """Method -> pair -> ``(seeds, images)`` of 0 and 1 after the last epoch, for the seeds that all methods have on all pairs."""
    final = frame[frame["last"] & (frame["weights"] == weights)].sort_values("seed", kind="stable")
    have = final.groupby("seed").size()
    complete = final[final["seed"].isin(have.index[have == len(final.groupby(["name", "pictures"]))])]
    table = {}
    for (name, pair), group in complete.groupby(["name", "pictures"], sort=False):
        table.setdefault(name, {})[pair] = np.stack(list(group[hits]))
    return table


def decide(differences: Mapping[str, np.ndarray], planned: int = SEEDS) -> dict:
    """The plan's rule for a difference between two methods.

    Supported: the interval of the mean over pairs lies above 0, and the difference is positive on at least three of four
    pairs. Refuted: the same with the opposite sign. Undecided: otherwise, and with fewer seeds than planned.

    Args:
        differences: pair -> ``(seeds, images)``, the same number of seeds for each pair.

    >>> better = {pair: np.tile([1, 0, 0, 0], (5, 20)) for pair in "abcd"}
    >>> decide(better)["verdict"], decide({pair: -d for pair, d in better.items()})["verdict"]
    ('supported', 'refuted')
    """
    stacked = np.stack([*differences.values()])
    low, high = bootstrap_over_seeds(stacked)
    effect, agreeing = float(stacked.mean()), [np.sign(difference.mean()) for difference in stacked]
    verdict = "undecided"
    for word, sign, beyond in (("supported", 1, low > 0), ("refuted", -1, high < 0)):
        if len(stacked[0]) >= planned and beyond and np.mean([one == sign for one in agreeing]) >= MOST_PAIRS:
            verdict = word
    return {"effect": effect, "interval": [low, high], "verdict": verdict, "pairs": stacked.shape[0], "seeds": stacked.shape[1]}


def claims(folder: str | Path) -> dict[str, dict[str, dict]]:
    """ "photographs" and "scenes" -> claim -> "claim", "effect", "interval", "verdict" (and "why", or how many pairs and seeds).

    Args:
        folder: where the results of the sweeps lie, docs/results.
    """
    found = {words: {claim: {"claim": text} | NOT_RUN for claim, text in CLAIMS.items()} for words in ("photographs", "scenes")}
    results = read_results(Path(folder) / "verdict.jsonl")
    if results:
        table = endpoint(snapshots(results))
        if ARM in table and BASE in table:
            differences = {pair: table[ARM][pair] - table[BASE][pair] for pair in table[ARM]}
            found["photographs"]["H3"] = {"claim": CLAIMS["H3"]} | decide(differences)
            seeds = found["photographs"]["H3"]["seeds"]
            found["photographs"]["H3"]["why"] = f"{ARM} minus {BASE}, {seeds} of {SEEDS} seeds; the other methods are not run yet"
    return found


# ---- tables ----


def endpoint_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Loc. Acc. of every method by the primary endpoint's reading, pair by pair, and the difference with its interval."""
    table, rows = endpoint(frame), []
    for name, by_pair in table.items():
        low, high = bootstrap_over_seeds(np.stack([*by_pair.values()]))
        cells = {pair: f"{found.mean():.2f}" for pair, found in by_pair.items()}
        mean = np.mean([found.mean() for found in by_pair.values()])
        rows.append({"Loc. Acc., held-out threshold": name, **cells, "mean [95 %]": f"**{mean:.2f}** [{low:.2f}, {high:.2f}]"})
    if ARM in table and BASE in table:
        differences = {pair: table[ARM][pair] - table[BASE][pair] for pair in table[ARM]}
        cells = {}
        for pair, difference in differences.items():
            low, high = bootstrap_over_seeds(difference)
            cells[pair] = f"{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}]"
        said = decide(differences)
        low, high = said["interval"]
        mean = f"**{said['effect']:+.2f}** [{low:+.2f}, {high:+.2f}] {said['verdict']}"  # undecided until all seeds are there
        rows.append({"Loc. Acc., held-out threshold": f"{ARM} minus {BASE}", **cells, "mean [95 %]": mean})
    return pd.DataFrame(rows)


def readings_table(frame: pd.DataFrame) -> pd.DataFrame:
    """The same trainings, read in other ways: means over pairs and seeds; of the last ten epochs the mean range of a training."""
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


def render(results: list[dict]) -> str:
    """The tables that fit the results, in Markdown: these if there are snapshots, otherwise ``bgnb.study.tables.render``."""
    if not all("epochs" in result for result in results):
        return tables.render(results)
    frame = snapshots(results)
    seeds = frame.groupby("name", sort=False)["seed"].nunique().to_dict()
    images = results[0]["images"]["targets"]
    head = f"{images} target images a pair; seeds: " + ", ".join(f"{name} {count}" for name, count in seeds.items())
    return "\n\n".join([head, *(markdown(table(frame)) for table in (endpoint_table, readings_table, epochs_table))])
