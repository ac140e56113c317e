"""UCF101 by its official lists (Soomro, Zamir and Shah 2012)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
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
    "get the train/test splits for action recognition (UCF101TrainTestSplits-RecognitionTask.zip) from "
    "https://www.crcv.ucf.edu/data/UCF101.php"
)


def _list(name: str, sha256: str) -> Annotation:
    return Annotation(f"ucfTrainTestlist/{name}", (sha256,), _SOURCE)


_CLASSES = _list("classInd.txt", "d7abbb76074d04e80c62ad8a61529bb8eec32ef978569601b2890edec3af0359")
_LISTS = {
    "train1": _list(
        "trainlist01.txt", "f7a4d7abc05147b921c17fc227d731197c3583f29945d1f1d46bce830d1b9f12"
    ),
    "train2": _list(
        "trainlist02.txt", "3ea7145317098bdb4a999f69fb3b53ca3d3831d692602fc5dc8cd5c5e3eb8ca9"
    ),
    "train3": _list(
        "trainlist03.txt", "c75af0148b3b0e70d5d881ad71b0a5fbb685bf2d3278908278658435c3f1bf0f"
    ),
    "test1": _list(
        "testlist01.txt", "81be4765084d72739dca4d11658f7ec369c441ad9e227f11d9468fe2a1c14890"
    ),
    "test2": _list(
        "testlist02.txt", "c9eec18f3f312153cda441f93e30bc9cffef1941367ebc06996e40c9cd056c91"
    ),
    "test3": _list(
        "testlist03.txt", "f9cc029b0598c63f5cc07d070ae1fa4666d1d3901cc79a93490ea0742ca097db"
    ),
}

_SPELLING = Spelling(
    words="capitals",
    unsplit=("vifi-clip",),
    written_as={"open-vclip": {"YoYo": "Yoyo"}},  # the one name that it does not split
    faults={
        "vifi-clip": (
            "names are not split into words (ApplyEyeMakeup, which CLIP reads as applyeyemakeup), so "
            "every class of several words has another text than in the evaluation of Open-VCLIP"
        ),
        "open-vclip": "YoYo is written Yoyo, all other names are split at their capitals",
    },
)


def group(id: str, name: str = "") -> str:
    """The group of a video (g01-g25 within its class), "" if its name has none."""
    match = re.search(r"_(g\d\d)_c\d\d$", id)
    return match[1] if match else ""


CARD = DatasetCard(
    id="ucf101",
    title="UCF101",
    summary="UCF101: 13,320 clips of 101 actions, by the official lists",
    what="13,320 clips of 101 actions from YouTube, 320x240, in 25 groups a class of one scene each",
    homepage="https://www.crcv.ucf.edu/data/UCF101.php",
    licence="none is stated; see https://www.crcv.ucf.edu/data/UCF101.php",
    layout="""\
ROOT/
  ucfTrainTestlist/
    classInd.txt  trainlist01.txt ... trainlist03.txt  testlist01.txt ... testlist03.txt
  UCF-101/
    ApplyEyeMakeup/
      v_ApplyEyeMakeup_g01_c01.avi
      ...
    ...""",
    annotations=(_CLASSES, *_LISTS.values()),
    counts={
        **{"train1": 9537, "train2": 9586, "train3": 9624},
        **{"test1": 3783, "test2": 3734, "test3": 3696},
        "all": 13320,
    },
    signs=("UCF-101", "ucfTrainTestlist", "classInd.txt"),
    n_classes=101,
    spelling=_SPELLING,
    group=group,
    groups_within_class=True,
    faults=(
        "Class ids follow a sort without regard to case: sorting the folder names by code points, as "
        "Python does, mislabels Hammering, HammerThrow, JumpRope and JumpingJack.",
        "The folder is HandstandPushups and its files are v_HandStandPushups_...; some copies rename "
        "the folder, so files are matched by their own names.",
    ),
)


def read(root: Path, split: str, *, allow_unpinned: bool = False) -> pd.DataFrame:
    """The rows of an official list: id (file name), path, label (0-100), class (folder), group (g01-g25).

    Args:
        root: folder of the dataset.
        split: train1-3, test1-3, or all (train1 and test1, which together are all videos).
        allow_unpinned: read lists of another version too.

    Raises:
        ValueError: no such split.
        DatasetError: a list is missing, is another version, or has a row that is not right.
    """
    choice(split, CARD.counts, "split of ucf101")
    ids = _load(root, _CLASSES, allow_unpinned)
    numbers = {name: n for n, name in enumerate(_names(ids))}
    names = ("train1", "test1") if split == "all" else (split,)
    lists = [_load(root, _LISTS[name], allow_unpinned) for name in names]
    rows = (row for one in lists for row in _rows(one, numbers))
    return make_table(rows, [ids, *lists], dataset="ucf101", split=split)


def classes(
    root: Path, class_names: str = "official", *, allow_unpinned: bool = False
) -> tuple[str, ...]:
    """The 101 names in the order of the labels, as they are written in prompts (see `Spelling`).

    Raises:
        ValueError: no such set of names.
        DatasetError: `classInd.txt` is missing, another version, or malformed.
    """
    return _SPELLING.spelled(_names(_load(root, _CLASSES, allow_unpinned)), class_names)


def _load(root: Path, annotation: Annotation, allow_unpinned: bool) -> Loaded:
    return load(root, annotation, dataset="ucf101", allow_unpinned=allow_unpinned)


def _names(file: Loaded) -> tuple[str, ...]:
    names: list[str] = []
    for where, line in file.lines():
        number, _, name = line.partition(" ")
        if number != str(len(names) + 1) or not name.strip():
            raise DatasetError(
                f"{where}: {line!r} should be '{len(names) + 1} <Class>', ids count from 1 on"
            )
        if name.strip() in names:
            raise DatasetError(f"{where}: the class {name.strip()} is already listed")
        names.append(name.strip())
    return tuple(names)


def _rows(file: Loaded, numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
    train = "train" in file.name.rpartition("/")[2]
    for where, line in file.lines():
        listed, blank, number = line.rpartition(" ") if train else (line, " ", "")
        path = PurePosixPath(listed)
        if not blank or len(path.parts) != 2 or (train and not number.isdigit()):
            wanted = "<Class>/<file> <id>" if train else "<Class>/<file>"
            raise DatasetError(f"{where}: {line!r} should be '{wanted}'")
        name = path.parts[0]
        if name not in numbers:
            raise DatasetError(f"{where}: the class {name} is not in classInd.txt")
        if train and int(number) != numbers[name] + 1:
            raise DatasetError(
                f"{where}: {name} has the id {number}, and {numbers[name] + 1} in classInd.txt"
            )
        id = stem(path.name)
        yield {
            **{"where": where, "id": id, "label": numbers[name]},
            **{"class": name, "group": group(id)},
        }
