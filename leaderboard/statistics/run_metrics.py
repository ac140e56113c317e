"""The metrics of a run as its record holds them: value, interval over items or why there is none, parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...protocols.metrics import Metric, Number, value_of
from .bootstrap import LEVEL, ItemInterval, intervals, wilson_interval

CLOSE = 1e-9  # relative and absolute: sums in another order


def metric_entries(metrics: Sequence[Metric], shared: bool) -> list[dict[str, Any]]:
    """The `metrics` of a record; `shared`: see `intervals_of`."""
    return list(map(metric_entry, metrics, intervals_of(metrics, shared)))


def metric_entry(metric: Metric, interval: ItemInterval | str) -> dict[str, Any]:
    """One metric; `interval`: or one sentence on why it has none."""
    given = None if isinstance(interval, str) else interval
    return {
        "name": metric.name,
        "value": float(metric.value),
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "n": metric.n,
        "stderr": given.stderr if given else None,
        "ci_low": given.low if given else None,
        "ci_high": given.high if given else None,
        "ci_method": given.method if given else None,
        "level": LEVEL if given else None,
        "split": metric.split,
    } | ({} if given else {"no_interval": interval})


def aggregates(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """The `aggregates` of a record: what metrics over splits were computed from."""
    return [
        {
            "name": metric.name,
            "rule": metric.rule,
            "parts": [{"name": m.name, "split": m.split} for m in metric.parts],
        }
        for metric in metrics
        if metric.parts
    ]


def intervals_of(metrics: Sequence[Metric], shared: bool) -> list[ItemInterval | str]:
    """What a record says of each metric: its interval over items, or one sentence on why it has none.

    A metric without items, such as one of a plugin's own, has Wilson's interval if it is a proportion of
    clips that share no source.

    Args:
        shared: whether videos of a split share a source, see `shares_sources`.
    """
    numbers: dict[int, Number] = {}
    others: dict[int, ItemInterval | str] = {}
    for place, metric in enumerate(metrics):
        number = metric.number
        if number is None:
            others[place] = _without_items(metric, shared)
        elif math.isclose(value_of(number), metric.value, rel_tol=CLOSE, abs_tol=CLOSE):
            numbers[place] = number
        else:  # a protocol of a plugin may say what it likes
            others[place] = f"it is {metric.value:g}, and its items give {value_of(number):g}"
    each = others | intervals(numbers)
    return [each[place] for place in range(len(metrics))]


def shares_sources(groups: Iterable[np.ndarray | None]) -> bool:
    """Whether any two videos of a split share a source.

    Args:
        groups: of each split what its videos come from, [N], "" for nothing; None: nothing for all.
    """
    named = [some[some != ""] for some in groups if some is not None]
    return any(len(np.unique(some)) < len(some) for some in named)


def _without_items(metric: Metric, shared: bool) -> ItemInterval | str:
    if metric.hits is not None and metric.n and not shared:
        return wilson_interval(metric.hits, metric.n)
    if metric.hits is not None and metric.n:
        return "its protocol does not say which items are its hits, and videos share sources"
    if metric.parts:
        return "it is made of other metrics in its protocol's own way, or of some without items"
    return "its protocol does not say which items it is made of"
