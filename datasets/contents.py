"""Digests of video files: SHA-256 of their bytes, each read once and then remembered.

What is remembered lies in `contents.sqlite` in the cache folder, by path, size, times of change and
inode, so that 10,000 videos are not read again at each start. A file that changed a moment ago is
not remembered: a second change within the tick of the clock would leave no trace. Several processes
may share the memory, and nothing depends on it: what cannot be had, or is damaged, is read again.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

from .cache import cache_root
from .files import kind_of, open_regular

NAME = "contents.sqlite"
RECENT = 2_000_000_000
"""Nanoseconds: a file that changed later than so long ago is not remembered."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS contents("
    "path BLOB PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL, mark BLOB NOT NULL)"
)
_AT_ONCE = 500  # SQLite allows only so many names in a query
_KEEP = 64  # digests that are written together
_WAIT = 5.0  # seconds to wait for another process that writes
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

Told = Callable[[int, int], None]
"""Is told how many files have been read, and how many are to be."""
_Known = tuple[str, str]  # stamp and digest
_SEEN: dict[bytes, _Known] = {}  # of this process


def digest_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of the bytes of a file, whatever its name.

    Raises:
        OSError: it cannot be read, or is no file (`files.NotRegular`).
    """
    found = digests_of([path])[0]
    if not found:
        with open_regular(path) as file:  # which says why
            return hashlib.file_digest(file, "sha256").hexdigest()
    return found


def digests_of(
    paths: Sequence[str | os.PathLike[str] | None], told: Told | None = None
) -> list[str]:
    """The digests of many files, in order; "" for a file that cannot be read, and for None.

    Args:
        told: called whenever a file has been read that was not remembered.
    """
    keys = [None if path is None else os.fsencode(os.path.abspath(path)) for path in paths]
    stamps = {key: stamp for key in dict.fromkeys(keys) if key and (stamp := _stamp(key))}
    found = {key: _SEEN[key][1] for key, s in stamps.items() if _SEEN.get(key, ("",))[0] == s}
    asked = [key for key in stamps if key not in found]
    stored = _stored(asked)
    found |= {
        key: sha for key in asked for s, sha in [stored.get(key, ("", ""))] if s == stamps[key]
    }
    _SEEN.update({key: (stamps[key], found[key]) for key in asked if key in found})
    fresh: dict[bytes, _Known] = {}
    todo = [key for key in stamps if key not in found]
    for number, (key, known) in enumerate(_read(todo), 1):
        if known is not None:
            found[key] = known[1]
            if _settled(known[0]):
                fresh[key] = _SEEN[key] = known
        if len(fresh) >= _KEEP:
            _keep(fresh)
            fresh = {}
        if told is not None:
            told(number, len(todo))
    _keep(fresh)
    return [found.get(key, "") if key else "" for key in keys]


def _stamp(key: bytes) -> str:
    """What a digest is remembered under beside the path; "" where there is no file."""
    try:
        about = os.stat(key)
    except (OSError, ValueError):
        return ""
    if not stat.S_ISREG(about.st_mode):
        return ""
    # the time of the last change of its entry too: the other can be set to any value
    return f"{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns} {about.st_ino}"


def _settled(stamp: str) -> bool:
    """Whether a file changed long enough ago that any later change shows in its stamp."""
    changed = max(map(int, stamp.split()[1:3]))
    return time.time_ns() - changed > RECENT


def _read(keys: Sequence[bytes]) -> Iterator[tuple[bytes, _Known | None]]:
    """Key, and stamp with digest of each file; None for one that cannot be read."""
    if len(keys) < 2:
        yield from ((key, _digest(key)) for key in keys)
        return
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))  # a disk has several readers
    try:
        yield from zip(keys, pool.map(_digest, keys), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # stopped with Ctrl-C it does not read on


def _digest(key: bytes) -> _Known | None:
    for _ in range(3):  # a file that is being written is read again
        before = _stamp(key)
        try:
            with open_regular(os.fsdecode(key)) as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError):
            return None
        if before and before == _stamp(key):
            break
    return before, sha256


def _mark(*parts: bytes | str) -> bytes:
    """Checksum of a row, which SQLite has not."""
    parted = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return hashlib.sha256(b"\0".join(parted)).digest()[:8]


def _stored(keys: Sequence[bytes]) -> dict[bytes, _Known]:
    """What the memory has of these files; nothing where it cannot be read."""
    found: dict[bytes, _Known] = {}

    def look(db: sqlite3.Connection) -> None:
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT path, stamp, sha256, mark FROM contents WHERE path IN ({marks})"
            for *row, mark in db.execute(query, some):
                if mark == _mark(*row):
                    found[row[0]] = str(row[1]), str(row[2])

    if keys and kind_of(cache_root() / NAME) == "a file":
        _work(look, _DAMAGE)
    return found


def _keep(known: Mapping[bytes, _Known]) -> None:
    """Remember digests, where the disk lets us."""

    def write(db: sqlite3.Connection) -> None:
        rows = [(key, *about, _mark(key, *about)) for key, about in known.items()]
        db.execute("BEGIN IMMEDIATE")
        db.execute(_TABLE)
        db.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?)", rows)
        db.execute("COMMIT")

    # another table under this name is damage too; what is damaged is removed, and the next one is good
    other = {*_DAMAGE, sqlite3.SQLITE_ERROR}
    free = kind_of(cache_root() / NAME) in ("a file", "")
    if known and free and not _work(write, other):
        _work(write, other)


def _work(do: Callable[[sqlite3.Connection], None], damage: set[int]) -> bool:
    """Do something with the open memory; False if it was damaged, and is now removed."""
    path = cache_root() / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=_WAIT, isolation_level=None)) as db:
            do(db)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in damage:
            for name in (f"{NAME}-journal", NAME):  # first what would be played into a new file
                with suppress(OSError):
                    path.with_name(name).unlink(missing_ok=True)
            return False
    except OSError:  # no such folder, and none to be made
        pass
    return True
