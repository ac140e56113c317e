"""The tab of the published benchmarks: what papers report, and what was measured beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...protocols.family import family_of
from ..reported.numbers import Reported, ReportedSource, load_reported, load_sources
from ..tables.cells import RANKING
from ..tables.papers import PrintedRow, PrintedTable, printed, printed_tables
from ..tables.verdicts import PaperVerdict

# the column that speaks for a benchmark: the first of these that its papers report
_LEADS = ("hm", "top1 mean", "top1 k16", "top1", "t2v_r1", "map")
_SELECTED = {"test-best": "selected on test", "val-best": "selected on validation data"}


@dataclass(frozen=True)
class PublishedCell:
    """A reported number.

    Attributes:
        text: as printed. value: to sort by. title: how far it is what the protocol here means.
        exact, differs: whether it is, and whether it is not; neither where the source does not say.
        ours: (text, title) of each row that was measured here.
    """

    text: str
    value: float
    title: str
    exact: bool
    differs: bool
    ours: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PublishedRow:
    """A row of a source: the method in its words, our id of it, how it was measured, where it stands."""

    label: str
    method: str
    detail: str
    source: str
    address: str
    cells: tuple[PublishedCell | None, ...]

    @property
    def reasons(self) -> list[str]:
        """Why its numbers may not be what the protocols here mean, each once, the longest of several."""
        titles = dict.fromkeys(cell.title for cell in self.cells if cell and not cell.exact)
        return [one for one in titles if not any(one != other and one in other for other in titles)]

    @property
    def words(self) -> str:
        """What a filter looks at."""
        return " ".join((self.label, self.method, self.detail, self.source))


@dataclass(frozen=True)
class PublishedTable:
    """A benchmark: its protocol, its family in words, names of its columns with (lower is better), rows.

    The first column speaks for the others, and rows are sorted by it.
    """

    protocol: str
    family: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[PublishedRow, ...]


def published(judged: Sequence[PaperVerdict]) -> list[PublishedTable]:
    """A table for each benchmark; without verdicts, the papers' numbers alone."""
    sources = load_sources()
    return [_table(one, sources) for one in printed_tables(judged or _unjudged())]


def _unjudged() -> list[PaperVerdict]:
    numbers = load_reported()
    return [PaperVerdict(n) for n in numbers if n.protocol and n.evidence != "unverified"]


def _table(table: PrintedTable, sources: Mapping[str, ReportedSource]) -> PublishedTable:
    lead = next((name for name in _LEADS if name in table.names), table.names[0])
    names = sorted(table.names, key=lambda name: name != lead)
    lower = [_lower(name) for name in names]
    rows = [_row(row, names, sources) for row in table.rows]
    sign = 1 if lower[0] else -1

    def key(row: PublishedRow) -> tuple[bool, float]:
        cell = row.cells[0]
        return cell is None, sign * cell.value if cell else 0.0

    return PublishedTable(
        table.protocol,
        family_of(table.protocol.partition("-")[0]).title,
        tuple(zip(map(column_words, names), lower, strict=True)),
        tuple(sorted(rows, key=key)),
    )


def _lower(name: str) -> bool:
    return name.endswith(("medr", "mnr", "gflops"))


def column_words(name: str) -> str:
    """A column of the reported numbers as tables call it: "top1 mean" is mean, "t2v_r1" t2v R@1."""
    metric, _, split = name.partition(" ")
    if metric == "top1" and split:
        return f"K={split[1:]}" if re.fullmatch(r"k\d+", split) else split
    ending = metric.rpartition("_")[2]
    words = dict(RANKING) | {"r50": "R@50"}
    if ending in words:
        parts = [*metric.split("_")[:-1], words[ending]]
        return " ".join("DSL" if part == "dsl" else part for part in parts)
    named = {"hm": "HM", "map": "mAP", "gflops": "GFLOPs", "top1": "top-1", "top5": "top-5"}
    return " ".join(word for word in (named.get(metric, metric), split) if word)


def _row(
    row: PrintedRow, names: Sequence[str], sources: Mapping[str, ReportedSource]
) -> PublishedRow:
    first = next(iter(row.numbers.values()))
    return PublishedRow(
        row.head["method"],
        first.method,
        _detail(first),
        row.head["source"],
        _address(sources.get(row.source)),
        tuple(_cell(row, name) for name in names),
    )


def _detail(number: Reported) -> str:
    words = (
        number.method if number.ours else "",  # a label may be "re-run by a third party"
        number.backbone or "backbone not stated",
        f"{number.frames} frames" if number.frames else "",
        f"{number.views} views" if number.views else "",
        _SELECTED.get(number.selection, ""),
    )
    return " · ".join(word for word in words if word)


def _address(source: ReportedSource | None) -> str:
    if source is None:
        return ""
    return source.url or (f"https://arxiv.org/abs/{source.arxiv}" if source.arxiv else "")


def _cell(row: PrintedRow, name: str) -> PublishedCell | None:
    number = row.numbers.get(name)
    if number is None:
        return None
    ours = tuple(_measured(own[name]) for own in row.measured.values() if name in own)
    kind = number.match_kind
    title = "measured as the protocol here means it" if kind == "exact" else number.match
    exact, differs = kind == "exact", kind == "differs"
    return PublishedCell(printed(number), number.number, title, exact, differs, ours)


def _measured(one: PaperVerdict) -> tuple[str, str]:
    assert one.entry is not None
    row = one.entry.row
    who = ", ".join(word for word in (row.label, row.backbone, row.checkpoint) if word)
    return f"here {one.entry.cell.value:.1f}: {one.word}", f"{who}: {one.text}"
