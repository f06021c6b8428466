"""What else could give a map structure? A second round of training, windows of two sizes, and CAM beside them.

    BGNB_PHOTOS=photos python tests/bench/options.py --into docs/photos.md

Photographs of the development part. Every map is cut at Otsu's threshold, plainly and with edges; masks are only used to
count. Each row goes to docs/results/options.csv as it ends; those that are in it are not measured again.
"""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import tyro
from torch import Tensor
from torch.nn.functional import avg_pool2d

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb import Run, fit, load, localise
from bgnb.data import ImageSet
from bgnb.maps import min_max
from bgnb.methods import Method
from bgnb.metrics import threshold_without_masks
from bgnb.patches import Crops
from bgnb.study.runs import structure
from bgnb.study.tables import put_into

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "options.csv"
PAIRS = {
    "cat, forest": dict(target="cat", scene="forest", compose=True),
    "cat, playground": dict(target="cat", scene="playground", compose=True),
    "dog, playground": dict(target="dog", scene="playground", compose=True),
    "pitting, steel": dict(target="pitting", scene="steel"),
}
LARGER = 36  # pixels: the other window
SURE = 0.5  # of the map threshold: a patch whose mean targetness lies below is background for certain


@dataclass
class SecondRound(Method):
    """Self-training: patches of target images that the maps of the first round call background get that label."""

    maps: Tensor

    def training_labels(self, crops: Crops, imageset: ImageSet, patch: int) -> Tensor:
        of_target = crops.label == 0
        means = avg_pool2d(self.maps[:, None], patch, stride=1)[:, 0]  # of every place where a patch fits
        sure = means[crops.image.where(of_target, 0), crops.top, crops.left] < SURE * threshold_without_masks(self.maps)
        return crops.label.where(~(of_target & sure), 1)


def maps_of(pictures: ImageSet, run: Run, method: Method | None = None) -> Tensor:
    return localise(fit(pictures, run, progress=False, method=method), pictures.targets, run)


def measured(source: str, pair: str, seed: int) -> list[dict]:
    """Rows for every way on one pair and seed."""
    run = Run(
        source, size=128, images=40, part="development", patch=24, stride=4, ratio=2, seed=seed, preset="quick", lr=0.01,
        batch=64, augment=0.3, **PAIRS[pair],
    )  # fmt: skip
    pictures = load(**run.load_arguments(), progress=False)
    ways = {"x2": maps_of(pictures, run)}
    ways["x2, second round"] = maps_of(pictures, run, SecondRound(ways["x2"]))
    other = maps_of(pictures, replace(run, patch=LARGER))
    ways[f"x2, windows of {LARGER}"] = other
    ways["x2, both windows"] = min_max(ways["x2"] + other)
    ways["CAM"] = maps_of(pictures, replace(run, method="cam", batch=None))
    ways["CAM, then patches by its maps"] = maps_of(pictures, run, SecondRound(ways["CAM"]))
    rows = []
    for way, maps in ways.items():
        row = {"photos": pair, "seed": seed, "maps": way}
        for how in ("grabcut", "walker"):
            found = structure(pictures, maps, how)
            row |= {f"{how} {name}": value for name, value in found["refined"].items()}
        rows.append(row | {f"plain {name}": value for name, value in found["plain"].items()})
    return rows


def table(frame: pd.DataFrame) -> str:
    """A row for each pair and way: IoU .40 / .70 / mean, of the plain cut and with edges."""
    rows = []
    for (pair, way), mine in frame.groupby(["photos", "maps"], sort=False):
        row = {"photos": f"{pair}, {len(mine)} seeds", "maps": way}
        for kind in ("plain", "grabcut", "walker"):
            row[kind] = " / ".join(f"{mine[f'{kind} {name}'].mean():.2f}" for name in ("loc_acc", "loc_acc_70", "iou"))
        first = frame[(frame.photos == pair) & (frame.maps == "x2")].set_index("seed")["grabcut iou"]
        change = mine.set_index("seed")["grabcut iou"] - first
        row["mean IoU with GrabCut, against x2 (each seed)"] = (
            "" if way == "x2" else f"**{change.mean():+.2f}** ({', '.join(f'{one:+.2f}' for one in change)})"
        )
        rows.append(row)
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def main(seeds: tuple[int, ...] = (0, 1), into: Path | None = None) -> None:
    """Measure every pair; ``into``: Markdown file for the table."""
    frame = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=["photos", "seed", "maps"])
    for seed in seeds:
        for pair in PAIRS:
            if ((frame.photos == pair) & (frame.seed == seed)).any():
                continue
            rows = pd.DataFrame(measured(os.environ["BGNB_PHOTOS"], pair, seed))
            frame = pd.concat([frame, rows], ignore_index=True)
            frame.round(4).to_csv(RESULTS, index=False)
            print(rows.round(2).to_string(), flush=True)
    print(text := table(frame))
    if into:
        put_into(into, "options", text)


if __name__ == "__main__":
    tyro.cli(main)
