"""Labels of videos as JSON lines, {"video": id, "labels": [...]}, such as synthetic ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from .errors import DatasetError
from .jsonl import read_rows


def read_labels(path: str | os.PathLike[str]) -> dict[str, tuple[str, ...]]:
    """The labels of each video, in the order of the file; spaces around a label are dropped.

    A video may have no labels. Keys other than `video` and `labels` are passed over.

    Raises:
        DatasetError: see `read_rows`, or `labels` is no list of texts; names file and line.
    """
    found: dict[str, tuple[str, ...]] = {}
    for line, row in read_rows(path):
        labels = row.get("labels")
        if not isinstance(labels, list) or not all(isinstance(x, str) for x in labels):
            raise DatasetError(f"{path}, line {line}: a list of texts is wanted under 'labels'")
        if not all(label.strip() for label in labels):
            raise DatasetError(f"{path}, line {line}: a label is empty")
        found[row["video"]] = tuple(dict.fromkeys(label.strip() for label in labels))
    return found


def merged(
    given: Mapping[str, Sequence[str]],
    synthetic: Mapping[str, Sequence[str]],
    banned: Iterable[str] = (),
) -> dict[str, tuple[str, ...]]:
    """The given labels of each video, and after them the synthetic ones that it lacks.

    Args:
        given: video -> labels; videos that only `synthetic` names are left out.
        synthetic: video -> labels; compared without regard to case.
        banned: labels that training must not see (the novel ones of a protocol).
    """
    hidden = {label.casefold() for label in banned}
    result = {}
    for video, labels in given.items():
        known = {label.casefold() for label in labels} | hidden
        new = [x for x in synthetic.get(video, ()) if x.casefold() not in known]
        result[video] = (*labels, *new)
    return result
