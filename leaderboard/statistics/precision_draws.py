"""Average precision of labels on draws of items: most of what ranks of multi-label runs cost.

All counts are small whole numbers, which are added up row by row over all draws at once; only the
quotients are real, and their sum goes from the highest threshold down.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


def counting_type(largest: int) -> np.dtype[Any]:
    """The smallest type of at least 16 bits that holds counts up to `largest`."""
    return np.promote_types(np.min_scalar_type(largest), np.uint16)


class Precisions:
    """The average precision of many labels; those of equal scores, marks and units are computed once."""

    def __init__(self, units: int) -> None:
        self._units = units
        self._places: dict[tuple[bytes, bytes, bytes], int] = {}
        self._labels: list[_Label] = []
        self._last: tuple[Array, list[Array]] | None = None

    def __len__(self) -> int:
        return len(self._labels)

    def add(self, scores: Array, marks: Array, place: Array) -> int:
        """Its place among the labels.

        Args:
            scores: [n]. marks: [n], 0 or 1, some 1. place: the unit of each item, [n].
        """
        key = (scores.tobytes(), marks.tobytes(), place.tobytes())
        if key not in self._places:
            self._places[key] = len(self._labels)
            self._labels.append(_Label(scores, marks, place, self._units))
        return self._places[key]

    def thresholds(self, at: int) -> int:
        """How many distinct scores the positives of a label have."""
        return self._labels[at].thresholds

    def at(self, counts: Array) -> list[Array]:
        """In 0..1, [draws] for each label, NaN without a positive; kept for the next statistic.

        Args:
            counts: how often each unit was drawn, [units, draws].
        """
        if self._last is None or self._last[0] is not counts:
            largest = int(counts.max())
            self._last = counts, [label.precision(counts, largest) for label in self._labels]
        return self._last[1]


class _Label:
    """What comes in with each distinct score that a positive has, from the highest down.

    Thresholds between positives add no recall and only lower the precision: they are left out.
    """

    def __init__(self, scores: Array, marks: Array, place: Array, units: int) -> None:
        from scipy.sparse import coo_array

        positive = marks == 1
        levels = np.unique(scores[positive])[::-1]
        row = np.searchsorted(-levels, -scores)  # the first threshold that lets the item in
        kind = counting_type(units * int(np.bincount(place).max()))

        def table(which: Array) -> Any:
            cells = (np.ones(which.sum(), kind), (row[which], place[which]))
            return coo_array(cells, (len(levels), units)).tocsr()

        self.thresholds = len(levels)
        self._positives = int(positive.sum())
        self._together = int(np.bincount(row[positive]).max())
        self._entering = table(row < len(levels))
        self._positive = table(positive)

    def precision(self, counts: Array, largest: int) -> Array:
        """In 0..1 for each draw, [draws]; `largest`: of the counts."""
        gains, entries = self._positive @ counts, self._entering @ counts
        hits, chosen = np.zeros((2, counts.shape[1]), gains.dtype)
        bound = largest**2 * self._together * self._positives
        products = np.empty(len(hits), gains.dtype if bound <= np.iinfo(gains.dtype).max else float)
        quotients, total = np.empty(len(hits)), np.zeros(len(hits))
        for gain, entering in zip(gains, entries, strict=True):
            hits += gain
            chosen += entering
            np.multiply(gain, hits, out=products, dtype=products.dtype)
            np.maximum(chosen, 1, out=entering)  # nothing chosen, nothing gained
            np.divide(products, entering, out=quotients, dtype=np.float64)
            total += quotients
        with np.errstate(invalid="ignore"):
            return np.where(hits > 0, total / hits, np.nan)
