"""Simulate how often 95 % intervals hold the truth, and how often tests find what is not there.

    python scripts/simulate_intervals.py [--trials 1000] [--draws 1000]

Prints the table of docs/statistics.md. The data are made up, so the truth is known; everything else is
the code that writes records and compares runs. Each share has a standard error of about 0.7 points at
1,000 trials.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from unittest import mock

import numpy as np
from numpy.random import Generator
from vclipbench.leaderboard.statistics import bootstrap
from vclipbench.leaderboard.statistics.bootstrap import draw, intervals, percentiles
from vclipbench.leaderboard.statistics.intervals import seed_interval, wilson
from vclipbench.leaderboard.statistics.paired import compare, corrected
from vclipbench.protocols.metrics import Items, Number, value_of

ALPHA = 0.05


class Found(NamedTuple):
    """A line of the table: shares in %."""

    what: str
    setting: str
    share: float


@lru_cache
def names(prefix: str, n: int) -> np.ndarray:
    """Names of n items that sort in their order."""
    return np.array([f"{prefix}{i:05d}" for i in range(n)])


def clips(right: np.ndarray, groups: np.ndarray | None = None, prefix: str = "v") -> Number:
    """Top-1 of clips that were found or not."""
    ids = names(prefix, len(right))
    return Number((Items(ids, 100.0 * right, groups, clips=groups is None),))


def grouped_rates(rng: Generator, groups: int, share: float, correlation: float) -> np.ndarray:
    """Accuracy of each group; two clips of a group correlate as given (beta-binomial)."""
    total = 1 / correlation - 1
    return rng.beta(share * total, (1 - share) * total, groups)


def cover_wilson(trials: int, draws: int, rng: Generator) -> list[Found]:
    """Wilson, independent clips, accuracies from 5 to 95 %."""
    found = []
    for n in (100, 1530):
        ends = [wilson(hits, n) for hits in range(n + 1)]
        truth = rng.uniform(0.05, 0.95, trials)
        held = [a <= p <= b for p in truth for a, b in [ends[rng.binomial(n, p)]]]
        found.append(Found("Wilson", f"{n} independent clips", 100 * np.mean(held)))
    return found


def cover_groups(
    trials: int, draws: int, rng: Generator, sizes: tuple[int, ...] = (10, 25, 50, 100)
) -> list[Found]:
    """Accuracy of 10 clips a group that correlate by 0.3, with and without regard to the groups."""
    found = []
    for groups in sizes:
        held: dict[str, list[bool]] = {"whole groups": [], "single clips": []}
        of = np.repeat(names("g", groups), 10)
        for trial in range(trials):
            rates = grouped_rates(rng, groups, 0.6, 0.3)
            right = rng.random(10 * groups) < np.repeat(rates, 10)
            numbers = {"whole groups": clips(right, of), "single clips": clips(right)}
            for how, interval in intervals(numbers, draws=draws, seed=trial).items():
                held[how].append(interval.low <= 60 <= interval.high)
        setting = f"{groups} groups of 10, correlation 0.3"
        found += [Found(f"bootstrap of {h}", setting, 100 * np.mean(x)) for h, x in held.items()]
    return found


def cover_harmonic(trials: int, draws: int, rng: Generator) -> list[Found]:
    """Harmonic mean of two halves that share their groups."""
    truth, held = 2 * 70 * 50 / 120, []
    of = np.repeat(names("g", 60), 5)
    for trial in range(trials):
        rates = grouped_rates(rng, 60, 0.6, 0.2)
        halves = []
        for prefix, shift in (("b", 0.1), ("n", -0.1)):
            right = rng.random(300) < np.repeat(np.clip(rates + shift, 0, 1), 5)
            halves.append(Items(names(prefix, 300), 100.0 * right, of))
        interval = intervals(
            {"hm": Number(tuple(halves), "harmonic-mean")}, draws=draws, seed=trial
        )
        held.append(interval["hm"].low <= truth <= interval["hm"].high)
    return [Found("bootstrap of whole groups, HM", "60 groups in both halves", 100 * np.mean(held))]


def cover_seeds(trials: int, draws: int, rng: Generator) -> list[Found]:
    """Mean over three seeds: Student's t, and 1.96 standard errors."""
    held, naive = [], []
    for values in rng.normal(60, 1, (trials, 3)):
        low, high = seed_interval(list(values)) or (0.0, 0.0)
        held.append(low <= 60 <= high)
        naive.append(abs(values.mean() - 60) <= 1.96 * values.std() / math.sqrt(3))
    return [
        Found("t over seeds", "3 seeds", 100 * np.mean(held)),
        Found("1.96 standard errors (not used)", "3 seeds", 100 * np.mean(naive)),
    ]


def labelled(rng: Generator, n: int, labels: int) -> Number:
    """Mean AP of scores half a standard deviation higher for the 15 % positives."""
    marks = (rng.random((n, labels)) < 0.15).astype(int)
    return Number(
        (Items(names("v", n), rng.normal(size=(n, labels)) + marks / 2, None, "map", marks),)
    )


def cover_precision(
    trials: int, draws: int, rng: Generator, n: int = 300, labels: int = 30
) -> list[Found]:
    """Mean AP at a test set of this size, with the draws centred on the value and as they come."""
    truth = np.mean([value_of(labelled(rng, n, labels)) for _ in range(3 * trials)])
    held: dict[str, list[bool]] = {"centred": [], "not centred (not used)": []}
    for trial in range(trials):
        number = labelled(rng, n, labels)
        for how, biased in zip(held, (bootstrap._BIASED, frozenset()), strict=True):
            with mock.patch.object(bootstrap, "_BIASED", biased):
                low, high = percentiles(draw([number], draws, trial)[0], n)
            held[how].append(low <= truth <= high)
    setting = f"mean AP, {n} videos, {labels} labels"
    return [Found(f"bootstrap, {h}", setting, 100 * np.mean(x)) for h, x in held.items()]


def null_pair(rng: Generator, n: int, groups: np.ndarray | None = None) -> tuple[Number, Number]:
    """Two methods of one accuracy, whose answers correlate over items (and groups)."""
    shape = n if groups is None else len(np.unique(groups))
    hard = rng.normal(0, 1, shape)
    if groups is not None:
        hard = np.repeat(hard, n // shape)
    a, b = (rng.normal(0, 1, n) + hard < 0.3 for _ in range(2))
    return clips(a, groups), clips(b, groups)


def level_tests(trials: int, draws: int, rng: Generator) -> list[Found]:
    """How often methods of equal accuracy are told apart at 5 %."""
    found = []
    exact = [compare(*map(one, null_pair(rng, 600)), draws=2).p < ALPHA for _ in range(trials)]
    found.append(Found("exact McNemar, false alarms", "600 clips", 100 * np.mean(exact)))
    for size in (25, 60):
        groups = np.repeat(names("g", size), 10)
        alarms = [
            compare(*map(one, null_pair(rng, 10 * size, groups)), draws=draws, seed=t).p < ALPHA
            for t in range(trials)
        ]
        what = "paired bootstrap, false alarms"
        found.append(Found(what, f"{size} groups of 10", 100 * np.mean(alarms)))
    return found


def one(number: Number) -> list[Number]:
    """A single run."""
    return [number]


def level_holm(trials: int, draws: int, rng: Generator) -> list[Found]:
    """Five methods equal to the first: how often any of them is told apart."""
    plain, holm = [], []
    for _ in range(trials):
        hard = rng.normal(0, 1, 400)
        answers = [clips(rng.normal(0, 1, 400) + hard < 0.3) for _ in range(6)]
        given = [compare([answers[0]], [other], draws=2) for other in answers[1:]]
        with mock.patch("gc.collect"):  # statsmodels collects on every call: 0.1 s
            tests = corrected(given)
        plain.append(any(test.p < ALPHA for test in tests))
        holm.append(any(test.p_holm < ALPHA for test in tests))
    return [
        Found("any false alarm, by Holm", "5 methods against one", 100 * np.mean(holm)),
        Found("any false alarm, not corrected", "5 methods against one", 100 * np.mean(plain)),
    ]


def level_seeds(trials: int, draws: int, rng: Generator) -> list[Found]:
    """Three seeds a method, equal on the mean of all seeds: with the t term, and resampling seeds."""
    found = []
    for spread in (0.05, 0.4):
        alarms, resampled = [], []
        for trial in range(trials):
            hard = rng.normal(0, 1, 400)
            a, b = (
                [clips(rng.normal(0, 1, 400) + hard < 0.3 + s) for s in rng.normal(0, spread, 3)]
                for _ in range(2)
            )
            alarms.append(compare(a, b, draws=draws, seed=trial).p < ALPHA)
            values = draw([*a, *b], draws, trial)
            seeds = rng.integers(0, 3, (3, draws))
            each = np.take_along_axis(values[3:] - values[:3], seeds, axis=0)
            low, high = percentiles(each.mean(0), 400)
            resampled.append(low > 0 or high < 0)
        setting = f"400 clips, 3 seeds, {'small' if spread < 0.1 else 'large'} spread over seeds"
        found.append(Found("t over seeds, false alarms", setting, 100 * np.mean(alarms)))
        found.append(
            Found("resampled seeds (not used), false alarms", setting, 100 * np.mean(resampled))
        )
    return found


SIMULATIONS: tuple[Callable[[int, int, Generator], list[Found]], ...] = (
    cover_wilson,
    cover_groups,
    cover_harmonic,
    cover_precision,
    cover_seeds,
    level_tests,
    level_holm,
    level_seeds,
)


def main() -> None:
    """Run all simulations and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    print("| what | data | % |")
    print("|---|---|---|")
    for simulation in SIMULATIONS:
        for found in simulation(given.trials, given.draws, np.random.default_rng(1)):
            print(f"| {found.what} | {found.setting} | {found.share:.1f} |", flush=True)


if __name__ == "__main__":
    main()
