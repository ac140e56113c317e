"""A value is a statistic of its items: the one place where items become a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, SupportsFloat
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..metric import Items, Joint, Metric, Number, Rule
from . import precision

_STATISTICS: dict[Rule, Callable[[np.ndarray, Any], SupportsFloat]] = {
    "mean": lambda values, _: values.mean(),
    "share": lambda values, _: 100 * values.mean(),
    "median": lambda values, _: np.median(values),
    "lower-median": lambda values, _: np.sort(values)[(len(values) - 1) // 2],
    "sum": lambda values, _: values.sum(),
    "ratio": lambda above, below: 100 * precision.ratio(above, below),
    "map": lambda x, marks: 100 * np.nanmean(precision.per_label_average_precision(x, marks)),
    "micro_ap": lambda x, marks: 100 * precision.average_precision(x.ravel(), marks.ravel()),
    "f1_best": lambda x, marks: 100 * precision.best_f1(x, marks)[0],
    "threshold_best": lambda x, marks: sigmoid(precision.best_f1(x, marks)[1]),
    "threshold": lambda p, marks: precision.best_f1(p, marks)[1],
    "ece": lambda p, marks: 100 * precision.calibration_error(p, marks),
}
_VALUES: WeakKeyDictionary[Items, float] = WeakKeyDictionary()


def value_of(number: Number) -> float:
    """The number itself: every item once."""
    return float(combine([_value(part) for part in number.parts], number.rule))


def _value(items: Items) -> float:
    """The statistic of items, computed once: tables ask for it in several columns."""
    if items not in _VALUES:
        _VALUES[items] = float(_STATISTICS[items.rule](items.values, items.against))
    return _VALUES[items]


def combine(values: Sequence[Any], rule: Joint) -> NDArray[np.float64]:
    """One number of several, or of draws of several, [draws] each: their mean, or the harmonic of two."""
    if rule == "mean":
        return np.asarray(np.mean(values, axis=0))
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
    return Metric(name, value, split, count, hits, "", (), unit, higher_is_better, items)


def joined(name: str, parts: Sequence[Metric], rule: Joint) -> Metric:
    """The metric over splits that is made of these."""
    value = float(combine([part.value for part in parts], rule))
    return Metric(name, value, None, sum(p.n for p in parts), rule=rule, parts=tuple(parts))


def numbered(n: int) -> NDArray[np.str_]:
    """Names of items that have none: their rows, from 0."""
    return np.arange(n).astype(str)


def sigmoid(scores: np.ndarray | float) -> NDArray[np.float64]:
    """Probabilities of scores, without overflow."""
    from scipy.special import expit

    return np.asarray(expit(np.asarray(scores, np.float64)))
