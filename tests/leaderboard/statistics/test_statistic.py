"""Statistics of many draws at once are those of one row and one draw at a time, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hand_items import names
from vclipbench.leaderboard.statistics import bootstrap
from vclipbench.leaderboard.statistics.bootstrap import draw
from vclipbench.leaderboard.statistics.precision_draws import Precisions, counting_type
from vclipbench.leaderboard.statistics.ranking import rank_columns, rank_intervals
from vclipbench.protocols.metrics import Items, Number


def weights(units, draws):
    return np.concatenate(list(bootstrap._weights(units, draws, 7, 0)), axis=1)


def precision(scores, marks, times):
    """Average precision of one draw, one threshold at a time from the highest down, in float64."""
    total = hits = chosen = 0.0
    for level in np.unique(scores[marks == 1])[::-1]:
        gain = float(times[(scores == level) & (marks == 1)].sum())
        hits += gain
        chosen = float(times[scores >= level].sum())
        total += gain * hits / max(chosen, 1.0)
    return total / hits if hits else np.nan


@pytest.mark.parametrize("largest", [1, 60_000])
def test_average_precision_is_that_of_one_draw_at_a_time(largest):
    rng = np.random.default_rng(0)
    scores, marks = np.round(rng.normal(size=(50, 4)), 1), (rng.random((50, 4)) < 0.1).astype(int)
    marks[0] = 1
    place = np.arange(50) // 2
    counts = weights(25, 40) * np.array(largest, np.uint32)  # large ones do not fit into 2 bytes
    labels = Precisions(25)
    at = [labels.add(s, m, place) for s, m in zip(scores.T, marks.T, strict=True)]
    assert labels.add(scores[:, 0], marks[:, 0], place) == at[0]
    for column, found in zip(at, labels.at(counts), strict=True):
        one = [precision(scores[:, column], marks[:, column], times[place]) for times in counts.T]
        assert np.array_equal(found, one, equal_nan=True)


def test_counts_take_the_smallest_type_that_holds_them():
    assert counting_type(10) == np.uint16
    assert counting_type(65_535) == np.uint16
    assert counting_type(65_536) == np.uint32


@pytest.mark.parametrize("unit", [100.0, 0.5, 1 / 3, 2.0**50])
def test_rows_together_are_rows_alone(unit):
    rng = np.random.default_rng(1)
    rows = [Number((Items(names(80), unit * (rng.random(80) < 0.5)),)) for _ in range(9)]
    together = draw(rows, 500)
    for number, drawn in zip(rows, together, strict=True):
        assert np.array_equal(drawn, draw([number], 500)[0])
        one = number.parts[0].values @ weights(80, 500).astype(float) / 80
        assert drawn == pytest.approx(one, rel=1e-15)


def test_columns_together_are_columns_alone():
    rng = np.random.default_rng(2)

    def column(prefix, n, metric):
        return {
            row: [Number((metric(names(n, prefix)),)) for _ in range(3)] for row in ("a", "b", "c")
        }

    def right(ids):
        return Items(ids, 100.0 * (rng.random(len(ids)) < 0.5), clips=True)

    def labels(ids):
        marks = (rng.random((len(ids), 3)) < 0.3).astype(int)
        return Items(ids, rng.normal(size=(len(ids), 3)), None, "map", marks)

    columns = [
        (column("v", 60, right), True),
        (column("v", 60, labels), True),
        ({}, True),
        (column("w", 40, right), False),
        (column("x", 1, right), True),
    ]
    alone = [rank_intervals(rows, higher) for rows, higher in columns]
    assert rank_columns(columns) == alone
