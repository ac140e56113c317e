"""What guessing gives: the floor of every column, computed where no run of `random` is there."""

from __future__ import annotations

import re
from statistics import fmean, harmonic_mean

from ..record.record import Record, SplitData
from .cells import Column


def chance(column: Column, record: Record) -> float | None:
    """The expected number of a method that ranks at random, in the column's unit; None: not known.

    It is that of the protocol's whole list, also where a record scored a part of it. Of K classes
    top-k finds k/K. Of n items with one text each R@k is k/n, and the mean and the median rank are
    (n + 1)/2. Mean average precision and texts that share a video have no formula this simple: there
    a run of `random` has to be.
    """
    parts = column.parts(record)
    if parts is None:
        return None
    values = []
    for metric in parts:
        names = [metric.split] if metric.split else list(record.identity.protocol.splits)
        found = [_of(metric.name, record.data.get(name or "")) for name in names]
        values += [value for value in found if value is not None]
        if len(values) < len(found):
            return None
    return harmonic_mean(values) if column.rule == "hm" else fmean(values)


def _of(name: str, data: SplitData | None) -> float | None:
    if data is None or not data.n_expected:
        return None
    top = re.fullmatch(r"top(\d+)(_mean)?", name)
    if top and data.kind == "classes" and data.classes:
        return min(100.0, 100 * int(top[1]) / len(data.classes))
    rank = re.fullmatch(r"(dsl_)?(t2v|v2t)_(r(\d+)|medr|mnr)", name)
    if rank and data.kind == "captions":
        n = data.n_expected
        return min(100.0, 100 * int(rank[4]) / n) if rank[4] else (n + 1) / 2
    return None
