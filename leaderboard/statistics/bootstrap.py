"""Intervals over items: percentile bootstrap that draws whole sources, Wilson for independent clips.

B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13 (percentile
interval); drawing whole groups: A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their
Application" (1997), section 3.8.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...protocols.metrics import Items, Number, value_of
from ...protocols.metrics.items import combine, sigmoid
from ...protocols.metrics.precision import BINS, bins_of
from .intervals import wilson

Array = np.ndarray

DRAWS = 10_000
SEED = 0
LEVEL = 0.95
_CELLS = 600_000  # numbers in one table: 5 MB, some ten of them at a time; caches hold few more
_BIASED = frozenset({"map", "micro_ap", "f1_best", "ece"})
K = TypeVar("K", bound=Hashable)


class ItemInterval(NamedTuple):
    """What the items of one run say about a number, in its unit."""

    low: float
    high: float
    stderr: float
    method: str
    """wilson, bootstrap-items, or bootstrap-groups where some share a source."""


@dataclass(frozen=True)
class _Statistic:
    """A number as a function of how often each unit was drawn: [U, draws] -> [draws].

    `width`: numbers that it keeps for each draw.
    """

    of: Callable[[Array], Array]
    width: int


def draw(numbers: Sequence[Number], draws: int = DRAWS, seed: int = SEED) -> Array:
    """Values of these numbers on resampled items, [numbers, draws].

    Each draw takes as many units with replacement as there are in all parts of all numbers, a
    multinomial weight for each; a unit (a group, or an item that shares its source with none) has
    one weight wherever it occurs: in several splits, numbers and runs. The same units and seed give
    the same draws. NaN where a draw leaves a part without items, or without a positive label.

    Average precision, best F1 and calibration error are larger on resampled items, which hold some items
    twice, than on the items themselves, by as much as they are larger on a test set than on all videos
    there could be. Their draws are moved down by that, to be centred on the number: else the intervals of
    mean AP would cover 60 to 90 % instead of 95 % (docs/statistics.md).
    """
    units = _units(numbers)
    compiled = _compiled(numbers, units)
    widest = max([len(units), *(s.width for s in compiled.values())])
    chunks = _weights(len(units), draws, max(1, _CELLS // widest), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [[_values(number, compiled, w) for number in numbers] for w in chunks]
    values = np.concatenate([np.stack(some) for some in found], axis=1)
    for row, number in zip(values, numbers, strict=True):
        if any(part.rule in _BIASED for part in number.parts):
            row -= np.nanmean(row) - value_of(number)
    return values


def intervals(
    numbers: Mapping[K, Number], level: float = LEVEL, draws: int = DRAWS, seed: int = SEED
) -> dict[K, ItemInterval]:
    """The interval of every number; equal input gives equal output.

    Wilson's for the accuracy of clips that share no source, and for shares of 0 or 100 % where
    resampling shows no spread (groups then count as items); else the percentile bootstrap. A
    percentile interval can leave its value out, that of a median above all: it is then widened to it.
    An interval of a share ends at 0 and 100 %.
    """
    found: dict[K, ItemInterval] = {}
    together: dict[tuple[str, ...], dict[K, Number]] = defaultdict(dict)
    for key, number in numbers.items():
        exact = _wilson(number, level)
        if exact is not None:
            found[key] = exact
        else:
            together[tuple(_units([number]))][key] = number
    for some in together.values():
        keys, given = list(some), list(some.values())
        for key, number, values in zip(keys, given, draw(given, draws, seed), strict=True):
            found[key] = _percentile(number, values, level)
    return {key: found[key] for key in numbers}


def percentiles(values: Array, units: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval that draws give, those without a value left out; see `tail`."""
    end = 100 * tail(units, level)
    low, high = np.nanpercentile(values, [end, 100 - end])
    return float(low), float(high)


def tail(units: int, level: float = LEVEL) -> float:
    """Share of the draws beyond each end of the interval: 0.025, and less where units are few.

    Draws of n units spread less than they should by sqrt((n - 1) / n), and know nothing of the t
    distribution: Phi(-t sqrt(n / (n - 1))) makes up for both, t of n - 1 degrees of freedom.

    T. C. Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69
    (2015), 371-386, section 3.3 (expanded percentile interval).
    """
    from scipy.stats import norm, t

    if units < 2:
        return 0.0
    quantile = t.ppf((1 + level) / 2, df=units - 1)
    return float(norm.cdf(-quantile * (units / (units - 1)) ** 0.5))


def unit_count(numbers: Sequence[Number]) -> int:
    """How many units draws of these numbers take."""
    return len(_units(numbers))


def _percentile(number: Number, values: Array, level: float) -> ItemInterval:
    own = value_of(number)
    low, high = percentiles(values, unit_count([number]), level)
    if any(part.rule in _BIASED for part in number.parts):  # moved draws can leave the scale
        low, high = max(low, 0.0), min(high, 100.0)
    how = "bootstrap-groups" if number.grouped else "bootstrap-items"
    return ItemInterval(min(low, own), max(high, own), float(np.nanstd(values)), how)


def wilson_interval(hits: int, n: int, level: float = LEVEL) -> ItemInterval:
    """Wilson's interval in % for `hits` of n independent items, with the binomial standard error."""
    low, high = wilson(hits, n, level)
    share = hits / n
    return ItemInterval(100 * low, 100 * high, 100 * math.sqrt(share * (1 - share) / n), "wilson")


def _wilson(number: Number, level: float) -> ItemInterval | None:
    """Wilson's interval in %, where it is the right one."""
    part, hits = number.parts[0], number.parts[0].hits
    if len(number.parts) > 1 or hits is None:
        return None
    settled = hits.all() or not hits.any()
    if not settled and (number.grouped or not part.clips):
        return None
    n = len(np.unique(part.units)) if settled else len(hits)
    return wilson_interval(round(float(hits.mean()) * n), n, level)


def _units(numbers: Sequence[Number]) -> Array:
    return np.unique(np.concatenate([part.units for n in numbers for part in n.parts]))


def _weights(units: int, draws: int, chunk: int, seed: int) -> Iterator[Array]:
    """How often each unit is drawn, [units, up to `chunk` draws] at a time."""
    rng = np.random.RandomState(seed)  # its stream is the same in every version of numpy
    for start in range(0, draws, chunk):
        some = min(chunk, draws - start)
        picks = rng.randint(0, units, size=(some, units))
        picks += units * np.arange(some)[:, None]
        counts = np.bincount(picks.ravel(), minlength=units * some)
        yield np.ascontiguousarray(counts.reshape(some, units).T, dtype=np.float64)


def _values(number: Number, compiled: Mapping[int, _Statistic], weights: Array) -> Array:
    """The number for each column of weights: its parts, and the rule that joins them."""
    return combine([compiled[id(part)].of(weights) for part in number.parts], number.rule)


def _compiled(numbers: Sequence[Number], units: Array) -> dict[int, _Statistic]:
    """The statistic of every part, by its identity."""
    found: dict[int, _Statistic] = {}
    curves: dict[int, _Curve] = {}  # by the identity of the scores
    for part in (part for number in numbers for part in number.parts):
        if id(part) not in found:
            place = np.searchsorted(units, part.units)
            found[id(part)] = _statistic(part, place, len(units), curves)
    return found


def _statistic(items: Items, place: Array, units: int, curves: dict[int, _Curve]) -> _Statistic:
    """The statistic of items whose units stand at `place` [n] among so many units."""
    if items.rule in ("median", "lower-median"):
        return _median(items, place, units)
    if items.rule == "map":
        return _mean_precision(items, place, units)
    if items.rule == "ece":
        return _calibration(items, place, units)
    if items.rule in ("micro_ap", "f1_best", "threshold_best", "threshold"):
        assert items.against is not None
        if id(items.values) not in curves:
            each = np.repeat(place, items.values.shape[1])
            pairs = items.values.ravel(), items.against.ravel()
            curves[id(items.values)] = _Curve(*pairs, each, units)
        return _pairs(items, curves[id(items.values)])
    return _sums(items, place, units)


def _sums(items: Items, place: Array, units: int) -> _Statistic:
    """Means, sums and ratios of sums: linear in the weights but for the end."""
    below = np.ones(len(place)) if items.against is None else items.against
    above, total = (np.bincount(place, column, units) for column in (items.values, below))

    def of(weights: Array) -> Array:
        upper: Array = above @ weights
        if items.rule == "sum":
            return upper
        share: Array = (100 * upper if items.rule == "share" else upper) / (total @ weights)
        # of nothing chosen and nothing right, F1 is 0
        return np.nan_to_num(100 * share) if items.rule == "ratio" else share

    return _Statistic(of, 1)


def _calibration(items: Items, place: Array, units: int) -> _Statistic:
    """The calibration error, from how far probabilities are from marks in each bin of each unit."""
    assert items.against is not None
    cells = bins_of(items.values) * units + place[:, None]
    gaps = (items.values - items.against).ravel()
    above = np.bincount(cells.ravel(), gaps, BINS * units).reshape(BINS, units)
    total = np.bincount(place, minlength=units) * items.values.shape[1]

    def of(weights: Array) -> Array:
        return np.asarray(100 * np.abs(above @ weights).sum(0) / (total @ weights))

    return _Statistic(of, BINS)


def _median(items: Items, place: Array, units: int) -> _Statistic:
    from scipy.sparse import coo_array

    distinct, row = np.unique(items.values, return_inverse=True)
    table = coo_array((np.ones(len(row)), (row, place)), (len(distinct), units)).tocsr()

    def of(weights: Array) -> Array:
        reached = _running(table @ weights)
        total = reached[-1]
        lower = distinct[(reached >= np.ceil(total / 2)).argmax(0)]
        upper = distinct[(reached >= np.floor(total / 2) + 1).argmax(0)]
        middle = lower if items.rule == "lower-median" else (lower + upper) / 2
        return np.where(total > 0, middle, np.nan)

    return _Statistic(of, len(distinct))


class _Curve:
    """What stands at or above each distinct score that a positive has, from the highest down.

    Thresholds between positives add no recall and only lower the precision: they are left out.
    `scores`: the thresholds, [P].
    """

    def __init__(self, scores: Array, marks: Array, place: Array, units: int) -> None:
        from scipy.sparse import coo_array

        self.scores = np.unique(scores[marks == 1])[::-1]
        row = np.searchsorted(-self.scores, -scores)  # the first threshold that lets the item in

        def table(which: Array) -> Any:
            cells = (np.ones(which.sum()), (row[which], place[which]))
            return coo_array(cells, (len(self.scores), units)).tocsr()

        self._entering = table(row < len(self.scores))
        self._positive = table(marks == 1)
        self._last: tuple[Array, tuple[Array, Array, Array]] | None = None

    def at(self, weights: Array) -> tuple[Array, Array, Array]:
        """Positives that come in with each threshold; positives, and items, above it: [P, draws]."""
        gain = self._positive @ weights
        return gain, _running(gain.copy()), _running(self._entering @ weights)

    def kept(self, weights: Array) -> tuple[Array, Array, Array]:
        """The same, kept for the next statistic of this curve."""
        if self._last is None or self._last[0] is not weights:
            self._last = weights, self.at(weights)
        return self._last[1]


def _running(table: Array) -> Array:
    """Sums down the columns, in place: for wide rows five times as fast as cumsum(axis=0)."""
    if table.shape[1] < 100:
        return np.cumsum(table, axis=0, out=table)
    for above, row in pairwise(table):
        row += above
    return table


def _area(gain: Array, hits: Array, chosen: Array) -> Array:
    """Average precision in 0..1 for each draw; NaN without a positive."""
    each = gain * hits
    each /= np.maximum(chosen, 1.0)  # nothing chosen, nothing gained
    total = hits[-1]
    return np.where(total > 0, each.sum(0) / total, np.nan)


def _mean_precision(items: Items, place: Array, units: int) -> _Statistic:
    """Mean over the labels that have a positive among what was drawn."""
    assert items.against is not None
    labels = zip(items.values.T, items.against.T, strict=True)
    curves = [_Curve(s, m, place, units) for s, m in labels if m.any()]

    def of(weights: Array) -> Array:
        total, count = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
        for curve in curves:
            each = _area(*curve.at(weights))
            count += np.isfinite(each)
            total += np.nan_to_num(each)
        return 100 * total / count

    return _Statistic(of, max(len(curve.scores) for curve in curves))


def _pairs(items: Items, curve: _Curve) -> _Statistic:
    """Over all pairs of item and label: average precision, best F1, and the threshold it is found at."""

    def of(weights: Array) -> Array:
        gain, hits, chosen = curve.kept(weights)
        if items.rule == "micro_ap":
            return 100 * _area(gain, hits, chosen)
        f1 = 2 * hits / (chosen + hits[-1])
        if items.rule == "f1_best":
            return np.asarray(100 * f1.max(0))
        best: Array = curve.scores[f1.argmax(0)]
        return best if items.rule == "threshold" else sigmoid(best)

    return _Statistic(of, len(curve.scores))
