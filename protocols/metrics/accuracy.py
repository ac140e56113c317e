"""Metrics from scores: plain functions on arrays, no network in sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..metric import Metric

TIE_RULE = "pessimistic: a target that shares its score ranks behind all that share it"


def ranks(scores: NDArray[np.floating], target: NDArray[np.integer]) -> NDArray[np.int64]:
    """Rank of the target among the candidates, 0 is best: [N, K], [N] -> [N].

    Ties count against the target, so constant scores are never right.

    Raises:
        ValueError: scores that are not finite.
    """
    if not np.isfinite(scores).all():
        bad = np.flatnonzero(~np.isfinite(scores).all(1))
        raise ValueError(f"scores of {len(bad)} videos are not finite, first row {bad[0]}")
    own = scores[np.arange(len(scores)), target][:, None]
    return (scores >= own).sum(1) - 1


def accuracy(scores: NDArray, target: NDArray, split: str) -> list[Metric]:
    """Top-1 and, with more than 5 classes, top-5 in % (micro average over videos)."""
    rank = ranks(scores, target)
    found = []
    for k in (1, 5):
        if k == 1 or k < scores.shape[1]:
            hits = int((rank < k).sum())
            found.append(Metric(f"top{k}", 100 * hits / len(rank), split, len(rank), hits))
    return found


def per_class_accuracy(
    scores: NDArray, target: NDArray, classes: Sequence[str]
) -> dict[str, float]:
    """Top-1 in % of every class that has videos."""
    hit = ranks(scores, target) == 0
    return {
        name: float(100 * hit[target == k].mean())
        for k, name in enumerate(classes)
        if (target == k).any()
    }


def harmonic_mean(a: float, b: float) -> float:
    """2ab / (a + b); 0 if both are 0."""
    return 2 * a * b / (a + b) if a + b > 0 else 0.0


def mean_metric(metrics: Sequence[Metric], name: str) -> Metric:
    """Mean of a metric over its splits."""
    parts = tuple(m for m in metrics if m.name == name)
    value = float(np.mean([m.value for m in parts]))
    return Metric(f"{name}_mean", value, None, sum(m.n for m in parts), rule="mean", parts=parts)


def harmonic_metric(metrics: Sequence[Metric], name: str, splits: tuple[str, str]) -> Metric:
    """Harmonic mean of a metric on two splits."""
    a, b = (next(m for m in metrics if m.name == name and m.split == s) for s in splits)
    value = harmonic_mean(a.value, b.value)
    return Metric("hm", value, None, a.n + b.n, rule="harmonic-mean", parts=(a, b))
