"""The runs behind one cell of a table, in words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from .cells import MARKS
from .grid import Entry, Grid
from .record import Record
from .tables import Standing, Standings
from .verdicts import Verdict


def explain(
    grid: Grid, cell: str, standings: Standings, judged: tuple[Verdict, ...] = ()
) -> list[str]:
    """Lines on the cells that `cell` names: METHOD/PROTOCOL or METHOD/PROTOCOL/COLUMN.

    Raises:
        ValueError: no cell has this name; says which would.
    """
    records = {record.run_id: record for record in grid.used}
    lines: list[str] = []
    for entry in find(grid, cell):
        standing = standings.get((entry.group.heading, entry.column.name, entry.row))
        lines += _lines(entry, records, standing)
        lines += [
            f"  reported {v.reported.value} ({v.reported.source}, {v.reported.table or '?'}): "
            f"{v.difference:+.2f}, {v.text}"
            for v in judged
            if v.entry is entry and v.difference is not None
        ]
        lines.append("")
    return lines


def find(grid: Grid, cell: str) -> list[Entry]:
    """The entries with that name; ValueError if there is none."""
    parts = [part.strip().lower() for part in cell.split("/")]
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise ValueError(f"{cell!r} is no cell: METHOD/PROTOCOL/COLUMN is, e.g. vifi/b2n-shapes/HM")
    names = {_name(entry): entry for entry in grid.entries}
    found = [
        entry
        for (method, protocol, column), entry in names.items()
        if parts[0] in (method, method.split(" ")[0])
        and parts[1] in (protocol, entry.group.protocol.lower())
        and parts[2:] in ([], [column])
    ]
    if not found:
        known = ["/".join(name) for name in names]
        near = difflib.get_close_matches("/".join(parts), known, 3, 0.4) or known[:3]
        raise ValueError(
            f"no cell is called {cell!r}; there are {len(known)}, e.g. {', '.join(near)}"
        )
    return found


def _name(entry: Entry) -> tuple[str, str, str]:
    return entry.row.method.lower(), entry.group.heading.lower(), entry.column.name.lower()


def _lines(entry: Entry, records: Mapping[str, Record], standing: Standing | None) -> list[str]:
    cell, unit = entry.cell, entry.cell.unit
    head = f"{entry.row.method} on {entry.row.backbone}, {entry.group.heading}, {entry.column.name}"
    lines = [head, f"  {cell.value!r} {unit}, the mean of {len(cell.run_ids)} runs".rstrip()]
    if cell.interval is not None:
        low, high, method, level = cell.interval
        lines.append(f"  {100 * level:g} % interval {low:.4g} to {high:.4g} ({method})")
    if cell.std_over_splits is not None:
        lines.append(f"  standard deviation over splits {cell.std_over_splits:.4g}")
    if standing is not None:
        words = "the best, alone" if standing.alone else "not separable from the best"
        lines.append(f"  rank {standing.text}" + f": {words}" * standing.tied)
    lines += [f"  {mark} {meaning}" for mark, meaning in MARKS.items() if mark in cell.marks]
    for run_id in cell.run_ids:
        record = records[run_id]
        numbers = [
            f"{m.name}{f' {m.split}' if m.split else ''} {m.value:.4g}"
            for m in entry.column.parts(record) or []
        ]
        seed = "no seed" if record.seed is None else f"seed {record.seed}"
        when = (record.finished_utc or record.created_utc)[:10]
        lines.append(f"  run {run_id}, {seed}, {when}: {', '.join(numbers)}")
    return lines
