"""Descriptions of videos as JSON lines, {"video": id, "description": text}."""

from __future__ import annotations

import os

from .errors import DatasetError
from .jsonl import read_rows


def read_descriptions(path: str | os.PathLike[str]) -> dict[str, str]:
    """The description of each video, in the order of the file; "" where a video has none.

    Line breaks and runs of spaces become one space. Keys other than `video` and `description` are
    passed over.

    Raises:
        DatasetError: no such file, a line that is not JSON, lacks a key or names a video a second
            time, or a description that is no text; names file and line.
    """
    found: dict[str, str] = {}
    for line, row in read_rows(path):
        description = row.get("description")
        if not isinstance(description, str):
            raise DatasetError(f"{path}, line {line}: a text is wanted under 'description'")
        found[row["video"]] = " ".join(description.split())
    return found
