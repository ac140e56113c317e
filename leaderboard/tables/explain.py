"""The runs behind one cell of a table, in words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from ..record.record import Record
from .cells import MARKS
from .grid import Grid, GridEntry
from .shown import Standing, Standings
from .verdicts import PaperVerdict


def explain(
    grid: Grid, cell: str, standings: Standings, judged: tuple[PaperVerdict, ...] = ()
) -> list[str]:
    """Lines on the cells that `cell` names: METHOD/PROTOCOL or METHOD/PROTOCOL/COLUMN.

    Raises:
        ValueError: no cell has this name; says which would.
    """
    records = {record.run_id: record for record in grid.used}
    lines: list[str] = []
    for entry in find(grid, cell):
        standing = standings.get(entry.key)
        lines += _lines(entry, records, standing)
        lines += [
            f"  reported {v.reported.value} ({_source(v)}): {v.difference:+.2f}, {v.text}"
            for v in judged
            if v.entry is entry and v.difference is not None
        ]
        lines.append("")
    return lines


def find(grid: Grid, cell: str) -> list[GridEntry]:
    """The entries with that name, of every backbone and checkpoint; ValueError if there is none."""
    name = _folded(cell)
    if "/" not in name.strip("/"):
        raise ValueError(f"{cell!r} is no cell: METHOD/PROTOCOL/COLUMN is, e.g. vifi/b2n-shapes/HM")
    named = [entry for entry in grid.entries if name in _names(entry)]
    if not named:
        names = list(dict.fromkeys(_names(entry)[0] for entry in grid.entries))
        near = difflib.get_close_matches(name, names, 3, 0.4) or names[:3]
        raise ValueError(
            f"no cell is called {cell!r}; there are {len(names)}, e.g. {', '.join(near)}"
        )
    return named


def _names(entry: GridEntry) -> list[str]:
    """All names of a cell, the full one first; whole texts, as labels may hold a / themselves."""
    return [
        _folded(f"{who}/{where}{what}")
        for what in (f"/{entry.column.name}", "")
        for who in (entry.row.label, entry.row.method)
        for where in (entry.group.heading, entry.group.protocol)
    ]


def _folded(name: str) -> str:
    return re.sub(r"\s*/\s*", "/", name.strip().lower())


def _lines(entry: GridEntry, records: Mapping[str, Record], standing: Standing | None) -> list[str]:
    cell, unit = entry.cell, entry.cell.unit
    row = entry.row
    where = [row.checkpoint, entry.group.heading, entry.column.name]
    head = ", ".join(word for word in (f"{row.label} on {row.backbone}", *where) if word)
    count = len(cell.run_ids)
    of = "of one run" if count == 1 else f"the mean of {count} runs"
    lines = [head, f"  {cell.value!r}{f' {unit}' if unit else ''}, {of}"]
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


def _source(verdict: PaperVerdict) -> str:
    number = verdict.reported
    via = f"via {number.via}" if number.via else ""
    return ", ".join(word for word in (number.source, number.table, via) if word)
