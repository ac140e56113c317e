"""Ranks kept in a cache: one small file of numbers a column, found again by all that decides it.

Its name is a digest of the records of the column with their predictions, row by row, of the column's rule,
and of the code and packages that make the draws. A record that changes is thus another file, and nothing
has to be declared stale. A file that is damaged, or of another column, is thrown away; the cache may be
deleted at any time, and a folder that cannot be written is as good as none.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..record.files import StoreError, write_atomically
from ..record.store import Run
from ..statistics.ranking import Ranked
from .cells import Column
from .grid import GridEntry

_PACKAGES = ("numpy", "scipy", "statsmodels")
_ROOT = Path(__file__).resolve().parents[2]
_CODE = ("leaderboard/record", "leaderboard/statistics", "leaderboard/tables", "protocols")
_KINDS = {
    "key": "u",
    "compared": "b",
    "place": "i",
    "value": "f",
    "low": "i",
    "high": "i",
    "tied": "b",
}


class Places(NamedTuple):
    """Where the rows of a column stand.

    Attributes:
        compared: whether there were two rows or more that have items.
        ranked: place of a row among the entries of the column -> where it stands; rows without a rank are
            left out.
    """

    compared: bool
    ranked: Mapping[int, Ranked]


class KeptRanks:
    """The cache in a folder, which need not exist; None: nothing is kept.

    Args:
        runs: all that may occur, by run_id. Their predictions are read and hashed once.
    """

    def __init__(self, folder: Path | None, runs: Sequence[Run]) -> None:
        self._folder = folder
        self._runs = {run.record.run_id: run for run in runs}
        self._digests: dict[str, str | None] = {}
        self._loaded: dict[Path, Places] = {}

    def load(self, column: Column, entries: Sequence[GridEntry]) -> Places | None:
        """What was kept of a column; None if nothing was, or a run's predictions are not what it says."""
        path = self._path(column, entries)
        if path is None or not (path in self._loaded or path.is_file()):
            return None
        try:
            if path not in self._loaded:
                self._loaded[path] = _parsed(path, len(entries))
            return self._loaded[path]
        except Exception:  # zipfile, zlib and numpy have a dozen types for damaged files
            with suppress(OSError):
                path.unlink()
            return None

    def save(self, column: Column, entries: Sequence[GridEntry], places: Places) -> None:
        """Keep the ranks of a column, if all its predictions are sound and the folder can be written."""
        path = self._path(column, entries)
        if path is None:
            return
        order, ranked = sorted(places.ranked), places.ranked
        arrays = {
            "key": _key_of(path),
            "compared": np.array([places.compared]),
            "place": np.array(order, np.int64),
            "value": np.array([ranked[at].value for at in order], np.float64),
            "low": np.array([ranked[at].low_rank for at in order], np.int64),
            "high": np.array([ranked[at].high_rank for at in order], np.int64),
            "tied": np.array([ranked[at].tied_with_best for at in order], np.bool_),
        }
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        with suppress(StoreError):
            write_atomically(path, buffer.getvalue())

    def _path(self, column: Column, entries: Sequence[GridEntry]) -> Path | None:
        """Where the column is kept; None where it cannot be."""
        if self._folder is None:
            return None
        rows = [[self._digest(run_id) for run_id in entry.cell.run_ids] for entry in entries]
        if not entries or any(digest is None for row in rows for digest in row):
            return None
        rule = [column.rule, column.splits, column.variant, column.metric, column.lower]
        text = json.dumps([code_digest(), rule, rows])
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"

    def _digest(self, run_id: str) -> str | None:
        """Of a record, which names the digest of its predictions; None if these are another's."""
        if run_id not in self._digests:
            run = self._runs.get(run_id)
            self._digests[run_id] = _digest_of(run) if run and run.predictions_intact() else None
        return self._digests[run_id]


@cache
def code_digest() -> str:
    """Of the code that makes ranks of records, and of the packages that it computes with."""
    sha = hashlib.sha256(json.dumps(_versions()).encode())
    for folder in _CODE:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            sha.update(f"{path.relative_to(_ROOT).as_posix()}\n".encode())
            sha.update(hashlib.sha256(path.read_bytes()).digest())
    return sha.hexdigest()


def _versions() -> Mapping[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _digest_of(run: Run) -> str:
    return hashlib.sha256(run.record.model_dump_json().encode()).hexdigest()


def _key_of(path: Path) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(path.stem), np.uint8)


def _parsed(path: Path, rows: int) -> Places:
    """The content of a file; an error of any kind if it is not whole, or of another column."""
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
        arrays = {name: file[name] for name in _KINDS}
    place, low, high = arrays["place"], arrays["low"], arrays["high"]
    sound = (
        all(arrays[name].ndim == 1 and arrays[name].dtype.kind == _KINDS[name] for name in _KINDS)
        and np.array_equal(arrays["key"], _key_of(path))
        and len({len(arrays[name]) for name in _KINDS if name not in ("key", "compared")}) == 1
        and len(arrays["compared"]) == 1
        and bool((np.diff(place) > 0).all() and (place >= 0).all() and (place < rows).all())
        and bool((low >= 1).all() and (low <= high).all() and (high <= len(place)).all())
    )
    if not sound:
        raise ValueError(f"{path} holds no ranks of this column")
    columns = (arrays[name].tolist() for name in ("place", "value", "low", "high", "tied"))
    ranked = {at: Ranked(*rest) for at, *rest in zip(*columns, strict=True)}
    return Places(bool(arrays["compared"][0]), ranked)
