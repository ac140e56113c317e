"""Whether a record is what it says: every number again from its predictions, every list from its protocol.

Nothing of the record is trusted but what cannot be computed again (docs/records.md says what that is).
What could be, and is not for want of lists or of a plugin, is said in the notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...leaderboard.record.files import StoreError
from ...leaderboard.record.record import Record
from ...leaderboard.record.store import Run
from ..errors import one_line
from ..find_runs import read_record
from .identity import identity_problems
from .lists import Known, known_here, split_problems
from .numbers import Numbers
from .rebuilt import Rebuilt


@dataclass
class Verification:
    """What came out for one file.

    Attributes:
        record: None if it cannot be read. problems: one sentence each; none: all is well.
        notes: what could not be checked, and why. metrics: how many were computed again.
        text: of the file. rebuilt, known: what it was compared with, if it came so far.
    """

    path: Path
    record: Record | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    metrics: int = 0
    text: str = ""
    rebuilt: Rebuilt | None = None
    known: Known | None = None

    @property
    def name(self) -> str:
        """Protocol, method and id, or the file where there is no record."""
        if self.record is None:
            return str(self.path)
        identity = self.record.identity
        return f"{identity.protocol.id} {identity.method.name} {self.record.run_id}"

    @property
    def coverage(self) -> str:
        """How many videos were scored of the splits of which it was not every one, in words."""
        splits = self.record.data.items() if self.record else ()
        parts = [
            f"{data.n_scored:,} of {data.n_expected:,} videos of {name}"
            for name, data in splits
            if data.n_scored < data.n_expected
        ]
        return f"scored: {', '.join(parts)}" if parts else ""


def verify_file(path: Path, data: Sequence[str] = (), plugins: Sequence[str] = ()) -> Verification:
    """Check the record in a file and the predictions beside it.

    Args:
        data: as given with --data: where the lists of published protocols are.
        plugins: files with protocols.
    """
    result = Verification(path)
    try:
        read = read_record(path)
        record, result.record, result.text = read.record, read.record, read.text
        if record.status != "done":
            result.notes.append(f"status {record.status}: nothing to compute again")
            return result
        arrays = Run(record, path.parent).predictions()
        if arrays is None:
            result.problems.append("there are no predictions to compute its metrics from")
            return result
    except StoreError as error:
        # the line begins with the file
        result.problems.append(str(error).removeprefix(f"{path}: "))
        return result
    result.known = lists = known_here(record, data, plugins)
    result.rebuilt = Rebuilt(record, arrays, lists.splits, read.version)
    check = Check(result.rebuilt, lists)
    check.run()
    result.problems, result.notes, result.metrics = check.problems, check.notes, check.metrics
    return result


class Check:
    """The comparison of one record with what can be computed again.

    Attributes:
        problems, notes, metrics: as of `Verification`.
    """

    def __init__(self, rebuilt: Rebuilt, known: Known, intervals: bool = True):
        self.rebuilt, self.known, self.with_intervals = rebuilt, known, intervals
        self.problems: list[str] = list(known.problems)
        self.notes: list[str] = list(known.notes)
        self.metrics = 0

    def run(self) -> None:
        """Fill `problems` and `notes`."""
        rebuilt = self.rebuilt
        self.problems += _files(rebuilt)
        misfits = [text for name in rebuilt.names if (text := rebuilt.misfit(name))]
        self.problems += misfits
        self.problems += [text for name in rebuilt.names if (text := rebuilt.constant(name))]
        if misfits or not rebuilt.names:
            return  # what does not fit together has no metrics
        for name in rebuilt.names:
            self.problems += split_problems(rebuilt, self.known, name)
        self.problems += identity_problems(rebuilt, self.known)
        numbers = Numbers(rebuilt, self.known, self.with_intervals)
        try:
            numbers.run()
        except (ValueError, IndexError, KeyError) as error:
            numbers.problems.append(f"its metrics cannot be computed again: {one_line(error)}")
        self.problems += numbers.problems
        self.notes += numbers.notes
        self.metrics = numbers.metrics


def _files(rebuilt: Rebuilt) -> Iterator[str]:
    """The file of predictions holds what the record says."""
    block, arrays = rebuilt.record.predictions, rebuilt.arrays
    wanted = rebuilt.record.identity.protocol.splits
    assert block is not None
    keys = sorted(f"{split}/{name}" for split, part in arrays.items() for name in part)
    if keys != block.keys:
        yield "predictions hold other arrays than the record says"
    n = sum(len(part["ids"]) for part in arrays.values())
    if n != block.n:
        yield f"predictions hold {n} items, and the record says {block.n}"
    for name in sorted(set(wanted) - set(arrays)):
        yield f"there are no predictions of split {name}"
    for name in sorted(set(arrays) - set(wanted)):
        yield f"there are predictions of {name}, no split of the protocol"
