"""A family of the table as JSON-ready values: its rows, groups of columns, columns and cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...protocols.family import family_of
from ..record.record import Record
from ..record.store import Run
from ..tables.rows import Row
from ..tables.shown import ShownCell, ShownFamily
from .costs import costs_of, machines

Json = dict[str, Any]


@dataclass(frozen=True)
class Tab:
    """One tab of the page. Groups, columns and cells name each other and rows by their places.

    Attributes:
        family: as all tables show it. runs: those of the table, and perhaps others, by their ids.
    """

    family: ShownFamily
    runs: Mapping[str, Run]

    @property
    def name(self) -> str:
        """The family in words."""
        return family_of(self.family.id).title

    @property
    def has_best(self) -> bool:
        """Whether the table says which values are best."""
        return any(one.standing for one in self.family.cells.values())

    @property
    def backbone(self) -> str:
        """The backbone of all rows; empty where there are several, which the rows then say."""
        names = {row.backbone for row, records in self.family.rows if records}
        return names.pop() if len(names) == 1 else ""

    @property
    def machines(self) -> list[str]:
        """What the runs were measured on."""
        return machines([record for _, records in self.family.rows for record in records])

    @property
    def members(self) -> list[list[Run]]:
        """The runs of each row."""
        return [[self.runs[r.run_id] for r in records] for _, records in self.family.rows]

    @cached_property
    def rows(self) -> list[Json]:
        """What heads the lines of the table, and what their runs took."""
        return [_row(row, records, bool(self.backbone)) for row, records in self.family.rows]

    @cached_property
    def groups(self) -> list[Json]:
        """What heads the columns; `main` speaks for the others of its group."""
        return [
            {
                "protocol": group.protocol,
                "variant": group.variant,
                "digest": group.digest,
                "heading": group.heading,
                "columns": [self._places[group.heading, column.name] for column in group.columns],
                "main": self._places[group.heading, group.headline],
            }
            for group in self.family.groups
        ]

    @cached_property
    def columns(self) -> list[Json]:
        """Those of all groups, one after the other."""
        return [
            {
                "group": number,
                "name": column.name,
                "variant": group.variant_of(column),
                "unit": column.unit,
                "lower": column.lower,
                "chance": self.family.chance(group, column.name),
            }
            for number, group in enumerate(self.family.groups)
            for column in group.columns
        ]

    @cached_property
    def cells(self) -> list[Json]:
        """Those of runs, then those that are computed."""
        rows = {row: place for place, (row, _) in enumerate(self.family.rows)}
        return [
            {"row": rows[row], "column": self._places[heading, name]} | self._cell(one)
            for (heading, name, row), one in self.family.cells.items()
        ]

    def at(self, row: int, column: int) -> ShownCell | None:
        """The cell of a row and column, None where there is none."""
        heading, name = list(self._places)[column]
        return self.family.cells.get((heading, name, self.family.rows[row][0]))

    @cached_property
    def _places(self) -> dict[tuple[str, str], int]:
        names = [(g.heading, column.name) for g in self.family.groups for column in g.columns]
        return {name: place for place, name in enumerate(names)}

    def _cell(self, one: ShownCell) -> Json:
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
            "cost": costs_of([self.runs[run_id].record for run_id in cell.run_ids]),
            "runs": list(cell.run_ids),
        }


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
