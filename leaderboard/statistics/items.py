"""What one number of a run is made of, item by item, from its record and its predictions.

Intervals and tests resample these items. Values and statistics follow the definitions of the
protocols' metrics, so the statistic of the items is the value that the record holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ..record.blocks import SplitData
from ..record.compact import rankings_of
from ..record.record import Record

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
    Arrays = Mapping[str, np.ndarray]

Key = tuple[str, str | None]
"""Name and split of a metric; split None: over all splits."""
Rule = Literal[
    "mean", "median", "lower-median", "sum", "ratio", "map",
    "micro_ap", "f1_best", "threshold_best", "ece",
]  # fmt: skip

DEPTHS = (1, 5, 10)
BINS = 15
DSL_SCALE = 100.0
# datasets whose groups are numbered within a class: g01 of two classes are two sources
GROUPS_WITHIN_CLASS = frozenset({"ucf101"})


@dataclass(frozen=True, eq=False)
class Items:
    """The items of one metric on one split.

    Attributes:
        ids: what names each item, [n]: a video, or a caption of a video ("video#2"). A query that the
            tie rule "reference" counts several times is there several times.
        values: [n], in the unit of the metric; [n, L] scores of L labels; see `rule`.
        groups: what each item shares a source with, [n], "" for nothing; None: nothing for all.
        rule: how values become the number. mean, median, lower-median (the lower of two middle ones),
            sum; ratio: sum of values over sum of `against`, in %; map, micro_ap, f1_best,
            threshold_best: of scores [n, L] and marks `against` [n, L]; ece: [n, bins] gaps between
            probability and marks, and [n] pairs `against`.
        clips: each value is 0 or 100, a clip whose class was found or not.
    """

    ids: Array
    values: Array
    groups: Array | None = None
    rule: Rule = "mean"
    against: Array | None = None
    clips: bool = False

    @cached_property
    def units(self) -> Array:
        """What is drawn as a whole, for each item, [n]: its group, or else itself."""
        import numpy as np

        own = np.char.add("item ", self.ids)
        if self.groups is None:
            return own
        return np.where(self.groups == "", own, np.char.add("group ", self.groups))


@dataclass(frozen=True, eq=False)
class Number:
    """A number of a run: a metric on one split, or made of several.

    Attributes:
        parts: the items of each metric that it is made of; one for a metric on one split.
        rule: how several become one: their mean, or the harmonic mean of two.
    """

    parts: tuple[Items, ...]
    rule: Literal["mean", "harmonic-mean"] = "mean"

    @cached_property
    def grouped(self) -> bool:
        """Whether items share a source, so that they cannot be drawn one by one."""
        import numpy as np

        units = np.unique(np.concatenate([part.units for part in self.parts]))
        ids = np.unique(np.concatenate([part.ids for part in self.parts]))
        return len(units) < len(ids)


def items(record: Record, splits: Mapping[str, Arrays]) -> dict[Key, Items]:
    """The items of every metric on a split that predictions hold.

    Args:
        splits: what `load_predictions` returns, {split: {array name: array}}; scores, or what
            `compact` makes of them.

    Raises:
        ValueError: a split without data in the record, arrays that are lacking or do not fit.
    """
    found: dict[Key, Items] = {}
    for split, arrays in splits.items():
        if split not in record.data:
            raise ValueError(f"predictions of {split}, which run {record.run_id} does not have")
        data = record.data[split]
        dataset, rule = record.identity.protocol.dataset, record.identity.eval.tie_rule
        whole = "all" if record.metric("map", "all") else split
        found |= split_items(split, data, arrays, dataset, rule, whole)
    return found


def split_items(
    split: str,
    data: SplitData,
    arrays: Arrays,
    dataset: str,
    tie_rule: str = "pessimistic",
    whole: str | None = None,
) -> dict[Key, Items]:
    """The items of the metrics on one split: of classes, labels or captions, as the arrays tell.

    Args:
        data: classes and novel are read. dataset: its id says what a group is.
        whole: name of the metrics on all labels; by default "all" where some are novel, else the split's.

    Raises:
        ValueError: arrays that are lacking or do not fit.
    """
    if lacking := _lacking(arrays):
        raise ValueError(f"predictions of {split} have no array {lacking}")
    if "captions" in arrays:
        return _captions(split, arrays, tie_rule)
    if arrays["target"].ndim == 2:
        return _labels(whole or ("all" if data.novel else split), data.novel, arrays)
    return _classes(split, data, arrays, dataset)


def numbers(record: Record, found: Mapping[Key, Items]) -> dict[Key, Number]:
    """Every metric of the record that has items, with those made of several, as `aggregates` say."""
    known = {key: Number((part,)) for key, part in found.items() if record.metric(*key)}
    for aggregate in record.aggregates:
        keys = [(part.name, part.split) for part in aggregate.parts]
        if all(key in known for key in keys):
            rule: Literal["mean", "harmonic-mean"] = (
                "harmonic-mean" if aggregate.rule == "harmonic-mean" else "mean"
            )
            parts = tuple(known[key].parts[0] for key in keys)
            known[aggregate.name, None] = Number(parts, rule)
    return known


def scores_of(arrays: Arrays) -> Array:
    """Scores of classes or labels [N, K] as they are, or the ranks in their place, as float64."""
    name = "scores" if "scores" in arrays else "ranks"
    return arrays[name].astype(float)


def _lacking(arrays: Arrays) -> str:
    """What is needed and not there."""
    if "ids" not in arrays:
        return "ids"
    if "captions" in arrays:
        return "" if "scores" in arrays or "t2v_rank" in arrays else "scores or t2v_rank"
    if "target" not in arrays:
        return "target or captions"
    return "" if "scores" in arrays or "ranks" in arrays else "scores or ranks"


def _classes(split: str, data: SplitData, arrays: Arrays, dataset: str) -> dict[Key, Items]:
    """Top-1 and, with more than 5 classes, top-5; ties count against the video."""
    import numpy as np

    scores, target = scores_of(arrays), arrays["target"]
    columns, named = scores.shape[1], len(data.classes)
    if not ((target >= 0) & (target < columns)).all():
        raise ValueError(f"a target of {split} is none of its {columns} classes")
    if named not in (0, columns):  # records of version 1 name none
        raise ValueError(f"{split} has scores of {columns} classes, and the record names {named}")
    own = scores[np.arange(len(scores)), target][:, None]
    rank = (scores >= own).sum(1)
    groups = arrays.get("groups")
    if groups is not None and dataset in GROUPS_WITHIN_CLASS:
        names = np.array(data.classes)[target] if data.classes else target.astype(str)
        groups = np.where(groups == "", "", np.char.add(np.char.add(names, " "), groups))
    return {
        (f"top{k}", split): Items(arrays["ids"], 100.0 * (rank <= k), groups, clips=True)
        for k in (1, 5)
        if k == 1 or k < columns
    }


def _labels(whole: str, novel: list[int], arrays: Arrays) -> dict[Key, Items]:
    """The metrics of all labels and, where some are novel, of base and of novel ones."""
    import numpy as np

    held_out = np.isin(np.arange(arrays["target"].shape[1]), novel)
    parts = {whole: np.ones_like(held_out)}
    if novel:
        parts |= {"base": ~held_out, "novel": held_out}
    found: dict[Key, Items] = {}
    for split, part in parts.items():
        found |= _label_part(split, arrays, part)
    return found


def _label_part(split: str, arrays: Arrays, part: Array) -> dict[Key, Items]:
    import numpy as np
    from scipy.special import expit

    ids, groups = arrays["ids"], arrays.get("groups")
    scores, marks = scores_of(arrays)[:, part], arrays["target"][:, part].astype(np.int64)
    if "scores" not in arrays:  # order within each label only: nothing across labels
        return {("map", split): Items(ids, scores, groups, "map", marks)}
    ranked: tuple[Rule, ...] = ("map", "micro_ap", "f1_best", "threshold_best")
    found: dict[Key, Items] = {
        (rule, split): Items(ids, scores, groups, rule, marks) for rule in ranked
    }
    p = expit(scores)
    chosen = p >= 0.5
    agreed = 2.0 * (chosen & (marks == 1)).sum(1)
    found["f1", split] = Items(ids, agreed, groups, "ratio", (chosen.sum(1) + marks.sum(1)) * 1.0)
    bin_of = np.digitize(p, np.arange(1, BINS) / BINS, right=True)
    gaps = np.zeros((len(p), BINS))
    np.add.at(gaps, (np.arange(len(p))[:, None], bin_of), p - marks)
    pairs = np.full(len(p), float(p.shape[1]))
    found["ece", split] = Items(ids, gaps, groups, "ece", pairs)
    return found


def _captions(split: str, arrays: Arrays, tie_rule: str) -> dict[Key, Items]:
    """R@K, ranks and ties of both directions; text to video has one item for each caption."""
    import numpy as np

    ids, counts = arrays["ids"], arrays["captions"]
    ways = _ways(arrays) if "scores" in arrays else rankings_of(arrays, tie_rule)
    several = bool((counts > 1).any())
    video = np.repeat(ids, counts)
    place = np.arange(len(video)) - np.repeat(np.cumsum(counts) - counts, counts)
    texts = np.char.add(np.char.add(video, "#"), place.astype(str)) if several else video
    source = arrays.get("groups")
    shared = None if source is None else np.repeat(source, counts)
    if several:  # captions of one video are drawn together
        shared = video if shared is None else np.where(shared == "", video, shared)
    found: dict[Key, Items] = {}
    for way, ranking in ways.items():
        by_text = "t2v" in way
        names, groups = (texts, shared) if by_text else (ids, source)
        lower = several and by_text and tie_rule == "reference"
        for name, values, of, rule in _direction(*ranking, tie_rule, lower):
            own = None if groups is None else groups[of]
            found[f"{way}_{name}", split] = Items(names[of], values, own, rule)
    return found


def _direction(
    larger: Array, tied: Array, tie_rule: str, lower: bool
) -> list[tuple[str, Array, Array, Rule]]:
    """(name, values, query of each value, rule) of one direction.

    Args:
        larger, tied: candidates that score higher than the own item, and as high, [Q].
        lower: ties count against the query, and the median is the lower of two middle ranks.
    """
    import numpy as np

    query = np.arange(len(larger))
    chance = [np.clip((k - larger) / tied, 0.0, 1.0) for k in DEPTHS]
    if tie_rule == "expected":
        of, ranks = query, larger + (tied + 1) / 2
    elif tie_rule == "reference" and not lower:
        of = np.repeat(query, tied)
        ranks = larger[of] + (np.arange(len(of)) - np.repeat(np.cumsum(tied) - tied, tied)) + 1.0
    else:
        of, ranks = query, (larger + tied) * 1.0
    hits = chance if tie_rule == "expected" else [ranks <= k for k in DEPTHS]
    found: list[tuple[str, Array, Array, Rule]] = [
        (f"r{k}", 100.0 * hit, of, "mean") for k, hit in zip(DEPTHS, hits, strict=True)
    ]
    found.append(("medr", ranks, of, "lower-median" if lower else "median"))
    found.append(("mnr", ranks, of, "mean"))
    found.append(("tied", (tied > 1) * 1.0, query, "sum"))
    return found


def _ways(arrays: Arrays) -> dict[str, tuple[Array, Array]]:
    """Way -> (larger, tied) of each query, from scores [videos, captions] and cosines alike."""
    import numpy as np
    from scipy.special import softmax

    scores, counts = arrays["scores"], arrays["captions"]
    ways = {"t2v": _ranked(scores.T, np.repeat(np.arange(len(counts)), counts))}
    best = scores
    if (counts > 1).any():  # a video's captions count as the best of them
        best = np.maximum.reduceat(scores, np.cumsum(counts) - counts, axis=1)
    ways["v2t"] = _ranked(best, np.arange(len(counts)))
    if "cosines" in arrays and (counts == 1).all():
        x = arrays["cosines"].T.astype(np.float64)
        weighted = x * softmax(DSL_SCALE * x, axis=0)  # CLIP-ViP's dual softmax, over the texts
        own = np.arange(len(counts))
        ways |= {"dsl_t2v": _ranked(weighted, own), "dsl_v2t": _ranked(weighted.T, own)}
    return ways


def _ranked(scores: Array, own: Array) -> tuple[Array, Array]:
    import numpy as np

    mine = scores[np.arange(len(scores)), own][:, None]
    return (scores > mine).sum(1), (scores == mine).sum(1)
