"""What the lessons read of the long runs, in small files that come with the package: claims, curves, a table, and a few maps.

``bgnb digest`` writes them. All but the maps come from the stored results, docs/results. The maps come from four trainings
on drawn scenes, because photographs are not part of the project.
"""

import json
from importlib.resources import files
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from bgnb.data import load
from bgnb.files import atomic_write, choose, load_tensors, save_tensors
from bgnb.maps import class_map, min_max, targetness, upsample
from bgnb.networks import Network
from bgnb.settings import Run
from bgnb.study.claims import claims as find_claims
from bgnb.study.claims import words
from bgnb.study.curves import curves
from bgnb.study.longruns import reviewers_table
from bgnb.study.runs import readings
from bgnb.study.sweeps import read_results
from bgnb.training import fit
from bgnb.windows import score_windows

FOLDER = Path(str(files("bgnb.study") / "stored"))
PAIRS = (("cat", "forest"), ("dog", "playground"))  # whose maps are kept
ARMS = {"background x2": dict(method="background", ratio=2, batch=170), "CAM": dict(method="cam", batch=21)}
LONG = dict(size=128, patch=24, stride=4, images=80, epochs=150, lr=0.01, weight_average=True)  # as in the grid verdict
EPOCHS = (5, 10, 20, 30, 50, 75, 100, 125, 150)  # after which maps are kept
PHOTOS = 24  # the first ones, whose maps are kept


# ---- maps of a long training ----


def long_run(target: str, scene: str, name: str) -> Run:
    """The run behind the kept maps of a pair and a method, a name of ``ARMS``."""
    return Run(target=target, scene=scene, **ARMS[name], **LONG)


def to_bytes(model: Network, images: Tensor, run: Run) -> Tensor:
    """What maps are made of, in 8 bits: ``(n, rows, columns)`` backgroundness of the windows, or the CAM before it is enlarged.

    Scaled to 0 ... 255 within each photo. A map is min-maxed in any case, so it loses no more than the rounding.
    """
    if run.image_level:
        small = class_map(model, images, run.precision)
    else:
        small = score_windows(model, images, run.patch, run.stride, precision=run.precision)
    return (255 * min_max(small)).round().to(torch.uint8).cpu()


def from_bytes(small: Tensor, run: Run) -> Tensor:
    """The maps ``(n, H, W)`` in [0, 1] that ``localise`` gives, but for the rounding to 8 bits."""
    values = small.float() / 255
    if run.image_level:
        return min_max(upsample(values, (run.size, run.size)))
    return targetness(values, run.patch, run.stride, run.size, run.resolved().overlap)


def keep_maps(target: str, scene: str, folder: str | Path, progress: bool = True) -> None:
    """Train both methods on a drawn pair for the paper's 150 epochs, and write their maps. Takes five minutes of a core."""
    kept, numbers = {}, {}
    for name in ARMS:
        run = long_run(target, scene, name)
        pictures = load(**run.load_arguments(), progress=progress)

        def look(epoch: int, model: Network, loss: float, name=name, run=run, pictures=pictures) -> None:
            if epoch in EPOCHS:
                small = to_bytes(model, pictures.targets.to(next(model.parameters()).device), run)
                kept[f"{name} {epoch}"] = small[:PHOTOS].clone()
                numbers[f"{name} {epoch}"] = readings(from_bytes(small, run), pictures.masks)

        fit(pictures, run, progress=progress, on_epoch=look)
    save_tensors(Path(folder) / f"{target}_{scene}.safetensors", kept, {"numbers": json.dumps(numbers)})


def kept_maps(target: str = "cat", scene: str = "forest") -> tuple[dict[str, dict[int, Tensor]], dict[str, dict[int, dict]]]:
    """The maps of a long training on a drawn pair of ``PAIRS``, and how well they fit all of its 80 photos.

    Returns:
        Method -> epoch -> maps ``(24, 128, 128)`` of the first photos of ``long_run(...)``, with averaged weights; and
        method -> epoch -> the numbers of ``bgnb.study.runs.readings``, over all photos.

    >>> maps, numbers = kept_maps("dog", "playground")
    >>> maps["CAM"][150].shape, len(numbers["CAM"][150]["hits"])
    (torch.Size([24, 128, 128]), 80)
    """
    choose("target, scene", (target, scene), PAIRS)
    tensors, metadata = load_tensors(FOLDER / f"{target}_{scene}.safetensors")
    numbers, found = json.loads(metadata["numbers"]), {}
    for name, epoch in product(ARMS, EPOCHS):
        found.setdefault(name, {})[epoch] = from_bytes(tensors[f"{name} {epoch}"], long_run(target, scene, name))
    return found, {name: {epoch: numbers[f"{name} {epoch}"] for epoch in EPOCHS} for name in ARMS}


# ---- claims, curves and a table ----


def digest(results: str | Path, folder: str | Path) -> None:
    """Write the claims, the curves and the reviewers' table of the stored results into the package.

    The curves are those of the grids verdict*, at the paper's learning rate. The table is that of the grid reviewers.

    Args:
        results: folder of the stored results, docs/results.
        folder: where to write them; the lessons read ``FOLDER``.
    """
    long = [result for file in sorted(Path(results).glob("verdict*.jsonl")) for result in read_results(file)]
    frame = curves([result for result in long if result["run"]["lr"] == LONG["lr"] and "epochs" in result])
    with atomic_write(Path(folder) / "curves.csv") as part:
        frame.round(4).to_csv(part, index=False)
    with atomic_write(Path(folder) / "reviewers.csv") as part:
        reviewers_table(read_results(Path(results) / "reviewers.jsonl")).to_csv(part, index=False)
    with atomic_write(Path(folder) / "claims.json") as part:
        part.write_text(json.dumps(find_claims(results), indent=1) + "\n")


def kept_curves() -> pd.DataFrame:
    """The curves of the long runs on photographs, see ``bgnb.study.curves.curves``.

    >>> sorted(set(kept_curves()["weights"]))
    ['last', 'mean']
    """
    return pd.read_csv(FOLDER / "curves.csv")


def kept_reviewers() -> pd.DataFrame:
    """Loc. Acc. of few shots and of held-out photos, beside the long runs, see ``bgnb.study.longruns.reviewers_table``.

    >>> kept_reviewers().columns[-2:].tolist()
    ['mean [95 %]', 'seeds']
    """
    return pd.read_csv(FOLDER / "reviewers.csv")


def kept_claims() -> dict[str, dict[str, dict]]:
    """What ``bgnb claims`` says, see ``bgnb.study.claims.claims``.

    >>> sorted(kept_claims()["photographs"])
    ['H1', 'H2', 'H3', 'H4', 'H5', 'H6']
    """
    return json.loads((FOLDER / "claims.json").read_text())


def in_words(claim: dict) -> str:
    """The verdict on a claim, and what was measured for it.

    >>> found = {"verdict": "supported", "effect": 0.117, "interval": [0.05, 0.2], "measured": "x2 minus CAM"}
    >>> in_words(found)
    'supported: +0.12 [+0.05, +0.20] (x2 minus CAM)'
    """
    return f"{words(claim).replace('*', '')} ({claim['measured']})"
