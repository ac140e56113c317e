"""What is shown of a grid: its cells with ranks and the papers' numbers, and the controls among its rows.

The text tables and the page are both made of this, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..reported.words import DIFFERS
from .controls import CHANCE_ROW, chance_entries, with_controls
from .grid import CellKey, Grid, GridEntry, Group, RowRecords
from .rows import Row
from .verdicts import PaperVerdict


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


Standings = Mapping[CellKey, Standing]


@dataclass(frozen=True)
class ShownCell:
    """A cell with what stands beside it.

    Attributes:
        entry: the cell and its place. standing: None where it has no rank.
        beside: the paper's number that says most about it, with its verdict.
        differs: whether a paper's number is of another protocol, and none is comparable.
    """

    entry: GridEntry
    standing: Standing | None
    beside: PaperVerdict | None
    differs: bool

    @property
    def computed(self) -> bool:
        """Whether it is chance and no run's."""
        return not self.entry.cell.run_ids

    @property
    def best(self) -> Literal["alone", "tied", ""]:
        """Whether it is the best of its column, or cannot be told from it."""
        if self.standing is None or not self.standing.tied:
            return ""
        return "alone" if self.standing.alone else "tied"

    @property
    def marks(self) -> str:
        """Those of its runs, and that of a paper."""
        return self.entry.cell.marks + DIFFERS * self.differs

    @property
    def text(self) -> str:
        """As printed: bold if it is the best alone, with ≈ if it may be the best."""
        text = self.entry.cell.text
        words = {"alone": f"**{text}**", "tied": f"{text} ≈", "": text}
        return words[self.best] + f" {DIFFERS}" * self.differs


@dataclass(frozen=True)
class ShownFamily:
    """One table as shown: the rows of its grid, with the controls that must be there, and its cells.

    Attributes:
        id: of the protocol family.
        cells: those of runs in reading order, then computed ones.
    """

    id: str
    rows: tuple[RowRecords, ...]
    groups: tuple[Group, ...]
    cells: Mapping[CellKey, ShownCell]

    def at(self, group: Group, column: str, row: Row) -> ShownCell | None:
        """The cell of a group, the name of a column, and a row; None where there is none."""
        return self.cells.get((group.heading, column, row))

    def chance(self, group: Group, column: str) -> float | None:
        """The level of chance of a column where it is computed."""
        cell = self.at(group, column, CHANCE_ROW)
        return cell.entry.cell.value if cell else None


def shown_families(
    grid: Grid, standings: Standings, judged: Sequence[PaperVerdict]
) -> tuple[ShownFamily, ...]:
    """The families of a grid as they are shown, in its order."""
    differing = {one.entry.key for one in judged if one.entry and one.differs}
    beside: dict[CellKey, PaperVerdict] = {}
    for one in sorted(judged, key=lambda verdict: verdict.order):
        if one.entry is not None:
            beside.setdefault(one.entry.key, one)
    families = []
    for family in grid.families:
        computed = chance_entries(family)
        cells = {
            (key := e.key): ShownCell(e, standings.get(key), beside.get(key), key in differing)
            for e in (*family.entries, *computed)
        }
        rows = with_controls(family, computed=bool(computed))
        families.append(ShownFamily(family.name, tuple(rows), family.groups, cells))
    return tuple(families)
