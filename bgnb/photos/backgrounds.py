"""Do these backgrounds fit these photos? An answer in seconds, before any training, without masks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from bgnb.data.images import in_threads, photo_files, read_photo, stack, standardise, upright
from bgnb.files import InputError, choose, shaped, whole
from bgnb.patches import check_patch
from bgnb.settings import COLOURS, LIMITS
from bgnb.study.intervals import share_above

MOST = 200  # photos of a folder that are looked at: more change the answer little
FEW = 5  # photos of a folder; with fewer, no answer is certain
EDGE = 36  # patches along the edge of each photo
FOLDS = 5  # a photo is judged by a classifier that has not seen it
WAVES = 400  # random Fourier features
RIDGE = 1e-3  # of the classifier of patches
STIFF = 1.0  # of the classifier of photos, which has few of them
TAIL = 0.1  # share of the backgrounds' patches that the best bin holds at least
LEAST = 0.25  # this share of a side's own patches, the least typical, does not count as its looks
DRAWS = 300  # of the bootstrap
GOOD = 0.6  # a value from which backgrounds fit
CLEAR_NO = 0.4  # a share covered below which the photos are from elsewhere
IDLE = 0.25  # a share of a background below which it is of no use
LIGHT, GAIN = 0.85, 0.05  # light tells photos apart from here on; standardising helps if it takes away so much
SHOWN = 12  # patches that no background explains


@dataclass(frozen=True)
class Suitability:
    """How well backgrounds fit target photos.

    Attributes:
        value: share of what surrounds the target that the backgrounds explain as they are, 0 ... 1.
        interval: 95 % bootstrap interval of the value, over photos.
        verdict: "good", "partly", "no" or "too few".
        advice: a sentence or two for a person.
        ranking: background photo -> share of its edge that looks like the edges of the target photos; the best first.
        covered: share of the target photos' edges that look like any of the backgrounds.
        light: how well light, colour and sharpness alone tell the two sides apart: .5 not at all, 1 always.
        colours: "standardised" if that takes such a difference away (or was asked for), otherwise "kept".
        unexplained: ``(k, 3, patch, patch)`` uint8, patches of the target photos' edges that look least like the backgrounds.
    """

    value: float
    interval: tuple[float, float]
    verdict: str
    advice: str
    ranking: dict[str, float]
    covered: float
    light: float
    colours: str
    unexplained: Tensor


def suitability(
    targets: str | Path | Tensor,
    backgrounds: str | Path | Tensor,
    size: int = 128,
    patch: int = 24,
    colours: str | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    progress: bool = False,
) -> Suitability:
    """Ask whether backgrounds explain what surrounds the target. Takes seconds and needs no mask.

    A target rarely fills the edge of a photo, so patches from there show what surrounds it. A small classifier (ridge
    regression on random Fourier features of colour, contrast and texture) tries to tell them from patches of the backgrounds'
    edges; each photo is judged by one that has not seen it. From its scores, *best bin estimation* (Garg et al., 2021) gives
    the value: the largest share of the target photos' edges that may have been drawn from the backgrounds. Backgrounds that look
    like nothing around the target lower it, too. docs/suit.md tells how well it predicts what training finds.

    Args:
        targets: folder of photos that show the target, or ``(n, 3, H, W)`` uint8.
        backgrounds: the same without the target.
        size: short side in pixels to which photos of a folder are scaled.
        patch: side of a patch in those pixels.
        colours: "kept" or "standardised"; None: standardised if that takes away a difference in light.
        seed: decides which photos of a large folder are looked at, and the features.
        skip_bad: leave out photos of a folder that cannot be read.
        progress: show bars.

    Raises:
        InputError: a folder or a photo cannot be used, fewer than two on a side, or a patch that is too large.

    >>> photos = torch.randint(0, 256, (40, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    >>> same, darker = (suitability(photos[:20], other, colours="kept") for other in (photos[20:], photos[20:] // 4))
    >>> same.value > 0.5, darker.value < 0.1
    (True, True)
    """
    whole("size", size, *LIMITS["size"])
    whole("seed", seed, *LIMITS["seed"])
    if colours is not None:
        choose("colours", colours, COLOURS)
    sides = [
        read(name, side, size, patch, seed, skip_bad, progress)
        for name, side in (("targets", targets), ("backgrounds", backgrounds))
    ]
    photos = [list(side.values()) for side in sides]
    looks = {"kept": [torch.stack([along_edge(p, patch) for p in side]) for side in photos]}
    even = [[standardise(p[None])[0] for p in side] for side in photos]
    looks["standardised"] = [torch.stack([along_edge(p, patch) for p in side]) for side in even]
    lights = {name: told_apart(*(of_photo(side) for side in pair)) for name, pair in looks.items()}
    shortcut = lights["kept"] >= LIGHT and lights["kept"] - lights["standardised"] >= GAIN
    colours = colours or ("standardised" if shortcut else "kept")
    of_targets, of_backgrounds = held_out_scores(*looks[colours], seed)
    value, interval = best_bin(of_targets, of_backgrounds), bootstrap(of_targets, of_backgrounds, seed)
    covered = share_within(of_targets, of_backgrounds.quantile(LEAST))
    typical = [share_within(-photo, (-of_targets).quantile(LEAST)) for photo in of_backgrounds]
    ranking = dict(sorted(zip(sides[1], typical, strict=True), key=lambda pair: -pair[1]))
    taken_away = shortcut and colours == "standardised"
    verdict, advice = in_words(value, covered, lights["kept"], taken_away, ranking, [len(side) for side in sides])
    cut = [patches_along_edge(p, patch) for p in photos[0]]
    least = of_targets.flatten().argsort()[:SHOWN]
    unexplained = torch.cat(cut)[least]
    return Suitability(value, interval, verdict, advice, ranking, covered, lights["kept"], colours, unexplained)


def read(name: str, side, size: int, patch: int, seed: int, skip_bad: bool, progress: bool) -> dict[str, Tensor]:
    """The photos of a side, ``(3, H, W)`` uint8 each, by name: all, or ``MOST`` of them drawn at random."""
    if isinstance(side, Tensor):
        shaped(name, side, "n 3 H W")
        if side.dtype != torch.uint8:
            raise InputError(f"{name} of {str(side.dtype).removeprefix('torch.')}: must be uint8")
        check_patch(patch, *side.shape[2:])
        found = {f"{i:03d}": photo for i, photo in enumerate(side.cpu())}
    else:
        folder = Path(side)
        files = photo_files(folder, recursive=True, skip_bad=skip_bad)
        chosen = np.sort(np.random.default_rng(seed).permutation(len(files))[:MOST])
        check_patch(patch, size, size)

        def small(index: int) -> Tensor | None:
            try:
                return stack([read_photo(files[index], then=lambda photo: upright(photo, size))])[0]
            except InputError:
                if skip_bad:
                    return None
                raise

        made = in_threads(small, list(chosen), f"looking at {name}", progress)
        found = {str(files[i].relative_to(folder)): photo for i, photo in zip(chosen, made, strict=True) if photo is not None}
    if len(found) < 2:
        title, count = name if isinstance(side, Tensor) else side, f"{len(found)} photo{'s' * (len(found) != 1)}"
        raise InputError(f"{title}: holds {count}; at least 2 are needed")
    return found


def places(height: int, width: int, patch: int) -> tuple[np.ndarray, np.ndarray]:
    """Top and left of ``EDGE`` patches along the edge of a photo, evenly spaced, clockwise from the upper left corner.

    >>> top, left = places(64, 128, 24)
    >>> len(top), int(top.max()), int(left.max())
    (36, 40, 104)
    """
    down, across = height - patch, width - patch
    at = np.arange(EDGE) / EDGE * 2 * (down + across)
    left = np.interp(at, np.cumsum([0, across, down, across, down]), [0, across, across, 0, 0])
    top = np.interp(at, np.cumsum([0, across, down, across, down]), [0, 0, down, down, 0])
    return np.rint(top).astype(int), np.rint(left).astype(int)


def patches_along_edge(photo: Tensor, patch: int) -> Tensor:
    """``(EDGE, 3, patch, patch)`` uint8."""
    windows = photo.unfold(1, patch, 1).unfold(2, patch, 1)
    top, left = places(*photo.shape[1:], patch)
    return windows[:, top, left].permute(1, 0, 2, 3)


def along_edge(photo: Tensor, patch: int) -> Tensor:
    """Colour, contrast and texture of the patches along the edge of a photo, ``(EDGE, 12)``.

    The mean and the spread of each colour, two covariances of colours, and the logarithms of four mean differences of grey:
    from left to right, from top to bottom, and from the mean of 3 and of 7 pixels around.
    """
    pixels = patches_along_edge(photo, patch).float() / 255
    grey = pixels.mean(1, keepdim=True)
    fine, coarse = (avg_pool2d(pad(grey, [side // 2] * 4, mode="replicate"), side, 1) for side in (3, 7))
    mean = pixels.mean((2, 3))
    about = pixels - mean[:, :, None, None]
    steps = (grey.diff(dim=3), grey.diff(dim=2), grey - fine, fine - coarse)
    texture = torch.stack([step.abs().mean((1, 2, 3)) for step in steps], 1)
    together = (about[:, :2] * about[:, 1:]).mean((2, 3))
    return torch.cat([mean, about.square().mean((2, 3)).sqrt(), together, (texture + 1e-3).log()], 1)


def of_photo(side: Tensor) -> Tensor:
    """What a whole photo is like: the means of ``along_edge``, and how far the colours vary along the edge."""
    return torch.cat([side.mean(1), side[..., :3].std(1)], 1)


def told_apart(targets: Tensor, backgrounds: Tensor) -> float:
    """Area under the ROC curve of a linear classifier ``(n, d)`` against ``(m, d)``, on those it has not seen."""
    both = torch.cat([targets, backgrounds])
    sides = [(side - both.mean(0)) / (both.std(0) + 1e-6) for side in (targets, backgrounds)]
    folds = [torch.arange(len(side)) % min(FOLDS, len(targets), len(backgrounds)) for side in sides]
    scores = [torch.zeros(len(side)) for side in sides]
    for fold in folds[0].unique():
        seen = [side[which != fold] for side, which in zip(sides, folds, strict=True)]
        means = [side.mean(0) for side in seen]
        about = torch.cat([side - mean for side, mean in zip(seen, means, strict=True)])
        spread = about.T @ about / len(about) + STIFF * torch.eye(about.shape[1])
        weights = torch.linalg.solve(spread, means[1] - means[0])
        for side, which, score in zip(sides, folds, scores, strict=True):
            score[which == fold] = (side[which == fold] - (means[0] + means[1]) / 2) @ weights
    return share_above(scores[1].numpy(), scores[0].numpy())


def held_out_scores(targets: Tensor, backgrounds: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """How much each patch looks like background to a classifier that has not seen its photo: ``(n, EDGE)``, ``(m, EDGE)``."""
    waves = fourier(torch.cat([targets, backgrounds]).flatten(0, 1), seed).unflatten(0, (-1, EDGE))
    sides = waves[: len(targets)], waves[len(targets) :]
    scores = [torch.zeros(len(side), EDGE) for side in sides]
    folds = [torch.arange(len(side)) % min(FOLDS, len(targets), len(backgrounds)) for side in sides]
    for fold in folds[0].unique():
        seen = [side[which != fold].flatten(0, 1) for side, which in zip(sides, folds, strict=True)]
        squares = sum(side.T @ side / len(side) for side in seen) / 2
        weights = torch.linalg.solve(squares + RIDGE * torch.eye(WAVES + 1), seen[1].mean(0) - seen[0].mean(0))
        for side, which, score in zip(sides, folds, scores, strict=True):
            score[which == fold] = side[which == fold] @ weights
    return scores[0], scores[1]


def fourier(values: Tensor, seed: int) -> Tensor:
    """``(n, d)`` -> ``(n, WAVES + 1)``: random features whose products are a Gaussian kernel (Rahimi and Recht, 2007), and 1."""
    generator = torch.Generator().manual_seed(seed)
    values = (values - values.mean(0)) / (values.std(0) + 1e-6)
    pairs = torch.randint(len(values), (2, 500), generator=generator)
    width = (values[pairs[0]] - values[pairs[1]]).norm(dim=1).median().clamp(min=1e-3)
    frequency = torch.randn(values.shape[1], WAVES, generator=generator) / width
    phase = 2 * torch.pi * torch.rand(WAVES, generator=generator)
    return torch.cat([(values @ frequency + phase).cos() * (2 / WAVES) ** 0.5, torch.ones(len(values), 1)], 1)


def best_bin(targets: Tensor, backgrounds: Tensor) -> float:
    """The largest share of one set of scores that may have been drawn like the other (Garg et al., 2021, without its margin).

    Of the scores above a limit, take the share of all target scores over the share of all background scores. The least of
    these over the limits bounds what both sets have in common.

    >>> best_bin(torch.tensor([3.0, 4.0, -9.0, -9.0]), torch.tensor([3.0, 4.0]))
    0.5
    """
    limits = backgrounds.flatten().sort(descending=True).values
    held = torch.arange(1, len(limits) + 1) / len(limits)
    above = 1 - torch.searchsorted(targets.flatten().sort().values, limits) / targets.numel()
    return min(1.0, float((above / held)[held >= TAIL].min()))


def bootstrap(targets: Tensor, backgrounds: Tensor, seed: int) -> tuple[float, float]:
    """95 % interval of ``best_bin``, with photos (rows) drawn anew on both sides."""
    rng = np.random.default_rng(seed)
    values = [
        best_bin(*(side[torch.from_numpy(rng.integers(len(side), size=len(side)))] for side in (targets, backgrounds)))
        for _ in range(DRAWS)
    ]
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def share_within(scores: Tensor, limit: Tensor) -> float:
    """Share of scores above the other side's quantile ``LEAST``, over the 1 - ``LEAST`` of that side itself; at most 1."""
    return min(1.0, float((scores >= limit).float().mean()) / (1 - LEAST))


def in_words(value: float, covered: float, light: float, taken_away: bool, ranking: dict, counts: list[int]) -> tuple[str, str]:
    """The verdict, and what a person should do."""
    if min(counts) < FEW:
        side = "target photos" if counts[0] < FEW else "backgrounds"
        return "too few", f"There are only {min(counts)} {side}. With fewer than {FEW}, nobody can tell; twenty are better."
    if covered < CLEAR_NO:
        return "no", (
            f"Your photos come from elsewhere: only {covered:.0%} of what surrounds the target looks like these backgrounds. "
            "Take backgrounds of the same places, without the target."
        )
    said = [f"{covered:.0%} of what surrounds the target looks like these backgrounds (suitability {value:.2f})."]
    if taken_away:
        said.append("Light or contrast alone tells the two sides apart, so every photo's colours are standardised.")
    elif light >= LIGHT:
        said.append("Colour or sharpness alone tells the two sides apart: take both with one camera, at one time of day.")
    if value >= GOOD:
        return "good", " ".join(said)
    idle = sum(share < IDLE for share in ranking.values())
    if covered < GOOD:
        said.append("Some surroundings are missing: add backgrounds of those places.")
    if idle:
        said.append(f"{idle} of {len(ranking)} backgrounds look like nothing around the target: leave them out.")
    return "partly", " ".join(said)
