"""Top-k accuracy of scores against the one right class, and what is made of metrics on several splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..metric import Items, Metric
from .items import combine, joined, measured, numbered

TIE_RULE = "pessimistic: a target that shares its score ranks behind all that share it"
DEPTHS = (1, 5)
# datasets whose groups are numbered within a class: g01 of two classes are two sources
GROUPS_WITHIN_CLASS = frozenset({"ucf101"})


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
    return np.asarray((scores >= own).sum(1) - 1)


def accuracy(
    scores: np.ndarray,
    target: np.ndarray,
    split: str,
    ids: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> list[Metric]:
    """Top-1 and, with more than 5 classes, top-5 in % (micro average over videos).

    Args:
        scores: [N, K]. target: [N], the right column of each video.
        ids: names of the videos, [N]; their rows, if not given.
        groups: what each video shares a source with, [N], "" for nothing; None: nothing for all.
    """
    rank = ranks(scores, target)
    named = numbered(len(rank)) if ids is None else ids
    return [
        _of_hits(f"top{k}", split, rank < k, named, groups)
        for k in DEPTHS
        if k == 1 or k < scores.shape[1]
    ]


def among(metric: Metric, name: str, chosen: NDArray[np.bool_]) -> Metric:
    """The same accuracy over some of its videos only: [N], true for those that count."""
    items = metric.items
    assert items is not None
    groups = None if items.groups is None else items.groups[chosen]
    return _of_hits(name, metric.split, items.values[chosen] > 0, items.ids[chosen], groups)


def sources(
    groups: np.ndarray | None, target: np.ndarray, classes: Sequence[str], within_class: bool
) -> np.ndarray | None:
    """What each video shares a source with, [N], by names that mean the same in all classes and splits.

    Args:
        groups: as the dataset names them, [N], "" for nothing; None: nothing for all.
        target: the class of each video, [N]. classes: their names; numbers stand in where there are none.
        within_class: groups are numbered within a class: the name of the class is put before.
    """
    if groups is None or not within_class:
        return groups
    names = np.array(classes)[target] if len(classes) else target.astype(str)
    return np.where(groups == "", "", np.char.add(np.char.add(names, " "), groups))


def per_class_accuracy(
    scores: np.ndarray, target: np.ndarray, classes: Sequence[str]
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
    return float(combine([a, b], "harmonic-mean"))


def mean_metric(metrics: Sequence[Metric], name: str) -> Metric:
    """Mean of a metric over its splits."""
    return joined(f"{name}_mean", [m for m in metrics if m.name == name], "mean")


def harmonic_metric(metrics: Sequence[Metric], name: str, splits: tuple[str, str]) -> Metric:
    """Harmonic mean of a metric on two splits."""
    halves = [next(m for m in metrics if (m.name, m.split) == (name, split)) for split in splits]
    return joined("hm", halves, "harmonic-mean")


def _of_hits(
    name: str, split: str | None, hit: NDArray[np.bool_], ids: np.ndarray, groups: np.ndarray | None
) -> Metric:
    items = Items(ids, 100.0 * hit, groups, clips=True)
    return measured(name, split, items, hits=int(hit.sum()))
