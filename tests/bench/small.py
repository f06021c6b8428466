"""Small targets: does it help to look at larger photos? Rust that covers little of a drawn plate, cut out by ``bgnb extract``.

python tests/bench/small.py --into docs/photos.md
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

AREAS = ((0.02, 0.04), (0.15, 0.35))  # shares of the picture
SIZES = (128, 256)
PHOTOS, SIDE, EPOCHS = 30, 512, 28


def found(area: tuple[float, float], size: int, seed: int) -> dict:
    """Loc. Acc. of the cut-outs, and how often the highest place of a map lies on the target."""
    drawn = load("scenes", "rust", "steel", SIDE, PHOTOS, seed, area=area, progress=False)
    with tempfile.TemporaryDirectory() as work:
        for pile, pictures in (("with", drawn.targets), ("without", drawn.backgrounds)):
            (Path(work) / pile).mkdir()
            for i, pixels in enumerate(pictures):
                Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(Path(work) / pile / f"{i:03d}.png")
        run = Run(**asdict(PhotoOptions(seed=seed, size=size, epochs=EPOCHS)))
        report = extract(f"{work}/with", f"{work}/without", f"{work}/out", run, anyway=True, progress=False)
        cut, maps = (
            [np.asarray(Image.open(f"{work}/out/{name}_{kind}.png")) / 255 for name in report["photos"]]
            for kind in ("mask", "map")
        )
    masks = drawn.masks.numpy()
    ious = np.array([overlap(one > 0.5, mask) for one, mask in zip(cut, masks, strict=True)])
    peaks = [mask[np.unravel_index(one.argmax(), one.shape)] for one, mask in zip(maps, masks, strict=True)]
    return {"found": np.mean(ious >= 0.4), "peak": np.mean(peaks)}


def main(seeds: tuple[int, ...] = (0,), into: Path | None = None) -> None:
    """Measure every area at every size; ``into``: Markdown file for the table."""
    rows = []
    for area in AREAS:
        row = {"rust covers": f"{area[0]:.0%} to {area[1]:.0%}"}
        for size in SIZES:
            some = pd.DataFrame([found(area, size, seed) for seed in seeds]).mean()
            row[f"--size {size}"] = f"{some['found']:.2f} ({some['peak']:.2f})"
            print(row, flush=True)
        rows.append(row)
    if into:
        put_into(into, "small", pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    tyro.cli(main)
