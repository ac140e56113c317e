"""What the predictions of one split say about single items: errors, confusions, ranks.

An item that shares its score with the right one counts against it, as in the metrics. Both forms of
predictions are read: `scores`, and the compact one with `ranks` or `t2v_rank`, `v2t_rank`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...protocols.metrics import rankings, ranks
from ..statistics.items import scores_of as scores_of

Arrays = Mapping[str, np.ndarray]

PAIRS = 12
"""Confused pairs of classes that are shown of a run."""


@dataclass(frozen=True)
class ClipOutcomes:
    """Items with one right class. All arrays are [N], in the order of `ids`.

    Attributes:
        rank: place of the right class, from 1; classes that share its score come before it.
        rival: the class with the highest score but for the right one.
        margin: score of the right class less that of the rival; None where only ranks were kept.
    """

    ids: np.ndarray
    target: np.ndarray
    rank: np.ndarray
    rival: np.ndarray
    margin: np.ndarray | None


def kind_of(arrays: Arrays) -> str:
    """`classes`, `labels` or `captions`, by the arrays; empty where they are of no known form."""
    if "captions" in arrays and ("scores" in arrays or "t2v_rank" in arrays):
        return "captions"
    if "target" not in arrays or not ("scores" in arrays or "ranks" in arrays):
        return ""
    return "labels" if arrays["target"].ndim == 2 else "classes"


def class_outcome(arrays: Arrays) -> ClipOutcomes:
    """Of predictions of kind `classes`: the place of the right class and what stood against it."""
    scores, target = scores_of(arrays), arrays["target"].astype(np.int64)
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, target] = -np.inf
    rival = others.argmax(1)
    margin = scores[rows, target] - others[rows, rival] if "scores" in arrays else None
    return ClipOutcomes(arrays["ids"], target, ranks(scores, target) + 1, rival, margin)


def confusions(outcome: ClipOutcomes, n_classes: int) -> np.ndarray:
    """How often a class was taken for another: int64 [K, K], true class by predicted class."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    wrong = outcome.rank > 1
    np.add.at(counts, (outcome.target[wrong], outcome.rival[wrong]), 1)
    return counts


def top_pairs(counts: np.ndarray) -> list[list[int]]:
    """The most frequent of `confusions` as [true, predicted, count], most frequent first."""
    order = np.argsort(-counts, axis=None, kind="stable")[:PAIRS]
    pairs = [[int(i) // len(counts), int(i) % len(counts), int(counts.flat[i])] for i in order]
    return [pair for pair in pairs if pair[2]]


def worst_clips(outcome: ClipOutcomes, limit: int) -> list[int]:
    """Places of the items that went worst: by rank, then by margin, then by id. Only wrong ones."""
    margin = np.zeros(len(outcome.rank)) if outcome.margin is None else outcome.margin
    order = np.lexsort((outcome.ids, margin, -outcome.rank))
    return [int(i) for i in order[:limit] if outcome.rank[i] > 1]


def missed_labels(arrays: Arrays, limit: int) -> list[tuple[int, int, int, int]]:
    """Of kind `labels`, the labels that were missed most: (item, label, rank, of how many).

    The rank of an item that has a label among those that have it not, from 1; each label once,
    with its worst item.
    """
    scores, target = scores_of(arrays), arrays["target"].astype(bool)
    found = []
    for label in range(target.shape[1]):
        has = np.flatnonzero(target[:, label])
        if not len(has) or len(has) == len(target):
            continue
        rest = np.sort(scores[~target[:, label], label])
        ranks = 1 + len(rest) - np.searchsorted(rest, scores[has, label], side="left")
        worst = int(ranks.argmax())
        found.append((int(has[worst]), label, int(ranks[worst]), len(rest) + 1))
    return sorted(found, key=lambda item: (-item[2] / item[3], item[1]))[:limit]


@dataclass(frozen=True)
class Queries:
    """Texts looking for their video.

    Attributes:
        video: [C] the right video of each caption, a place in `ids`.
        number: [C] which of its video's captions it is, from 0.
        rank: [C] place of the right video, from 1 (a compact file may hold halves).
        first: [C] the best video but for the right one; None where only ranks were kept.
        back: [N] rank of the video's captions, which count as the best of them, among those of all videos.
    """

    ids: np.ndarray
    video: np.ndarray
    number: np.ndarray
    rank: np.ndarray
    first: np.ndarray | None
    back: np.ndarray | None


def queries(arrays: Arrays) -> Queries:
    """Of predictions of kind `captions`: where each caption finds its video, and the reverse."""
    ids, counts = arrays["ids"], arrays["captions"].astype(np.int64)
    video = np.repeat(np.arange(len(ids)), counts)
    number = np.arange(len(video)) - np.repeat(np.cumsum(counts) - counts, counts)
    if "scores" not in arrays:
        padded = arrays["t2v_rank"].reshape(len(ids), -1)
        return Queries(ids, video, number, padded[video, number], None, arrays.get("v2t_rank"))
    scores = arrays["scores"].astype(np.float64)
    columns = np.arange(len(video))
    others = scores.copy()
    others[video, columns] = -np.inf
    found = {way: one.ranks() for way, one in rankings(scores, video).items()}
    return Queries(ids, video, number, found["t2v"], others.argmax(0), found["v2t"])
