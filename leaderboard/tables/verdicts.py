"""Ours beside the papers': the difference, and whether it is more than chance explains."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..record.identity import Identity
from ..record.record import Record
from ..reported.numbers import Reported
from .cells import Cell, column_key
from .grid import Grid, GridEntry

NOT_COMPARABLE = "not comparable"
WIDEST = 6.0
"""Half-width of our interval in points above which nothing is judged; docs/statistics.md says why."""

# the tag of open_clip, and what OpenAI calls its files
_OPENAI = re.compile(r"openai|ViT-(B-32|B-16|L-14|L-14-336px)\.pt")
_WHOLE = ("open-vclip", "clip-vip")  # published checkpoints that hold every weight of CLIP
_SELECTED = {
    "last": "took the last weights",
    "val-best": "selected on validation data",
    "test-best": "selected on test",
}


@dataclass(frozen=True)
class PaperVerdict:
    """One reported number and what was measured here.

    Attributes:
        reported: the number. entry: the cell of ours it belongs to; None: nothing was measured.
        difference: ours - reported. word: reproduced, above, below or not comparable; empty where
            nothing was measured. reason: for the last three, and how close for the first.
        same_backbone: whether the number is of the backbone of the cell.
        differs: whether the paper's number is of another protocol, and no number of a paper is
            comparable with the cell.
    """

    reported: Reported
    entry: GridEntry | None = None
    difference: float | None = None
    word: str = ""
    reason: str = ""
    same_backbone: bool = True
    differs: bool = False

    @property
    def comparable(self) -> bool:
        """Whether the two numbers measure the same."""
        return self.word not in ("", NOT_COMPARABLE)

    @property
    def order(self) -> tuple[bool, bool, bool]:
        """Key to sort the verdicts on one cell by: what says most about it comes first."""
        return not self.comparable, not self.same_backbone, self.reported.match_kind != "exact"

    @property
    def text(self) -> str:
        """The word, with its reason."""
        return f"{self.word}: {self.reason}" if self.reason else self.word


def verdicts(grid: Grid, numbers: Sequence[Reported]) -> list[PaperVerdict]:
    """One for each number of a protocol of ours, in the order of the numbers; without those unseen.

    A number meets every row of its method; a row of another backbone gets "not comparable".
    """
    records = {record.run_id: record for record in grid.used}
    cells: dict[tuple[str, str, str], list[GridEntry]] = {}
    for entry in grid.entries:
        key = column_key(entry.column, entry.group.splits)
        cells.setdefault((entry.group.protocol, key, entry.row.method), []).append(entry)
    judged = []
    for number in numbers:
        if number.protocol is None or number.evidence == "unverified":
            continue
        ours = cells.get((number.protocol, number.column_key, number.method), [])
        judged += [judge(number, e, [records[i] for i in e.cell.run_ids]) for e in ours]
        if not ours:
            judged.append(PaperVerdict(number))
    settled = {one.entry for one in judged if one.comparable}
    return [
        replace(one, differs=True)
        if one.entry and one.reported.match_kind == "differs" and one.entry not in settled
        else one
        for one in judged
    ]


def judge(number: Reported, entry: GridEntry, records: Sequence[Record]) -> PaperVerdict:
    """Compare one number with one cell.

    The difference is held against our interval (seeds where there are three, else items) and the
    error of the reported number: unknown, as papers give no scores, so that of a proportion of as
    many independent items. Both are half-widths of 95 % and add as squares.
    """
    cell, first = entry.cell, records[0].identity
    verdict = PaperVerdict(number, entry, cell.value - number.number)
    assert verdict.difference is not None
    other = not number.of_backbone(first.backbone.name)
    note = _selection(number, first)
    reasons = [
        *_protocol_obstacles(number, records),
        *_weights_obstacles(number, first, other),
        *_cell_obstacles(number, cell),
    ]
    if reasons:
        word, reason = NOT_COMPARABLE, "; ".join(reasons)
        return replace(verdict, word=word, reason=reason + note, same_backbone=not other)
    items = [m.n for r in records for m in entry.column.parts(r) or [] if m.n]
    theirs = 1.96 * binomial_error(number.number, sum(items) // max(1, len(records)))
    half = math.hypot(_half_width(cell) or 0.0, theirs)
    if abs(verdict.difference) <= half:
        return replace(verdict, word="reproduced", reason=f"within ± {half:.1f}{note}")
    word = "above" if verdict.difference > 0 else "below"
    return replace(verdict, word=word, reason=f"beyond ± {half:.1f}{note}")


def binomial_error(percent: float, n: int) -> float:
    """Standard error in points of a proportion in %, measured on n independent items."""
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / n) if n else 0.0


def _protocol_obstacles(number: Reported, records: Sequence[Record]) -> list[str]:
    """What of the protocol is not the same.

    Whether the digest of a run is that of the protocol today is not asked: it covers lists that stand
    in files of the datasets, which a record does not hold. What the record says of it is compared.
    """
    protocol = records[0].identity.protocol
    obstacles = [number.match] * (number.match != "exact")
    if number.frames is not None and number.frames != protocol.frames:
        obstacles.append(f"{protocol.frames} frames, theirs {number.frames}")
    views = f"{protocol.views.clips}x{protocol.views.crops}"
    if number.views is not None and number.views != views:
        obstacles.append(f"{views} views, theirs {number.views}")
    # others are a count, or learned
    if number.prompts and "{}" in number.prompts and protocol.templates != [number.prompts]:
        obstacles.append(f"other prompts, theirs {number.prompts!r}")
    if names := sorted({name for record in records for name in unpinned_lists(record)}):
        obstacles.append(f"read another version of {', '.join(names)}")
    return obstacles


def unpinned_lists(record: Record) -> list[str]:
    """Lists of a version that nobody knows; those of which no version is known are none of them."""
    data = record.command.config_resolved.get("data") or {}
    if not data.get("allow_unpinned", True):  # without the flag, no other version could be read
        return []
    plan = record.observed.effective_plan if record.observed else {}
    return list(plan.get("unpinned") or ())


def _weights_obstacles(number: Reported, identity: Identity, other: bool) -> list[str]:
    """Why the weights did not start from the same CLIP, which in all these papers is OpenAI's."""
    backbone, init = identity.backbone, identity.init
    obstacles = []
    if number.backbone is None:
        obstacles.append("the source names no backbone")
    elif other:
        obstacles.append(f"backbone {backbone.name}, theirs {number.backbone}")
    if init is not None and init.layout in _WHOLE:
        return obstacles
    if backbone.weights_sha256 is None:
        obstacles.append("random weights, theirs OpenAI's CLIP")
    elif not _OPENAI.fullmatch(backbone.pretrained or ""):
        obstacles.append(f"weights {backbone.pretrained or 'without a name'}, theirs OpenAI's CLIP")
    return obstacles


def _cell_obstacles(number: Reported, cell: Cell) -> list[str]:
    """Why our number says too little."""
    obstacles = []
    if number.unit != cell.unit or number.unit != "%":
        obstacles.append(f"no interval is known for a reported {number.column}")
    elif (half := _half_width(cell)) is None:
        obstacles.append("ours has no interval")
    elif half > WIDEST:
        obstacles.append(f"ours is known to ± {half:.1f} only")
    if "◦" in cell.marks:
        obstacles.append("not all items were scored here")
    return obstacles


def _half_width(cell: Cell) -> float | None:
    return (cell.interval.high - cell.interval.low) / 2 if cell.interval else None


def _selection(number: Reported, identity: Identity) -> str:
    """How the paper chose its weights, in brackets, where ours were chosen otherwise.

    Of weights that were not trained here nothing is said. A mean over epochs is no choice.
    """
    ours = (identity.train or {}).get("selection")
    ours = "last" if ours == "mean-of-epochs" else ours
    if ours is None or number.selection not in _SELECTED or number.selection == ours:
        return ""
    return f" (theirs {_SELECTED[number.selection]})"
