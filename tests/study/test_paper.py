"""The paper's numbers: counted against brute force, and what lesson 08 says of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bgnb.study import paper


@given(st.integers(0, 1000), st.integers(2, 999))
def test_a_share_fits_if_some_whole_number_gives_it(thousandths, images):
    brute = any(1000 * k // images == thousandths for k in range(images + 1))
    assert paper.fits(thousandths / 1000, images) == brute


def test_243_cats_and_247_dogs_fit_best_of_all():
    for animal, images in (("cat", 243), ("dog", 247)):
        shares = {n: np.mean([paper.fits(x, n) for x in paper.three_decimals(animal)]) for n in range(60, 401)}
        assert max(shares, key=shares.get) == images and shares[images] > 0.96 and shares[240] < 0.65


def test_the_tables_disagree_as_much_as_the_facts_say():
    first, second = (np.concatenate(rows) for rows in zip(*map(paper.both_tables, paper.SCENES), strict=True))
    assert round(np.abs(first - second).mean(), 3) == 0.091 and round(np.abs(first - second).max(), 3) == 0.183


def test_averages_printed_in_the_paper_follow_from_its_cells():
    printed = {"VGG16": [0.62, 0.63, 0.67, 0.68, 0.76, 0.81], "ResNet50": [0.63, 0.71, 0.62, 0.58, 0.80, 0.84]}
    for net, averages in printed.items():
        assert np.abs(paper.TABLES_1_2[net][:, :4].mean(1) - averages).max() <= 0.0101
