"""What one number of a run is made of, item by item, from its record and its predictions.

Intervals and tests resample these items. They are those that the protocols' metrics are computed from: the
same functions make them, from scores or from the ranks that `compact` puts in their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...protocols.metrics import (
    GROUPS_WITHIN_CLASS,
    JOINTS,
    Items,
    Key,
    Metric,
    Number,
    Ranking,
    accuracy,
    caption_metrics,
    label_metrics,
    rankings,
    sources,
)
from ..record.blocks import SplitData
from ..record.compact import rankings_of
from ..record.record import Record

Array = np.ndarray
Arrays = Mapping[str, Array]


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
        whole: name of the metrics on all labels where none is novel; by default the split's.

    Raises:
        ValueError: arrays that are lacking or do not fit.
    """
    if lacking := _lacking(arrays):
        raise ValueError(f"predictions of {split} have no array {lacking}")
    if "captions" in arrays:
        metrics = _captions(split, arrays, tie_rule)
    elif arrays["target"].ndim == 2:
        metrics = _labels(whole or split, data.novel, arrays)
    else:
        metrics = _classes(split, data, arrays, dataset in GROUPS_WITHIN_CLASS)
    return {(one.name, one.split): one.items for one in metrics if one.items is not None}


def numbers(record: Record, parts: Mapping[Key, Items]) -> dict[Key, Number]:
    """Every metric of the record that has items, with those made of several, as `aggregates` say."""
    made = {key: Number((part,)) for key, part in parts.items() if record.metric(*key)}
    for aggregate in record.aggregates:
        keys = [(part.name, part.split) for part in aggregate.parts]
        if all(key in made for key in keys) and aggregate.rule in JOINTS:
            joined = tuple(made[key].parts[0] for key in keys)
            made[aggregate.name, None] = Number(joined, JOINTS[aggregate.rule])
    return made


def scores_of(arrays: Arrays) -> Array:
    """Scores of classes or labels [N, K] as they are, or the ranks in their place, as float64."""
    return arrays["scores" if "scores" in arrays else "ranks"].astype(float)


def _lacking(arrays: Arrays) -> str:
    """What is needed and not there."""
    if "ids" not in arrays:
        return "ids"
    if "captions" in arrays:
        return "" if "scores" in arrays or "t2v_rank" in arrays else "scores or t2v_rank"
    if "target" not in arrays:
        return "target or captions"
    return "" if "scores" in arrays or "ranks" in arrays else "scores or ranks"


def _classes(split: str, data: SplitData, arrays: Arrays, within_class: bool) -> list[Metric]:
    scores, target = scores_of(arrays), arrays["target"]
    columns, named = scores.shape[1], len(data.classes)
    if not ((target >= 0) & (target < columns)).all():
        raise ValueError(f"a target of {split} is none of its {columns} classes")
    if named not in (0, columns):  # records of version 1 name none
        raise ValueError(f"{split} has scores of {columns} classes, and the record names {named}")
    shared = sources(arrays.get("groups"), target, data.classes, within_class)
    return accuracy(scores, target, split, arrays["ids"], shared)


def _labels(whole: str, novel: Sequence[int], arrays: Arrays) -> list[Metric]:
    scores, ids, groups = scores_of(arrays), arrays["ids"], arrays.get("groups")
    metrics = label_metrics(scores, arrays["target"], whole, novel, ids, groups)
    # ranks tell the order within each label only: nothing across labels
    return [one for one in metrics if "scores" in arrays or one.name == "map"]


def _captions(split: str, arrays: Arrays, tie_rule: str) -> list[Metric]:
    captions = arrays["captions"]
    owner = np.repeat(np.arange(len(captions)), captions)
    if "scores" in arrays:
        ways = rankings(arrays["scores"], owner, arrays.get("cosines"))
    else:
        ways = {way: Ranking(*pair) for way, pair in rankings_of(arrays, tie_rule).items()}
    return caption_metrics(ways, split, owner, tie_rule, arrays["ids"], arrays.get("groups"))
