"""Where every cell stands in its column, from the predictions of the runs behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...protocols.metrics import Items, Key, Number, value_of
from ..record.files import StoreError
from ..record.record import Record
from ..record.store import Run
from ..statistics.items import items, numbers
from ..statistics.ranking import Ranked, rank_columns
from .cells import Column
from .grid import CellKey, FamilyTable, Grid, GridEntry, Group
from .rows import Row
from .shown import Standing

CLOSE = 1e-6  # relative and absolute: sums in another order

RunItems = Mapping[str, tuple[Record, Mapping[Key, Items]]]
"""Run id -> the record and its items."""


class Read(NamedTuple):
    """What the predictions of many runs are; the last two are ids of runs."""

    items: RunItems
    unread: set[str]
    """Predictions that cannot be read."""
    false: set[str]
    """Predictions that contradict their record."""


def read_items(grid: Grid, runs: Iterable[Run], problems: list[str]) -> Read:
    """The items of the runs of a grid. What is wrong goes into `problems`."""
    left = {record.run_id for record in grid.used}
    read: dict[str, tuple[Record, Mapping[Key, Items]]] = {}
    unread: set[str] = set()
    false: set[str] = set()
    for run in runs:
        record = run.record
        if record.run_id not in left:
            continue
        left.remove(record.run_id)
        try:
            own = items(record, run.predictions() or {})
            wrong = contradiction(record, numbers(record, own))
        except (StoreError, ValueError, KeyError, IndexError, TypeError) as error:
            problems.append(f"no rank for run {record.run_id}: {error}")
            unread.add(record.run_id)
            continue
        if wrong:
            problems.append(f"left out: run {record.run_id} in {run.folder}: {wrong}")
            false.add(record.run_id)
        else:
            read[record.run_id] = (record, own)
    return Read(read, unread, false)


def standings_of(grid: Grid, read: Read, problems: list[str]) -> dict[CellKey, Standing]:
    """The rank interval of every cell that at least one other can be compared with.

    Cells of runs without predictions, or on other items than most, have none: a line in `problems` names
    those that have no other line there. No cell is the best alone where one without a rank has as good
    a value.
    """
    standings: dict[CellKey, Standing] = {}
    for family in grid.families:
        for group in family.groups:
            unranked: dict[str, None] = {}
            for column, ranked in _columns(family, group, read, unranked):
                standings |= {(group.heading, column.name, row): s for row, s in ranked.items()}
            problems += [
                f"no rank for {label} in {group.heading}: no predictions, or of other items than those of "
                "other rows"
                for label in unranked
            ]
    return standings


def _columns(
    family: FamilyTable, group: Group, read: Read, unranked: dict[str, None]
) -> list[tuple[Column, dict[Row, Standing]]]:
    """Standings by row. Labels of rows that have a value but no rank go into `unranked`."""
    entries = {
        column: [e for e in family.entries if e.group is group and e.column == column]
        for column in group.columns
    }
    rows = {
        column: {e.row: made for e in some if (made := _numbers(e, read.items))}
        for column, some in entries.items()
    }
    rows = {column: made for column, made in rows.items() if len(made) > 1}
    ranked = rank_columns(
        [
            ({str(place): runs for place, runs in enumerate(made.values())}, not column.lower)
            for column, made in rows.items()
        ]
    )
    standings = []
    for (column, made), places in zip(rows.items(), ranked, strict=True):
        standing = {row: places[key] for place, row in enumerate(made) if (key := str(place)) in places}
        others = [entry for entry in entries[column] if entry.row not in standing]
        for entry in others:
            if read.unread.isdisjoint(entry.cell.run_ids):
                unranked[entry.row.label] = None
        values = [entry.cell.value for entry in others]
        standings.append((column, _standings(standing, values, column.lower)))
    return standings


def _standings(
    ranked: Mapping[Row, Ranked], others: Sequence[float], lower: bool
) -> dict[Row, Standing]:
    """`others`: values of rows without a rank. `lower`: whether less is better."""
    if len(ranked) < 2:
        return {}
    tied = sum(one.tied_with_best for one in ranked.values())
    pick = min if lower else max
    best = pick(one.value for one in ranked.values())
    beaten = any(pick(best, value) == value for value in others)
    return {
        row: Standing(
            one.low_rank,
            one.high_rank,
            one.tied_with_best,
            alone=one.tied_with_best and tied == 1 and not beaten,
        )
        for row, one in ranked.items()
    }


def _numbers(entry: GridEntry, read: RunItems) -> list[Number]:
    """The number of each run of a cell; nothing if one has no items."""
    ids = entry.cell.run_ids
    made = [column_number(entry.column, *read[run_id]) for run_id in ids if run_id in read]
    complete = [number for number in made if number is not None]
    return complete if len(complete) == len(ids) else []


def column_number(column: Column, record: Record, found: Mapping[Key, Items]) -> Number | None:
    """The number of a record that a column shows, as items; None where some are lacking.

    Args:
        found: `items(record, load_predictions(...))`.
    """
    if not column.takes(record):
        return None
    if column.rule == "primary":
        metric = record.primary_metric()
        return numbers(record, found).get((metric.name, metric.split)) if metric else None
    parts = tuple(found[k] for s in column.splits if (k := (column.metric, s)) in found)
    if not parts or len(parts) < len(column.splits):
        return None
    return Number(parts, "harmonic-mean" if column.rule == "hm" else "mean")


def contradiction(record: Record, found: Mapping[Key, Number]) -> str | None:
    """The first metric that its items do not give, in words; None where all agree.

    Args:
        found: `numbers(record, items(record, predictions))`.
    """
    for (name, split), number in found.items():
        said, value = record.metric(name, split), value_of(number)
        if said is not None and not math.isclose(said.value, value, rel_tol=CLOSE, abs_tol=CLOSE):
            where = f" on {split}" if split else ""
            return (
                f"the record says {name}{where} is {said.value:g}, its predictions give {value:g}: "
                "one of them was changed (bench verify)"
            )
    return None
