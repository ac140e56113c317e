"""The leaderboard: a pure function of records. Same records, same bytes.

A column holds records of one protocol digest only; a cell shows where its interval comes from;
whatever is left out or marked is explained in the footer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pandas import DataFrame

from ..record.record import Record
from ..reported.numbers import Reported
from .costs import cost_table
from .grid import Grid, make_grid
from .notes import footer
from .papers import paper_tables
from .shown import ShownFamily, Standings, shown_families
from .verdicts import PaperVerdict, verdicts


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
    verdicts: tuple[PaperVerdict, ...] = ()
    """The same unrounded."""
    families: tuple[ShownFamily, ...] = ()
    """What the frames and the page are made of."""


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
    judged = tuple(verdicts(grid, reported))
    families = shown_families(grid, standings or {}, judged)
    return Table(
        frames={family.id: _frame(family) for family in families},
        long=_long(families),
        footer=footer(grid, families, judged),
        left_out=list(grid.left_out),
        costs={family.name: cost_table(family) for family in grid.families},
        papers=paper_tables(judged),
        verdicts=judged,
        families=families,
    )


def _frame(family: ShownFamily) -> DataFrame:
    rows = [row for row, _ in family.rows]
    data = {"method": [row.label for row in rows], "backbone": [row.backbone for row in rows]}
    if any(row.checkpoint for row in rows):
        data["checkpoint"] = [row.checkpoint for row in rows]
    for group in family.groups:
        for column in group.columns:
            cells = [family.at(group, column.name, row) for row in rows]
            data[f"{group.heading} {column.name}"] = [cell.text if cell else "" for cell in cells]
        leads = [family.at(group, group.headline, row) for row in rows]
        ranks = [lead.standing.text if lead and lead.standing else "" for lead in leads]
        if any(ranks):
            data[f"{group.heading} rank"] = ranks
    return DataFrame(data, dtype=str)


def _long(families: Sequence[ShownFamily]) -> DataFrame:
    """One line per cell; computed ones last."""
    shown = [one for family in families for one in family.cells.values()]
    shown.sort(key=lambda one: one.computed)
    entries = [one.entry for one in shown]
    cells = [entry.cell for entry in entries]
    stand = [one.standing for one in shown]
    papers = [one.beside for one in shown]
    lines = {
        "family": [e.family for e in entries],
        "protocol": [e.group.protocol for e in entries],
        "variant": [e.group.variant_of(e.column) for e in entries],
        "digest": [e.group.digest for e in entries],
        "column": [e.column.name for e in entries],
        "method": [e.row.label for e in entries],
        "backbone": [e.row.backbone for e in entries],
        "checkpoint": [e.row.checkpoint for e in entries],
        "n_seeds": [len(c.run_ids) for c in cells],
        "value": [c.value for c in cells],
        # of each seed, in the order of run_ids
        "values": [" ".join(map(repr, c.values)) for c in cells],
        "unit": [c.unit for c in cells],
        "ci_low": [c.interval and c.interval.low for c in cells],
        "ci_high": [c.interval and c.interval.high for c in cells],
        "ci_method": [c.interval and c.interval.method for c in cells],
        "ci_level": [c.interval and c.interval.level for c in cells],
        "std_over_splits": [c.std_over_splits for c in cells],
        "rank_low": [s and s.low for s in stand],
        "rank_high": [s and s.high for s in stand],
        "best": [one.best for one in shown],
        "marks": [one.marks for one in shown],
        "reported": [p and p.reported.number for p in papers],
        "reported_source": [p.reported.source if p else "" for p in papers],
        "difference": [p and p.difference for p in papers],
        "verdict": [p.text if p else "" for p in papers],
        "run_ids": [" ".join(c.run_ids) for c in cells],
    }
    return DataFrame(lines).astype({"rank_low": "Int64", "rank_high": "Int64"})
