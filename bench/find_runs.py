"""Which runs a user means, and runs as lines of a table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..leaderboard.record.files import StoreError, read_record_bytes
from ..leaderboard.record.record import Record, parse_record
from ..leaderboard.record.store import FILE_NAME
from .errors import UserError, one_line

_DIGEST = re.compile(r"[0-9a-f]{40,64}")
_LONGEST, _BEFORE = 120, 40  # characters of a value, and of them before the first difference
_PREFIX = re.compile(r"[0-9a-f]{1,16}")
COLUMNS = (
    *("run_id", "method", "protocol", "variant", "seed", "status", "limited"),
    *("primary", "value", "date"),
)


def find_records(words: Iterable[str], results: Path) -> list[Path]:
    """The files `record.json` that words name, each once, in order.

    Args:
        words: a file, the folder of a run, a folder of runs, or the first digits of a run_id.
        results: where ids are looked up.

    Raises:
        UserError: a word that names no run, or an id that begins several.
    """
    found: dict[Path, None] = {}
    for word in words:
        found |= dict.fromkeys(_of_word(word, results))
    return list(found)


def find_record(word: str, results: Path) -> Path:
    """The one `record.json` that a word names.

    Raises:
        UserError: it names none, or several.
    """
    found = _of_word(word, results)
    if len(found) > 1:
        raise UserError(f"{word} holds {len(found)} runs; name one of them")
    return found[0]


def _of_word(word: str, results: Path) -> list[Path]:
    path = Path(word)
    if path.is_file():
        return [path]
    if (path / FILE_NAME).is_file():
        return [path / FILE_NAME]
    if path.is_dir():
        below = sorted(path.rglob(FILE_NAME))
        if not below:
            raise UserError(f"there is no {FILE_NAME} in {path}, nor below it")
        return below
    if not _PREFIX.fullmatch(word):
        raise UserError(f"{word} is neither a file or folder nor the beginning of a run_id")
    if not results.is_dir():
        raise UserError(f"run {word} cannot be looked up: there is no folder {results} (--results)")
    starts = sorted(p for p in results.rglob(FILE_NAME) if p.parent.name.startswith(word))
    if not starts:
        raise UserError(f"no run below {results} has an id that begins with {word} (bench runs)")
    ids = sorted({path.parent.name for path in starts})
    if len(starts) > 1:
        names = ", ".join(ids[:3]) if len(ids) > 1 else ", ".join(str(p.parent) for p in starts[:3])
        raise UserError(f"{word} names {len(starts)} runs: {names}; write more digits, or a folder")
    return starts


@dataclass(frozen=True)
class RecordFile:
    """A record as it stands in its file; `version` is that of the schema it was written by."""

    path: Path
    record: Record
    version: int
    text: str


def read_record(path: Path) -> RecordFile:
    """The record of a file.

    Raises:
        StoreError: it cannot be read, or is no valid record; one sentence that names the file.
    """
    try:
        text = read_record_bytes(path).decode()
        record = parse_record(text)
    except UnicodeDecodeError:
        raise StoreError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()) or one_line(error)
        raise StoreError(f"{path}: {reason}") from None
    return RecordFile(path, record, json.loads(text)["schema_version"], text)


def line_of(record: Record) -> dict[str, Any]:
    """A record as one line of a list: column -> plain value."""
    primary = record.primary_metric()
    identity = record.identity
    return {
        "run_id": record.run_id,
        "method": identity.method.name,
        "protocol": identity.protocol.id,
        "variant": record.variant,
        "seed": record.seed,
        "status": record.status,
        "primary": record.primary,
        "value": primary.value if primary else None,
        "date": record.created_utc,
        "limited": record.limited,
    }


def chosen(
    lines: Iterable[dict[str, Any]], filters: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any]]:
    """The lines whose value is among those wanted, in every column that has some."""
    return [
        line
        for line in lines
        if all(not values or line[name] in values for name, values in filters.items())
    ]


def change(old: Any, new: Any) -> str:
    """Two values of a record in a few words: of digests the beginning, of long texts where they part."""
    a, b = _text(old), _text(new)
    parts = (n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    same = next(parts, min(len(a), len(b)))
    start = max(0, same - _BEFORE) if max(len(a), len(b)) > _LONGEST else 0
    return f"{_cut(a, start)} -> {_cut(b, start)}"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:12] if _DIGEST.fullmatch(text) else text


def _cut(text: str, start: int) -> str:
    """At most `_LONGEST` characters of a text from a place on, with dots where something is left out."""
    head = "..." if start else ""
    rest = text[start:]
    room = _LONGEST - len(head)
    return head + (rest if len(rest) <= room else f"{rest[: room - 3]}...")
