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

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..metric import Items, Metric, Rule
from .finite import require_finite
from .items import measured, numbered

TIE_RULES = ("pessimistic", "expected", "reference")
DEPTHS = (1, 5, 10)
DSL_SCALE = 100.0  # CLIP-ViP's code, run_video_retrieval.py; the scale that CLIP's training ends at


class Ranking(NamedTuple):
    """Where each of Q queries finds its item among the candidates.

    Attributes:
        larger: candidates with a larger score than the item, [Q].
        tied: candidates with the item's score, itself among them, [Q].
    """

    larger: NDArray[np.int64]
    tied: NDArray[np.int64]

    def entries(self, tie_rule: str = "pessimistic") -> NDArray[np.int64]:
        """The query of every rank: each once, or once for each counted position."""
        queries = np.arange(len(self.tied))
        return np.repeat(queries, self.tied) if tie_rule == "reference" else queries

    def ranks(self, tie_rule: str = "pessimistic") -> NDArray[np.float64]:
        """Ranks of the items, 1 is best: [Q], or one per counted position by the reference's rule."""
        _check_rule(tie_rule)
        if tie_rule == "pessimistic":
            return (self.larger + self.tied).astype(np.float64)
        if tie_rule == "expected":
            return self.larger + (self.tied + 1) / 2
        of = self.entries(tie_rule)
        offset = np.arange(len(of)) - (np.cumsum(self.tied) - self.tied)[of]
        return (self.larger[of] + offset + 1).astype(np.float64)

    def hits(self, depth: int, tie_rule: str = "pessimistic") -> NDArray[np.float64]:
        """Whether each entry is among the first `depth`: 0 or 1, a chance by the rule "expected"."""
        if tie_rule == "expected":
            return np.clip((depth - self.larger) / self.tied, 0.0, 1.0)
        return (self.ranks(tie_rule) <= depth).astype(np.float64)


def ranking(
    scores: np.ndarray, target: np.ndarray | None = None, names: Sequence[str] | None = None
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


def best_caption(scores: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Score of every video with every group of captions: [texts, V], [texts] -> [V groups, V].

    A group scores as the best of its captions (CLIP4Clip, for MSVD): the candidates of a video are
    the V groups, not all captions.
    """
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(np.asarray(owner)[order], np.arange(scores.shape[1]))
    return np.maximum.reduceat(np.asarray(scores)[order], starts, axis=0)


def retrieval_metrics(
    scores: np.ndarray,
    split: str,
    owner: np.ndarray | None = None,
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
    both = rankings(np.asarray(scores).T, owner, names=names)
    own = np.arange(len(scores)) if owner is None else np.asarray(owner)
    named = {f"{prefix}{way}": places for way, places in both.items()}
    return caption_metrics(named, split, own, tie_rule)


def dual_softmax(cosines: np.ndarray, over: str = "texts") -> NDArray[np.float64]:
    """Cosines [texts, V] weighted by their softmax at 100 over all texts (or all videos) at once.

    CLIP-ViP's DSL: x * softmax(100 x) over the texts, in each video's column. Every result then
    depends on all other test queries. float64, so that small weights do not tie at 0.

    Raises:
        ValueError: `over` is neither "texts" nor "videos". NotFinite: NaN or infinite cosines.
    """
    from scipy.special import softmax

    if over not in ("texts", "videos"):
        raise ValueError(f"over must be texts or videos, not {over!r}")
    x = np.asarray(cosines, dtype=np.float64)
    require_finite(x, "queries")
    weighted: NDArray[np.float64] = x * softmax(DSL_SCALE * x, axis=0 if over == "texts" else 1)
    return weighted


def dsl_metrics(
    cosines: np.ndarray,
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
    both = _after_dual_softmax(cosines, reverse_prior)
    return caption_metrics(both, split, np.arange(len(cosines)), tie_rule)


def rankings(
    scores: np.ndarray,
    owner: np.ndarray | None = None,
    cosines: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, Ranking]:
    """Where texts find their videos and videos their texts: "t2v" and "v2t" -> ranking.

    Also "dsl_t2v" and "dsl_v2t", after the dual softmax, where there are cosines and one caption each.

    Args:
        scores, cosines: [V, texts]. owner, names: as of `retrieval_metrics`.

    Raises:
        NotFinite: NaN or infinite scores. ValueError: texts, videos and owners that do not fit.
    """
    ways = {"t2v": ranking(scores.T, owner, names)}
    own = np.arange(scores.shape[1]) if owner is None else np.asarray(owner)
    captions = np.bincount(own, minlength=len(scores))
    if (captions == 0).any():
        lacking = np.flatnonzero(captions == 0)
        raise ValueError(f"{len(lacking)} videos have no caption, first column {lacking[0]}")
    ways["v2t"] = ranking(best_caption(scores.T, own).T)
    if cosines is not None and (captions == 1).all():
        ways |= _after_dual_softmax(best_caption(cosines.T, own))
    return ways


def caption_metrics(
    ways: Mapping[str, Ranking],
    split: str,
    owner: np.ndarray,
    tie_rule: str = "pessimistic",
    ids: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> list[Metric]:
    """The metrics of `retrieval_metrics` and `dsl_metrics` from `rankings`.

    Args:
        owner: the video of each text, [texts].
        ids: names of the videos, [V]; their rows, if not given.
        groups: what each video shares a source with, [V], "" for nothing; None: nothing for all.
    """
    _check_rule(tie_rule)
    captions = np.bincount(owner)
    several = bool((captions > 1).any())
    videos = numbered(len(captions)) if ids is None else ids
    texts, shared = videos[owner], None if groups is None else groups[owner]
    if several:  # captions of one video are drawn together
        shared = texts if shared is None else np.where(shared == "", texts, shared)
        place = np.empty_like(owner)
        first = np.repeat(np.cumsum(captions) - captions, captions)
        place[np.argsort(owner, kind="stable")] = np.arange(len(owner)) - first
        texts = np.char.add(np.char.add(texts, "#"), place.astype(str))
    metrics: list[Metric] = []
    for way, places in ways.items():
        if "t2v" in way:
            metrics += _direction(places, split, tie_rule, way, texts, shared, several)
        else:
            metrics += _direction(places, split, tie_rule, way, videos, groups)
    return metrics


def _after_dual_softmax(cosines: np.ndarray, reverse_prior: str = "texts") -> dict[str, Ranking]:
    """Both directions of cosines [texts, V]."""
    weighted = dual_softmax(cosines)
    back = weighted if reverse_prior == "texts" else dual_softmax(cosines, reverse_prior)
    return {"dsl_t2v": ranking(weighted), "dsl_v2t": ranking(back.T)}


def _direction(
    places: Ranking,
    split: str,
    tie_rule: str,
    way: str,
    ids: np.ndarray,
    groups: np.ndarray | None,
    lower_median: bool = False,
) -> list[Metric]:
    """The metrics of one direction, `lower_median` as the reference has it for several captions."""
    as_sorted = lower_median and tie_rule == "reference"
    rule = "pessimistic" if as_sorted else tie_rule
    of = places.entries(rule)
    shared = None if groups is None else groups[of]
    metrics = []
    for depth in DEPTHS:
        hits = places.hits(depth, rule)
        count = None if rule == "expected" else int(hits.sum())
        items = Items(ids[of], hits, shared, "share")
        metrics.append(measured(f"{way}_r{depth}", split, items, hits=count))
    median: Rule = "lower-median" if as_sorted else "median"
    tied = Items(ids, (places.tied > 1).astype(np.float64), groups, "sum")
    return [
        *metrics,
        _lower(f"{way}_medr", split, Items(ids[of], places.ranks(rule), shared, median), "rank"),
        _lower(f"{way}_mnr", split, Items(ids[of], places.ranks(rule), shared), "rank"),
        _lower(f"{way}_tied", split, tied, "queries"),
    ]


def _lower(name: str, split: str, items: Items, unit: str) -> Metric:
    """A metric of which less is better."""
    return measured(name, split, items, unit=unit, higher_is_better=False)


def _check_rule(tie_rule: str) -> None:
    if tie_rule not in TIE_RULES:
        raise ValueError(f"the tie rule must be one of {', '.join(TIE_RULES)}, not {tie_rule!r}")
