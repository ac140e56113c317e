"""The rows that every table has: the floor, computed where no run of `random` is there, and plain CLIP."""

from __future__ import annotations

import re
from statistics import fmean, harmonic_mean, mode

from ..record.record import Record, SplitData
from .cells import Cell, Column
from .grid import FamilyTable, GridEntry, RowRecords
from .rows import Row

CHANCE_ROW = Row("chance", "", "", note="computed")
NO_CHANCE_ROW = Row("chance", "no run of random is here", "")
NO_CLIP_ROW = Row("clip", "no run of it is here", "")


def chance_entries(family: FamilyTable) -> list[GridEntry]:
    """Cells at chance level, computed for the columns in which no run of `random` has one."""
    guessed = {entry.key[:2] for entry in family.entries if entry.row.method == "random"}
    members = {record.run_id: record for _, records in family.rows for record in records}
    entries = []
    for group in family.groups:
        some = [members[run_id] for run_id in sorted(group.run_ids)]
        for column in group.columns:
            of_column = [record for record in some if column.takes(record)]
            values = [v for record in of_column if (v := chance(column, record)) is not None]
            if values and (group.heading, column.name) not in guessed:
                # records of one digest agree; where they do not, the level of most of them
                value = mode(sorted(values))
                units = [m.unit for r in of_column for m in column.parts(r) or []]
                cell = Cell(value, units[0], None, None, "", ())
                entries.append(GridEntry(family.name, group, CHANCE_ROW, column, cell))
    return entries


def with_controls(family: FamilyTable, computed: bool) -> list[RowRecords]:
    """The rows with the controls that must be there, empty where nobody ran them.

    Args:
        computed: whether chance is.
    """
    rows = list(family.rows)
    measured = {row.method for row, _ in rows}
    if computed:
        rows.append((CHANCE_ROW, ()))
    elif "random" not in measured:
        rows.append((NO_CHANCE_ROW, ()))
    if "clip" not in measured:
        rows.append((NO_CLIP_ROW, ()))
    return sorted(rows, key=lambda item: item[0].order)


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
        splits = [metric.split] if metric.split else list(record.identity.protocol.splits)
        levels = [_level(metric.name, record.data.get(split or "")) for split in splits]
        values += [level for level in levels if level is not None]
        if len(values) < len(levels):
            return None
    return harmonic_mean(values) if column.rule == "hm" else fmean(values)


def _level(metric: str, data: SplitData | None) -> float | None:
    if data is None or not data.n_expected:
        return None
    top = re.fullmatch(r"top(\d+)(_mean)?", metric)
    if top and data.kind == "classes" and data.classes:
        return min(100.0, 100 * int(top[1]) / len(data.classes))
    rank = re.fullmatch(r"(dsl_)?(t2v|v2t)_(r(\d+)|medr|mnr)", metric)
    if rank and data.kind == "captions":
        n = data.n_expected
        return min(100.0, 100 * int(rank[4]) / n) if rank[4] else (n + 1) / 2
    return None
