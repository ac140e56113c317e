"""Where every cell stands in its column, from the predictions of the runs behind it."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from ...protocols.metrics import Items, Key, Number, value_of
from ..record.files import StoreError
from ..record.record import Record
from ..record.store import Run
from ..statistics.items import items, numbers
from ..statistics.ranking import Ranked, rank_columns
from .cells import Column
from .grid import CellKey, FamilyTable, Grid, GridEntry, Group
from .kept_ranks import KeptRanks, Places
from .rows import Row
from .shown import Standing

CLOSE = 1e-6  # relative and absolute: sums in another order

RunItems = dict[str, tuple[Record, Mapping[Key, Items]]]
"""Run id -> the record and its items."""


class Read(NamedTuple):
    """What the predictions of many runs are; the last two are ids of runs."""

    items: RunItems
    unread: set[str]
    """Predictions that cannot be read."""
    false: set[str]
    """Predictions that contradict their record."""


def read_items(
    grid: Grid, runs: Iterable[Run], problems: list[str], skip: Container[str] = ()
) -> Read:
    """The items of the runs of a grid. What is wrong goes into `problems`.

    Args:
        skip: ids of runs that need not be read: `ranked_before`.
    """
    left = {record.run_id for record in grid.used if record.run_id not in skip}
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


def ranked_before(grid: Grid, kept: KeptRanks) -> set[str]:
    """Ids of runs whose columns are all in the cache: their predictions are sound and need not be read."""
    before: set[str] = set()
    needed: set[str] = set()
    for family in grid.families:
        for group in family.groups:
            for column, entries in _entries(family, group).items():
                ids = {run_id for entry in entries for run_id in entry.cell.run_ids}
                (needed if kept.load(column, entries) is None else before).update(ids)
    return before - needed


def standings_of(
    grid: Grid, read: Read, problems: list[str], kept: KeptRanks | None = None
) -> dict[CellKey, Standing]:
    """The rank interval of every cell that at least one other can be compared with.

    Cells of runs without predictions, or on other items than most, have none: a line in `problems` names
    those that have no other line there. No cell is the best alone where one without a rank has as good
    a value.

    Args:
        kept: the cache, where columns are looked up and new ones put.
    """
    kept = kept or KeptRanks(None, ())
    standings: dict[CellKey, Standing] = {}
    for family in grid.families:
        for group in family.groups:
            unranked: dict[str, None] = {}
            entries = _entries(family, group)
            for column, places in _places(entries, read, kept).items():
                if not places.compared:
                    continue
                others = [e for at, e in enumerate(entries[column]) if at not in places.ranked]
                for entry in others:
                    if read.unread.isdisjoint(entry.cell.run_ids):
                        unranked[entry.row.label] = None
                ranked = {entries[column][at].row: one for at, one in places.ranked.items()}
                own = _standings(ranked, [entry.cell.value for entry in others], column.lower)
                standings |= {(group.heading, column.name, row): s for row, s in own.items()}
            problems += [
                f"no rank for {label} in {group.heading}: no predictions, or of other items than those of "
                "other rows"
                for label in unranked
            ]
    return standings


def _entries(family: FamilyTable, group: Group) -> dict[Column, list[GridEntry]]:
    """The filled cells of each column, in the order of the rows."""
    own = [entry for entry in family.entries if entry.group is group]
    return {column: [e for e in own if e.column == column] for column in group.columns}


def _places(
    entries: Mapping[Column, Sequence[GridEntry]], read: Read, kept: KeptRanks
) -> dict[Column, Places]:
    """Where the rows of each column stand: kept, or else drawn, all columns together."""
    before = {column: kept.load(column, some) for column, some in entries.items()}
    rows = {
        column: {str(at): made for at, e in enumerate(some) if (made := _numbers(e, read.items))}
        for column, some in entries.items()
        if before[column] is None
    }
    several = {column: of_rows for column, of_rows in rows.items() if len(of_rows) > 1}
    drawn = rank_columns([(of_rows, not column.lower) for column, of_rows in several.items()])
    by_column = dict(zip(several, drawn, strict=True))
    new: dict[Column, Places] = {}
    for column in rows:
        ranked = {int(at): one for at, one in by_column.get(column, {}).items()}
        new[column] = Places(column in several, ranked)
        ids = [run_id for entry in entries[column] for run_id in entry.cell.run_ids]
        if read.unread.isdisjoint(ids):
            kept.save(column, entries[column], new[column])
    return {column: before[column] or new[column] for column in entries}


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
