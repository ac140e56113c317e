"""Multi-label metrics: average precision, F1 and calibration, on all, base and novel labels.

Average precision is scikit-learn's `average_precision_score` (the sum over distinct scores of the
gain in recall times the precision there, without interpolation): equal scores are one threshold, so
the order of the videos never matters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..metric import Metric
from .accuracy import harmonic_metric
from .finite import require_finite

BINS = 15


def average_precision(scores: NDArray, target: NDArray) -> float:
    """Average precision in 0..1 of scores [N] for a target [N] of 0 and 1; NaN without a positive."""
    hits, chosen = _curve(scores, target)
    if not hits[-1]:
        return float("nan")
    gain = np.diff(hits, prepend=0)
    return float((gain * hits / chosen).sum() / hits[-1])


def per_label_average_precision(scores: NDArray, target: NDArray) -> NDArray[np.float64]:
    """Average precision of every label: [N, L], [N, L] -> [L]; NaN for labels without a positive."""
    return np.array([average_precision(s, t) for s, t in zip(scores.T, target.T, strict=True)])


def f1_at(probabilities: NDArray, target: NDArray, threshold: float = 0.5) -> float:
    """F1 in 0..1 over all pairs of video and label; those of at least the threshold count as chosen."""
    chosen = probabilities >= threshold
    agreed = 2 * (chosen & target.astype(bool)).sum()
    total = chosen.sum() + target.sum()
    return float(agreed / total) if total else 0.0


def best_f1(probabilities: NDArray, target: NDArray) -> tuple[float, float]:
    """The highest F1 over all pairs that one threshold for all labels gives, and that threshold.

    The threshold is chosen with the very labels that F1 is measured on, so this is an upper bound.
    """
    flat, positive = probabilities.ravel(), target.ravel()
    hits, chosen = _curve(flat, positive)
    f1 = 2 * hits / (chosen + positive.sum())
    best = int(f1.argmax())
    return float(f1[best]), float(np.unique(flat)[::-1][best])


def calibration_error(probabilities: NDArray, target: NDArray, bins: int = BINS) -> float:
    """Expected calibration error in 0..1 over all pairs of video and label.

    Equal-width bins, open below and closed above (Guo et al., ICML 2017); the mean over pairs of the
    distance between a bin's mean probability and its share of positives.
    """
    flat, positive = probabilities.ravel().astype(np.float64), target.ravel().astype(np.float64)
    edges = np.arange(1, bins) / bins
    bin_of = np.digitize(flat, edges, right=True)
    gaps = np.bincount(bin_of, flat, bins) - np.bincount(bin_of, positive, bins)
    return float(np.abs(gaps).sum() / len(flat))


def multilabel_metrics(
    probabilities: NDArray,
    target: NDArray,
    split: str,
    names: Sequence[str] | None = None,
    logits: NDArray | None = None,
) -> list[Metric]:
    """All metrics of a split, in %: map, micro_ap, f1, f1_best, ece; and threshold_best (0..1).

    Args:
        probabilities: [N videos, L labels], in 0..1; float64 before the sigmoid, or else large scores
            become 1 and tie.
        target: [N, L], 0 or 1.
        names: of the videos, for the message on scores that are not finite.
        logits: [N, L], what the probabilities are the sigmoids of; ranks are then taken from these, which
            do not tie where probabilities are as good as 1.

    `map` is the mean over the labels that have a positive, their number its `n`. The others are over
    all N x L pairs.

    Raises:
        NotFinite: NaN or infinite scores. ValueError: shapes that differ, scores that are no
            probabilities, a target of other values, or without any positive.
    """
    p, t = np.asarray(probabilities), np.asarray(target)
    _check(p, t, names)
    ranked = p if logits is None else np.asarray(logits)
    each = per_label_average_precision(ranked, t)
    with_positive = int(np.isfinite(each).sum())
    best, threshold = best_f1(ranked, t)
    if logits is not None:
        threshold = float(expit(np.float64(threshold)))
    return [
        Metric("map", 100 * float(np.nanmean(each)), split, with_positive),
        Metric("micro_ap", 100 * average_precision(ranked.ravel(), t.ravel()), split, p.size),
        Metric("f1", 100 * f1_at(p, t), split, p.size),
        Metric("f1_best", 100 * best, split, p.size),
        Metric("threshold_best", threshold, split, p.size, unit=""),
        Metric("ece", 100 * calibration_error(p, t), split, p.size, higher_is_better=False),
    ]


def open_vocabulary_metrics(
    probabilities: NDArray,
    target: NDArray,
    novel: NDArray,
    names: Sequence[str] | None = None,
    logits: NDArray | None = None,
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
    ranked = None if logits is None else np.asarray(logits)
    found = multilabel_metrics(p, t, "all", logits=ranked)
    for split, part in (("base", ~held_out), ("novel", held_out)):
        inner = None if ranked is None else ranked[:, part]
        found += multilabel_metrics(p[:, part], t[:, part], split, logits=inner)
    return [*found, harmonic_metric(found, "map", ("base", "novel"))]


def _curve(scores: NDArray, target: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positives and all at or above every distinct score, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], target[order].astype(np.int64)
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return np.cumsum(positive)[last], last + 1


def _check(p: NDArray, t: NDArray, names: Sequence[str] | None) -> None:
    if p.ndim != 2 or p.shape != t.shape or not p.size:
        raise ValueError(f"two tables [videos, labels] are wanted, not {p.shape} and {t.shape}")
    require_finite(p, "videos", names)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(
            f"probabilities are wanted, not scores from {p.min():.3g} to {p.max():.3g}"
        )
    if not np.isin(t, (0, 1)).all() or not t.any():
        raise ValueError("the target must hold 0 and 1, and some 1")
