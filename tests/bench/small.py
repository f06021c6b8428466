"""Small targets: does it help to look at larger photos? Drawn targets that cover little of the picture, cut out by ``extract``.

    python tests/bench/small.py --into docs/photos.md

Each run goes to docs/results/small.csv as it ends; those that are in it are not measured again.
"""

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import tyro
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb import Run, load
from bgnb.cli import PhotoOptions
from bgnb.metrics import overlap
from bgnb.photos import extract
from bgnb.study.tables import put_into
from tests.bench.own import write

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "small.csv"
TARGETS = (("rust", "steel"), ("cat", "forest"))
AREAS = ((0.02, 0.03), (0.15, 0.35))  # shares of the picture
SIZES = (128, 256)  # the patch has 24 pixels in both: a fifth of the photo's side, or a tenth
PHOTOS, SIDE, EPOCHS = 20, 512, 28


def found(target: str, scene: str, area: tuple[float, float], size: int, seed: int) -> dict:
    """How often the cut-out reaches an IoU of .4, how often the map peaks on the target, and what share is cut out."""
    drawn = load("scenes", target, scene, SIDE, PHOTOS, seed, area=area, progress=False)
    with tempfile.TemporaryDirectory() as work:
        for pile, pictures in (("with", drawn.targets), ("without", drawn.backgrounds)):
            write(pictures, Path(work, pile))
        run = Run(**asdict(PhotoOptions(seed=seed, size=size, epochs=EPOCHS)))
        report = extract(f"{work}/with", f"{work}/without", f"{work}/out", run, anyway=True, progress=False)
        cut, maps = (
            [np.asarray(Image.open(f"{work}/out/{name}_{kind}.png")) / 255 for name in report["photos"]]
            for kind in ("mask", "map")
        )
    masks = drawn.masks.numpy()
    ious = np.array([overlap(one > 0.5, mask) for one, mask in zip(cut, masks, strict=True)])
    peaks = [mask[np.unravel_index(one.argmax(), one.shape)] for one, mask in zip(maps, masks, strict=True)]
    about = {"target": target, "covers": f"{area[0]:.0%} to {area[1]:.0%}", "size": size, "seed": seed}
    cut_out = float(np.median([*report["photos"].values()]))
    return about | {"found": np.mean(ious >= 0.4), "iou": ious.mean(), "peak": np.mean(peaks), "cut": cut_out}


def table(frame: pd.DataFrame) -> str:
    """A row for each target and area, and for each size: IoU of at least .40 / mean IoU / peaks on the target / share cut out."""
    rows = []
    for (target, covers), mine in frame.groupby(["target", "covers"], sort=False):
        row = {"drawn target": f"{target}, {mine.seed.nunique()} seed{'s' * (mine.seed.nunique() > 1)}", "covers": covers}
        for size, some in mine.groupby("size"):
            means = some[["found", "iou", "peak"]].mean()
            row[f"--size {size}"] = " / ".join([*(f"{mean:.2f}" for mean in means), f"{some.cut.mean():.0%}"])
        rows.append(row)
    return pd.DataFrame(rows).fillna("").to_markdown(index=False, disable_numparse=True)


def main(seeds: tuple[int, ...] = (0, 1), into: Path | None = None) -> None:
    """Measure every target and area at every size; ``into``: Markdown file for the table."""
    frame = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=["target", "covers", "size", "seed"])
    for seed in seeds:
        for target, scene in TARGETS:
            for area in AREAS:
                for size in SIZES:
                    mine = (frame.target == target) & (frame.covers == f"{area[0]:.0%} to {area[1]:.0%}")
                    if (mine & (frame["size"] == size) & (frame.seed == seed)).any():
                        continue
                    row = found(target, scene, area, size, seed)
                    frame = pd.concat([frame, pd.DataFrame([row])], ignore_index=True)
                    frame.round(4).to_csv(RESULTS, index=False)
                    print(row, flush=True)
    print(text := table(frame))
    if into:
        put_into(into, "small", text)


if __name__ == "__main__":
    tyro.cli(main)
