"""Retrieval: R@1, R@5, R@10, median and mean rank, text to video and video to text.

A query's item can share its score with others, and published code treats that in several ways, so
the rule is always named:

- pessimistic (default): the item ranks behind all that share its score.
- expected: the mean over all orders of those that share it. R@K is the chance to be among the first
  K, the rank is the middle one.
- reference: the counting of CLIP4Clip's and CLIP-ViP's code (`metrics.py`, `compute_metrics`): a query
  counts once for every position whose score equals its item's, so there are more entries than queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ..metric import Metric
from .finite import require_finite

TIE_RULES = ("pessimistic", "expected", "reference")
DEPTHS = (1, 5, 10)
DSL_SCALE = 100.0  # CLIP-ViP's code, run_video_retrieval.py; the scale that CLIP's training ends at


@dataclass(frozen=True)
class Ranking:
    """Where each of Q queries finds its item among the candidates.

    Attributes:
        larger: candidates with a larger score than the item, [Q].
        tied: candidates with the item's score, itself among them, [Q].
    """

    larger: NDArray[np.int64]
    tied: NDArray[np.int64]

    def ranks(self, tie_rule: str = "pessimistic") -> NDArray[np.float64]:
        """Ranks of the items, 1 is best: [Q], or one per counted position by the reference's rule."""
        _check_rule(tie_rule)
        if tie_rule == "pessimistic":
            return (self.larger + self.tied).astype(np.float64)
        if tie_rule == "expected":
            return self.larger + (self.tied + 1) / 2
        first = np.repeat(np.cumsum(self.tied) - self.tied, self.tied)
        offset = np.arange(self.tied.sum()) - first
        return (np.repeat(self.larger, self.tied) + offset + 1).astype(np.float64)

    def hits(self, depth: int, tie_rule: str = "pessimistic") -> NDArray[np.float64]:
        """Whether each entry is among the first `depth`: 0 or 1, a chance by the rule "expected"."""
        if tie_rule == "expected":
            return np.clip((depth - self.larger) / self.tied, 0.0, 1.0)
        return (self.ranks(tie_rule) <= depth).astype(np.float64)


def ranking(
    scores: NDArray, target: NDArray | None = None, names: Sequence[str] | None = None
) -> Ranking:
    """Rank the item `target` [Q] (the diagonal if not given) in each row of `scores` [Q, C].

    Raises:
        NotFinite: NaN or infinite scores; names their queries by `names`, or else by row.
        ValueError: no query, or a target that is no column.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores of shape [queries, candidates] are wanted, not {scores.shape}")
    if target is None and scores.shape[0] != scores.shape[1]:
        raise ValueError(
            f"scores of shape {scores.shape} have no diagonal: say which item is right"
        )
    index = np.arange(len(scores)) if target is None else np.asarray(target)
    if index.shape != (len(scores),) or index.min() < 0 or index.max() >= scores.shape[1]:
        raise ValueError(f"targets must be {len(scores)} columns out of {scores.shape[1]}")
    require_finite(scores, "queries", names)
    own = scores[np.arange(len(scores)), index][:, None]
    return Ranking((scores > own).sum(1), (scores == own).sum(1))


def best_caption(scores: NDArray, owner: NDArray) -> NDArray:
    """Score of every video with every group of captions: [texts, V], [texts] -> [V groups, V].

    A group scores as the best of its captions (CLIP4Clip, for MSVD): the candidates of a video are
    the V groups, not all captions.
    """
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(np.asarray(owner)[order], np.arange(scores.shape[1]))
    return np.maximum.reduceat(np.asarray(scores)[order], starts, axis=0)


def retrieval_metrics(
    scores: NDArray,
    split: str,
    owner: NDArray | None = None,
    tie_rule: str = "pessimistic",
    names: Sequence[str] | None = None,
    prefix: str = "",
) -> list[Metric]:
    """Both directions: <prefix>t2v_r1, _r5, _r10 (%), _medr, _mnr (ranks, 1 is best), _tied; v2t likewise.

    Args:
        scores: [texts, V].
        owner: the video of each text, [texts], in any order; text i belongs to video i if not given.
            With several captions a video, each caption is a query among the V videos, and a video is
            a query among the V groups of captions (`best_caption`).
        names: names of the texts, for the message on scores that are not finite.

    `_tied` counts the queries whose item shares its score. With several captions a video the
    reference sorts in no stated order and takes the lower of two middle ranks as the median; the
    rule "reference" then counts each caption once, ties against it, with that median.

    Raises:
        NotFinite: NaN or infinite scores. ValueError: texts, videos and owners that do not fit.
    """
    _check_rule(tie_rule)
    scores = np.asarray(scores)
    to_video = ranking(scores, owner, names)
    if owner is None:
        to_text, several = ranking(scores.T), False
    else:
        captions = np.bincount(np.asarray(owner), minlength=scores.shape[1])
        if (captions == 0).any():
            lacking = np.flatnonzero(captions == 0)
            raise ValueError(f"{len(lacking)} videos have no caption, first column {lacking[0]}")
        to_text, several = ranking(best_caption(scores, owner).T), bool((captions > 1).any())
    return [
        *_direction(to_video, split, tie_rule, f"{prefix}t2v", lower_median=several),
        *_direction(to_text, split, tie_rule, f"{prefix}v2t"),
    ]


def dual_softmax(cosines: NDArray, over: str = "texts") -> NDArray[np.float64]:
    """Cosines [texts, V] weighted by their softmax at 100 over all texts (or all videos) at once.

    CLIP-ViP's DSL: x * softmax(100 x) over the texts, in each video's column. Every result then
    depends on all other test queries. float64, so that small weights do not tie at 0.

    Raises:
        ValueError: `over` is neither "texts" nor "videos". NotFinite: NaN or infinite cosines.
    """
    if over not in ("texts", "videos"):
        raise ValueError(f"over must be texts or videos, not {over!r}")
    x = np.asarray(cosines, dtype=np.float64)
    require_finite(x, "queries")
    return x * softmax(DSL_SCALE * x, axis=0 if over == "texts" else 1)


def dsl_metrics(
    cosines: NDArray,
    split: str,
    tie_rule: str = "pessimistic",
    reverse_prior: str = "texts",
) -> list[Metric]:
    """The metrics of `retrieval_metrics` after the dual softmax, as dsl_t2v_r1 and so on.

    Args:
        cosines: [V, V], text i belongs to video i; unscaled, in -1..1.
        reverse_prior: the softmax that video to text uses. CLIP-ViP's code takes "texts" in both
            directions, which are the candidates of a video and so leave its R@K nearly as they are
            without DSL; "videos", the queries, is the mirror image of text to video.
    """
    _check_rule(tie_rule)
    to_video = ranking(dual_softmax(cosines))
    to_text = ranking(dual_softmax(cosines, reverse_prior).T)
    return [
        *_direction(to_video, split, tie_rule, "dsl_t2v"),
        *_direction(to_text, split, tie_rule, "dsl_v2t"),
    ]


def _direction(
    found: Ranking, split: str, tie_rule: str, name: str, lower_median: bool = False
) -> list[Metric]:
    """The metrics of one direction, `lower_median` as the reference has it for several captions."""
    as_sorted = lower_median and tie_rule == "reference"
    rule = "pessimistic" if as_sorted else tie_rule
    ranks = found.ranks(rule)
    n = len(ranks)
    metrics = []
    for depth in DEPTHS:
        hits = found.hits(depth, rule)
        count = None if rule == "expected" else int(hits.sum())
        metrics.append(Metric(f"{name}_r{depth}", float(100 * hits.mean()), split, n, count))
    median = np.sort(ranks)[(n - 1) // 2] if as_sorted else np.median(ranks)
    tied = int((found.tied > 1).sum())
    for short, value, unit in (
        ("medr", median, "rank"),
        ("mnr", ranks.mean(), "rank"),
        ("tied", tied, "queries"),
    ):
        entries = len(found.tied) if short == "tied" else n
        metrics.append(
            Metric(
                f"{name}_{short}", float(value), split, entries, unit=unit, higher_is_better=False
            )
        )
    return metrics


def _check_rule(tie_rule: str) -> None:
    if tie_rule not in TIE_RULES:
        raise ValueError(f"the tie rule must be one of {', '.join(TIE_RULES)}, not {tie_rule!r}")
