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
class _Printed:
    """A row of a source.

    Attributes:
        numbers: column -> as printed. measured: row of ours -> column -> our cell with its verdict.
    """

    head: dict[str, str]
    numbers: dict[str, str] = field(default_factory=dict)
    measured: dict[Row, dict[str, str]] = field(default_factory=dict)

    def lines(self, names: Sequence[str]) -> list[dict[str, str]]:
        """One for each row of ours; one with empty cells where there is none."""
        return [
            self.head
            | {
                title: text
                for name in names
                for title, text in (
                    (name, self.numbers.get(name, "")),
                    (name + MEASURED, ours.get(name, "")),
                )
            }
            for ours in self.measured.values() or [{}]
        ]


def paper_tables(judged: Iterable[PaperVerdict]) -> dict[str, DataFrame]:
    """Protocol id -> its reported numbers, a line for each row of a source and row of ours, as text."""
    sources = load_sources()
    tables: dict[str, dict[tuple[str, ...], _Printed]] = {}
    for one in judged:
        number = one.reported
        head = _head(number, sources)
        key = (number.method, number.source, number.via or "", *head.values())
        line = tables.setdefault(number.protocol or "", {}).setdefault(key, _Printed(head))
        name = number.column_key.replace(":", " ")
        line.numbers[name] = f"{number.value} ± {number.std}" if number.std else number.value
        if one.entry is not None and one.difference is not None:
            line.measured.setdefault(one.entry.row, {})[name] = _measured(one)
    frames = {}
    for protocol, printed in sorted(tables.items()):
        names = sorted({name for line in printed.values() for name in line.numbers}, key=place)
        lines = [line for row in printed.values() for line in row.lines(names)]
        frames[protocol] = DataFrame(lines, dtype=str)
    return frames


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
