"""Where every cell stands in its column, from the predictions of the runs behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .cells import Column
from .grid import Family, Grid, Group
from .items import Items, Key, items
from .ranking import Number, column_number, rank_intervals
from .record import Record
from .rows import Row
from .store import Run, StoreError
from .tables import Standing

Found = Mapping[str, tuple[Record, Mapping[Key, Items]]]


def standings_of(
    grid: Grid, runs: Iterable[Run], problems: list[str]
) -> dict[tuple[str, str, Row], Standing]:
    """The rank interval of every cell that at least one other can be compared with.

    Cells of runs without predictions, or on other items than most, have none. What is wrong with
    predictions goes into `problems`.
    """
    wanted = {record.run_id for record in grid.used}
    found: dict[str, tuple[Record, Mapping[Key, Items]]] = {}
    for run in runs:
        if run.record.run_id in wanted:
            try:
                splits = run.predictions()
                found[run.record.run_id] = (run.record, items(run.record, splits or {}))
            except (StoreError, ValueError) as error:
                problems.append(f"no rank for run {run.record.run_id}: {error}")
    return {
        (group.heading, column.name, row): standing
        for family in grid.families
        for group in family.groups
        for column in group.columns
        for row, standing in _column(family, group, column, found).items()
    }


def _column(family: Family, group: Group, column: Column, found: Found) -> dict[Row, Standing]:
    rows = {
        row: numbers
        for row, records in family.rows
        if (numbers := _numbers(records, group, column, found))
    }
    if len(rows) < 2:
        return {}
    places = {str(place): row for place, row in enumerate(rows)}
    ranked = rank_intervals(
        {place: rows[row] for place, row in places.items()}, _higher(family, group, column)
    )
    tied = sum(one.tied_with_best for one in ranked.values())
    return {
        places[place]: Standing(
            one.low_rank,
            one.high_rank,
            one.tied_with_best,
            alone=one.tied_with_best and tied == 1 and len(ranked) > 1,
        )
        for place, one in ranked.items()
    }


def _numbers(records: Sequence[Record], group: Group, column: Column, found: Found) -> list[Number]:
    """The number of each run of a row in this column; nothing if one has no items."""
    used = [r for r in records if r.run_id in group.run_ids and column.takes(r) and column.parts(r)]
    made = [
        column_number(column, *found[record.run_id]) if record.run_id in found else None
        for record in used
    ]
    complete = [number for number in made if number is not None]
    return complete if len(complete) == len(made) else []


def _higher(family: Family, group: Group, column: Column) -> bool:
    """Whether more is better, as the records say."""
    members = (r for _, records in family.rows for r in records if r.run_id in group.run_ids)
    metrics = [m for r in members if column.takes(r) for m in column.parts(r) or []]
    return all(metric.higher_is_better for metric in metrics)
