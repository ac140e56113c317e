"""From the scores of a split to its metrics, by what its videos are scored against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .metric import Metric
from .split import Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def target_of(outcome: Outcome) -> NDArray[np.int64]:
    """What is right: class rows [N]; marks 0 and 1 [N, K] of labels; the video of each caption [K]."""
    return outcome.target


def measure(outcome: Outcome, tie_rule: str = "pessimistic", dataset: str = "") -> list[Metric]:
    """Top-1 and top-5, mAP and its kin, or R@K and ranks in both directions, with their items.

    Args:
        tie_rule: for captions, see `retrieval_metrics`.
        dataset: id, says what a group of videos is; that of the split, if not given.

    Raises:
        NotFinite: scores with NaN or infinities; names the videos.
    """
    from . import metrics

    scores, split, ids, groups = outcome.scores, outcome.split, outcome.ids, outcome.groups
    if outcome.rankings is None:
        metrics.require_finite(scores, "videos", ids)
    if split.kind == "labels":
        return metrics.label_metrics(scores, outcome.target, split.name, split.novel, ids, groups)
    if split.kind == "captions":
        owner = outcome.target
        ways = outcome.rankings or metrics.rankings(scores, owner, outcome.cosines)
        return metrics.caption_metrics(ways, split.name, owner, tie_rule, ids, groups)
    within_class = (dataset or split.dataset) in metrics.GROUPS_WITHIN_CLASS
    shared = metrics.sources(groups, outcome.target, split.classes, within_class)
    return metrics.accuracy(scores, outcome.target, split.name, ids, shared)


def per_class(outcomes: Mapping[str, Outcome]) -> dict[str, dict[str, float]]:
    """Of each split with classes or labels: top-1 of every class, or average precision of every label.

    In %, by name, of those that have videos.
    """
    listed = {name: one for name, one in outcomes.items() if one.split.kind != "captions"}
    return {name: _by_class(outcome) for name, outcome in listed.items()}


def _by_class(outcome: Outcome) -> dict[str, float]:
    from .metrics import per_class_accuracy, per_label_average_precision

    classes, target = outcome.split.classes, outcome.target
    if outcome.split.kind == "classes":
        return per_class_accuracy(outcome.scores, target, classes)
    each = 100 * per_label_average_precision(outcome.scores, target)
    pairs = zip(classes, each.tolist(), strict=True)
    return {label: value for label, value in pairs if math.isfinite(value)}
