"""Kinetics-400 and Kinetics-600 by the official tables (Kay et al. 2017, Carreira et al. 2018)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .annotation import Annotation
from .annotation_files import Loaded, load
from .card import DatasetCard, IdScheme
from .class_names import Spelling
from .errors import DatasetError, choice
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("youtube_id", "time_start", "time_end", "split")
_ID = re.compile(r"[\w-]{11}", re.ASCII)
_LAYOUT = """\
ROOT/
  kinetics-{n}_train.csv  kinetics-{n}_val.csv  kinetics-{n}_test.csv
  val/
    abseiling/                            (class folders, with or without underscores, or none)
      0wR5jVB-WPk_000417_000427.mp4       (with or without the times, any extension)
      ...
  train/
    ..."""
_LICENCE = (
    "the tables: Creative Commons Attribution 4.0 (https://github.com/cvdfoundation/kinetics-dataset); the "
    "videos are their uploaders'"
)
_LOSS = (
    "Videos vanish from YouTube, so that every copy is smaller and another one: a result must state how "
    "many of the official videos were evaluated."
)


def _table(number: int, split: str, *sha256: str) -> Annotation:
    return Annotation(
        f"kinetics-{number}_{split}.csv",
        sha256,
        "get it from https://github.com/activitynet/ActivityNet, folder Crawler/Kinetics/data",
    )


_TABLES = {
    "k400": {
        "train": _table(400, "train"),
        "val": _table(
            400, "val", "358eaf47e7f80ebf9b17d49eb0635ad5e0fdab98a9cbd75ffdd2ee5d5e5b6944"
        ),
        "test": _table(400, "test"),
    },
    "k600": {
        "train": _table(600, "train"),
        "val": _table(
            600, "val", "3d596163bd75ac810e48c69662ce35ddd6737d44d351780f9533e11317a58d7a"
        ),
        "test": _table(
            600, "test", "7dec5f5130a389ec92ee96e0cf5d83d35bb2c4f96e6d2f296df06c060ac0a462"
        ),
    },
}


def group(id: str, name: str = "") -> str:
    """The YouTube id of the video that a clip was cut from."""
    return id[:11]


_IDS = IdScheme("youtube", in_groups=True)
_SPELLINGS = {
    "k400": Spelling(
        faults={
            "open-vclip": (
                "the two halves of the base-to-novel lists write names with underscores "
                "(playing_drums), the full list does not"
            ),
        }
    ),
    "k600": Spelling(),
}
K400 = DatasetCard(
    id="k400",
    title="Kinetics-400",
    summary="Kinetics-400: ten-second clips of 400 actions, by the official tables",
    what="ten-second clips of 400 human actions from YouTube, one a video",
    homepage="https://github.com/cvdfoundation/kinetics-dataset",
    licence=_LICENCE,
    layout=_LAYOUT.format(n=400),
    annotations=tuple(_TABLES["k400"].values()),
    counts={"val": 19906},
    uncounted=("train", "test"),
    signs=("kinetics-400_*.csv*",),
    n_classes=400,
    spelling=_SPELLINGS["k400"],
    group=group,
    id_scheme=_IDS,
    faults=(
        _LOSS,
        "Of the 19,906 validation clips ViFi-CLIP lists 19,877 and Open-VCLIP 19,761.",
    ),
)
K600 = DatasetCard(
    id="k600",
    title="Kinetics-600",
    summary="Kinetics-600: ten-second clips of 600 actions, by the official tables",
    what="ten-second clips of 600 human actions from YouTube, 368 of them by name also in Kinetics-400",
    homepage="https://github.com/cvdfoundation/kinetics-dataset",
    licence=_LICENCE,
    layout=_LAYOUT.format(n=600),
    annotations=tuple(_TABLES["k600"].values()),
    counts={"val": 30000, "test": 72924},
    uncounted=("train",),
    signs=("kinetics-600_*.csv*",),
    n_classes=600,
    spelling=_SPELLINGS["k600"],
    group=group,
    id_scheme=_IDS,
    faults=(
        _LOSS,
        "Of the 30,000 validation clips Open-VCLIP lists 27,791.",
        "13,569 of the Kinetics-400 validation videos are validation videos here too.",
        "Six videos occur twice in validation with other times.",
        "The table of the test clips has no labels.",
        "Two names differ in case: passing American football (in game) and "
        "passing american football (not in game).",
    ),
)


def read(
    root: Path, split: str, *, dataset: str = "k400", allow_unpinned: bool = False
) -> pd.DataFrame:
    """The rows of an official table: id (YouTube id, start, end), path, label, class, group (YouTube id).

    Labels are places in the sorted names of the validation table. A table without labels (the test clips)
    gives neither `label` nor `class`. Files are cut to the times already, so the times are in the id only.

    Args:
        root: folder of the dataset.
        split: train, val or test.
        dataset: k400 or k600.
        allow_unpinned: read tables of another version too.

    Raises:
        ValueError: no such split or dataset.
        DatasetError: a table is missing, is another version, or has a row that is not right.
    """
    tables = _TABLES[choice(dataset, _TABLES, "Kinetics")]
    choice(split, tables, f"split of {dataset}")
    table = load(root, tables[split], dataset=dataset, allow_unpinned=allow_unpinned)
    loaded, labelled = [table], "label" in table.text.partition("\n")[0].split(",")
    if labelled and split != "val":
        loaded.append(load(root, tables["val"], dataset=dataset, allow_unpinned=allow_unpinned))
    names = _names(loaded[-1]) if labelled else ()
    return make_table(_rows(table, names), loaded, dataset=dataset, split=split)


def classes(
    root: Path,
    class_names: str = "official",
    *,
    dataset: str = "k400",
    allow_unpinned: bool = False,
) -> tuple[str, ...]:
    """The names of the validation table, sorted, which is the order of the labels (see `Spelling`).

    Raises:
        ValueError: no such set of names or dataset.
        DatasetError: the table is missing, another version, or malformed.
    """
    annotation = _TABLES[choice(dataset, _TABLES, "Kinetics")]["val"]
    table = load(root, annotation, dataset=dataset, allow_unpinned=allow_unpinned)
    return _SPELLINGS[dataset].spelled(_names(table), class_names)


def _names(table: Loaded) -> tuple[str, ...]:
    return tuple(sorted({row["label"] for _, row in _records(table)}))


def _rows(table: Loaded, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    numbers = {name: n for n, name in enumerate(names)}
    for where, row in _records(table):
        video = row["youtube_id"]
        try:
            start, end = (int(float(row[key])) for key in ("time_start", "time_end"))
        except ValueError:
            raise DatasetError(f"{where}: times in seconds are wanted") from None
        if not _ID.fullmatch(video) or not 0 <= start < end:
            raise DatasetError(
                f"{where}: {video!r} from {start} to {end} is no clip; an id of 11 characters and a "
                "start before the end are wanted"
            )
        found: dict[str, Any] = {"where": where, "id": f"{video}_{start:06d}_{end:06d}"}
        if numbers:
            if row["label"] not in numbers:
                raise DatasetError(
                    f"{where}: the class {row['label']!r} is not in the validation table"
                )
            found |= {"label": numbers[row["label"]], "class": row["label"]}
        yield found | {"group": video}


def _records(table: Loaded) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows under their header, each after the words for its place."""
    reader = csv.reader(io.StringIO(table.text, newline=""), strict=True)
    header: list[str] = []
    try:
        header = next(reader, [])
        lacking = [name for name in _COLUMNS if name not in header]
        if lacking:
            raise DatasetError(
                f"{table.path} has no column {lacking[0]}; a table of Kinetics starts with "
                f"[label,]{','.join(_COLUMNS)}"
            )
        for row in reader:
            where = f"{table.path}, line {reader.line_num}"
            if row and len(row) != len(header):
                raise DatasetError(f"{where}: {len(row)} fields where the header has {len(header)}")
            if row:
                yield where, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise DatasetError(f"{table.path}, line {reader.line_num}: {error}") from error
