"""A number as a function of how often each unit was drawn, for many draws at once.

Counts are whole numbers, and so is much that is summed over them: such sums are exact in any order, so
that all rows of a table can be multiplied at once, and small integers do for them. Where values are no
whole numbers, the order of the sums is kept: equal draws are then equal to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ...protocols.metrics import Items
from ...protocols.metrics.items import sigmoid
from ...protocols.metrics.precision import BINS, bins_of
from .precision_draws import Precisions, counting_type

Array = np.ndarray

_EXACT = 2.0**51  # sums of halves of whole numbers below this are exact in float64
_BLOCK = 1000  # draws that are turned into float64 at a time
_ROWS = 32  # that are multiplied at a time
_SMALL = 260_000  # multiplications that BLAS does in one thread: with two, waiting costs ten times the work


class Drawn:
    """How often each unit was drawn: `counts` [units, draws], unsigned integers."""

    def __init__(self, counts: Array) -> None:
        self.counts = counts

    @cached_property
    def real(self) -> Array:
        """The same in float64."""
        return self.counts.astype(np.float64)


@dataclass(frozen=True)
class Statistic:
    """A number of each draw.

    Attributes:
        of: draws -> [draws].
        width: numbers that it keeps for each draw.
        whole: whether its sums are of whole numbers: it is the same to the last digit, however many draws
            are taken at once.
    """

    of: Callable[[Drawn], Array]
    width: int
    whole: bool


def statistics(parts: Iterable[Items], units: Array) -> tuple[dict[int, Statistic], int]:
    """The statistic of every one of `parts`, by its identity; and how many numbers a draw they share.

    Args:
        units: the names of all units, [U], sorted; see `Items.units`.
    """
    compiler = _Compiler(units)
    made: dict[int, Statistic] = {}
    for part in parts:
        if id(part) not in made:
            made[id(part)] = compiler.statistic(part)
    return made, compiler.shared


class _Compiler:
    """What statistics of the same units share: products, curves and the places of items."""

    def __init__(self, units: Array) -> None:
        self._names = units
        self._units = len(units)
        self._places: dict[bytes, Array] = {}
        self._curves: dict[int, _Curve] = {}  # by the identity of the scores
        self._products = _Products()
        self._precisions = Precisions(self._units)

    @property
    def shared(self) -> int:
        """How many numbers of each draw are kept for several statistics."""
        return len(self._products) + len(self._precisions)

    def statistic(self, items: Items) -> Statistic:
        """The statistic of these items."""
        place = self._place(items)
        if items.rule in ("median", "lower-median"):
            return _median(items, place, self._units)
        if items.rule == "map":
            return self._mean_precision(items, place)
        if items.rule == "ece":
            return _calibration(items, place, self._units)
        if items.rule in ("micro_ap", "f1_best", "threshold_best", "threshold"):
            return _pairs(items, self._curve(items, place))
        return self._sums(items, place)

    def _place(self, items: Items) -> Array:
        """Where the unit of each item stands, [n]."""
        key = items.units.dtype.str.encode() + items.units.tobytes()
        if key not in self._places:
            self._places[key] = np.searchsorted(self._names, items.units)
        return self._places[key]

    def _curve(self, items: Items, place: Array) -> _Curve:
        assert items.against is not None
        if id(items.values) not in self._curves:
            each = np.repeat(place, items.values.shape[1])
            pairs = items.values.ravel(), items.against.ravel()
            self._curves[id(items.values)] = _Curve(*pairs, each, self._units)
        return self._curves[id(items.values)]

    def _mean_precision(self, items: Items, place: Array) -> Statistic:
        """Mean over the labels that have a positive among what was drawn."""
        assert items.against is not None
        labels = zip(items.values.T, items.against.T, strict=True)
        places = [self._precisions.add(s, m, place) for s, m in labels if m.any()]

        def of(drawn: Drawn) -> Array:
            each = self._precisions.at(drawn.counts)
            total, count = np.zeros(drawn.counts.shape[1]), np.zeros(drawn.counts.shape[1])
            for at in places:
                count += np.isfinite(each[at])
                total += np.nan_to_num(each[at])
            return 100 * total / count

        return Statistic(of, max(self._precisions.thresholds(at) for at in places), whole=True)

    def _sums(self, items: Items, place: Array) -> Statistic:
        """Means, sums and ratios of sums: linear in the weights but for the end."""
        below = np.ones(len(place)) if items.against is None else items.against
        above, total = (np.bincount(place, c, self._units) for c in (items.values, below))
        whole = _whole(above, self._units) and _whole(total, self._units)
        rows = [self._products.add(row) for row in (above, total)] if whole else []

        def of(drawn: Drawn) -> Array:
            if whole:
                upper, lower = (self._products.at(drawn)[row] for row in rows)
            else:
                upper, lower = above @ drawn.real, total @ drawn.real
            if items.rule == "sum":
                return np.array(upper)
            share: Array = (100 * upper if items.rule == "share" else upper) / lower
            # of nothing chosen and nothing right, F1 is 0
            return np.nan_to_num(100 * share) if items.rule == "ratio" else share

        return Statistic(of, 1, whole)


class _Products:
    """Rows of whole numbers, [units] each, that are multiplied with the counts together."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._rows: list[Array] = []
        self._last: tuple[Drawn, Array] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Array) -> int:
        """Its place among the rows; equal rows have one."""
        key = row.tobytes()
        if key not in self._places:
            self._places[key] = len(self._rows)
            self._rows.append(row)
        return self._places[key]

    def at(self, drawn: Drawn) -> Array:
        """The sums of all rows, [rows, draws]; kept for the next statistic."""
        if self._last is None or self._last[0] is not drawn:
            table, counts = np.stack(self._rows), drawn.counts
            made = np.empty((len(table), counts.shape[1]))
            for start in range(0, counts.shape[1], _BLOCK):
                block = slice(start, start + _BLOCK)
                _multiply(table, counts[:, block].astype(np.float64), made[:, block])
            self._last = drawn, made
        return self._last[1]


def _multiply(table: Array, weights: Array, out: Array) -> None:
    """`table @ weights` into `out`, in small blocks."""
    width = max(8, _SMALL // (_ROWS * len(weights)))
    for top in range(0, len(table), _ROWS):
        for left in range(0, weights.shape[1], width):
            own = slice(top, top + _ROWS), slice(left, left + width)
            out[own] = table[own[0]] @ weights[:, own[1]]


def _whole(row: Array, units: int) -> bool:
    """Whether any sum over `units` draws of these numbers is exact: halves of integers, not too large."""
    doubled = 2 * row
    return bool((np.rint(doubled) == doubled).all() and np.abs(row).max() * units < _EXACT)


def _calibration(items: Items, place: Array, units: int) -> Statistic:
    """The calibration error, from how far probabilities are from marks in each bin of each unit."""
    assert items.against is not None
    cells = bins_of(items.values) * units + place[:, None]
    gaps = (items.values - items.against).ravel()
    above = np.bincount(cells.ravel(), gaps, BINS * units).reshape(BINS, units)
    total = np.bincount(place, minlength=units) * items.values.shape[1]

    def of(drawn: Drawn) -> Array:
        return np.asarray(100 * np.abs(above @ drawn.real).sum(0) / (total @ drawn.real))

    return Statistic(of, BINS, whole=False)


def _median(items: Items, place: Array, units: int) -> Statistic:
    from scipy.sparse import coo_array

    distinct, row = np.unique(items.values, return_inverse=True)
    kind = counting_type(units * int(np.bincount(place).max()))
    table = coo_array((np.ones(len(row), kind), (row, place)), (len(distinct), units)).tocsr()

    def of(drawn: Drawn) -> Array:
        each = table @ drawn.counts
        total = each.sum(0, dtype=each.dtype)
        # values that fewer than half of the items reach, and that no more than half do
        at_lower, at_upper = np.zeros((2, len(total)), np.int64)
        reached, need, more = np.zeros_like(total), total - total // 2, total // 2 + 1
        for some in each:
            reached += some
            at_lower += reached < need
            at_upper += reached < more
        last = len(distinct) - 1  # for draws without any item, which have no median
        lower, upper = (distinct[np.minimum(at, last)] for at in (at_lower, at_upper))
        middle = lower if items.rule == "lower-median" else (lower + upper) / 2
        return np.where(total > 0, middle, np.nan)

    return Statistic(of, len(distinct), whole=True)


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
        self._last: tuple[Drawn, tuple[Array, Array, Array]] | None = None

    def at(self, drawn: Drawn) -> tuple[Array, Array, Array]:
        """Positives that come in with each threshold; positives, and items, above it: [P, draws].

        Kept for the next statistic of this curve.
        """
        if self._last is None or self._last[0] is not drawn:
            gain = self._positive @ drawn.real
            made = gain, _running(gain.copy()), _running(self._entering @ drawn.real)
            self._last = drawn, made
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


def _pairs(items: Items, curve: _Curve) -> Statistic:
    """Over all pairs of item and label: average precision, best F1, and the threshold it is found at."""

    def of(drawn: Drawn) -> Array:
        gain, hits, chosen = curve.at(drawn)
        if items.rule == "micro_ap":
            return 100 * _area(gain, hits, chosen)
        f1 = 2 * hits / (chosen + hits[-1])
        if items.rule == "f1_best":
            return np.asarray(100 * f1.max(0))
        best: Array = curve.scores[f1.argmax(0)]
        return best if items.rule == "threshold" else sigmoid(best)

    return Statistic(of, len(curve.scores), whole=False)
