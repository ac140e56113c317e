"""Ours beside the papers': the difference, and whether it is more than chance explains."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .cells import Cell
from .grid import Entry, Grid
from .record import Record
from .reported import Reported, column_key


@dataclass(frozen=True)
class Verdict:
    """One reported number and what was measured here.

    Attributes:
        reported: the number. entry: the cell of ours it belongs to; None: nothing was measured.
        difference: ours - reported. word: reproduced, above, below or not comparable; empty where
            nothing was measured. reason: for the last two.
    """

    reported: Reported
    entry: Entry | None = None
    difference: float | None = None
    word: str = ""
    reason: str = ""

    @property
    def differs(self) -> bool:
        """Whether the paper's number is of another protocol, and is known to be."""
        return self.reported.match_kind == "differs"

    @property
    def text(self) -> str:
        """The word, with its reason."""
        return f"{self.word}: {self.reason}" if self.reason else self.word


def verdicts(grid: Grid, numbers: Sequence[Reported]) -> list[Verdict]:
    """One for each number of a protocol of ours, in the order of the numbers; without those unseen.

    A number meets every row of its method; a row of another backbone gets "not comparable".
    """
    records = {record.run_id: record for record in grid.used}
    cells: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in grid.entries:
        method = re.split(r" [\[(]", entry.row.method)[0]
        key = column_key(entry.column, entry.group.splits)
        cells.setdefault((entry.group.protocol, key, method), []).append(entry)
    found = []
    for number in numbers:
        if number.protocol is None or number.evidence == "unverified":
            continue
        ours = cells.get((number.protocol, number.column_key, number.method), [])
        found += [judge(number, e, [records[i] for i in e.cell.run_ids]) for e in ours]
        if not ours:
            found.append(Verdict(number))
    return found


def judge(number: Reported, entry: Entry, records: Sequence[Record]) -> Verdict:
    """Compare one number with one cell.

    The difference is held against our interval (seeds where there are three, else items) and the
    error of the reported number: unknown, as papers give no scores, so that of a proportion of as
    many independent items. Both are half-widths of 95 % and add as squares.
    """
    cell = entry.cell
    difference = cell.value - number.number
    if reasons := list(_obstacles(number, cell, records)):
        return Verdict(number, entry, difference, "not comparable", "; ".join(reasons))
    low, high = (cell.interval.low, cell.interval.high) if cell.interval else (0.0, 0.0)
    items = [m.n for r in records for m in entry.column.parts(r) or [] if m.n]
    theirs = 1.96 * binomial_error(number.number, sum(items) // max(1, len(records)))
    half = math.hypot((high - low) / 2, theirs)
    if abs(difference) <= half:
        return Verdict(number, entry, difference, "reproduced", f"within ± {half:.1f}")
    word = "above" if difference > 0 else "below"
    return Verdict(number, entry, difference, word, f"beyond ± {half:.1f}")


def binomial_error(percent: float, n: int) -> float:
    """Standard error in points of a proportion in %, measured on n independent items."""
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / n) if n else 0.0


def _obstacles(number: Reported, cell: Cell, records: Sequence[Record]) -> list[str]:
    """Why the two numbers do not measure the same."""
    first = records[0].identity
    found = []
    if number.match != "exact":
        found.append(number.match)
    if number.unit != cell.unit or number.unit != "%":
        found.append(f"no interval is known for a reported {number.column}")
    if number.backbone is None:
        found.append("the source names no backbone")
    elif _plain(number.backbone) != _plain(first.backbone.name):
        found.append(f"backbone {first.backbone.name}, theirs {number.backbone}")
    if number.frames is not None and number.frames != first.protocol.frames:
        found.append(f"{first.protocol.frames} frames, theirs {number.frames}")
    views = f"{first.protocol.views.clips}x{first.protocol.views.crops}"
    if number.views is not None and number.views != views:
        found.append(f"{views} views, theirs {number.views}")
    if "◦" in cell.marks:
        found.append("not all items were scored here")
    return found


def _plain(backbone: str) -> str:
    """Name of a backbone without what does not change its size: ViT-B-16-quickgelu, ViT-B/16."""
    return re.sub(r"[-_/ ]|quickgelu", "", backbone.lower())
