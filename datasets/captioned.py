"""What the readers of captioned videos share: JSON, CSV, clean texts, files under other names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .annotation_files import Loaded
from .csv_words import csv_words
from .errors import DatasetError
from .video_files import find_videos

if TYPE_CHECKING:
    import pandas as pd


def parse_json(loaded: Loaded, kind: type) -> Any:
    """The content of a JSON file, a dict or a list.

    Raises:
        DatasetError: not JSON (names the line), an object has a key twice, or not of that kind.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        by_key = dict(pairs)
        if len(by_key) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in by_key if keys.count(key) > 1)
            raise DatasetError(f"{loaded.path}: {twice!r} is there twice")
        return by_key

    try:
        content = json.loads(loaded.text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise DatasetError(
            f"{loaded.path}, line {error.lineno}: this is not JSON ({error.msg})"
        ) from None
    if not isinstance(content, kind):
        name = "an object" if kind is dict else "a list"
        raise DatasetError(f"{loaded.path}, line 1: {name} is wanted")
    return content


def csv_rows(loaded: Loaded, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Every row of a CSV file as column -> text, after the words that tell its place.

    Raises:
        DatasetError: the header lacks one of `columns`, or a row has another number of fields.
    """
    reader = csv.reader(io.StringIO(loaded.text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if not set(columns) <= set(header):
            found = ",".join(header)[:80]
            raise DatasetError(
                f"{loaded.path}, line 1: the columns {','.join(columns)} are wanted, not {found!r}"
            )
        for row in reader:
            where = f"{loaded.path}, line {reader.line_num}"
            if row and len(row) != len(header):
                raise DatasetError(f"{where}: {len(row)} fields where the header has {len(header)}")
            if row:
                yield where, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise DatasetError(f"{loaded.path}, line {reader.line_num}: {csv_words(error)}") from None


def field(row: Any, name: str, where: str) -> str:
    """A text of an object, in one line: runs of blanks and line breaks become one blank.

    CLIP's tokenizer does the same, so no number changes by it.

    Raises:
        DatasetError: there is no such text, or it is empty.
    """
    value = row.get(name) if isinstance(row, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise DatasetError(f"{where}: a text is wanted under {name!r}")
    return " ".join(value.split())


def texts(values: Any, where: str) -> tuple[str, ...]:
    """A list of texts, each in one line.

    Raises:
        DatasetError: no such list, an empty one, or one with an empty text.
    """
    if not isinstance(values, list) or not values:
        raise DatasetError(f"{where}: captions are wanted, a list of texts that is not empty")
    return tuple(field({"caption": value}, "caption", where) for value in values)


def find_by_either(table: pd.DataFrame, roots: Iterable[Path], names: pd.Series) -> pd.DataFrame:
    """`find_videos` by the ids, and then the missing ones anew by their other names, one for each row."""
    roots = list(roots)
    filled = find_videos(table, roots)
    missing = filled["path"].isna()
    if missing.any():
        renamed = table[missing].assign(id=names[missing])
        again = find_videos(renamed, roots)
        filled.loc[missing, "path"] = again["path"]
        ids = dict(zip(renamed["id"], table["id"][missing], strict=True))
        filled.attrs["ambiguous"] |= {ids[k]: v for k, v in again.attrs["ambiguous"].items()}
    return filled
