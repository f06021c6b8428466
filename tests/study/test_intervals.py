"""Bootstrap intervals against the normal approximation."""

import numpy as np
import pytest

from bgnb import InputError, bootstrap_interval, bootstrap_over_seeds


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_the_interval_is_the_normal_approximations(confidence):
    values = np.random.default_rng(0).normal(3, 2, 400)
    z = {0.95: 1.960, 0.8: 1.2816}[confidence]
    half = z * values.std() / 20
    low, high = bootstrap_interval(values, confidence)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.12 * half)
    assert bootstrap_interval(values, confidence) == (low, high)


def test_the_interval_of_equal_values_is_a_point():
    assert bootstrap_interval([0.5]) == bootstrap_interval([0.5, 0.5]) == (0.5, 0.5)


def test_the_interval_grows_with_the_spread_of_seeds():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (3, 200))
    low, high = bootstrap_over_seeds(images)
    error = np.sqrt(images.var() / images.size)  # seeds alike: as if all images were one sample
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.35)
    apart = np.stack([np.zeros(200), np.ones(200), np.ones(200)])
    low, high = bootstrap_over_seeds(apart)
    assert (low, high) == (0, 1)  # drawn three times, the seeds can all be the same one
    assert bootstrap_over_seeds(np.ones((2, 3, 5))) == (1, 1)


@pytest.mark.parametrize("interval", [bootstrap_interval, lambda v, c=0.95: bootstrap_over_seeds(np.atleast_2d(v), c)])
@pytest.mark.parametrize(
    ("values", "more", "name"),
    [([], (), "values"), ([0.5, np.nan], (), "values"), ([0, 1], (-0.5,), "confidence -0.5"), ([0, 1], (95,), "confidence 95")],
)
def test_what_cannot_be_is_named(interval, values, more, name):
    with pytest.raises(InputError, match=name):
        interval(values, *more)
