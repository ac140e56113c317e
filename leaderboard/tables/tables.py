"""The leaderboard: a pure function of records. Same records, same bytes.

A column holds records of one protocol digest only; a cell shows where its interval comes from;
whatever is left out or marked is explained in the footer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mode
from typing import TYPE_CHECKING

from ..record.record import Record
from ..reported.numbers import Reported
from .cells import Cell
from .chance import chance
from .costs import cost_table
from .grid import Entry, FamilyTable, Grid, Group, make_grid
from .notes import footer
from .papers import paper_tables
from .rows import Row
from .verdicts import Verdict, verdicts

if TYPE_CHECKING:
    from pandas import DataFrame

CHANCE = Row("chance (computed)", "", "")
NO_CHANCE = Row("chance", "no run of random is here", "")
CLIP = Row("clip", "no run of it is here", "")


@dataclass(frozen=True)
class Standing:
    """Where a cell stands in its column, as far as its items tell.

    Attributes:
        low, high: the ranks that 95 % of the bootstrap draws give it, 1 is best.
        tied: not separable from the best of the column, which is tied with itself.
        alone: the best, and no other is tied with it.
    """

    low: int
    high: int
    tied: bool
    alone: bool = False

    @property
    def text(self) -> str:
        """1, or 1-3."""
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


Standings = Mapping[tuple[str, str, Row], Standing]
"""(heading of the group, name of the column, row) -> where that cell stands."""


@dataclass(frozen=True)
class Table:
    """What `leaderboard_table` returns; its frames are made for reading, `long` for computing."""

    frames: dict[str, DataFrame]
    """Protocol family -> one line per row, one column per protocol digest and number, as text."""
    long: DataFrame
    """One line per row, protocol digest and number, unrounded."""
    footer: list[str]
    """What the numbers, intervals and marks mean, which records were used, what was left out."""
    left_out: list[str]
    """One line per record that is not in the table, with the reason."""
    costs: dict[str, DataFrame] = field(default_factory=dict)
    """Protocol family -> what the runs of a row took, one line per row and machine."""
    papers: dict[str, DataFrame] = field(default_factory=dict)
    """Protocol id -> one line per row of a source and row of ours: theirs, ours, difference, verdict."""
    verdicts: tuple[Verdict, ...] = ()
    """The same unrounded."""


def leaderboard_table(
    records: Iterable[Record],
    *,
    reported: Sequence[Reported] = (),
    standings: Standings | None = None,
    grid: Grid | None = None,
) -> Table:
    """The table of all finished, unlimited records, one frame per protocol family.

    A row is a method, backbone and checkpoint; a cell averages over seeds. A cell whose parts are
    not all there is empty. Chance and plain CLIP always have a row.

    Args:
        reported: numbers of papers to stand beside. standings: ranks, from `standings_of`.
        grid: of the same records, if it was made already.
    """
    grid = grid or make_grid(records)
    standings = standings or {}
    judged = tuple(verdicts(grid, reported))
    differing = {_key(one.entry) for one in judged if one.entry and one.differs}
    frames, controls = {}, []
    for family in grid.families:
        extra = _controls(family)
        controls += extra
        frames[family.name] = _frame(family, extra, standings, differing)
    costs = {family.name: cost_table(family) for family in grid.families}
    long = _long([*grid.entries, *controls], standings, judged, differing)
    lines = footer(grid, bool(standings), judged, bool(controls))
    return Table(frames, long, lines, list(grid.left_out), costs, paper_tables(judged), judged)


def _controls(family: FamilyTable) -> list[Entry]:
    """Cells at chance level, computed for the columns in which no run of `random` has one."""
    guessed = {(e.group.heading, e.column.name) for e in family.entries if _is(e.row, "random")}
    members = {record.run_id: record for _, records in family.rows for record in records}
    found = []
    for group in family.groups:
        some = [members[run_id] for run_id in sorted(group.run_ids)]
        for column in group.columns:
            of_column = [record for record in some if column.takes(record)]
            values = [v for record in of_column if (v := chance(column, record)) is not None]
            if values and (group.heading, column.name) not in guessed:
                # records of one digest agree; where they do not, the level of most of them
                value = mode(sorted(values))
                units = [m.unit for r in of_column for m in column.parts(r) or []]
                cell = Cell(value, units[0], None, None, "", ())
                found.append(Entry(family.name, group, CHANCE, column, cell))
    return found


def _rows(family: FamilyTable, controls: Sequence[Entry]) -> list[Row]:
    """The rows with the controls that must be there, empty where nobody ran them."""
    rows = [row for row, _ in family.rows]
    if controls:
        rows.append(CHANCE)
    elif not any(_is(row, "random") for row in rows):
        rows.append(NO_CHANCE)
    if not any(_is(row, "clip") for row in rows):
        rows.append(CLIP)
    return sorted(rows, key=lambda row: row.order)


def _is(row: Row, method: str) -> bool:
    """Whether the row is of this method, under whatever settings."""
    return row.method.split(" ")[0] == method


def _frame(
    family: FamilyTable,
    controls: Sequence[Entry],
    standings: Standings,
    differing: Collection[tuple[str, str, Row]],
) -> DataFrame:
    from pandas import DataFrame

    rows = _rows(family, controls)
    texts = {
        (e.row, e.group.heading, e.column): _shown(e, standings) + " ~" * (_key(e) in differing)
        for e in [*family.entries, *controls]
    }
    data = {"method": [row.method for row in rows], "backbone": [row.backbone for row in rows]}
    if any(row.checkpoint for row in rows):
        data["checkpoint"] = [row.checkpoint for row in rows]
    for group in family.groups:
        for column in group.columns:
            cells = [texts.get((row, group.heading, column), "") for row in rows]
            data[f"{group.heading} {column.name}"] = cells
        if ranks := _ranks(group, rows, standings):
            data[f"{group.heading} rank"] = ranks
    return DataFrame(data, dtype=str)


def _shown(entry: Entry, standings: Standings) -> str:
    """The text of a cell: bold if it is the best alone, with ≈ if it may be the best."""
    standing = standings.get((entry.group.heading, entry.column.name, entry.row))
    if standing is None or not standing.tied:
        return entry.cell.text
    return f"**{entry.cell.text}**" if standing.alone else f"{entry.cell.text} ≈"


def _ranks(group: Group, rows: Sequence[Row], standings: Standings) -> list[str]:
    """The ranks in the headline column of a group; nothing if it has none."""
    found = [standings.get((group.heading, group.headline, row)) for row in rows]
    return [standing.text if standing else "" for standing in found] if any(found) else []


def _long(
    entries: Sequence[Entry],
    standings: Standings,
    judged: Sequence[Verdict],
    differing: Collection[tuple[str, str, Row]],
) -> DataFrame:
    from pandas import DataFrame

    beside: dict[tuple[str, str, Row], Verdict] = {}
    for one in sorted(judged, key=lambda verdict: verdict.order):
        if one.entry is not None:
            beside.setdefault(_key(one.entry), one)
    stand = [standings.get(_key(e)) for e in entries]
    papers = [beside.get(_key(e)) for e in entries]
    lines = {
        "family": [e.family for e in entries],
        "protocol": [e.group.protocol for e in entries],
        "variant": [e.column.variant or e.group.variant or "main" for e in entries],
        "digest": [e.group.digest for e in entries],
        "column": [e.column.name for e in entries],
        "method": [e.row.method for e in entries],
        "backbone": [e.row.backbone for e in entries],
        "checkpoint": [e.row.checkpoint for e in entries],
        "n_seeds": [len(e.cell.run_ids) for e in entries],
        "value": [e.cell.value for e in entries],
        # of each seed, in the order of run_ids
        "values": [" ".join(map(repr, e.cell.values)) for e in entries],
        "unit": [e.cell.unit for e in entries],
        "ci_low": [e.cell.interval and e.cell.interval.low for e in entries],
        "ci_high": [e.cell.interval and e.cell.interval.high for e in entries],
        "ci_method": [e.cell.interval and e.cell.interval.method for e in entries],
        "ci_level": [e.cell.interval and e.cell.interval.level for e in entries],
        "std_over_splits": [e.cell.std_over_splits for e in entries],
        "rank_low": [s.low if s else None for s in stand],
        "rank_high": [s.high if s else None for s in stand],
        "best": [("alone" if s.alone else "tied") if s and s.tied else "" for s in stand],
        "marks": [e.cell.marks + "~" * (_key(e) in differing) for e in entries],
        "reported": [p and p.reported.number for p in papers],
        "reported_source": [p.reported.source if p else "" for p in papers],
        "difference": [p and p.difference for p in papers],
        "verdict": [p.text if p else "" for p in papers],
        "run_ids": [" ".join(e.cell.run_ids) for e in entries],
    }
    return DataFrame(lines).astype({"rank_low": "Int64", "rank_high": "Int64"})


def _key(entry: Entry) -> tuple[str, str, Row]:
    return entry.group.heading, entry.column.name, entry.row
