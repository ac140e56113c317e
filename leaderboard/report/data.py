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
from .arrange import arranged, lead_group
from .costs import absences, costs_of, machine_words, machines, remarks
from .intro import is_synthetic
from .spreads import spread_words

Json = dict[str, Any]


@dataclass(frozen=True)
class Tab:
    """One tab of the page.

    Attributes:
        family: as all tables show it, in the order of the page.
        rows, groups, columns, cells: JSON-ready; they name each other by their places in these lists.
        equal: what is the same in all rows, which then do not say it: (what, which).
        lead: place of the column that rows are sorted by. lead_group: of its group.
        machines: what the runs were measured on. remarks: what that means for times and memory.
    """

    family: ShownFamily
    rows: list[Json]
    groups: list[Json]
    columns: list[Json]
    cells: list[Json]
    equal: list[tuple[str, str]]
    lead: int
    lead_group: int
    machines: list[str]
    remarks: list[str]

    @property
    def name(self) -> str:
        """The family in words."""
        return family_of(self.family.id).title

    def payload(self) -> Json:
        """What the page's script is told of it."""
        lists = {"rows": self.rows, "groups": self.groups, "columns": self.columns}
        lead = {"lead": self.lead, "lead_group": self.lead_group}
        return {"id": self.family.id, "name": self.name, "cells": self.cells} | lists | lead

    def rank(self, row: int) -> str:
        """The rank of a row in the column that rows are sorted by; a dash where it has none."""
        cell = self.at(row, self.lead) if self.columns else None
        if cell is None or cell.standing is None:
            return "–"
        low, high = cell.standing.low, cell.standing.high
        return str(low) if low == high else f"{low}–{high}"

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
    family = arranged(family)
    rows = {row: place for place, (row, _) in enumerate(family.rows)}
    names = [(group.heading, column.name) for group in family.groups for column in group.columns]
    columns = {name: place for place, name in enumerate(names)}
    records = {record.run_id: record for _, own in family.rows for record in own}
    every = list(records.values())
    equal = _equal(family)
    groups = [_group(group, columns, records) for group in family.groups]
    first = lead_group(family) if groups else 0
    return Tab(
        family,
        rows=[_row(row, own, equal, len(machines(every)) > 1) for row, own in family.rows],
        groups=groups,
        columns=_columns(family),
        cells=[
            {"row": rows[row], "column": columns[heading, name]} | _cell(one, records)
            for (heading, name, row), one in family.cells.items()
        ],
        equal=equal,
        lead=groups[first]["main"] if groups else 0,
        lead_group=first,
        machines=machine_words(every),
        remarks=remarks(every),
    )


def _equal(family: ShownFamily) -> list[tuple[str, str]]:
    """The backbone and the checkpoint, where all rows that have one have the same."""
    run = [row for row, own in family.rows if own]
    backbones = {row.backbone for row in run} - {"none"}
    checkpoints = {row.checkpoint for row in run}
    pairs = (("Backbone", backbones), ("Checkpoint", checkpoints))
    return [(word, one) for word, ones in pairs if len(ones) == 1 for one in ones if one]


def _columns(family: ShownFamily) -> list[Json]:
    columns = []
    for number, group in enumerate(family.groups):
        for column in group.columns:
            shown = [family.at(group, column.name, row) for row, _ in family.rows]
            cells = [one.entry.cell for one in shown if one and not one.computed]
            short, title = spread_words(cells)
            columns.append(
                {
                    "group": number,
                    "name": column.name,
                    "variant": group.variant_of(column),
                    "unit": column.unit,
                    "lower": column.lower,
                    "chance": family.chance(group, column.name),
                    "spread": short,
                    "title": title,
                }
            )
    return columns


def _row(
    row: Row, records: Sequence[Record], equal: Sequence[tuple[str, str]], several: bool
) -> Json:
    """`equal`: what need not be said; `several`: whether rows were made on several machines."""
    said = {"none"} | {which for _, which in equal}
    own = [word for word in (row.backbone, row.checkpoint) if word and word not in said]
    costs = costs_of(records)
    return {
        "method": row.method,
        "label": row.label,
        "backbone": row.backbone,
        "checkpoint": row.checkpoint,
        "name": " · ".join([row.label, *(own if records else [])]),
        "detail": " · ".join(own),  # of a row without runs, why it is here
        "cost": costs,
        "absent": absences(records, costs),
        "machine": " and ".join(machines(records)) if several else "",
        "runs": sorted(record.run_id for record in records),
    }


def _group(
    group: Group, columns: Mapping[tuple[str, str], int], records: Mapping[str, Record]
) -> Json:
    return {
        "protocol": group.protocol,
        "variant": group.variant,
        "digest": group.digest,
        "heading": group.heading,
        "synthetic": any(is_synthetic(records[i]) for i in group.run_ids if i in records),
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
