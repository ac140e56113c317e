"""From the scores of a split to its metrics, by what its videos are scored against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .metric import Metric
from .metrics.finite import require_finite
from .split import Outcome


def target_of(outcome: Outcome) -> NDArray[np.int64]:
    """What is right: class rows [N]; marks 0 and 1 [N, K] of labels; the video of each caption [K]."""
    samples = outcome.samples
    if outcome.split.kind == "labels":
        target = np.zeros((len(samples), len(outcome.split.classes)), np.int64)
        for row, sample in enumerate(samples):
            target[row, list(sample.labels)] = 1
        return target
    if outcome.split.kind == "captions":
        return np.repeat(np.arange(len(samples)), [len(s.captions) for s in samples])
    return np.array([s.label for s in samples], np.int64)


def measure(outcome: Outcome, tie_rule: str = "pessimistic") -> list[Metric]:
    """Top-1 and top-5, mAP and its kin, or R@K and ranks in both directions.

    Args:
        tie_rule: for captions, see `retrieval_metrics`.

    Raises:
        NotFinite: scores with NaN or infinities; names the videos.
    """
    names = [sample.id for sample in outcome.samples]
    require_finite(outcome.scores, "videos", names)
    if outcome.split.kind == "labels":
        return _labels(outcome)
    if outcome.split.kind == "captions":
        return _captions(outcome, tie_rule)
    from .metrics.accuracy import accuracy

    return accuracy(outcome.scores, target_of(outcome), outcome.split.name)


def _labels(outcome: Outcome) -> list[Metric]:
    from scipy.special import expit

    from .metrics.multilabel import multilabel_metrics, open_vocabulary_metrics

    logits, target = outcome.scores.astype(np.float64), target_of(outcome)
    p = expit(logits)
    if not outcome.split.novel:
        return multilabel_metrics(p, target, outcome.split.name, logits=logits)
    novel = np.isin(np.arange(target.shape[1]), outcome.split.novel)
    return open_vocabulary_metrics(p, target, novel, logits=logits)


def _captions(outcome: Outcome, tie_rule: str) -> list[Metric]:
    from .metrics.retrieval import dsl_metrics, retrieval_metrics

    owner, name = target_of(outcome), outcome.split.name
    single = all(len(sample.captions) == 1 for sample in outcome.samples)
    found = retrieval_metrics(outcome.scores.T, name, None if single else owner, tie_rule)
    if single and outcome.cosines is not None:
        found += dsl_metrics(outcome.cosines.T, name, tie_rule)
    return found
