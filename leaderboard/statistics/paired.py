"""Two methods on the same items: difference, interval, test, and what the test could have found.

The exact McNemar test for the accuracy of clips that share no source; else a paired bootstrap, in
which both methods are scored on the same draws of items.

Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
percentages", Psychometrika 12 (1947), 153-157. S. Holm, "A simple sequentially rejective multiple test
procedure", Scandinavian Journal of Statistics 6 (1979), 65-70.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...protocols.metrics import Items, Number, value_of
from .bootstrap import DRAWS, LEVEL, SEED, draw, percentiles, unit_count
from .intervals import wilson

Array = np.ndarray

POWER = 0.8


@dataclass(frozen=True)
class Comparison:
    """One number of two methods, B against A, in the unit of the number.

    Attributes:
        a, b: the numbers, means over seeds. difference: b - a.
        low, high: interval of the difference. level: of the interval.
        p: two-sided, of no difference. p_holm: corrected for the other comparisons, see `corrected`.
        only_a, only_b: items that only A, or only B, has right; None where that means nothing.
        n: items. seeds: pairs of runs.
        method: mcnemar-exact, bootstrap-items or bootstrap-groups; with "+t-seeds" where the spread
            over three or more seeds is in the interval.
        smallest: the smallest difference that this test, were it the only one, finds with a power of
            80 %; None: none.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    level: float
    p: float
    p_holm: float
    only_a: int | None
    only_b: int | None
    n: int
    seeds: int
    method: str
    smallest: float | None

    @property
    def separable(self) -> bool:
        """Whether the corrected test tells the two apart at the level of the interval."""
        return self.p_holm < 1 - self.level

    def equivalent(self, margin: float) -> bool:
        """Whether the whole interval lies within the margin on both sides of no difference."""
        return -margin <= self.low and self.high <= margin


def compare(
    a: Sequence[Number],
    b: Sequence[Number],
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Comparison:
    """Compare one number of two methods.

    Args:
        a, b: the number of each run, in the same order of seeds: a[i] and b[i] are a pair. One run may
            be paired with each of the other method's: give it several times.

    With three or more seeds each draw of items gets a term for the seeds: their standard error on those
    items times a draw from Student's t with one degree of freedom less than there are seeds. Drawing
    three seeds with replacement instead would cover about as badly as 1.96 standard errors do. Two
    seeds are averaged; their spread is not in the interval.

    Raises:
        ValueError: no runs or unequal numbers of them, items that are not the same, or all of one source.
    """
    if not a or len(a) != len(b):
        raise ValueError(f"runs must come in pairs, not {len(a)} and {len(b)}")
    for run in (*a, *b):
        check_same_items(a[0], run)
    units = unit_count([*a, *b])
    if units < 2:
        raise ValueError("all items have one source: nothing says how the difference varies")
    paired = _differences(a, b, draws, seed)
    drawn = over_seeds(paired, seed)
    each = [[value_of(number) for number in side] for side in (a, b)]
    values = [sum(side) / len(side) for side in each]
    low, high = percentiles(drawn, units, level)
    counts = _discordant(a[0], b[0]) if len(a) == 1 else None
    n = _count(a[0])
    how = "bootstrap-groups" if a[0].grouped else "bootstrap-items"
    if counts is not None and not a[0].grouped:
        p, how = _mcnemar(*counts), "mcnemar-exact"
        smallest = smallest_discordant(*counts, n, 1 - level)
    else:
        apart = [y - x for x, y in zip(*each, strict=True)]
        p, smallest = _bootstrap_p(drawn, units), _smallest(paired, apart, units, 1 - level)
    if counts == (0, 0):  # nothing to resample: how much the units there are can hide
        high = 100 * wilson(0, units, level)[1]
        low = -high
    if len(a) > 2:
        how += "+t-seeds"
    difference = values[1] - values[0]
    low, high = min(low, difference), max(high, difference)
    only_a, only_b = counts if counts is not None else (None, None)
    return Comparison(
        values[0], values[1], difference, low, high, level, p, p, only_a, only_b, n, len(a), how, smallest
    )  # fmt: skip


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with p values by Holm: all of them true at once with the chance of one."""
    from dataclasses import replace

    from statsmodels.stats.multitest import multipletests

    if not comparisons:
        return []
    raised = multipletests([c.p for c in comparisons], method="holm")[1]
    return [replace(c, p_holm=float(p)) for c, p in zip(comparisons, raised, strict=True)]


def check_same_items(a: Number, b: Number) -> None:
    """Refuse numbers that are not of the same items, rule and sources.

    Raises:
        ValueError: naming how many items differ, and the first of them.
    """
    rules = [(number.rule, [part.rule for part in number.parts]) for number in (a, b)]
    if rules[0] != rules[1]:
        raise ValueError(f"they are not the same statistic: {rules[0]} and {rules[1]}")
    for first, second in zip(a.parts, b.parts, strict=True):
        if _same(first.ids, second.ids) and _same(first.groups, second.groups):
            continue
        missing = np.setxor1d(first.ids, second.ids)
        if len(missing):
            side = "first" if np.isin(missing[0], first.ids) else "second"
            raise ValueError(
                f"{len(missing)} items are in one run only, the first of them "
                f"{str(missing[0])!r}, which only the {side} has"
            )
        if len(np.setxor1d(first.units, second.units)):
            raise ValueError("the runs disagree on which items share a source")


def _same(a: Array | None, b: Array | None) -> bool:
    """Equal in the same order, which is quicker to tell than whether they are the same as sets."""
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def smallest_discordant(only_a: int, only_b: int, n: int, alpha: float = 0.05) -> float | None:
    """The smallest difference in points that the exact McNemar test finds with a power of 80 %.

    Given the number of discordant items d = only_a + only_b, only_b is Bin(d, q); the test refuses
    q = 1/2 in the tails of Bin(d, 1/2). The smallest q above 1/2 whose Bin(d, q) falls there with 80 %
    gives the difference 100 (2q - 1) d / n. None where even q = 1 does not: d of 5 or less, at 0.05.
    """
    from scipy.optimize import brentq
    from scipy.stats import binom

    d = only_a + only_b
    tails = 2 * binom.cdf(np.arange(d // 2 + 1), d, 0.5)
    below = int((tails <= alpha).sum()) - 1  # the largest count that is refused
    if below < 0:
        return None

    def lacking(q: float) -> float:
        return float(binom.sf(d - below - 1, d, q) + binom.cdf(below, d, q)) - POWER

    q = float(brentq(lacking, 0.5, 1.0))
    return 100 * (2 * q - 1) * d / n


def _differences(a: Sequence[Number], b: Sequence[Number], draws: int, seed: int) -> Array:
    """b - a on the same draws of items, [seeds, draws]."""
    values = draw([*a, *b], draws, seed)
    return np.asarray(values[len(a) :] - values[: len(a)])


def over_seeds(values: Array, seed: int, stream: int = 0) -> Array:
    """Mean over seeds [S, draws] -> [draws], plus a draw of its error from t where S is 3 or more.

    `stream`: another one for each method whose seeds have nothing to do with each other.
    """
    seeds, draws = values.shape
    mean = values.mean(0)
    if seeds < 3:
        return np.asarray(mean)
    t = np.random.RandomState([seed, seeds, stream]).standard_t(seeds - 1, size=draws)
    return np.asarray(mean + values.std(0, ddof=1) / math.sqrt(seeds) * t)


def _bootstrap_p(drawn: Array, units: int) -> float:
    """The p whose interval (`bootstrap.tail`) ends at no difference; the observed one counts as a draw."""
    from scipy.special import ndtri, stdtr

    drawn = drawn[np.isfinite(drawn)]
    fewer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    share = min(0.5, (fewer + 1) / (len(drawn) + 1))
    quantile = ndtri(share) * ((units - 1) / units) ** 0.5
    return float(2 * stdtr(units - 1, quantile))


def _smallest(paired: Array, apart: Sequence[float], units: int, alpha: float) -> float | None:
    """(t of 1 - alpha/2 plus t of 80 %) standard errors (H. S. Bloom, Evaluation Review 19, 1995).

    Args:
        paired: differences on draws of items, [seeds, draws]. apart: differences of the seeds.

    From three seeds on the error is that of the items and of the seeds together, and the degrees of
    freedom those of the seeds, which are the fewest.
    """
    from scipy.special import stdtrit

    seeds = len(apart)
    variance = float(np.nanvar(paired.mean(0)))
    if seeds > 2:
        variance += float(np.var(apart, ddof=1)) / seeds
    freedom = seeds - 1 if seeds > 2 else units - 1
    quantiles = float(stdtrit(freedom, 1 - alpha / 2) + stdtrit(freedom, POWER))
    return quantiles * math.sqrt(variance) if variance else None


def same_clips_p(a: Number, b: Number) -> float | None:
    """p of the exact McNemar test of two runs; None where it is not for such numbers."""
    counts = _discordant(a, b)
    return None if counts is None or a.grouped else _mcnemar(*counts)


def _mcnemar(only_a: int, only_b: int) -> float:
    from statsmodels.stats.contingency_tables import mcnemar

    return float(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue)


def _discordant(a: Number, b: Number) -> tuple[int, int] | None:
    """Items that only one of the two has right; None for numbers that are not made of such items."""
    if len(a.parts) > 1 or not a.parts[0].clips:
        return None
    left, right = _right(a.parts[0]), _right(b.parts[0])
    return int((left & ~right).sum()), int((right & ~left).sum())


def _right(items: Items) -> Array:
    return np.asarray(items.values[np.argsort(items.ids)] > 0)


def _count(number: Number) -> int:
    return sum(len(np.unique(part.ids)) for part in number.parts)
