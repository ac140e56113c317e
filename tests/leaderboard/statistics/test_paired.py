"""Two methods on the same items: exact test, paired bootstrap, Holm, smallest effect, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hand_items import clips, names
from scipy.stats import binom, binomtest, t
from script_modules import load_script
from vclipbench.leaderboard.statistics.paired import (
    check_same_items,
    compare,
    corrected,
    over_seeds,
    smallest_discordant,
)
from vclipbench.leaderboard.statistics.ranking import rank_intervals
from vclipbench.protocols.metrics import Items, Number


def one_side(only_a, only_b, both=30, neither=20):
    """Two methods with these many items of each kind."""
    kinds = [(1, 0)] * only_a + [(0, 1)] * only_b + [(1, 1)] * both + [(0, 0)] * neither
    a, b = np.array(kinds).T
    return clips(a), clips(b)


def test_exact_mcnemar_of_independent_clips():
    a, b = one_side(only_a=3, only_b=12)
    found = compare([a], [b])
    assert found.method == "mcnemar-exact"
    assert (found.only_a, found.only_b, found.n) == (3, 12, 65)
    assert found.p == pytest.approx(binomtest(3, 15).pvalue)
    assert found.difference == pytest.approx(100 * 9 / 65)
    assert found.a == pytest.approx(100 * 33 / 65)
    # the paired standard error, as the bootstrap finds it: sqrt(d - (b-c)^2 / n) / n
    half = 1.96 * 100 * (15 - 81 / 65) ** 0.5 / 65
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)
    back = compare([b], [a])
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    assert back.p == found.p


def test_pairing_is_by_id_not_by_place():
    a, b = one_side(5, 9)
    order = np.random.default_rng(0).permutation(64)
    moved = clips(b.parts[0].values[order] > 0, ids=b.parts[0].ids[order])
    assert compare([a], [moved]) == compare([a], [b])


def test_equal_answers_still_leave_room_for_a_difference():
    a, b = one_side(0, 0)
    found = compare([a], [b])
    assert (found.p, found.difference, found.smallest) == (1, 0, None)
    # Wilson's upper end of no item in 50: z^2 / (n + z^2)
    assert found.high == -found.low == pytest.approx(100 * 3.8415 / 53.8415, rel=1e-4)
    films = clips(a.parts[0].values > 0, np.repeat(names(10, "g"), 5))
    assert compare([films], [films]).high == pytest.approx(100 * 3.8415 / 13.8415, rel=1e-4)
    assert not found.equivalent(5)
    assert found.equivalent(8)


def test_sources_and_other_metrics_take_the_paired_bootstrap():
    rng = np.random.default_rng(1)
    films, hard = np.repeat(names(30, "g"), 4), np.repeat(rng.normal(size=30), 4)
    a, b = (rng.normal(size=120) + hard + s > 0 for s in (0, 0.8))
    found = compare([clips(a, films)], [clips(b, films)])
    assert found.method == "bootstrap-groups"
    assert (found.only_a, found.only_b) == (int((a & ~b).sum()), int((b & ~a).sum()))
    assert (found.p < 0.05) == (found.low > 0)
    ranks = [Number((Items(names(50), rng.integers(1, 20, 50) * 1.0, None, "median"),))] * 2
    same = compare(ranks[:1], ranks[1:])
    assert same.method == "bootstrap-items"
    assert (same.only_a, same.p, same.low, same.high, same.smallest) == (None, 1, 0, 0, None)


def test_interval_and_p_of_the_bootstrap_say_the_same():
    rng = np.random.default_rng(2)
    seen = set()
    for shift in np.linspace(0, 1, 15):
        a = rng.normal(size=40)
        one, two = (Number((Items(names(40), v),)) for v in (a, a + rng.normal(size=40) + shift))
        found = compare([one], [two], draws=2000)
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
        seen.add(found.p < 0.05)
    assert seen == {True, False}


def test_items_must_be_the_same():
    a, b = clips(np.ones(4)), clips(np.ones(5))
    with pytest.raises(ValueError, match=r"1 items are in one run only.*'v0004'.*only the second"):
        compare([a], [b])
    films = clips(np.ones(4), np.array(["x", "x", "y", "y"]))
    with pytest.raises(ValueError, match="disagree on which items share a source"):
        check_same_items(a, films)
    other = Number((Items(names(4), np.ones(4), None, "median"),))
    with pytest.raises(ValueError, match="not the same statistic"):
        check_same_items(a, other)
    with pytest.raises(ValueError, match="must come in pairs, not 1 and 2"):
        compare([a], [a, a])


@pytest.mark.parametrize("discordant", [6, 20, 101])
def test_smallest_difference_is_found_with_a_power_of_80_percent(discordant):
    n = 400
    least = smallest_discordant(discordant, 0, n)
    q = (least * n / 100 / discordant + 1) / 2
    k = np.arange(discordant + 1)
    refused = np.array([binomtest(int(i), discordant).pvalue <= 0.05 for i in k])
    assert binom.pmf(k, discordant, q)[refused].sum() == pytest.approx(0.8, abs=1e-6)


def test_five_discordant_items_find_nothing():
    assert smallest_discordant(3, 2, 400) is None
    assert smallest_discordant(6, 0, 400) is not None


def test_holm_against_the_steps_of_his_paper():
    a = clips(np.arange(300) % 2 > 0)
    others = [clips((np.arange(300) % 2 > 0) | (np.arange(300) < k)) for k in (11, 15, 13)]
    found = corrected([compare([a], [other], draws=50) for other in others])
    p = [c.p for c in found]
    assert p == pytest.approx([2 * 0.5**6, 2 * 0.5**8, 2 * 0.5**7])
    steps, last = {}, 0.0
    for place, which in enumerate(np.argsort(p)):
        last = max(last, min(1.0, (3 - place) * p[which]))
        steps[which] = last
    assert [c.p_holm for c in found] == pytest.approx([steps[i] for i in range(3)])
    assert corrected([]) == []


def test_three_seeds_get_a_term_from_t():
    rng = np.random.default_rng(3)
    a = [clips(rng.random(400) < 0.5) for _ in range(3)]
    b = [clips(rng.random(400) < s) for s in (0.45, 0.6, 0.75)]
    three, two = compare(a, b), compare(a[:2], b[:2])
    assert (three.method, three.seeds) == ("bootstrap-items+t-seeds", 3)
    assert (two.method, two.seeds) == ("bootstrap-items", 2)
    assert three.only_a is None
    assert three.low < 0 < three.high
    assert three.p > 0.05
    assert three.b == pytest.approx(np.mean([n.parts[0].values.mean() for n in b]))
    # where items do not vary: exactly Student's interval over seeds, t(0.975, 2) = 4.302653
    drawn = over_seeds(np.tile([[1.0], [2.0], [3.0]], 200_000), 0)
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (high - low) / 2 == pytest.approx(4.302653 / 3**0.5, rel=0.02)


@pytest.fixture(scope="module")
def simulate():
    return load_script("simulate_intervals")


def test_tests_hold_their_level(simulate):
    found = simulate.level_tests(600, 300, np.random.default_rng(4))
    assert [line.share <= 6 for line in found] == [True] * 3
    assert max(line.share for line in found) > 2  # a test that never speaks also holds its level


def test_holm_holds_the_level_of_the_family(simulate):
    holm, plain = simulate.level_holm(300, 0, np.random.default_rng(5))
    assert holm.share <= 6 < plain.share


def test_seeds_hold_the_level_where_resampling_them_does_not(simulate):
    found = {(f.what, "large" in f.setting): f.share for f in
             simulate.level_seeds(200, 200, np.random.default_rng(6))}  # fmt: skip
    assert found["t over seeds, false alarms", False] <= 6
    assert found["t over seeds, false alarms", True] <= 6
    assert found["resampled seeds (not used), false alarms", True] > 10


def test_finds_does_not_hang_on_the_draws_of_t():
    """Of three seeds the standard errors of items and seeds count, with the quantiles of two degrees."""
    rng = np.random.default_rng(7)
    a = [clips(rng.random(400) < 0.5) for _ in range(3)]
    b = [clips(rng.random(400) < s) for s in (0.45, 0.6, 0.75)]
    found = [compare(a, b, draws=2000, seed=seed).smallest for seed in range(5)]
    assert max(found) / min(found) < 1.05
    apart = [(y.parts[0].values - x.parts[0].values).mean() for x, y in zip(a, b, strict=True)]
    alone = (t.ppf(0.975, 2) + t.ppf(0.8, 2)) * np.std(apart, ddof=1) / 3**0.5
    assert alone < found[0] < 1.3 * alone


def test_one_source_tells_nothing():
    ids = np.array([f"v{n}" for n in range(40)])
    one = np.full(40, "film")
    a, b = (Number((Items(ids, 100.0 * (np.arange(40) < k), one, clips=True),)) for k in (10, 30))
    with pytest.raises(ValueError, match="all items have one source"):
        compare([a], [b])
    ranked = rank_intervals({"a": [a], "b": [b]})
    assert [one[1:] for one in ranked.values()] == [(1, 2, True)] * 2


def test_ties_of_single_runs_are_those_of_the_exact_test():
    """Four clips against none: bootstrap draws nearly always favour b, McNemar's p is 0.125."""
    a, b = clips(np.arange(648) < 300), clips(np.arange(648) < 304)
    assert compare([a], [b]).p == pytest.approx(0.125)
    assert rank_intervals({"a": [a], "b": [b]})["a"].tied_with_best
    c = clips(np.arange(648) < 306)
    assert compare([a], [c]).p == pytest.approx(2 / 64)
    assert not rank_intervals({"a": [a], "c": [c]})["a"].tied_with_best
