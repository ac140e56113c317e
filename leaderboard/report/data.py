"""A family of the table as JSON-ready values: its rows, groups of columns, columns and cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...protocols.family import family_of
from ..record.record import Record
from ..tables.grid import Group
from ..tables.rows import Row
from ..tables.shown import ShownCell, ShownFamily
from .costs import costs_of, machines

Json = dict[str, Any]


@dataclass(frozen=True)
class Tab:
    """One tab of the page.

    Attributes:
        family: as all tables show it.
        rows, groups, columns, cells: JSON-ready; they name each other by their places in these lists.
        backbone: that of all rows; empty where there are several, which the rows then say.
        machines: what the runs were measured on.
    """

    family: ShownFamily
    rows: list[Json]
    groups: list[Json]
    columns: list[Json]
    cells: list[Json]
    backbone: str
    machines: list[str]

    @property
    def name(self) -> str:
        """The family in words."""
        return family_of(self.family.id).title

    @property
    def has_best(self) -> bool:
        """Whether the table says which values are best."""
        return any(one.standing for one in self.family.cells.values())

    def at(self, row: int, column: int) -> ShownCell | None:
        """The cell of a row and column, None where there is none."""
        group, name = self.columns[column]["group"], self.columns[column]["name"]
        return self.family.at(self.family.groups[group], name, self.family.rows[row][0])


def tab_of(family: ShownFamily) -> Tab:
    """The tab of a family."""
    rows = {row: place for place, (row, _) in enumerate(family.rows)}
    names = [(group.heading, column.name) for group in family.groups for column in group.columns]
    columns = {name: place for place, name in enumerate(names)}
    records = {record.run_id: record for _, own in family.rows for record in own}
    backbones = {row.backbone for row, own in family.rows if own}
    backbone = backbones.pop() if len(backbones) == 1 else ""
    return Tab(
        family,
        rows=[_row(row, own, bool(backbone)) for row, own in family.rows],
        groups=[_group(group, columns) for group in family.groups],
        columns=[
            {
                "group": number,
                "name": column.name,
                "variant": group.variant_of(column),
                "unit": column.unit,
                "lower": column.lower,
                "chance": family.chance(group, column.name),
            }
            for number, group in enumerate(family.groups)
            for column in group.columns
        ],
        cells=[
            {"row": rows[row], "column": columns[heading, name]} | _cell(one, records)
            for (heading, name, row), one in family.cells.items()
        ],
        backbone=backbone,
        machines=machines(list(records.values())),
    )


def _row(row: Row, records: Sequence[Record], one_backbone: bool) -> Json:
    backbone = row.backbone if records and not one_backbone else ""
    absent = "" if records else row.backbone  # what stands in place of a backbone
    words = [row.label, backbone, row.checkpoint]
    return {
        "method": row.method,
        "label": row.label,
        "backbone": row.backbone,
        "checkpoint": row.checkpoint,
        "name": " · ".join(word for word in words if word),
        "detail": " · ".join(word for word in (*words[1:], absent) if word),
        "cost": costs_of(records),
        "runs": sorted(record.run_id for record in records),
    }


def _group(group: Group, columns: Mapping[tuple[str, str], int]) -> Json:
    return {
        "protocol": group.protocol,
        "variant": group.variant,
        "digest": group.digest,
        "heading": group.heading,
        "columns": [columns[group.heading, column.name] for column in group.columns],
        "main": columns[group.heading, group.headline],  # it speaks for the others
    }


def _cell(one: ShownCell, records: Mapping[str, Record]) -> Json:
    cell, standing, beside = one.entry.cell, one.standing, one.beside
    low, high, how, level = cell.interval or (None, None, None, None)
    return {
        "value": cell.value,
        "low": low,
        "high": high,
        "how": how,
        "level": level,
        "seeds": len(cell.run_ids),
        "pair": list(cell.values) if len(cell.values) == 2 else [],
        "std": cell.std_over_splits,
        "marks": one.marks,
        "rank": [standing.low, standing.high] if standing else [None, None],
        "best": one.best,
        "reported": beside and beside.reported.number,
        "source": beside.reported.source if beside else "",
        "difference": beside and beside.difference,
        "verdict": beside.text if beside else "",
        "cost": costs_of([records[run_id] for run_id in cell.run_ids]),
        "runs": list(cell.run_ids),
    }
