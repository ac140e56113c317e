"""Where records lie: one folder per run, `<root>/<protocol>/<method>/<run_id>/record.json`."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .files import StoreError, read_record_bytes, reason_of, write_atomically
from .predictions import load_predictions
from .record import Record, parse_record, record_text

if TYPE_CHECKING:
    from .predictions import Splits

FILE_NAME = "record.json"
LOCK_NAME = "run.lock"


class RunLocked(StoreError):
    """Another process works on the same run."""


class RunStore:
    """The folder of all runs. `root` need not exist yet.

    Every method raises StoreError where the disk refuses.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def directory(self, run: Record | tuple[str, str, str]) -> Path:
        """The folder of a run, given its record or (protocol id, method name, run_id)."""
        if isinstance(run, Record):
            run = (run.identity.protocol.id, run.identity.method.name, run.run_id)
        for part in run:
            # ids come from the command line too: none of them may lead out of the store
            if part in {"", ".", ".."} or "/" in part or "\\" in part:
                raise StoreError(f"{part!r} cannot be a part of a run's folder")
        return self.root.joinpath(*run)

    def write(self, record: Record) -> Path:
        """Write the record and return its path: the old record stays until the new one is whole."""
        path = self.directory(record) / FILE_NAME
        write_atomically(path, record_text(record).encode())
        return path

    def read(self, protocol: str, method: str, run_id: str) -> Record | None:
        """The record of a run, or None if there is none."""
        path = self.directory((protocol, method, run_id)) / FILE_NAME
        try:
            return _read(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"cannot read {path}: {reason_of(error)}") from error

    def same_cell(self, record: Record) -> list[Record]:
        """Other runs of the same protocol, variant, method and seed, oldest first."""
        folder = self.directory(record).parent
        found = load_records(folder, problems=[]) if folder.is_dir() else []
        same = [
            other
            for other in found
            if other.run_id != record.run_id
            and other.identity.protocol.id == record.identity.protocol.id
            and other.identity.method.name == record.identity.method.name
            and (other.variant, other.seed) == (record.variant, record.seed)
        ]
        return sorted(same, key=lambda other: (other.created_utc, other.run_id))

    def check_writable(self) -> None:
        """Write and remove a small file, so that a run fails before its work and not after it."""
        blocked = next((p for p in (self.root, *self.root.parents) if p.is_file()), None)
        if blocked:
            raise StoreError(f"cannot write to {self.root}: {blocked} is a file, not a folder")
        probe = self.root / f".probe-{uuid.uuid4().hex}"
        try:
            write_atomically(probe, b"vclipbench can write here\n")
        except StoreError as error:  # the user knows the folder, not the probe
            reason = reason_of(error.__cause__ or error)
            raise StoreError(f"cannot write to the folder {self.root}: {reason}") from None
        try:
            probe.unlink()
        except OSError as error:
            raise StoreError(f"cannot remove {probe}: {reason_of(error)}") from error

    @contextlib.contextmanager
    def lock(self, directory: Path) -> Iterator[None]:
        """Hold the run in `directory` for this process; RunLocked at once if another one has it.

        The system releases the lock of a process that dies.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(directory / LOCK_NAME)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise RunLocked(
                f"run {directory.name} is in progress in another process, in {directory}"
            ) from None
        except OSError as error:
            raise StoreError(f"cannot lock {directory}: {reason_of(error)}") from error
        try:
            yield
        finally:
            lock.release()


@dataclass(frozen=True)
class Run:
    """A record and the folder it lies in."""

    record: Record
    folder: Path

    def predictions(self) -> Splits | None:
        """Split -> name -> array, checked against the record; None if the record has none.

        Raises StoreError if the file is missing, changed or damaged.
        """
        file = self.record.predictions
        return load_predictions(self.folder / file.file, file.sha256) if file else None

    def predictions_intact(self) -> bool:
        """Whether the file of predictions is there and has the digest of the record, or there is none."""
        file = self.record.predictions
        if file is None:
            return True
        try:
            data = (self.folder / file.file).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(data).hexdigest() == file.sha256


def load_records(path: Path | str, problems: list[str] | None = None) -> list[Record]:
    """Every record below `path`, in the order of their paths; see `load_runs`."""
    return [run.record for run in load_runs(path, problems)]


def load_runs(path: Path | str, problems: list[str] | None = None) -> list[Run]:
    """Every record below `path` with its folder, in the order of their paths.

    A `record.json` that is no valid record of this schema, or repeats a run_id, is left out and
    named with the reason in `problems`; without that list, in a warning. Raises StoreError if
    `path` is no folder.
    """
    root = Path(path)
    if not root.is_dir():
        problem = f"{root} is a file" if root.exists() else f"there is no folder {root}"
        raise StoreError(f"{problem}; a folder to read records from is wanted")
    found: dict[str, tuple[str, Run]] = {}
    complaints = []
    for name in sorted(
        (file.relative_to(root).as_posix() for file in root.rglob(FILE_NAME)), key=_own_place_first
    ):
        try:
            record = _read(root / name)
        except (OSError, ValueError, RecursionError) as error:
            complaints.append(f"{name}: {reason_of(error)}")
            continue
        if record.run_id in found:
            first, _ = found[record.run_id]
            complaints.append(f"{name}: has the run_id {record.run_id} of {first}")
        else:
            found[record.run_id] = (name, Run(record, (root / name).parent))
    if problems is not None:
        problems += complaints
    else:
        for complaint in complaints:
            warnings.warn(f"record left out: {complaint}", stacklevel=2)
    return [run for _, run in found.values()]


def _own_place_first(name: str) -> tuple[int, str]:
    """Sort key: records at `<protocol>/<method>/<run_id>/` come before copies that lie elsewhere."""
    return (0 if name.count("/") == 3 else 1), name


def _read(path: Path) -> Record:
    """The record at `path`; OSError, or ValueError with the reason in one line."""
    try:
        return parse_record(read_record_bytes(path).decode())
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
