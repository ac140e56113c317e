"""Files of JSON lines, one object a video: written bit by bit, taken up again, repaired, and read."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .errors import DatasetError
from .files import open_regular

KEY = "video"


class JsonLines:
    """A file of JSON lines that a long program adds to and takes up again where it was broken off.

    Opening it reads what is there. A last line that was cut off while it was written is removed
    from the file; a whole one that only lacks its end of line gets it. One process writes at a time.

    Attributes:
        path: the file; it and its folders are made by the first `append`.
        done: ids of the videos that the file holds.
        repaired: whether a last line that was cut off was removed.
    """

    def __init__(self, path: str | os.PathLike[str]):
        """Read the file, if there is one.

        Raises:
            DatasetError: a line (other than a last one that was cut off) is no object with the key
                `video`, the video is there twice, or the file cannot be read; names file and line.
        """
        self.path = Path(path)
        self.repaired = _mend(self.path) if self.path.exists() else False
        rows = read_rows(self.path) if self.path.exists() else ()
        self.done: set[str] = {row[KEY] for _, row in rows}

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows in one piece and see them onto the disk.

        Raises:
            ValueError: a row has no id under `video`, or one that is already there; nothing is
                written then.
        """
        rows = list(rows)
        ids = [row.get(KEY) for row in rows]
        for n, id in enumerate(ids):
            if not isinstance(id, str) or not id:
                raise ValueError(f"a row needs the id of its video under {KEY!r}, not {id!r}")
            if id in self.done or id in ids[:n]:
                raise ValueError(f"the video {id!r} is already in {self.path}")
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        self.done |= set(map(str, ids))


def read_rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file of JSON lines, each with the number of its line; empty lines are passed over.

    Raises:
        DatasetError: no such file, not UTF-8, or a line that is no object with a text under the key
            `video`, or names a video a second time; names file and line.
    """
    seen: dict[str, int] = {}
    number = 0
    try:
        with io.TextIOWrapper(open_regular(path), "utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = _row(line, f"{path}, line {number}")
                if row[KEY] in seen:
                    raise DatasetError(
                        f"{path}, line {number}: the video {row[KEY]!r} is already in line {seen[row[KEY]]}"
                    )
                seen[row[KEY]] = number
                yield number, row
    except FileNotFoundError:
        raise DatasetError(f"there is no file {path}") from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from None


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{where}: this is not JSON ({error.msg})") from None
    if not isinstance(row, dict):
        raise DatasetError(f'{where}: an object is wanted, such as {{"{KEY}": ...}}')
    if not isinstance(row.get(KEY), str) or not row[KEY]:
        raise DatasetError(f"{where}: the id of the video is wanted under the key {KEY!r}")
    return row


def _mend(path: Path) -> bool:
    """End the last line properly, or remove it where it was cut off; whether it was removed."""
    try:
        with path.open("r+b") as file:
            content = file.read()
            kept = content.rfind(b"\n") + 1
            tail = content[kept:]
            if not tail:
                return False
            try:
                json.loads(tail)
            except ValueError:  # also bytes of a letter that was cut in two
                file.truncate(kept)
                return True
            file.write(b"\n")
            return False
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from None
