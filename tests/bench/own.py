"""What ``bgnb extract`` finds on photographs without masks: the masks are only used to count. Writes docs/photos.md's tables.

    BGNB_PHOTOS=photos python tests/bench/own.py --into docs/photos.md

The photos are new ones, of the part that chose no setting (``part="reporting"``, seed 1000 and on). Every photo's numbers go to
docs/results/own.csv as they come; sets that are in it are not measured again.
"""

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import tyro
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb import InputError, Run, load
from bgnb.cli import PhotoOptions
from bgnb.metrics import overlap
from bgnb.photos import extract
from bgnb.plots import draw_lines
from bgnb.study.intervals import bootstrap_over_seeds
from bgnb.study.tables import put_into

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results" / "own.csv"


class Photos(NamedTuple):
    """What one set of photos is made of."""

    target: str
    scene: str
    compose: bool
    targets: int
    backgrounds: int = 60


FIVE = (1000, 1001, 1002, 1003, 1004)
SETS = {  # name -> photos, seeds
    "ten composites of cats in forests": (Photos("cat", "forest", True, 10), FIVE),
    "ten composites of dogs on playgrounds": (Photos("dog", "playground", True, 10), FIVE),
    "sixty composites of cats in forests": (Photos("cat", "forest", True, 60), FIVE),
    "sixty composites of dogs on playgrounds": (Photos("dog", "playground", True, 60), FIVE),
    "sixty photos of pitting on steel": (Photos("pitting", "steel", False, 60), FIVE),
    "ten cats in yards and on walls, backgrounds of forests": (Photos("cat", "forest", False, 10), FIVE[:1]),
}
COUNTS = ((3, 5), (5, 10), (10, 20), (20, 40), (60, 60))  # target photos and backgrounds of the curve
PAIRS = {"cats in forests": ("cat", "forest"), "dogs on playgrounds": ("dog", "playground")}
CURVE = {
    f"{targets} + {backgrounds} {pair}": (Photos(*PAIRS[pair], True, targets, backgrounds), FIVE[:3])
    for targets, backgrounds in COUNTS[:-1]  # the last are in SETS
    for pair in PAIRS
}


def write(pictures: Tensor, folder: Path) -> None:
    """Write pictures ``(n, 3, H, W)`` as PNGs into a new folder."""
    folder.mkdir()
    for i, pixels in enumerate(pictures):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / f"{i:03d}.png")


def piles(source: str, wanted: Photos, seed: int, folder: Path) -> np.ndarray:
    """Write photos into ``with`` and ``without``, as somebody has them; return the masks."""
    photos = load(source, wanted.target, wanted.scene, 256, None, seed, wanted.compose, "reporting", progress=False)
    chosen = np.random.default_rng(seed).permutation(len(photos.targets))[: wanted.targets]
    for pile, pictures in (("with", photos.targets[chosen]), ("without", photos.backgrounds[: wanted.backgrounds])):
        write(pictures, folder / pile)
    return photos.masks[chosen].numpy()


def one(source: str, name: str, wanted: Photos, seed: int, anyway: bool) -> list[dict]:
    """Run ``extract`` on one set; a row for each photo, or one row that says what it refused."""
    about = {"photos": name, "seed": seed}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        masks = piles(source, wanted, seed, folder)
        run = Run(**asdict(PhotoOptions(seed=seed)))
        try:
            report = extract(folder / "with", folder / "without", folder / "out", run, anyway=anyway, progress=False)
        except InputError as error:
            return [about | {"refused": str(error).rpartition(": ")[2]}]
        cut = [np.asarray(Image.open(folder / "out" / f"{photo}_mask.png")) > 127 for photo in report["photos"]]
        maps = [np.asarray(Image.open(folder / "out" / f"{photo}_map.png")) / 255 for photo in report["photos"]]
    about |= {"suitability": report["suitability"]["value"], "colours": report["run"]["colours"]}
    return [
        about | {"plain": overlap(values >= report["threshold"], mask), "refined": overlap(region, mask), "whole": whole}
        for values, region, mask, whole in zip(maps, cut, masks, report["whole"].values(), strict=True)
    ]


def table(frame: pd.DataFrame) -> str:
    """A row for each set, its seeds together."""
    lines = []
    for name in SETS:
        mine = frame[frame.photos == name]
        if not len(mine):
            continue
        if mine.refused.notna().all():
            lines.append({"photos": name, "suitability": "refused", "IoU of at least .40": "refused before the training"})
            continue
        seeds = mine.groupby("seed")
        low, high = bootstrap_over_seeds(np.stack([one.refined >= 0.4 for _, one in seeds]))
        whole = [spearmanr(one.whole, one.refined)[0] for _, one in seeds if len(one) > 20]
        lines.append(
            {
                "photos": f"{name}, {len(seeds)} seeds",
                "suitability": f"{mine.suitability.mean():.2f}",
                "IoU of at least .40": f"**{(mine.refined >= 0.4).mean():.2f}** [{low:.2f}, {high:.2f}]",
                "each seed": " ".join(f"{(one.refined >= 0.4).mean():.2f}" for _, one in seeds),
                "of at least .70": f"{(mine.refined >= 0.7).mean():.2f}",
                "mean IoU": f"{mine.refined.mean():.2f}",
                "plain cut: .40, .70, mean": " ".join(
                    f"{value:.2f}" for value in ((mine.plain >= 0.4).mean(), (mine.plain >= 0.7).mean(), mine.plain.mean())
                ),
                "pieces": " ".join(f"{value:+.2f}" for value in whole),
            }
        )
    return pd.DataFrame(lines).fillna("").to_markdown(index=False, disable_numparse=True)


def curve(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, list[tuple]]]:
    """What to expect at each number of photos: a table, and for the figure each pair's means with their intervals."""
    rows, lines = [], {pair: [] for pair in PAIRS}
    for targets, backgrounds in COUNTS:
        row = {"photos with the target": str(targets), "backgrounds": str(backgrounds)}
        for pair in PAIRS:
            name = f"sixty composites of {pair}" if targets == 60 else f"{targets} + {backgrounds} {pair}"
            mine = frame[frame.photos == name]
            found = [one.refined >= 0.4 for _, one in mine.groupby("seed")]
            low, high = bootstrap_over_seeds(np.stack(found))
            row[pair] = f"**{np.mean(found):.2f}** [{low:.2f}, {high:.2f}]"
            row[f"{pair}, IoU .70"] = f"{(mine.refined >= 0.7).mean():.2f}"
            lines[pair].append((float(np.mean(found)), low, high))
        rows.append(row)
    return pd.DataFrame(rows), lines


def main(only: tuple[str, ...] = (), into: Path | None = None) -> None:
    """Measure all sets, or only those whose name holds one of the words; ``into``: Markdown file for the tables."""
    frame = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=["photos", "seed"])
    frame = frame.reindex(columns=[*frame.columns.union(["refused"], sort=False)])
    for name, (wanted, seeds) in (SETS | CURVE).items():
        for seed in seeds:
            if (only and not any(word in name for word in only)) or ((frame.photos == name) & (frame.seed == seed)).any():
                continue
            rows = pd.DataFrame(one(os.environ["BGNB_PHOTOS"], name, wanted, seed, anyway=name in CURVE))
            frame = pd.concat([frame, rows], ignore_index=True)
            frame.round(4).to_csv(RESULTS, index=False)
            print(name, seed, rows.mean(numeric_only=True).round(2).to_dict(), flush=True)
    print(text := table(frame))
    if into:
        put_into(into, "own", text)
    if into and set(CURVE) <= set(frame.photos):
        few, lines = curve(frame)
        put_into(into, "few", few.to_markdown(index=False, disable_numparse=True))
        counts = [targets for targets, _ in COUNTS]
        means = {pair: [mean for mean, _, _ in points] for pair, points in lines.items()}
        figure = draw_lines(counts, means, "photos with the target", "share found (IoU ≥ 0.4)")
        (axes,) = figure.axes
        for line, points in zip([*axes.lines], lines.values(), strict=True):
            axes.fill_between(counts, *[*zip(*points, strict=True)][1:], color=line.get_color(), alpha=0.15, lw=0)
        figure.savefig(ROOT / "figures" / "few_photos.png", dpi=80)


if __name__ == "__main__":
    tyro.cli(main)
