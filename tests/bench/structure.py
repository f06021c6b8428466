"""What the photo's own edges, the threshold without masks, and one mean and contrast for all colours change. Reads stored runs:

BGNB_PHOTOS=photos bgnb sweep quick --out docs/results/quick.jsonl
BGNB_PHOTOS=photos bgnb sweep colours --out docs/results/colours.jsonl
python tests/bench/structure.py --into docs/photos.md
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import tyro

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb.study.sweeps import read_results
from bgnb.study.tables import put_into

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def flat(file: str) -> pd.DataFrame:
    """A row for each run: its pair, its colours, and what was found by a plain cut and with edges."""
    rows = []
    for result in read_results(RESULTS / file):
        run, cuts = result["run"], result["refined"]
        place = "drawn" if run["source"] == "scenes" else "photos"
        row = {"pair": f"{place}: {run['target']}, {run['scene']}", "colours": run.get("colours", "kept"), "seed": run["seed"]}
        row |= {"best": result["without_masks"]["best_loc_acc"]}
        for kind in ("plain", "refined"):
            row |= {f"{kind} {name}": value for name, value in cuts[kind].items()}
        rows.append(row)
    return pd.DataFrame(rows)


def edges(frame: pd.DataFrame) -> pd.DataFrame:
    """Plain cut against GrabCut, both at Otsu's threshold; then the best threshold, which needs masks."""
    rows = []
    for pair, mine in frame.groupby("pair", sort=False):
        change = mine["refined iou"] - mine["plain iou"]
        three = {
            kind: " / ".join(f"{mine[f'{kind} {name}'].mean():.2f}" for name in ("loc_acc", "loc_acc_70", "iou"))
            for kind in ("plain", "refined")
        }
        rows.append(
            {
                "x2, quick": f"{pair}, {len(mine)} seeds",
                "cut at Otsu's threshold": three["plain"],
                "with GrabCut": three["refined"],
                "change of the mean IoU (range)": f"**{change.mean():+.2f}** ({change.min():+.2f} ... {change.max():+.2f})",
                "plain cut at the best threshold": f"{mine['best'].mean():.2f}",
                "Otsu's share of it": f"{mine['plain loc_acc'].mean() / mine['best'].mean():.0%}",
            }
        )
    return pd.DataFrame(rows)


def colours(frame: pd.DataFrame) -> pd.DataFrame:
    """Colours kept against colours standardised: with GrabCut, no masks used."""
    rows = []
    for pair, mine in frame.groupby("pair", sort=False):
        by = mine.pivot(index="seed", columns="colours", values=["refined loc_acc", "refined iou"])
        change = by["refined loc_acc"]["standardised"] - by["refined loc_acc"]["kept"]
        row = {"x2, quick, development": f"{pair}, {len(by)} seeds"}
        for kind in ("kept", "standardised"):
            row[kind] = f"{by['refined loc_acc'][kind].mean():.2f}, mean IoU {by['refined iou'][kind].mean():.2f}"
        rows.append(
            row | {"change (each seed)": f"**{change.mean():+.2f}** ({', '.join(f'{value:+.2f}' for value in np.array(change))})"}
        )
    return pd.DataFrame(rows)


def main(into: Path | None = None) -> None:
    """Print both tables; ``into``: Markdown file for them."""
    for name, table in (("edges", edges(flat("quick.jsonl"))), ("colours", colours(flat("colours.jsonl")))):
        print(text := table.to_markdown(index=False, disable_numparse=True))
        if into:
            put_into(into, name, text)


if __name__ == "__main__":
    tyro.cli(main)
