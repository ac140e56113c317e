"""Intervals over items: exact on repeated items, drawn by whole sources, and covering what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hand_items import clips, names
from script_modules import load_script
from vclipbench.leaderboard.statistics import bootstrap
from vclipbench.leaderboard.statistics.bootstrap import (
    DRAWS,
    draw,
    intervals,
    percentiles,
    tail,
)
from vclipbench.leaderboard.statistics.intervals import wilson
from vclipbench.protocols.metrics import Items, Number, value_of


def every_rule(rng, n=40, labels=3):
    """Items of every rule, with ties."""
    ids, groups = names(n), np.repeat(names(n // 4, "g"), 4)
    scores = np.round(rng.normal(size=(n, labels)), 1)
    marks = (rng.random((n, labels)) < 0.3).astype(int)
    ranks = rng.integers(1, 9, n).astype(float)
    one = {
        rule: Items(ids, ranks, groups, rule) for rule in ("mean", "median", "lower-median", "sum")
    }
    one |= {
        rule: Items(ids, scores, groups, rule, marks)
        for rule in ("map", "micro_ap", "f1_best", "threshold_best", "threshold")
    }
    one["ratio"] = Items(ids, ranks, groups, "ratio", ranks + 2)
    one["ece"] = Items(ids, rng.random((n, labels)), groups, "ece", marks)
    one["share"] = Items(ids, 1.0 * (rng.random(n) < 0.4), groups, "share")
    return one


def repeated(items, times):
    """Each item as often as drawn."""
    again = None if items.against is None else np.repeat(items.against, times, axis=0)
    values = np.repeat(items.values, times, axis=0)
    ids = names(len(values), "again")
    return Number((Items(ids, values, None, items.rule, again),))


@pytest.mark.parametrize("rule", list(every_rule(np.random.default_rng(0))))
def test_a_draw_is_the_number_of_the_repeated_items(rule, monkeypatch):
    monkeypatch.setattr(bootstrap, "_BIASED", frozenset())
    items = every_rule(np.random.default_rng(1))[rule]
    drawn = draw([Number((items,))], draws=30, seed=3)[0]
    units = np.unique(items.units)
    weights = np.concatenate(list(bootstrap._weights(len(units), 30, 7, 3)), axis=1)
    assert (weights.sum(0) == len(units)).all()
    for times, value in zip(weights.T.astype(int), drawn, strict=True):
        of_items = times[np.searchsorted(units, items.units)]
        assert value == pytest.approx(value_of(repeated(items, of_items)), rel=1e-12)
    assert len(np.unique(drawn)) > 1


def test_medians_of_odd_and_even_draws_are_those_of_numpy():
    values = np.random.default_rng(9).integers(1, 30, 41) * 1.0
    for n in (40, 41):
        upper, lower = (
            Number((Items(names(n), values[:n], None, rule),))
            for rule in ("median", "lower-median")
        )
        weights = np.concatenate(list(bootstrap._weights(n, 40, 40, 0)), axis=1).astype(int)
        drawn = [np.sort(np.repeat(values[:n], times)) for times in weights.T]
        assert draw([upper], 40)[0].tolist() == [np.median(some) for some in drawn]
        assert draw([lower], 40)[0].tolist() == [some[(n - 1) // 2] for some in drawn]


def test_draws_do_not_depend_on_chunks_nor_on_what_is_drawn_beside(monkeypatch):
    numbers = [Number((items,)) for items in every_rule(np.random.default_rng(2)).values()]
    whole = draw(numbers, 50)
    monkeypatch.setattr(bootstrap, "_CELLS", 200)
    assert np.array_equal(draw(numbers, 50), whole)
    assert np.array_equal(draw(numbers[1:2], 50), whole[1:2])
    assert not np.array_equal(draw(numbers, 50, seed=1), whole)


def test_splits_that_share_films_are_drawn_together():
    rng = np.random.default_rng(3)
    films = np.repeat(names(30, "g"), 5)
    hit = rng.random(150) < 0.5
    first = Items(names(150, "a"), 100.0 * hit, films)
    second = Items(names(150, "b"), 100.0 * ~hit, films)
    assert draw([Number((first, second))], 500).std() == pytest.approx(0, abs=1e-9)
    alone = Items(names(150, "b"), 100.0 * ~hit, np.repeat(names(30, "h"), 5))
    assert draw([Number((first, alone))], 500).std() > 1


def test_harmonic_mean_of_drawn_halves():
    a, b = (Items(names(50, p), 100.0 * (np.arange(50) < k)) for p, k in (("a", 20), ("b", 40)))
    parts = draw([Number((a,)), Number((b,)), Number((a, b), "harmonic-mean")], 100)
    assert parts[2] == pytest.approx(2 * parts[0] * parts[1] / (parts[0] + parts[1]))
    zero = Items(names(50), np.zeros(50))
    assert value_of(Number((zero, zero), "harmonic-mean")) == 0


def test_methods_of_intervals():
    right, films = np.arange(60) % 3 > 0, np.repeat(names(20, "g"), 3)
    ranks = Items(names(60), np.arange(60.0), None, "median")
    recall = Items(names(60), 100.0 * right)
    found = intervals(
        {
            "wilson": clips(right),
            "one clip a film": clips(right, names(60, "g")),
            "films": clips(right, films),
            "r1": Number((recall,)),
            "median": Number((ranks,)),
            "mean of splits": Number((*clips(right).parts, *clips(right).parts)),
        },
        draws=200,
    )
    assert {key: i.method for key, i in found.items()} == {
        "wilson": "wilson",
        "one clip a film": "wilson",
        "films": "bootstrap-groups",
        "r1": "bootstrap-items",
        "median": "bootstrap-items",
        "mean of splits": "bootstrap-items",
    }
    assert found["wilson"][:2] == tuple(100 * end for end in wilson(40, 60))
    assert found["wilson"].stderr == pytest.approx(100 * (2 / 9 / 60) ** 0.5)
    assert all(i.low <= 200 / 3 <= i.high for k, i in found.items() if k != "median")


def test_what_resampling_cannot_spread_has_wilsons_interval_by_sources():
    films = np.repeat(names(20, "g"), 3)
    found = intervals({"films": clips(np.ones(60, bool), films)}, draws=50)["films"]
    assert found.method == "wilson"
    assert found[:2] == tuple(100 * end for end in wilson(20, 20))


def test_ranks_that_are_all_100_are_no_shares():
    ranks, hits = (
        Items(names(100), np.full(100, 100.0)),
        Items(names(100), np.ones(100), rule="share"),
    )
    found = intervals({"mnr": Number((ranks,)), "r10": Number((hits,))}, draws=50)
    assert found["mnr"] == (100, 100, 0, "bootstrap-items")
    assert found["r10"].method == "wilson"


def test_an_interval_is_widened_to_its_value(monkeypatch):
    monkeypatch.setattr(bootstrap, "draw", lambda numbers, *_: np.full((1, 9), 70.0))
    found = intervals({"r1": Number((Items(names(4), np.array([0.0, 0, 100, 100])),))})["r1"]
    assert (found.low, found.high) == (50.0, 70.0)


def test_the_same_items_give_the_same_interval():
    numbers = {rule: Number((i,)) for rule, i in every_rule(np.random.default_rng(4)).items()}
    first, second = (intervals(numbers, draws=300) for _ in range(2))
    assert first == second
    assert all(i.low <= value_of(numbers[rule]) <= i.high for rule, i in first.items())
    assert DRAWS == 10_000


def test_few_units_have_longer_tails():
    # t(0.975, 9) = 2.262157; Phi(-2.262157 sqrt(10/9)) from tables: 0.00855
    assert tail(10) == pytest.approx(0.00855, abs=2e-5)
    assert tail(10**6) == pytest.approx(0.025, abs=1e-6)
    values = np.arange(10_001.0)
    assert percentiles(values, 10**6) == pytest.approx((250, 9750), abs=0.1)
    assert percentiles(values, 1) == (0, 10_000)
    assert percentiles(np.append(values, np.nan), 1) == (0, 10_000)


def test_a_label_without_positives_in_a_draw_does_not_count():
    marks = np.zeros((20, 2), int)
    marks[:10, 0] = 1
    marks[3, 1] = 1
    scores = np.tile(np.arange(20.0)[::-1, None], 2)
    drawn = draw([Number((Items(names(20), scores, None, "map", marks),))], 300)[0]
    assert np.isfinite(drawn).all()


@pytest.fixture(scope="module")
def simulate():
    return load_script("simulate_intervals")


def shares(found):
    return {(line.what, line.setting): line.share for line in found}


def test_wilson_covers_95_percent(simulate):
    found = simulate.cover_wilson(4000, 0, np.random.default_rng(5))
    assert all(93 <= line.share <= 97 for line in found)


def test_whole_groups_cover_95_percent_and_single_clips_far_less(simulate):
    found = simulate.cover_groups(400, 400, np.random.default_rng(6), sizes=(25, 60))
    whole = [line.share for line in found if line.what == "bootstrap of whole groups"]
    single = [line.share for line in found if line.what == "bootstrap of single clips"]
    assert len(whole) == len(single) == 2
    assert all(93 <= share <= 97 for share in whole)
    assert all(share < 80 for share in single)


def test_harmonic_mean_covers_95_percent(simulate):
    (found,) = simulate.cover_harmonic(400, 400, np.random.default_rng(7))
    assert 93 <= found.share <= 97


def test_mean_precision_covers_95_percent_only_with_centred_draws(simulate):
    found = simulate.cover_precision(200, 200, np.random.default_rng(8), n=150, labels=15)
    centred, plain = (line.share for line in found)
    assert 93 <= centred <= 97
    assert plain < 90
