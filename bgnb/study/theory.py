"""What probability theory predicts before any training: how the ratio changes the best possible classifier.

All of it is ours, not the paper's (docs/protocol.md). pi is the share of target-image patches that show the target.
"""

import math
from statistics import NormalDist

import numpy as np

from bgnb.files import within


def bayes_backgroundness(ratio: float, pi: float) -> float:
    """Backgroundness of an F or N patch under the best possible classifier: r / (r + 1 - pi).

    Of 1 + r patches, one comes from a target image and r from background images. A share ``pi`` of the target images'
    patches shows the target (P); the rest, 1 - pi, is F, which looks like N. Among the patches that look like background
    there are r labelled background for 1 - pi labelled target. Ours, not the paper's.

    Args:
        ratio: background patches for each target patch, > 0.
        pi: share of P among target-image patches, 0 ... 1.

    Raises InputError for values out of range.

    >>> [round(bayes_backgroundness(ratio, 0.3), 2) for ratio in (1, 2, 4)]
    [0.59, 0.74, 0.85]
    """
    within("ratio", ratio, 1e-9, 1e9)
    within("pi", pi, 0, 1)
    return ratio / (ratio + 1 - pi)


def shift(backgroundness, factor: float):
    """Add log ``factor`` to the logit, as a ratio ``factor`` times as high does to a perfect classifier.

    The order of patches stays the same.

    Args:
        backgroundness: a number, array or tensor in [0, 1].
        factor: > 0.

    >>> round(shift(bayes_backgroundness(1, 0.3), 4), 2)  # from ratio 1 to ratio 4
    0.85
    """
    within("factor", factor, 1e-9, 1e9)
    return factor * backgroundness / (1 + (factor - 1) * backgroundness)


def normal_density(x, mean: float, sigma: float = 1.0) -> np.ndarray:
    """Density of a normal distribution at ``x``, a number or an array."""
    return np.vectorize(NormalDist(mean, sigma).pdf)(x)


def normal_backgroundness(x, ratio: float, pi: float, distance: float, sigma: float = 1.0) -> np.ndarray:
    """Exact backgroundness if a patch is one number: background lies around 0, the target around ``distance``.

    N and F are normal around 0, P around ``distance``, all with the same ``sigma``. Labelled background: r times N.
    Labelled target: pi times P and 1 - pi times F. Backgroundness is the first over the sum.

    >>> round(float(normal_backgroundness(-9, ratio=2, pi=0.3, distance=3)), 4) == round(bayes_backgroundness(2, 0.3), 4)
    True
    """
    check_normal(ratio, pi, distance, sigma)
    log_ratio = (np.asarray(x, float) - distance / 2) * distance / sigma**2  # log of P's density over N's, exact for one sigma
    return ratio / (ratio + (1 - pi) + pi * np.exp(log_ratio))


def normal_boundary(ratio: float, pi: float, distance: float, sigma: float = 1.0) -> float:
    """Where ``normal_backgroundness`` is 1/2: distance / 2 + (sigma^2 / distance) log((r - (1 - pi)) / pi).

    Left of it a patch is called background, right of it target. At ratio 1 it lies in the middle for every pi: there is
    exactly as much true background as there are target-image patches. Up to r = 1 - pi it is minus infinity: nothing is
    called background.

    >>> normal_boundary(1, 0.3, distance=3), round(normal_boundary(4, 0.3, distance=3), 2), normal_boundary(0.5, 0.3, distance=3)
    (1.5, 2.3, -inf)
    """
    check_normal(ratio, pi, distance, sigma)
    surplus = ratio - (1 - pi)
    return distance / 2 + sigma**2 / distance * math.log(surplus / pi) if surplus > 0 else -math.inf


def share_below(x: float, mean: float, sigma: float = 1.0) -> float:
    """Share of a normal distribution that lies left of ``x``.

    >>> share_below(3, mean=3), share_below(-math.inf, 0)
    (0.5, 0.0)
    """
    return NormalDist(mean, sigma).cdf(x)


def check_normal(ratio: float, pi: float, distance: float, sigma: float) -> None:
    """InputError for parameters of the two normal distributions that are out of range."""
    within("ratio", ratio, 1e-9, 1e9)
    within("pi", pi, 1e-9, 1)
    within("distance", distance, 1e-9, 1e9)
    within("sigma", sigma, 1e-9, 1e9)
