from __future__ import annotations

import numpy as np
import pytest
from vclipbench.leaderboard.statistics.intervals import seed_interval, wilson


def test_wilson_against_the_textbook_formula():
    # 8 of 10: centre (8 + z²/2) / (10 + z²), z = 1.959964
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-7)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0


def test_wilson_refuses_impossible_counts():
    with pytest.raises(ValueError, match="k"):
        wilson(11, 10)


def test_seed_interval_against_the_t_table():
    # t(0.975, 2) = 4.302653; standard deviation 1
    low, high = seed_interval([59.0, 60.0, 61.0])
    assert (high - low) / 2 == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert (high + low) / 2 == pytest.approx(60.0)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0]])
def test_no_interval_from_fewer_than_three_seeds(values):
    assert seed_interval(values) is None


def test_seed_interval_covers_95_percent_at_three_seeds():
    # 1.96 standard errors of the spread that is divided by n, as others print it, covers 75 %
    values = np.random.default_rng(1).normal(60, 2, (4000, 3))
    held = [low <= 60 <= high for low, high in map(seed_interval, values.tolist())]
    assert 93 <= 100 * np.mean(held) <= 97
    naive = np.abs(values.mean(1) - 60) <= 1.96 * values.std(1) / 3**0.5
    assert 73 <= 100 * naive.mean() <= 77
