"""HMDB51 by its official split files (Kuehne et al. 2011)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .annotation import Annotation
from .annotation_files import Loaded, load
from .card import DatasetCard
from .class_names import Spelling
from .errors import DatasetError, choice
from .table import make_table
from .video_files import stem

if TYPE_CHECKING:
    import pandas as pd

_SOURCE = (
    "get the three splits (test_train_splits.rar) from "
    "https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/"
)


def _split(number: int, sha256: str) -> Annotation:
    """One split: 51 files, whose digest is that of their listing."""
    return Annotation(f"testTrainMulti_7030_splits/*_test_split{number}.txt", (sha256,), _SOURCE)


_SPLITS = {
    1: _split(1, "c5129c657e91903fa30629af9dcc4efb39785e867cb392de079765eec598da66"),
    2: _split(2, "55ed7034b7fd3f797660cae1c6ba2d288f7b92c9e6afc309aad99c783001119a"),
    3: _split(3, "ebf15a95fdcbd0b05212635055ef9ce08d77edf57e4736c6500a9261965faa94"),
}
# which flags of the files a part of a split is made of
_FLAGS = {"train": "1", "test": "2", "unused": "0", "used": "12"}
_COUNTS = {"train": 3570, "test": 1530, "unused": 1666, "used": 5100}

# ViFi-CLIP's label files (full, base and novel, as X-CLIP's) give these classes each other's name
SWAPPED = {
    "kick": "kick_ball",
    "kick_ball": "kick",
    "sword": "sword_exercise",
    "sword_exercise": "sword",
}
_SPELLING = Spelling(
    words="underscores",
    written_as={"vifi-clip": SWAPPED},
    faults={
        "vifi-clip": (
            "kick and kick ball, and sword and sword exercise, have each other's name: 120 of the 1,530 "
            "test videos of each split (7.8 %) are scored against the name of the sibling"
        ),
    },
)


def group(id: str, name: str) -> str:
    """The longer video that a clip of class `name` was cut from, by its name; "" if it tells none."""
    tail = rf"_{re.escape(name)}_[a-z]_(?:cm|nm)_np\d+_(?:ba|fr|le|ri)_(?:bad|goo|med)_\d+"
    match = re.fullmatch(rf"(.+){tail}", id)
    return match[1] if match else ""


CARD = DatasetCard(
    id="hmdb51",
    title="HMDB51",
    summary="HMDB51: 6,766 clips of 51 actions, by the official lists",
    what="6,766 clips of 51 actions, mostly from films; each split uses 100 a class",
    homepage="https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/",
    licence="Creative Commons Attribution 4.0; see the homepage",
    layout="""\
ROOT/
  testTrainMulti_7030_splits/
    brush_hair_test_split1.txt ... wave_test_split3.txt  (51 files a split)
  hmdb51_org/
    brush_hair/
      April_09_brush_hair_u_nm_np1_ba_goo_0.avi
      ...
    ...""",
    annotations=tuple(_SPLITS.values()),
    counts={f"{part}{n}": number for part, number in _COUNTS.items() for n in _SPLITS}
    | {"all": 6766},
    signs=("hmdb51_org", "testTrainMulti_7030_splits"),
    n_classes=51,
    spelling=_SPELLING,
    group=group,
    faults=(
        "The three test sets overlap (104, 126 and 155 videos of two of them), so their results "
        "are not of independent samples.",
        "Lists of 5,100 videos (those that split 1 uses) and of 6,766 go by the one name 'full'.",
        "Sorting the names of the split files instead of the classes swaps kick with kick_ball and "
        "sword with sword_exercise.",
        "File names hold ! ( ) [ ] # & + ; ~ @: quote them.",
    ),
)


def read(root: Path, split: str, *, allow_unpinned: bool = False) -> pd.DataFrame:
    """The rows of a split: id (file name), path, label (0-50), class (folder), group (its film).

    Args:
        root: folder of the dataset.
        split: train1-3, test1-3, unused1-3 (videos that the split leaves out), used1-3 (train and
            test), or all.
        allow_unpinned: read split files of another version too.

    Raises:
        ValueError: no such split.
        DatasetError: split files are missing, are another version, or have a row that is not right.
    """
    choice(split, CARD.counts, "split of hmdb51")
    part, number = ("all", 1) if split == "all" else (split[:-1], int(split[-1]))
    files = _load(root, number, allow_unpinned)
    _check_names(files, number, root, allow_unpinned)
    rows = _rows(files, number, _FLAGS.get(part, "012"))
    return make_table(rows, [files], dataset="hmdb51", split=split)


def classes(
    root: Path, class_names: str = "official", *, allow_unpinned: bool = False
) -> tuple[str, ...]:
    """The 51 names in the order of the labels, as they are written in prompts (see `Spelling`).

    Raises:
        ValueError: no such set of names.
        DatasetError: the files of split 1 are missing or another version.
    """
    return _SPELLING.spelled(_names(_load(root, 1, allow_unpinned), 1), class_names)


def _load(root: Path, number: int, allow_unpinned: bool) -> Loaded:
    return load(root, _SPLITS[number], dataset="hmdb51", allow_unpinned=allow_unpinned)


def _names(files: Loaded, number: int) -> tuple[str, ...]:
    """Classes in the order of their own names: that of the file names is another for two pairs."""
    return tuple(sorted(_class_of(path, number) for path, _ in files.files))


def _check_names(files: Loaded, number: int, root: Path, allow_unpinned: bool) -> None:
    """Labels count the classes of a split, and their names are those of split 1: both must be the same."""
    if number == 1:
        return
    names, first = _names(files, number), _names(_load(root, 1, allow_unpinned), 1)
    if odd := sorted(set(names) ^ set(first)):
        have, lack = (number, 1) if odd[0] in names else (1, number)
        raise DatasetError(
            f"{files.path.parent}: split {have} has a file of the class {odd[0]!r}, and split {lack} has "
            "none; the splits must have the same classes"
        )


def _class_of(path: Path, number: int) -> str:
    return path.name.removesuffix(".gz").removesuffix(f"_test_split{number}.txt")


def _rows(files: Loaded, number: int, flags: str) -> Iterator[dict[str, Any]]:
    labels = {name: n for n, name in enumerate(_names(files, number))}
    for path, text in sorted(files.files, key=lambda f: _class_of(f[0], number)):
        name = _class_of(path, number)
        for where, line in Loaded(files.name, ((path, text),), "", True).lines():
            video, blank, flag = line.rpartition(" ")
            if not blank or flag not in ("0", "1", "2"):
                raise DatasetError(
                    f"{where}: {line!r} should be '<file> <flag>', and the flag 0, 1 or 2"
                )
            if flag in flags:
                id = stem(video.strip())
                yield {
                    **{"where": where, "id": id, "label": labels[name]},
                    **{"class": name, "group": group(id, name)},
                }
