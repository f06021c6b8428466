"""Bootstrap intervals of a mean, and how often one value is above another."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap, rankdata

from bgnb.files import InputError, shaped, whole, within


def bootstrap_interval(values: np.ndarray | Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Bootstrap interval of a mean: how far it would move, had other images (or seeds) been drawn.

    >>> low, high = bootstrap_interval([0, 1] * 50)
    >>> 0.38 < low < 0.42 and 0.58 < high < 0.62
    True
    """
    values = checked(values, confidence)
    if len(values) < 2 or (values == values[0]).all():
        return float(values.mean()), float(values.mean())
    drawn = bootstrap((values,), np.mean, confidence_level=confidence, method="percentile", n_resamples=2000, rng=0)
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def bootstrap_over_seeds(
    values: np.ndarray | Sequence[np.ndarray], confidence: float = 0.95, draws: int = 2000
) -> tuple[float, float]:
    """Bootstrap interval of a mean over seeds and images: seeds are drawn again, then images within each seed.

    Args:
        values: ``(seeds, images)``; or one such array for each pair, of any shapes: each pair is drawn separately, and the
            mean is over pairs.
        confidence: of the interval.
        draws: how often seeds and images are drawn again.

    >>> low, high = bootstrap_over_seeds(np.tile([0, 1], (3, 50)))
    >>> 0.4 < low < 0.46 and 0.54 < high < 0.6
    True
    """
    whole("draws", draws, 1, 10**6)
    rng = np.random.default_rng(0)
    pairs = [checked(pair, confidence) for pair in (values if len(values) and np.ndim(values[0]) == 2 else [values])]
    means = np.zeros(draws)
    for pair in pairs:
        shaped("values", pair, "seeds images")
        seeds, images = pair.shape
        seed = rng.integers(seeds, size=(draws, seeds, 1))
        means += pair[seed, rng.integers(images, size=(draws, seeds, images))].mean((1, 2)) / len(pairs)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def checked(values, confidence: float) -> np.ndarray:
    """The values as an array. InputError if there is none, if one is not finite, or if the confidence is out of range."""
    within("confidence", confidence, 1e-6, 1 - 1e-6)
    try:
        values = np.asarray(values, float)
    except (TypeError, ValueError):
        raise InputError("values: must be numbers, and as many in every row") from None
    if values.size == 0 or not np.isfinite(values).all():
        raise InputError("values: an interval needs at least one, and all must be finite")
    return values


def share_above(one: np.ndarray, other: np.ndarray) -> float:
    """How often a value of ``one`` is above a value of ``other`` (equal: half): 0.5 if nothing tells them apart.

    >>> share_above(np.array([2, 3]), np.array([1, 2]))
    0.875
    """
    ranks = rankdata(np.concatenate([one, other]))[: len(one)]
    return float((ranks.sum() - len(one) * (len(one) + 1) / 2) / (len(one) * len(other)))
