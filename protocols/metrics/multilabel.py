"""Multi-label metrics: average precision, F1 and calibration, on all, base and novel labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..metric import Items, Metric, Rule
from .accuracy import harmonic_metric
from .finite import require_finite
from .items import measured, numbered, sigmoid
from .precision import (
    BINS,
    average_precision,
    best_f1,
    calibration_error,
    f1_at,
    f1_counts,
    per_label_average_precision,
)

__all__ = [
    "BINS", "average_precision", "best_f1", "calibration_error", "f1_at", "label_metrics",
    "multilabel_metrics", "open_vocabulary_metrics", "per_label_average_precision",
]  # fmt: skip


def multilabel_metrics(
    probabilities: np.ndarray,
    target: np.ndarray,
    split: str,
    names: Sequence[str] | np.ndarray | None = None,
    logits: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> list[Metric]:
    """All metrics of a split, in %: map, micro_ap, f1, f1_best, ece; and threshold_best (0..1).

    Args:
        probabilities: [N videos, L labels], in 0..1; float64 before the sigmoid, or else large scores
            become 1 and tie.
        target: [N, L], 0 or 1.
        names: of the videos, [N], also for the message on scores that are not finite.
        logits: [N, L], what the probabilities are the sigmoids of; ranks are then taken from these, which
            do not tie where probabilities are as good as 1.
        groups: what each video shares a source with, [N], "" for nothing; None: nothing for all.

    `map` is the mean over the labels that have a positive, their number its `n`. The others are over
    all N x L pairs.

    Raises:
        NotFinite: NaN or infinite scores. ValueError: shapes that differ, scores that are no
            probabilities, a target of other values, or without any positive.
    """
    p, t = np.asarray(probabilities), np.asarray(target)
    _check(p, t, names)
    ids = numbered(len(p)) if names is None else np.asarray(names)
    ranked = p if logits is None else np.asarray(logits)

    def items(rule: Rule, values: np.ndarray = ranked, against: np.ndarray = t) -> Items:
        return Items(ids, values, groups, rule, against)

    agreed, total = f1_counts(p, t)
    threshold = items("threshold" if logits is None else "threshold_best")
    return [
        measured("map", split, items("map"), int(t.any(0).sum())),
        measured("micro_ap", split, items("micro_ap"), p.size),
        measured("f1", split, items("ratio", agreed, total), p.size),
        measured("f1_best", split, items("f1_best"), p.size),
        measured("threshold_best", split, threshold, p.size, unit=""),
        measured("ece", split, items("ece", p), p.size, higher_is_better=False),
    ]


def open_vocabulary_metrics(
    probabilities: np.ndarray,
    target: np.ndarray,
    novel: np.ndarray,
    names: Sequence[str] | np.ndarray | None = None,
    logits: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> list[Metric]:
    """`multilabel_metrics` of all, base and novel labels, and hm, the harmonic mean of the last two's map.

    Every video counts on both halves of the labels, also one that has labels of the other half only.

    Args:
        novel: [L], true for labels that were never trained.

    Raises:
        As `multilabel_metrics`; ValueError: `novel` has another length, or a half is empty.
    """
    p, t, held_out = np.asarray(probabilities), np.asarray(target), np.asarray(novel, dtype=bool)
    _check(p, t, names)
    if held_out.shape != (p.shape[1],) or held_out.all() or not held_out.any():
        raise ValueError(f"novel must tell {p.shape[1]} labels apart, some novel and some not")
    metrics: list[Metric] = []
    for split, part in (("all", np.ones_like(held_out)), ("base", ~held_out), ("novel", held_out)):
        ranked = None if logits is None else np.asarray(logits)[:, part]
        metrics += multilabel_metrics(p[:, part], t[:, part], split, names, ranked, groups)
    return [*metrics, harmonic_metric(metrics, "map", ("base", "novel"))]


def label_metrics(
    scores: np.ndarray,
    target: np.ndarray,
    split: str,
    novel: Sequence[int] = (),
    ids: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> list[Metric]:
    """The metrics of scores [N, L] whose sigmoids are probabilities; of all, base and novel if some are.

    Args:
        split: names the metrics where no label is novel.
        novel: columns of the labels that were never trained. The others: as `multilabel_metrics`.
    """
    logits, marks = scores.astype(np.float64), target.astype(np.int64)
    p = sigmoid(logits)
    if not len(novel):
        return multilabel_metrics(p, marks, split, ids, logits, groups)
    held_out = np.isin(np.arange(marks.shape[1]), novel)
    return open_vocabulary_metrics(p, marks, held_out, ids, logits, groups)


def _check(p: np.ndarray, t: np.ndarray, names: Sequence[str] | np.ndarray | None) -> None:
    if p.ndim != 2 or p.shape != t.shape or not p.size:
        raise ValueError(f"two tables [videos, labels] are wanted, not {p.shape} and {t.shape}")
    require_finite(p, "videos", names)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(
            f"probabilities are wanted, not scores from {p.min():.3g} to {p.max():.3g}"
        )
    if not np.isin(t, (0, 1)).all() or not t.any():
        raise ValueError("the target must hold 0 and 1, and some 1")
