"""Charades: people at home, 157 actions, several in a video."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .annotation import Annotation
from .annotation_files import load
from .captioned import csv_rows, field
from .card import DatasetCard
from .errors import DatasetError, choice
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd

_SOURCE = "they are in Charades.zip, linked from https://prior.allenai.org/projects/charades"
CLASSES = Annotation(
    "Charades_v1_classes.txt",
    (
        "9810d4c8090f16d6403f119eb7125abc80765286a79edc863d8208d3921cc4c5",
        # the same with a final newline
        "d9db8271f7176ecca3c88a08e51d9eb06e2d5d03b74b2d051964df73d6333adc",
    ),
    _SOURCE,
)
LISTS = {
    "train": Annotation(
        "Charades_v1_train.csv",
        ("59273c6dc2139ec7eb95b980fd26bc8529774b1ede0602f6ca90b546ed12f0fc",),
        _SOURCE,
    ),
    "test": Annotation(
        "Charades_v1_test.csv",
        ("8b8b207b55fb95b949018027f69d83bd46cd844d15834f8f592ee8e7446173eb",),
        _SOURCE,
    ),
}
NUMBER = 157  # classes
CARD = DatasetCard(
    id="charades",
    title="Charades",
    summary="Charades: 9,848 videos of 157 actions, any number of them in a video",
    what="9,848 videos of people at home with 157 actions (Sigurdsson et al., ECCV 2016)",
    homepage="https://prior.allenai.org/projects/charades",
    licence="see https://prior.allenai.org/projects/data/charades/license.txt",
    layout="""\
Charades/
  Charades_v1_classes.txt
  Charades_v1_train.csv
  Charades_v1_test.csv
  Charades_v1/  (or Charades_v1_480/)
    YSKX3.mp4 ...""",
    annotations=(CLASSES, *LISTS.values()),
    counts={"train": 7985, "test": 1863},
    signs=("Charades_v1*",),
    n_classes=NUMBER,
    faults=(
        "174 training and 49 test videos have no label. The makers' evaluation ranks them behind all "
        "others, which is as if they were left out; code that keeps them reports a lower mAP.",
        "13,509 of 49,809 training intervals and 4,715 of 16,691 test intervals end more than half a "
        "second after the stated length of their video.",
    ),
)
_INTERVAL = re.compile(r"c(\d{3}) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)", re.ASCII)


def read(root: Path, split: str, *, allow_unpinned: bool = False) -> pd.DataFrame:
    """A list with the columns id ("46GP8"), path (None), labels (tuple of class numbers), group (person).

    A video's labels are the classes of all its intervals, each once, ascending; some have none.

    Args:
        root: folder with the annotation files.
        split: train or test.
        allow_unpinned: take files of other versions too.

    Raises:
        ValueError: no such split.
        DatasetError: a file is missing, of another version or malformed, a class is unknown, or a video is
            listed twice.
    """
    choice(split, CARD.counts, "split of Charades")
    loaded = load(root, LISTS[split], dataset=CARD.id, allow_unpinned=allow_unpinned)
    rows = []
    for where, row in csv_rows(loaded, ("id", "subject", "actions")):
        labels = {label for label, _, _ in intervals(row["actions"], where)}
        rows.append(
            {
                "id": field(row, "id", where),
                "labels": tuple(sorted(labels)),
                "group": row["subject"],
                "where": where,
            }
        )
    return make_table(rows, [loaded], dataset=CARD.id, split=split)


def classes(
    root: Path, class_names: str = "official", *, allow_unpinned: bool = False
) -> tuple[str, ...]:
    """The 157 names in the order of their ids, as written ("Holding a phone/camera").

    Raises:
        ValueError: `class_names` is not "official", the only set there is.
        DatasetError: the file is missing, of another version, or does not list c000 to c156 in order.
    """
    choice(class_names, ("official",), "set of class names of Charades")
    loaded = load(root, CLASSES, dataset=CARD.id, allow_unpinned=allow_unpinned)
    names: list[str] = []
    for where, line in loaded.lines():
        id, _, name = line.partition(" ")
        if id != f"c{len(names):03d}" or not name.strip():
            raise DatasetError(f"{where}: 'c{len(names):03d} <name>' is wanted, not {line!r}")
        if name.strip() in names:
            raise DatasetError(f"{where}: the class {name.strip()!r} is listed twice")
        names.append(name.strip())
    if len(names) != NUMBER:
        raise DatasetError(f"{loaded.path} lists {len(names)} classes and {NUMBER} are expected")
    return tuple(names)


def intervals(actions: str, where: str) -> list[tuple[int, float, float]]:
    """Class number, start and end in seconds of every action ("c092 11.90 21.20;c147 0.00 12.60").

    Raises:
        DatasetError: it is not written like this, or there is no such class.
    """
    found = []
    for part in filter(None, actions.split(";")):
        match = _INTERVAL.fullmatch(part.strip())
        if not match:
            raise DatasetError(f"{where}: {part!r} is no action such as 'c092 11.90 21.20'")
        label = int(match[1])
        if label >= NUMBER:
            raise DatasetError(
                f"{where}: there is no class c{match[1]}; they run from c000 to c{NUMBER - 1}"
            )
        found.append((label, float(match[2]), float(match[3])))
    return found
