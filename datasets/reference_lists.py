"""The split lists and label files of ViFi-CLIP and Open-VCLIP, from checkouts of their repositories."""

from __future__ import annotations

import csv
import fnmatch
import functools
import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from . import catalog
from .annotation import Annotation
from .annotation_files import Loaded, load
from .class_names import Spelling
from .errors import DatasetError, choice
from .repositories import REPOSITORIES
from .table import make_table
from .video_files import stem

if TYPE_CHECKING:
    import pandas as pd

# pattern over ids -> what is wrong with the list
FAULTS = {
    "open-vclip/hmdb51/train?": (
        "It holds the 1,666 videos that the official split leaves out, not its 3,570 training "
        "videos: never train on it."
    ),
    "vifi-clip/*/few*": (
        "Drawn from training split 1, and the lists for more shots do not contain those for "
        "fewer. Of UCF101 and HMDB51 many of the videos are in test splits 2 and 3 (UCF101, 16 "
        "shots: 627 and 623; HMDB51: 233 and 254), so only test split 1 may be scored."
    ),
    "vifi-clip/hmdb51/*": (
        "The label files name kick and kick ball, and sword and sword exercise, after each other."
    ),
    "vifi-clip/*/base-few16-?": (
        "The three lists overlap (UCF101 80, 102 and 85 of 816 videos; HMDB51 52, 130 and 0 of "
        "416; SSv2 0, 0 and 60 of 1,392; Kinetics-400 0, 0 and 178 of 3,200, for 1 and 2, 1 and "
        "3, 2 and 3), so three runs are not three independent samples."
    ),
    "vifi-clip/k600/draw?": (
        "All clips are in the official table of test clips and none in that of validation clips, "
        "whatever the folder in their paths, so no clip is in Open-VCLIP's list of the same "
        "classes. The official table has no labels to check these against."
    ),
    "open-vclip/k600/draw?": (
        "Of the 8,000 official validation clips of the 160 classes 724, 774 and 739 are missing, and no "
        "clip is in ViFi-CLIP's list of the same classes."
    ),
    "vifi-clip/k400/train-tiny": "No configuration of the repository uses it.",
    "open-vclip/k400/base-test": (
        "Its half has 'water skiing' where ViFi-CLIP's base half has 'cutting watermelon'; "
        "labels run from frequent to rare, ViFi-CLIP's from rare to frequent; names are written with "
        "underscores."
    ),
    "open-vclip/k400/novel-test": (
        "Its half has 'cutting watermelon' where ViFi-CLIP's novel half has 'water skiing'; "
        "labels run from frequent to rare, ViFi-CLIP's from rare to frequent; names are written "
        "with underscores."
    ),
}


@dataclass(frozen=True)
class ReferenceFile:
    """One list, or one label file.

    Attributes:
        id: of a list "<repository>/<dataset>/<part>", of a label file "<repository>/<path>".
        dataset: id of the dataset.
        path: in the repository.
        labels: path of the label file that belongs to a list; "" of label files.
        rows: videos of a list, classes of a label file; None where no copy could be examined.
        sha256: its digest; "" where no copy could be examined.
    """

    id: str
    dataset: str
    path: str
    labels: str
    rows: int | None
    sha256: str

    @property
    def repository(self) -> str:
        """vifi-clip or open-vclip."""
        return self.id.partition("/")[0]

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with it, in plain sentences."""
        return tuple(text for pattern, text in FAULTS.items() if fnmatch.fnmatch(self.id, pattern))


@functools.cache
def files() -> Mapping[str, ReferenceFile]:
    """All lists and label files that are known, by id."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.reader(table))[1:]
    return {
        id: ReferenceFile(id, dataset, path, labels, int(number) if number else None, sha256)
        for id, dataset, path, labels, number, sha256 in rows
    }


def lists() -> tuple[str, ...]:
    """Ids of the lists of videos."""
    return tuple(id for id, file in files().items() if file.labels)


def read(root: Path, list_id: str, *, allow_unpinned: bool = False) -> pd.DataFrame:
    """The rows of a list: id (file name), path, label (in this list), class (raw official name), group.

    A column `listed` is the path as the list has it. The class is the true one: the names
    that ViFi-CLIP's label files of HMDB51 swap are swapped back. The `attrs` also hold the `faults` of
    the list.

    Args:
        root: checkout of the repository (the list's path is found below it).
        list_id: see `lists`.
        allow_unpinned: read files of another version too.

    Raises:
        ValueError: no such list.
        DatasetError: a file is missing, is another version, or has a row that is not right.
    """
    file = files()[choice(list_id, lists(), "list")]
    listed = _load(root, file, allow_unpinned)
    label_file = _load(root, _labels_of(file), allow_unpinned)
    true = _spelling(file).unspelled(_parse_names(label_file), file.repository)
    table = make_table(
        _rows(listed, file, true), [label_file, listed], dataset=file.dataset, split=list_id
    )
    table.attrs["faults"] = file.faults
    return table


def names(
    root: Path, list_id: str, class_names: str = "official", *, allow_unpinned: bool = False
) -> tuple[str, ...]:
    """Class names of a list in the order of its labels, as they are written in prompts.

    The set called as the list's repository is its label file as it is, faults included; another set is how
    the same classes are written there (see `Spelling`).

    Raises:
        ValueError: no such list or set of names.
        DatasetError: the label file is missing, another version, or malformed.
    """
    file = files()[choice(list_id, lists(), "list")]
    written = _parse_names(_load(root, _labels_of(file), allow_unpinned))
    if class_names == file.repository:
        return written
    spelling = _spelling(file)
    return spelling.spelled(spelling.unspelled(written, file.repository), class_names)


def half_classes(number: int, draw: int) -> tuple[int, ...]:
    """Labels of one of Open-VCLIP's ten random halves of UCF101 (50 of 101) or HMDB51 (25 of 51).

    They were drawn by Python's generator, seeded 2023 once, shuffling all labels ten times in a row;
    the first half of each, sorted. Classes are numbered anew in this order.

    Args:
        number: of all classes.
        draw: 0 to 9.

    Raises:
        ValueError: no such draw.
    """
    choice(str(draw), map(str, range(10)), "draw of half of the classes")
    generator, labels = random.Random(2023), list(range(number))
    for _ in range(draw + 1):
        labels = list(range(number))
        generator.shuffle(labels)
    return tuple(sorted(labels[: number // 2]))


def of_classes(table: pd.DataFrame, labels: Sequence[int]) -> pd.DataFrame:
    """The rows of some classes, labelled anew by the places of their labels in `labels`."""
    places = {label: n for n, label in enumerate(labels)}
    kept = table[table["label"].isin(labels)].reset_index(drop=True)
    return kept.assign(label=kept["label"].map(places))


def all_annotations(repository: str) -> tuple[Annotation, ...]:
    """The lists and label files of a repository.

    Raises:
        ValueError: no such repository.
    """
    choice(repository, REPOSITORIES, "repository of lists")
    return tuple(_annotation(f) for f in files().values() if f.repository == repository)


def _labels_of(file: ReferenceFile) -> ReferenceFile:
    return files()[f"{file.repository}/{file.labels}"]


def _annotation(file: ReferenceFile) -> Annotation:
    source = f"get it from {REPOSITORIES[file.repository].url}"
    return Annotation(file.path, (file.sha256,) if file.sha256 else (), source)


def _spelling(file: ReferenceFile) -> Spelling:
    return catalog.card(file.dataset).spelling or Spelling()


def _load(root: Path, file: ReferenceFile, allow_unpinned: bool) -> Loaded:
    annotation, repository = _annotation(file), file.repository
    return load(root, annotation, dataset=repository, allow_unpinned=allow_unpinned)


def _rows(listed: Loaded, file: ReferenceFile, true: Sequence[str]) -> Iterator[dict[str, Any]]:
    separator = REPOSITORIES[file.repository].separator
    group = catalog.card(file.dataset).group
    for where, line in listed.lines():
        path, found, label = line.rpartition(separator)
        path = path.strip()
        if not found or not path or not label.strip().isdecimal():
            raise DatasetError(f"{where}: {line!r} should be '<path>{separator}<label>'")
        if int(label) >= len(true):
            raise DatasetError(
                f"{where}: the label {label.strip()} is none of the {len(true)} of {file.labels}"
            )
        id, name = stem(PurePosixPath(path).name), true[int(label)]
        yield {
            **{"where": where, "id": id, "label": int(label), "class": name},
            **{"group": group(id, name) if group else "", "listed": path},
        }


def _parse_names(file: Loaded) -> tuple[str, ...]:
    """Names by label, from a CSV with the header id,name or an object of labels with their names."""
    pairs = _json_pairs(file) if file.name.endswith(".json") else _csv_pairs(file)
    by_id: dict[str, str] = {}
    for where, number, name in pairs:
        if not name.strip():
            raise DatasetError(f"{where}: the name is empty")
        if number in by_id or name in by_id.values():
            raise DatasetError(f"{where}: the class {number} {name!r} is already listed")
        by_id[number] = name
    lacking = [n for n in range(len(by_id)) if str(n) not in by_id]
    if lacking or not by_id:
        raise DatasetError(f"{file.path}: ids 0 to {len(by_id) - 1} are wanted, {lacking} lack")
    return tuple(by_id[str(n)] for n in range(len(by_id)))


def _csv_pairs(file: Loaded) -> Iterator[tuple[str, str, str]]:
    reader = csv.reader(io.StringIO(file.text, newline=""), strict=True)
    try:
        if (header := next(reader, [])) != ["id", "name"]:
            raise DatasetError(f"{file.path} must start with 'id,name', not {','.join(header)!r}")
        for row in reader:
            where = f"{file.path}, line {reader.line_num}"
            if row and len(row) != 2:
                raise DatasetError(
                    f"{where}: {len(row)} fields where the header has 2 (a name with a comma needs quotes)"
                )
            if row:
                yield where, row[0].strip(), row[1].strip()
    except csv.Error as error:
        raise DatasetError(f"{file.path}, line {reader.line_num}: {error}") from error


def _json_pairs(file: Loaded) -> Iterator[tuple[str, str, str]]:
    try:
        pairs = json.loads(file.text, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{file.path}, line {error.lineno}: {error.msg}") from None
    if not isinstance(pairs, list) or not all(isinstance(p, tuple) for p in pairs):
        raise DatasetError(f"{file.path}: an object of labels with their names is wanted")
    for number, name in pairs:
        yield str(file.path), number, str(name).strip()
