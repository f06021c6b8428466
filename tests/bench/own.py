"""What ``bgnb extract`` finds on photographs without masks: the masks are only used to count. Writes a table into docs/photos.md.

    BGNB_PHOTOS=photos python tests/bench/own.py --into docs/photos.md

The photos are new ones, of the part that chose no setting (``part="reporting"``, seed 1000 and on).
"""

import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import tyro
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb import InputError, Run, bootstrap_interval, load
from bgnb.cli import PhotoOptions
from bgnb.metrics import overlap
from bgnb.photos import extract
from bgnb.study.tables import put_into

BACKGROUNDS = 60
# name -> target, scene, composites or not, target photos, seeds
SETS = {
    "ten composites of cats in forests": ("cat", "forest", True, 10, (1000,)),
    "ten composites of dogs on playgrounds": ("dog", "playground", True, 10, (1000,)),
    "sixty composites of cats in forests": ("cat", "forest", True, 60, (1000,)),
    "sixty composites of dogs on playgrounds": ("dog", "playground", True, 60, (1000,)),
    "sixty photos of pitting on steel": ("pitting", "steel", False, 60, (1000, 1001, 1002, 1003, 1004)),
    "ten cats in yards and on walls, backgrounds of forests": ("cat", "forest", False, 10, (1000,)),
}


def piles(source: str, name: str, seed: int, folder: Path) -> np.ndarray:
    """Write the photos of a set into ``with`` and ``without``, as somebody has them; return the masks."""
    target, scene, compose, count, _ = SETS[name]
    photos = load(source, target, scene, 256, None, seed, compose, "reporting", progress=False)
    chosen = np.random.default_rng(seed).permutation(len(photos.targets))[:count]
    for pile, pictures in (("with", photos.targets[chosen]), ("without", photos.backgrounds[:BACKGROUNDS])):
        (folder / pile).mkdir()
        for i, pixels in enumerate(pictures):
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / pile / f"{i:03d}.png")
    return photos.masks[chosen].numpy()


def one(source: str, name: str, seed: int, options: PhotoOptions) -> dict:
    """Run ``extract`` on one set and count."""
    clock = time.perf_counter()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        masks = piles(source, name, seed, folder)
        row = {"photos": name, "seed": seed}
        try:
            report = extract(folder / "with", folder / "without", folder / "out", Run(**asdict(options)), progress=False)
        except InputError as error:
            return row | {"refused": str(error).rpartition(": ")[2], "seconds": time.perf_counter() - clock}
        cut = [np.asarray(Image.open(folder / "out" / f"{photo}_mask.png")) > 127 for photo in report["photos"]]
        maps = [np.asarray(Image.open(folder / "out" / f"{photo}_map.png")) / 255 for photo in report["photos"]]
    plain = [values >= report["threshold"] for values in maps]
    row |= {"suitability": report["suitability"]["value"], "colours": report["run"]["colours"]}
    for kind, regions in (("plain", plain), ("refined", cut)):
        row[kind] = [overlap(*pair) for pair in zip(regions, masks, strict=True)]
    return row | {"seconds": time.perf_counter() - clock}


def table(rows: list[dict]) -> str:
    """A row for each set, seeds together."""
    lines = []
    for name in SETS:
        mine = [row for row in rows if row["photos"] == name]
        if not mine:
            continue
        if "refused" in mine[0]:
            lines.append({"photos": name, "suitability": "refused", "IoU of at least .40": "refused before the training"})
            continue
        ious = {kind: np.concatenate([row[kind] for row in mine]) for kind in ("plain", "refined")}
        low, high = bootstrap_interval(ious["refined"] >= 0.4)
        counts = {kind: ((found >= 0.4).mean(), (found >= 0.7).mean(), found.mean()) for kind, found in ious.items()}
        lines.append(
            {
                "photos": name + (f", {len(mine)} seeds" if len(mine) > 1 else ""),
                "suitability": f"{np.mean([row['suitability'] for row in mine]):.2f}",
                "IoU of at least .40": f"**{counts['refined'][0]:.2f}** [{low:.2f}, {high:.2f}]",
                "of at least .70": f"{counts['refined'][1]:.2f}",
                "mean IoU": f"{counts['refined'][2]:.2f}",
                "plain cut: .40, .70, mean": " ".join(
                    f"{value:.2f}"
                    for value in ((ious["plain"] >= 0.4).mean(), (ious["plain"] >= 0.7).mean(), ious["plain"].mean())
                ),
            }
        )
    return pd.DataFrame(lines).fillna("").to_markdown(index=False, disable_numparse=True)


def main(only: tuple[str, ...] = (), into: Path | None = None) -> None:
    """Measure all sets, or only those whose name holds one of the words."""
    source = os.environ["BGNB_PHOTOS"]
    names = [name for name in SETS if not only or any(word in name for word in only)]
    rows = []
    for name in names:
        for seed in SETS[name][-1]:
            rows.append(one(source, name, seed, PhotoOptions(seed=seed)))
            print(rows[-1] | {kind: np.round(rows[-1].get(kind, []), 2).tolist() for kind in ("plain", "refined")}, flush=True)
    text = table(rows)
    print(text)
    if into:
        put_into(into, "own", text)


if __name__ == "__main__":
    tyro.cli(main)
