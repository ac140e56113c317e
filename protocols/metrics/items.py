"""A value is a statistic of its items: the one place where items become a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from ..metric import Items, Joint, Key, Metric, Number, Rule
from .precision import (
    average_precision,
    best_f1,
    calibration_error,
    per_label_average_precision,
    ratio,
)

__all__ = [
    "Items",
    "Joint",
    "Key",
    "Metric",
    "Number",
    "Rule",
    "combine",
    "joined",
    "measured",
    "numbered",
    "sigmoid",
    "value_of",
]

_OF_VALUES: dict[str, Callable[[NDArray], SupportsFloat]] = {
    "mean": np.mean,
    "share": lambda values: 100 * values.mean(),
    "median": np.median,
    "lower-median": lambda values: np.sort(values)[(len(values) - 1) // 2],
    "sum": np.sum,
}
_AGAINST: dict[str, Callable[[NDArray, NDArray], SupportsFloat]] = {
    "ratio": lambda above, below: 100 * ratio(above, below),
    "map": lambda scores, marks: 100 * np.nanmean(per_label_average_precision(scores, marks)),
    "micro_ap": lambda scores, marks: 100 * average_precision(scores.ravel(), marks.ravel()),
    "f1_best": lambda scores, marks: 100 * best_f1(scores, marks)[0],
    "threshold_best": lambda scores, marks: sigmoid(best_f1(scores, marks)[1]),
    "threshold": lambda probabilities, marks: best_f1(probabilities, marks)[1],
    "ece": lambda probabilities, marks: 100 * calibration_error(probabilities, marks),
}


def value_of(number: Number) -> float:
    """The number itself: every item once."""
    return float(combine([_statistic(part) for part in number.parts], number.rule))


def combine(values: Sequence[Any], rule: Joint) -> NDArray[np.float64]:
    """One number of several, or of draws of several, [draws] each: their mean, or the harmonic of two."""
    if rule == "mean":
        return np.mean(values, axis=0)
    a, b = np.asarray(values)
    return np.where(np.isnan(a + b), np.nan, 2 * a * b / np.where(a + b > 0, a + b, 1.0))


def measured(
    name: str,
    split: str | None,
    items: Items,
    n: int | None = None,
    hits: int | None = None,
    unit: str = "%",
    higher_is_better: bool = True,
) -> Metric:
    """The metric that is the statistic of these items; `n`: their number, if not given."""
    value, count = value_of(Number((items,))), len(items.ids) if n is None else n
    return Metric(
        name, value, split, count, hits, unit=unit, higher_is_better=higher_is_better, items=items
    )


def joined(name: str, parts: Sequence[Metric], rule: Joint) -> Metric:
    """The metric over splits that is made of these."""
    value = float(combine([part.value for part in parts], rule))
    return Metric(name, value, None, sum(p.n for p in parts), rule=rule, parts=tuple(parts))


def numbered(n: int) -> NDArray[np.str_]:
    """Names of items that have none: their rows, from 0."""
    return np.arange(n).astype(str)


def sigmoid(scores: NDArray | float) -> NDArray:
    """Probabilities of scores, without overflow."""
    from scipy.special import expit

    return expit(np.asarray(scores, np.float64))


def _statistic(items: Items) -> float:
    if items.against is None:
        return float(_OF_VALUES[items.rule](items.values))
    return float(_AGAINST[items.rule](items.values, items.against))
