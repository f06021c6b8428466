"""The preset ``quick`` against 150 epochs of the protocol: what it finds and what it costs, by the rule of docs/results/plan.md.

``python tests/bench/quick.py`` reads the stored runs, writes docs/results/quick.md's tables and draws its figures.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bgnb.plots import panels
from bgnb.plots.base import SERIES, legend_above
from bgnb.study.intervals import bootstrap_over_seeds
from bgnb.study.longruns import snapshots
from bgnb.study.sweeps import read_results
from bgnb.study.tables import markdown, put_into

ROOT = Path(__file__).parents[2]

MARGIN = 0.05  # quick matches the protocol if it is not worse than this
PAIRS = 4  # in each place
SHARE = 0.2  # of the protocol's processor time, at most
EARLY = 30  # epochs of the protocol that take about as long
WORDS = {"quick": "quick, 28 epochs", "protocol": "the protocol, 150 epochs"}
FILES = {
    "photographs": ("quick.jsonl", "verdict.jsonl"),
    "photographs, first attempt": ("quick_first.jsonl", "verdict.jsonl"),
    "drawn scenes": ("quick_scenes.jsonl",),
}


def trainings(folder: str | Path) -> pd.DataFrame:
    """The snapshots of x2 with averaged weights, with "place" and "arm" ("quick" or "protocol").

    "cpu" is the processor time so far, in seconds. The older protocol runs on photographs lack it; theirs is that of the drawn
    scenes after as many epochs on the same processor, because the time does not depend on what a picture shows. "processor" is
    None where a result does not name it. Only seeds that both arms have on every pair are kept.

    Args:
        folder: where the results of the sweeps lie, docs/results.
    """
    rows = []
    for place, files in FILES.items():
        for file in files:
            for result in read_results(Path(folder) / file):
                run = result["run"]
                if run["method"] != "background" or run["ratio"] != 2:
                    continue
                arm = "quick" if run["preset"] == "quick" else "protocol"
                rows += snapshots([result]).assign(place=place, arm=arm, processor=result.get("processor")).to_dict("records")
    frame = pd.DataFrame(rows)
    frame = frame[frame["weights"] == "mean"].reset_index(drop=True)
    frame["cpu"] = frame["cpu"].fillna(frame.groupby(["arm", "epoch", "processor"], dropna=False)["cpu"].transform("mean"))
    have = (frame["pictures"] + frame["arm"]).groupby([frame["place"], frame["seed"]]).transform("nunique")
    return frame[have == 2 * PAIRS].reset_index(drop=True)


def proof(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each place: Loc. Acc. of both arms, the difference with its interval, the share of the time, and the verdict.

    Beside them, not deciding, stands the protocol after 30 of its epochs.

    Args:
        frame: see ``trainings``.
    """
    rows = []
    early = frame[(frame["arm"] == "protocol") & (frame["epoch"] == EARLY)].groupby("place")["held_out"].mean()
    for place, group in frame[frame["last"]].sort_values(["pictures", "seed"], kind="stable").groupby("place", sort=False):
        found = {arm: one for arm, one in group.groupby("arm")}
        cube = {arm: stacked(one) for arm, one in found.items()}
        difference = cube["quick"] - cube["protocol"]
        low, high = bootstrap_over_seeds(difference)
        one_machine = group.groupby(["pictures", "seed"])["processor"].transform("nunique", dropna=False) == 1
        spent = group[one_machine].groupby("arm")["cpu"].mean()  # times of different machines cannot be compared
        share = spent["quick"] / spent["protocol"] if len(spent) else np.nan
        matches = low > -MARGIN and share <= SHARE
        rows.append({
            "x2, averaged weights": place,
            "quick": f"{cube['quick'].mean():.2f}",
            "150 epochs": f"{cube['protocol'].mean():.2f}",
            f"after {EARLY} of them": f"{early[place]:.2f}",
            "difference [95 %]": f"**{difference.mean():+.3f}** [{low:+.3f}, {high:+.3f}]",
            "processor time": f"{share:.2f} of it" if len(spent) else "not measured on one machine",
            "pairs x seeds": f"{difference.shape[0]} x {difference.shape[1]}",
            f"above -{MARGIN}, at most {SHARE:g} of the time": "yes" if matches else "**no**",
        })  # fmt: skip
    return pd.DataFrame(rows)


def stacked(group: pd.DataFrame) -> np.ndarray:
    """``(pairs, seeds, images)`` of 0 and 1."""
    return np.stack([np.stack(list(one["held_out_hits"])) for _, one in group.groupby("pictures")])


def by_pair(frame: pd.DataFrame) -> pd.DataFrame:
    """Loc. Acc. of both arms on every pair, means over seeds."""
    last = frame[frame["last"]]
    means = last.groupby(["place", "pictures", "arm"], sort=False)["held_out"].mean().unstack()
    rows = [
        {"": f"{place}: {pair}", "quick": f"{row['quick']:.2f}", "150 epochs": f"{row['protocol']:.2f}"}
        for (place, pair), row in means.iterrows()
    ]
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame, against: str = "epoch") -> Figure:
    """Loc. Acc. against the epochs or the processor time, a panel for each pair. Lines: means over seeds; bands: their range.

    Args:
        frame: see ``trainings``; of one place, and of one processor if the time is shown.
        against: "epoch" or "cpu".
    """
    pairs = sorted(frame["pictures"].unique())
    figure, axes = panels(2, -(-len(pairs) // 2), height=7, sharex=True, sharey=True)
    for ax, pair in zip(axes.flat, pairs, strict=False):
        for (arm, words), colour in zip(WORDS.items(), SERIES, strict=False):
            here = frame[(frame["pictures"] == pair) & (frame["arm"] == arm)].groupby("epoch")
            x, found = here[against].mean(), here["held_out"]
            ax.plot(x, found.mean(), color=colour, marker="o" if arm == "quick" else "s", lw=2.6, ms=6, label=words)
            ax.fill_between(x, found.min(), found.max(), color=colour, alpha=0.2, lw=0)
        ax.set_title(pair, loc="left")
        ax.set(ylim=(0, 1), xlim=(0, None))
    for ax in axes[-1]:
        ax.set_xlabel("epochs, of as many patches each" if against == "epoch" else "seconds of one core")
    for ax in axes[:, 0]:
        ax.set_ylabel("Loc. Acc. (IoU ≥ 0.4)")
    handles, names = axes.flat[0].get_legend_handles_labels()
    legend_above(figure, handles, names)
    return figure


def text(frame: pd.DataFrame) -> str:
    """The tables of docs/results/quick.md, see ``trainings``."""
    return f"{markdown(proof(frame))}\n\n{markdown(by_pair(frame))}"


if __name__ == "__main__":
    results = ROOT / "docs" / "results"
    everything = trainings(results)
    put_into(results / "quick.md", "proof", text(everything))
    draw(everything.query("place == 'photographs'")).savefig(ROOT / "figures" / "quick.png", dpi=80)
    scenes = everything.query("place == 'drawn scenes'")
    most = scenes["processor"].mode()[0]  # times of different processors cannot be compared
    draw(scenes.query("processor == @most"), "cpu").savefig(ROOT / "figures" / "quick_scenes.png", dpi=80)
