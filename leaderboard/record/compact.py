"""Predictions small enough for git: ranks in place of scores, from which the metrics follow exactly.

What the arrays of a split become, by what its videos are scored against:

- classes: `ranks` [N, K] in place of `scores`: dense ranks within each row, the highest score has the
  highest rank, equal scores have equal ranks.
- captions: for t2v, v2t, dsl_t2v and dsl_v2t (the last two where there are cosines and one caption each)
  `<way>_rank` and `<way>_tied` in place of `scores` and `cosines`: rank of the own item, from 1, and
  number of candidates with its score, itself among them. [N] for videos; t2v goes by captions, hence
  [N, most captions of a video], padded with 0, or [N] where every video has one.
- labels: `scores` stay: F1 and calibration depend on their values, not on their order.

Ranks follow the tie rule of the record. By the rule "reference", which counts a query several times, they
are the pessimistic ones, and `tied` tells the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray]
    Ways = Mapping[str, tuple[np.ndarray, np.ndarray]]

WAYS = ("t2v", "v2t", "dsl_t2v", "dsl_v2t")


def dense_ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks within each row of [N, K], from 0, in the smallest unsigned type; ties share a rank."""
    import numpy as np
    from scipy.stats import rankdata

    ranks = rankdata(scores, method="dense", axis=1).astype(np.int64) - 1
    return ranks.astype(np.min_scalar_type(int(ranks.max(initial=0))))


def compact_classes(arrays: Arrays) -> dict[str, np.ndarray]:
    """The arrays of a split of classes with `ranks` in place of `scores`."""
    return {**_without(arrays, "scores"), "ranks": dense_ranks(arrays["scores"])}


def compact_captions(arrays: Arrays, ways: Ways, tie_rule: str) -> dict[str, np.ndarray]:
    """The arrays of a split of captions with ranks in place of scores and cosines.

    Args:
        ways: one of `WAYS` -> how many candidates score higher than the own item, and how many share its
            score (itself among them), of each query: captions video by video, or videos.
    """
    import numpy as np

    found = _without(arrays, "scores", "cosines")
    for way, (larger, tied) in ways.items():
        rank = larger + (tied + 1) / 2 if tie_rule == "expected" else larger + tied
        counts = tied.astype(np.min_scalar_type(int(tied.max())))
        for name, values in (("rank", rank.astype(np.float32)), ("tied", counts)):
            by_video = values if "v2t" in way else _pack(values, arrays["captions"])
            found[f"{way}_{name}"] = by_video
    return found


def rankings_of(arrays: Arrays, tie_rule: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Way -> (larger, tied) of each query, as `compact_captions` was given them.

    Raises ValueError for ranks that no query can have.
    """
    import numpy as np

    captions, found = arrays["captions"], {}
    for way in (way for way in WAYS if f"{way}_rank" in arrays):
        rank, tied = arrays[f"{way}_rank"], arrays.get(f"{way}_tied")
        if tied is None or tied.shape != rank.shape:
            raise ValueError(f"{way}_rank has no {way}_tied of its shape beside it")
        if "v2t" not in way:
            rank, tied = _unpack(rank, captions), _unpack(tied, captions)
        tied = tied.astype(np.int64)
        larger = rank - ((tied + 1) / 2 if tie_rule == "expected" else tied)
        bad = (tied < 1) | (larger < 0) | (larger + tied > len(captions)) | (larger % 1 != 0)
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"{way}_rank {rank[first]:g} with {way}_tied {tied[first]} (query {first}) is no rank "
                f"among {len(captions)} candidates"
            )
        found[way] = (larger.astype(np.int64), tied)
    return found


def _without(arrays: Arrays, *names: str) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if name not in names}


def _pack(values: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """Values of captions, video by video, as one row a video."""
    import numpy as np

    most = int(captions.max())
    if most == 1:
        return values
    table = np.zeros((len(captions), most), values.dtype)
    table[np.arange(most) < captions[:, None]] = values
    return table


def _unpack(table: np.ndarray, captions: np.ndarray) -> np.ndarray:
    import numpy as np

    if table.ndim == 1:
        return table
    return table[np.arange(table.shape[1]) < captions[:, None]]
