"""Does ``suitability`` predict what training will find? Fifteen sets of photos served to choose it, fifteen others to test it.

    BGNB_PHOTOS=photos python tests/bench/suit.py --into docs/suit.md

Each set is judged, then trained on as ``bgnb extract`` does (28 epochs, no masks), and the maps are measured with the masks.
Results go to docs/results/suit.csv as they come; sets that are in it are not measured again.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import tyro
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb import ImageSet, Run, fit, load, localise, refine, suitability
from bgnb.data.images import standardise
from bgnb.metrics import mask_ious, without_masks
from bgnb.study.tables import put_into

RESULTS = Path(__file__).parents[2] / "docs/results/suit.csv"
RUN = Run(size=128, patch=24, stride=4, ratio=2, preset="quick", per_image=12, augment=0.3)
MOST = 40  # photos on each side


def light(images: torch.Tensor, gamma: float) -> torch.Tensor:
    """Darker (gamma above 1) or brighter photos."""
    return (255 * (images.float() / 255) ** gamma).round().to(torch.uint8)


def sets(source: str, part: str) -> dict[str, ImageSet]:
    """Fifteen sets: matched, half matched, mismatched, of another light, too few, of drawn scenes; others for each part."""
    first = part == "development"
    one, other = ("cat", "dog") if first else ("dog", "cat")
    pairs = {
        (target, scene): load(source, target, scene, 128, None, 0, True, part, progress=False)
        for target in ("cat", "dog")
        for scene in ("forest", "playground")
    }
    here = pairs[one, "forest"]
    away, there = pairs[one, "playground"], pairs[other, "playground"]
    found = {f"{target}, {scene}": pair for (target, scene), pair in pairs.items()}
    found["pitting, steel"] = load(source, "pitting", "steel", 128, None, 0, False, part, progress=False)
    found[f"{one} in the forest, backgrounds of playgrounds"] = pair_of(here, away.backgrounds)
    found[f"{other} on the playground, backgrounds of forests"] = pair_of(there, pairs[other, "forest"].backgrounds)
    wild = load(source, one, "forest", 128, None, 0, False, part, progress=False)
    outdoors = [i for i, name in enumerate(wild.names) if one == "dog" or int(name) >= 117]  # the feral cats
    found[f"{one}s photographed elsewhere, backgrounds of forests"] = pair_of(take(wild, outdoors), wild.backgrounds)
    mixed = torch.cat([here.backgrounds[: MOST // 2], away.backgrounds[: MOST // 2]])
    found[f"{one} in the forest, half of the backgrounds of playgrounds"] = pair_of(here, mixed)
    half = ImageSet(
        torch.cat([here.targets[: MOST // 2], away.targets[: MOST // 2]]),
        torch.cat([here.masks[: MOST // 2], away.masks[: MOST // 2]]),
        here.backgrounds,
    )
    found[f"{one} in forest and playground, backgrounds of forests"] = half
    gamma, word = (1.8, "dark") if first else (0.55, "bright")
    found[f"{one} in the forest, {word} backgrounds"] = pair_of(here, light(here.backgrounds, gamma))
    found[f"ten of {one} in the forest, three backgrounds"] = pair_of(take(here, range(10)), here.backgrounds[:3])
    animals = {"forest": "cat" if first else "owl", "playground": "dog" if first else "horse"}
    drawn = {scene: load("scenes", target, scene, 128, MOST, 7, progress=False) for scene, target in animals.items()}
    for scene, pair in drawn.items():
        found[f"drawn, {scene}"] = pair
    found["drawn, forest, backgrounds of playgrounds"] = pair_of(drawn["forest"], drawn["playground"].backgrounds)
    return {name: ImageSet(p.targets[:MOST], p.masks[:MOST], p.backgrounds[:MOST]) for name, p in found.items()}


def take(pair: ImageSet, chosen) -> ImageSet:
    """Some of the target images."""
    return ImageSet(pair.targets[[*chosen]], pair.masks[[*chosen]], pair.backgrounds)


def pair_of(targets: ImageSet, backgrounds: torch.Tensor) -> ImageSet:
    """The target images of one set with other backgrounds."""
    return ImageSet(targets.targets, targets.masks, backgrounds)


def one(part: str, name: str, photos: ImageSet) -> dict:
    """Judge a set, train on it and measure."""
    fits = suitability(photos.targets, photos.backgrounds)
    even = standardise if fits.colours == "standardised" else (lambda images: images)
    targets = even(photos.targets)
    model = fit(ImageSet(targets, None, even(photos.backgrounds)), RUN, progress=False)
    maps = localise(model, targets, RUN).cpu()
    plain = without_masks(maps, photos.masks)
    found = mask_ious(refine(photos.targets, maps, "grabcut", plain["threshold"]).float(), photos.masks, [0.5])[:, 0]
    return {
        "part": part,
        "set": name,
        "value": fits.value,
        "low": fits.interval[0],
        "high": fits.interval[1],
        "covered": fits.covered,
        "verdict": fits.verdict,
        "colours": fits.colours,
        "loc_acc": plain["best_loc_acc"],
        "without_masks": plain["loc_acc"],
        "refined": (found >= 0.4).double().mean().item(),
    }


def correlation(frame: pd.DataFrame, column: str) -> str:
    """Spearman's rank correlation of value and what was found, with a 95 % bootstrap interval over sets."""
    rng, pairs = np.random.default_rng(0), frame[["value", column]].to_numpy()
    drawn = [spearmanr(*pairs[rng.integers(len(pairs), size=len(pairs))].T)[0] for _ in range(2000)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return f"**{spearmanr(*pairs.T)[0]:.2f}** [{low:.2f}, {high:.2f}]"


def text(frame: pd.DataFrame) -> str:
    """The correlations, and a row for each set of the reporting part."""
    kinds = {"loc_acc": "best threshold", "without_masks": "threshold without masks", "refined": "with edges, without masks"}
    rows = [
        {"sets": f"{part}, {len(some)}"} | {words: correlation(some, column) for column, words in kinds.items()}
        for part, some in frame.groupby("part", sort=False)
        if len(some) > 3
    ]
    shown = frame[frame.part == "reporting"].sort_values("value", ascending=False)
    sets_of = pd.DataFrame(
        {
            "set": shown.set,
            "suitability": [
                f"{v:.2f} [{low:.2f}, {high:.2f}]" for v, low, high in zip(shown.value, shown.low, shown.high, strict=True)
            ],
            "verdict": shown.verdict,
            "colours": shown.colours,
            **{words: [f"{value:.2f}" for value in shown[column]] for column, words in kinds.items()},
        }
    )
    how = dict(index=False, disable_numparse=True)
    return f"{pd.DataFrame(rows).to_markdown(**how)}\n\n{sets_of.to_markdown(**how)}"


def main(parts: tuple[str, ...] = ("development", "reporting"), into: Path | None = None) -> None:
    """Measure what RESULTS lacks; put the tables into a Markdown file, between <!-- suit --> and <!-- end -->."""
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    for part in parts:
        for name, photos in sets(os.environ["BGNB_PHOTOS"], part).items():
            if not any((row["part"], row["set"]) == (part, name) for row in rows):
                rows.append(one(part, name, photos))
                print(rows[-1], flush=True)
                pd.DataFrame(rows).round(4).to_csv(RESULTS, index=False)
    found = text(pd.DataFrame(rows))
    print(found)
    if into:
        put_into(into, "suit", found)


if __name__ == "__main__":
    tyro.cli(main)
