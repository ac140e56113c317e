"""The tables of the papers' numbers: each row of a source beside every row of ours that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pandas import DataFrame

from ..reported.numbers import Reported, ReportedSource, load_sources
from ..reported.words import place
from .rows import Row
from .verdicts import PaperVerdict

MEASURED = " measured"  # how names of columns with our numbers end


@dataclass
class PrintedRow:
    """A row of a source.

    Attributes:
        head: what stands before its numbers, in words. source: id of the source.
        numbers: column -> the number. measured: row of ours -> column -> our cell with its verdict.
    """

    head: dict[str, str]
    source: str
    numbers: dict[str, Reported] = field(default_factory=dict)
    measured: dict[Row, dict[str, PaperVerdict]] = field(default_factory=dict)

    def lines(self, names: Sequence[str]) -> list[dict[str, str]]:
        """One for each row of ours; one with empty cells where there is none."""
        return [
            self.head
            | {
                title: text
                for name in names
                for title, text in (
                    (name, printed(self.numbers[name]) if name in self.numbers else ""),
                    (name + MEASURED, _measured(ours[name]) if name in ours else ""),
                )
            }
            for ours in self.measured.values() or [{}]
        ]


@dataclass(frozen=True)
class PrintedTable:
    """The reported numbers of one protocol: names of their columns in order, and rows."""

    protocol: str
    names: tuple[str, ...]
    rows: tuple[PrintedRow, ...]


def printed(number: Reported) -> str:
    """As its source has it, with the deviation."""
    return f"{number.value} ± {number.std}" if number.std else number.value


def paper_tables(judged: Iterable[PaperVerdict]) -> dict[str, DataFrame]:
    """Protocol id -> its reported numbers, a line for each row of a source and row of ours, as text."""
    return {
        table.protocol: DataFrame(
            [line for row in table.rows for line in row.lines(table.names)], dtype=str
        )
        for table in printed_tables(judged)
    }


def printed_tables(judged: Iterable[PaperVerdict]) -> list[PrintedTable]:
    """The reported numbers by protocol, in the order of its ids; rows in that of the numbers."""
    sources = load_sources()
    tables: dict[str, dict[tuple[str, ...], PrintedRow]] = {}
    for one in judged:
        number = one.reported
        head = _head(number, sources)
        key = (number.method, number.source, number.via or "", *head.values())
        rows = tables.setdefault(number.protocol or "", {})
        row = rows.setdefault(key, PrintedRow(head, number.source))
        name = number.column_key.replace(":", " ")
        row.numbers[name] = number
        if one.entry is not None and one.difference is not None:
            row.measured.setdefault(one.entry.row, {})[name] = one
    return [
        PrintedTable(
            protocol,
            tuple(sorted({name for row in rows.values() for name in row.numbers}, key=place)),
            tuple(rows.values()),
        )
        for protocol, rows in sorted(tables.items())
    ]


def _head(number: Reported, sources: Mapping[str, ReportedSource]) -> dict[str, str]:
    where = sources[number.source].short if number.source in sources else number.source
    table = f", {number.table}" if number.table else ""
    via = f" (via {number.via})" if number.via else ""
    return {
        "method": number.shown_label,
        "backbone": number.backbone or "?",
        "frames, views": f"{number.frames or '?'}, {number.views or '?'}",
        "selection": number.selection,
        "source": f"{where}{table}{via}",
    }


def _measured(one: PaperVerdict) -> str:
    assert one.entry is not None
    assert one.difference is not None
    row = one.entry.row
    who = ", ".join(word for word in (row.label, row.backbone, row.checkpoint) if word)
    return f"{one.entry.cell.text} ({one.difference:+.1f}; {one.text}; {who})"
