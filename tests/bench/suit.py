"""Does ``suitability`` predict what training will find? Fifteen sets of photos served to choose it, fifteen others to test it.

    BGNB_PHOTOS=photos python tests/bench/suit.py --into docs/suit.md

Each set is judged, then trained on as ``bgnb extract`` does (28 epochs, no masks), and the maps are measured with the masks.
Results go to docs/results/suit.csv as they come; sets that are in it are not measured again. Other ways to judge, which need
no training, go to docs/results/suit_others.csv.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import tyro
from scipy.optimize import nnls
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[2]))
from bgnb import ImageSet, Run, build, fit, load, localise, refine, suitability
from bgnb.data.images import standardise
from bgnb.metrics import mask_ious, without_masks
from bgnb.moving.maps import features
from bgnb.photos.backgrounds import along_edge, fourier, held_out_scores, of_photo, patches_along_edge, told_apart
from bgnb.study.intervals import share_above
from bgnb.study.tables import put_into

RESULTS = Path(__file__).parents[2] / "docs/results/suit.csv"
OTHERS = RESULTS.with_name("suit_others.csv")
WORDS = {
    "value": "best bin estimation (what `bgnb suit` says)",
    "covered": "share of the edges that look like any background",
    "two_sample": "two-sample test on the more background-like half",
    "matched": "kernel mean matching, on the twelve numbers",
    "matched_tiny": "kernel mean matching, on features of an untrained `tiny`",
    "light": "light, colour and sharpness of whole photos",
}
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


def others(part: str, name: str, photos: ImageSet) -> dict:
    """Other judgements of a set; more is better for each.

    "two_sample": how little the half of the targets' edge patches that looks most like the backgrounds can be told from them.
    "matched": minus the distance between the mean embedding of the targets' edges and the best weighted mean of those of the
    background photos (Huang et al., 2007). "light": how little whole photos can be told apart.
    """
    sides = photos.targets, photos.backgrounds
    looks = [torch.stack([along_edge(photo, RUN.patch) for photo in side]) for side in sides]
    of_targets, of_backgrounds = held_out_scores(*looks, 0)
    likely = of_targets.flatten().sort().values[of_targets.numel() // 2 :]
    torch.manual_seed(0)
    network = build("tiny", RUN.patch).eval()
    seen = [features(network, torch.cat([patches_along_edge(photo, RUN.patch) for photo in side])) for side in sides]
    seen = [side.unflatten(0, (len(photos), -1)) for side, photos in zip(seen, sides, strict=True)]
    return {
        "part": part,
        "set": name,
        "two_sample": -abs(share_above(of_backgrounds.flatten().numpy(), likely.numpy()) - 0.5),
        "matched": matched(*looks),
        "matched_tiny": matched(*seen),
        "light": -told_apart(*(of_photo(side) for side in looks)),
    }


def matched(targets: torch.Tensor, backgrounds: torch.Tensor) -> float:
    """Minus what kernel mean matching leaves: ``(n, patches, d)`` against ``(m, patches, d)``, a weight for each photo."""
    waves = fourier(torch.cat([targets, backgrounds]).flatten(0, 1), 0).unflatten(0, (-1, targets.shape[1])).mean(1)
    wanted, offered = waves[: len(targets)].mean(0), waves[len(targets) :]
    return -float(nnls(offered.T.numpy(), wanted.numpy())[1])  # the last feature is 1, so the weights sum to about 1


def correlation(frame: pd.DataFrame, column: str, value: str = "value") -> str:
    """Spearman's rank correlation of a value and what was found, with a 95 % bootstrap interval over sets."""
    rng, pairs = np.random.default_rng(0), frame[[value, column]].to_numpy()
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
    tried = [
        {"judged by": words}
        | {f"{part}, best threshold": correlation(some, "loc_acc", name) for part, some in frame.groupby("part")}
        for name, words in WORDS.items()
    ]
    return "\n\n".join(table.to_markdown(**how) for table in (pd.DataFrame(rows), pd.DataFrame(tried), sets_of))


def main(parts: tuple[str, ...] = ("development", "reporting"), into: Path | None = None) -> None:
    """Measure what RESULTS lacks; put the tables into a Markdown file, between <!-- suit --> and <!-- end -->."""
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    for part in parts:
        for name, photos in sets(os.environ["BGNB_PHOTOS"], part).items():
            if not any((row["part"], row["set"]) == (part, name) for row in rows):
                rows.append(one(part, name, photos))
                print(rows[-1], flush=True)
                pd.DataFrame(rows).round(4).to_csv(RESULTS, index=False)
    more = pd.read_csv(OTHERS).to_dict("records") if OTHERS.exists() else []
    for part in parts:
        known = {row["set"] for row in more if row["part"] == part}
        for name, photos in sets(os.environ["BGNB_PHOTOS"], part).items() if len(known) < 15 else ():
            more += [others(part, name, photos)] if name not in known else []
            pd.DataFrame(more).round(6).to_csv(OTHERS, index=False)
    found = text(pd.DataFrame(rows).merge(pd.DataFrame(more), on=["part", "set"]))
    print(found)
    if into:
        put_into(into, "suit", found)


if __name__ == "__main__":
    tyro.cli(main)
