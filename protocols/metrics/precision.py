"""Average precision, F1 and calibration of scores against marks of 0 and 1.

Average precision is scikit-learn's `average_precision_score` (the sum over distinct scores of the
gain in recall times the precision there, without interpolation): equal scores are one threshold, so
the order of the videos never matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 15


def average_precision(scores: np.ndarray, target: np.ndarray) -> float:
    """Average precision in 0..1 of scores [N] for a target [N] of 0 and 1; NaN without a positive."""
    hits, chosen = _curve(scores, target)
    if not hits[-1]:
        return float("nan")
    gain = np.diff(hits, prepend=0)
    return float((gain * hits / chosen).sum() / hits[-1])


def per_label_average_precision(scores: np.ndarray, target: np.ndarray) -> NDArray[np.float64]:
    """Average precision of every label: [N, L], [N, L] -> [L]; NaN for labels without a positive."""
    return np.array([average_precision(s, t) for s, t in zip(scores.T, target.T, strict=True)])


def f1_counts(
    probabilities: np.ndarray, target: np.ndarray, threshold: float = 0.5
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Upper and lower half of the fraction F1, video by video: [N, L], [N, L] -> [N], [N].

    Twice the labels that are chosen and right, and those chosen plus those right; labels of at least the
    threshold count as chosen.
    """
    chosen = probabilities >= threshold
    agreed = 2 * (chosen & target.astype(bool)).sum(-1)
    return agreed, chosen.sum(-1) + target.sum(-1)


def ratio(above: np.ndarray, below: np.ndarray) -> float:
    """Sum over sum; of nothing, 0: F1 where nothing is chosen and nothing right."""
    total = below.sum()
    return float(above.sum() / total) if total else 0.0


def f1_at(probabilities: np.ndarray, target: np.ndarray, threshold: float = 0.5) -> float:
    """F1 in 0..1 over all pairs of video and label; those of at least the threshold count as chosen."""
    return ratio(*f1_counts(probabilities, target, threshold))


def best_f1(probabilities: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """The highest F1 over all pairs that one threshold for all labels gives, and that threshold.

    The threshold is chosen with the very labels that F1 is measured on, so this is an upper bound.
    """
    flat, positive = probabilities.ravel(), target.ravel()
    hits, chosen = _curve(flat, positive)
    f1 = 2 * hits / (chosen + positive.sum())
    best = int(f1.argmax())
    return float(f1[best]), float(np.unique(flat)[::-1][best])


def bins_of(probabilities: np.ndarray, bins: int = BINS) -> NDArray[np.int64]:
    """The bin of each probability, from 0: of equal width, open below and closed above."""
    return np.asarray(np.digitize(probabilities, np.arange(1, bins) / bins, right=True))


def calibration_error(probabilities: np.ndarray, target: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error in 0..1 over all pairs of video and label.

    The mean over pairs of the distance between a bin's mean probability and its share of positives
    (Guo et al., ICML 2017); bins as in `bins_of`.
    """
    flat, positive = probabilities.ravel().astype(np.float64), target.ravel().astype(np.float64)
    bin_of = bins_of(flat, bins)
    gaps = np.bincount(bin_of, flat, bins) - np.bincount(bin_of, positive, bins)
    return float(np.abs(gaps).sum() / len(flat))


def _curve(scores: np.ndarray, target: np.ndarray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positives and all at or above every distinct score, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], target[order].astype(np.int64)
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return np.cumsum(positive)[last], last + 1
