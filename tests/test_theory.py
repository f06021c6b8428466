"""The closed form against random labels."""

import numpy as np
import pytest

from bgnb import bayes_backgroundness


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
