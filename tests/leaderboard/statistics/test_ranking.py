"""Ranks as intervals, and ties with the best."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from vclipbench.leaderboard.statistics import ranking
from vclipbench.leaderboard.statistics.ranking import rank_intervals
from vclipbench.leaderboard.tables.cells import Column
from vclipbench.leaderboard.tables.ranks import column_number
from vclipbench.protocols.metrics import Items, Number


def names(n, prefix="v"):
    return np.array([f"{prefix}{i:04d}" for i in range(n)])


def row(rng, share, n=400, seeds=1, ids=None):
    """A row whose runs find clips right by chance."""
    ids = names(n) if ids is None else ids
    return [Number((Items(ids, 100.0 * (rng.random(n) < share)),)) for _ in range(seeds)]


def test_the_example_in_the_docstring():
    assert doctest.testmod(ranking).attempted > 0
    assert doctest.testmod(ranking).failed == 0


def test_ranks_and_ties():
    rng = np.random.default_rng(0)
    rows = {"low": row(rng, 0.2), "a": row(rng, 0.6), "b": row(rng, 0.6), "top": row(rng, 0.9)}
    found = rank_intervals(rows, draws=1000)
    assert list(found) == list(rows)
    assert found["low"][1:] == (4, 4, False)
    assert found["top"][1:] == (1, 1, True)
    assert [r.tied_with_best for r in found.values()].count(True) == 1
    assert {found["a"][1:], found["b"][1:]} == {(2, 3, False)}
    assert found["top"].value == pytest.approx(rows["top"][0].parts[0].values.mean())


def test_lower_can_be_better():
    ids = names(300)
    rng = np.random.default_rng(1)
    rows = {
        key: [Number((Items(ids, rng.integers(1, most, 300) * 1.0, None, "median"),))]
        for key, most in (("far", 90), ("near", 9))
    }
    found = rank_intervals(rows, higher_is_better=False, draws=500)
    assert (found["near"].low_rank, found["near"].high_rank) == (1, 1)
    assert found["near"].tied_with_best
    assert not found["far"].tied_with_best


def test_equal_rows_share_their_ranks():
    only = row(np.random.default_rng(2), 0.5)
    found = rank_intervals({"a": only, "again": only}, draws=100)
    assert set(found.values()) == {ranking.Ranked(found["a"].value, 1, 2, True)}
    assert rank_intervals({"a": only}, draws=100)["a"][1:] == (1, 1, True)
    assert rank_intervals({}) == {}


def test_rows_of_other_items_get_no_rank():
    rng = np.random.default_rng(3)
    other = row(rng, 0.9, ids=names(400, "w"))
    mixed = [*row(rng, 0.9), *other]
    rows = {"other": other, "mixed": mixed, "a": row(rng, 0.4), "b": row(rng, 0.8), "none": []}
    found = rank_intervals(rows, draws=500)
    assert set(found) == {"a", "b"}
    assert (found["b"].low_rank, found["b"].high_rank) == (1, 1)


def test_the_spread_over_seeds_counts_from_three():
    rng = np.random.default_rng(4)
    spread = [row(rng, s)[0] for s in (0.5, 0.7, 0.9)]
    rows = {"unsteady": spread, "steady": row(rng, 0.55, seeds=3)}
    assert rank_intervals(rows, draws=1000)["steady"].tied_with_best
    two = {key: [runs[0], runs[2]] for key, runs in rows.items()}
    assert not rank_intervals(two, draws=1000)["steady"].tied_with_best


def test_numbers_of_columns(make_record):
    record = make_record({"base": 50.0, "novel": 60.0}, protocol="b2n-hmdb51")
    aggregate = {"name": "hm", "rule": "harmonic-mean", "parts": [
        {"name": "top1", "split": "base"}, {"name": "top1", "split": "novel"}]}  # fmt: skip
    record = record.revised(aggregates=[aggregate])
    parts = {("top1", s): Items(names(10, s), np.arange(10.0)) for s in ("base", "novel")}

    def number(rule, *splits, **more):
        return column_number(Column("", rule, splits, **more), record, parts)

    assert number("split", "novel").parts == (parts["top1", "novel"],)
    assert number("hm", "base", "novel").rule == "harmonic-mean"
    assert number("mean", "base", "novel").rule == "mean"
    assert number("primary", metric="hm").parts == tuple(parts.values())
    assert number("split", "other") is None
    assert number("mean", "base", "other") is None
    assert number("primary", metric="hm", variant="k2") is None
