"""The closed form against random labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import norm

from bgnb import InputError, bayes_backgroundness
from bgnb.study import theory


@pytest.mark.parametrize("ratio", [0.5, 1, 2, 4])
@pytest.mark.parametrize("pi", [0.0, 0.3, 0.8])
def test_the_share_of_background_labels_among_patches_that_show_no_target(ratio, pi):
    rng, n = np.random.default_rng(0), 400_000
    label = rng.random(n) < ratio / (1 + ratio)  # True: cut from a background image
    shows_target = ~label & (rng.random(n) < pi)
    alike = label[~shows_target]
    room = 5 * (0.25 / len(alike)) ** 0.5
    assert bayes_backgroundness(ratio, pi) == pytest.approx(alike.mean(), abs=room)


def test_a_ratio_adds_its_logarithm_to_the_logit():
    logits = [np.log(p / (1 - p)) for p in (bayes_backgroundness(ratio, 0.3) for ratio in (1, 2, 4))]
    assert np.diff(logits) == pytest.approx([np.log(2), np.log(2)])


def test_where_all_is_target_the_rest_is_certain():
    assert bayes_backgroundness(1, 1) == 1 and bayes_backgroundness(3, 0) == 0.75


@given(ratio=st.floats(0.2, 16), pi=st.floats(0.05, 0.95), distance=st.floats(0.5, 6), sigma=st.floats(0.3, 2))
def test_the_boundary_on_the_line_is_where_both_labels_are_equally_dense(ratio, pi, distance, sigma):
    def left_over(x):
        background = ratio * norm.pdf(x, 0, sigma)
        return background - (1 - pi) * norm.pdf(x, 0, sigma) - pi * norm.pdf(x, distance, sigma)

    boundary = theory.normal_boundary(ratio, pi, distance, sigma)
    if ratio <= 1 - pi:
        assert boundary == -np.inf
    elif abs(boundary) < 20 * sigma:
        size = norm.pdf(boundary, 0, sigma) + norm.pdf(boundary, distance, sigma)
        assert left_over(boundary) == pytest.approx(0, abs=1e-6 * size * (1 + ratio))
        assert theory.normal_backgroundness(boundary, ratio, pi, distance, sigma) == pytest.approx(0.5, abs=1e-6)


def test_backgroundness_on_the_line_is_the_share_of_labels_there():
    x, ratio, pi = np.linspace(-4, 8, 50), 2.0, 0.3
    background = ratio * norm.pdf(x)
    target = (1 - pi) * norm.pdf(x) + pi * norm.pdf(x, 3)
    assert theory.normal_backgroundness(x, ratio, pi, 3) == pytest.approx(background / (background + target))
    assert theory.normal_density(x, 3, 0.5) == pytest.approx(norm.pdf(x, 3, 0.5))
    assert theory.share_below(1.2, 3, 0.7) == pytest.approx(norm.cdf(1.2, 3, 0.7))


@given(st.floats(0.01, 0.99), st.floats(0.1, 50))
def test_a_shift_adds_to_the_logit(backgroundness, factor):
    assert logit(theory.shift(backgroundness, factor)) == pytest.approx(logit(backgroundness) + np.log(factor), abs=1e-6)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: theory.bayes_backgroundness(-1, 0.3), "ratio -1"),
        (lambda: theory.bayes_backgroundness(1, 1.3), "pi 1.3"),
        (lambda: theory.bayes_backgroundness("1", 0.3), "ratio '1'"),
        (lambda: theory.shift(0.5, 0), "factor 0"),
        (lambda: theory.normal_backgroundness(0, 1, 0.3, 3, sigma=0), "sigma 0"),
        (lambda: theory.normal_boundary(1, 0.3, float("nan")), "distance nan"),
    ],
)
def test_what_cannot_be_is_named(call, name):
    with pytest.raises(InputError, match=name):
        call()
