"""A folder of runs as everything that the leaderboard shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..record.store import Run, load_runs
from ..reported.numbers import load_reported
from .grid import Grid, make_grid
from .kept_ranks import KeptRanks
from .ranks import ranked_before, read_items, standings_of
from .shown import Standings
from .tables import Table, leaderboard_table
from .versions import version_lines


@dataclass(frozen=True)
class Board:
    """All of it.

    Attributes:
        runs: every valid record with its folder. grid: what is compared with what.
        standings: rank intervals. table: as shown.
        problems: files that are no valid records or predictions, records that their predictions
            contradict, rows without a rank, and protocols in two versions.
    """

    runs: tuple[Run, ...]
    grid: Grid
    standings: Standings
    table: Table
    problems: tuple[str, ...]


def make_board(
    root: Path, reported: bool = False, ranks: bool = True, cache: Path | None = None
) -> Board:
    """Read the runs below `root`; raises StoreError if it is no folder.

    Args:
        ranks: also read the predictions; without, no record is held against them.
        cache: a folder where ranks are kept, and found again for the same records; it changes no digit.
    """
    problems: list[str] = []
    runs = tuple(load_runs(root, problems))
    problems = [f"left out: {problem}" for problem in problems]
    grid = make_grid(run.record for run in runs)
    standings: Standings = {}
    if ranks:
        kept = KeptRanks(cache, runs)
        read = read_items(grid, runs, problems, ranked_before(grid, kept))
        if read.false:
            runs = tuple(run for run in runs if run.record.run_id not in read.false)
            grid = make_grid(run.record for run in runs)
            # rows that the others stood beside are gone: some of these may need their items now
            done = {*read.items, *read.unread, *ranked_before(grid, kept)}
            read.items.update(read_items(grid, runs, problems, done).items)
        standings = standings_of(grid, read, problems, kept)
    problems += version_lines(grid)
    table = leaderboard_table(
        (), reported=load_reported() if reported else (), standings=standings, grid=grid
    )
    return Board(runs, grid, standings, table, tuple(problems))
