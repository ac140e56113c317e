"""Something-Something v2 by its official lists (Goyal et al. 2017)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .annotation import Annotation
from .annotation_files import Loaded, load
from .card import DatasetCard
from .class_names import Spelling
from .errors import DatasetError, choice
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd

_HOME = "https://www.qualcomm.com/developer/software/something-something-v-2-dataset"
_SOURCE = f"get it from {_HOME} (an account is needed)"


def _list(name: str, alias: str, *sha256: str) -> Annotation:
    return Annotation(f"something-something-v2-{name}.json", sha256, _SOURCE, (alias,))


_LABELS = _list(
    "labels",
    "labels/labels.json",
    "d98d8b657a5d418d7c05dbf630dedd34763025b3d764ceef19bbfd1dc654f54f",
)
_LISTS = {
    "train": _list("train", "labels/train.json"),
    "validation": _list("validation", "labels/validation.json"),
    "test": _list("test", "labels/test.json"),
}

_SPELLING = Spelling()
CARD = DatasetCard(
    id="ssv2",
    title="Something-Something v2",
    summary="Something-Something v2: 220,847 clips of 174 actions with objects, by the official lists",
    what="220,847 clips of 174 manipulations of objects, told apart by motion and its direction",
    homepage=_HOME,
    licence=f"the makers' own terms, for research; see {_HOME}",
    layout="""\
ROOT/
  something-something-v2-labels.json
  something-something-v2-train.json  something-something-v2-validation.json
  20bn-something-something-v2/
    74225.webm
    ...""",
    annotations=(_LABELS, *_LISTS.values()),
    counts={"train": 168913, "validation": 24777, "test": 27157},
    signs=("20bn-something-something-v2", "something-something-v2-*.json*"),
    n_classes=174,
    spelling=_SPELLING,
    faults=(
        "12 class names hold commas: a list of names without quotes cuts them, which makes two novel "
        "classes of the base-to-novel halves the same text in one repository.",
        "Several classes differ in left and right only, and common augmentation mirrors clips.",
    ),
)


def read(root: Path, split: str, *, allow_unpinned: bool = False) -> pd.DataFrame:
    """The rows of an official list: id, path, label (0-173) and class; of the test list id and path only.

    The class of a row is its template without square brackets.

    Args:
        root: folder of the dataset.
        split: train, validation or test.
        allow_unpinned: read lists of another version too.

    Raises:
        ValueError: no such split.
        DatasetError: a list is missing, is another version, or has a row that is not right.
    """
    choice(split, _LISTS, "split of ssv2")
    listed = load(root, _LISTS[split], dataset="ssv2", allow_unpinned=allow_unpinned)
    if split == "test":
        return make_table(_rows(listed, None), [listed], dataset="ssv2", split=split)
    labels = load(root, _LABELS, dataset="ssv2", allow_unpinned=allow_unpinned)
    rows = _rows(listed, {name: n for n, name in enumerate(_names(labels))})
    return make_table(rows, [labels, listed], dataset="ssv2", split=split)


def classes(
    root: Path, class_names: str = "official", *, allow_unpinned: bool = False
) -> tuple[str, ...]:
    """The 174 names in the order of the labels; all sets of class names agree (see `Spelling`).

    Raises:
        ValueError: no such set of names.
        DatasetError: the list of labels is missing, another version, or malformed.
    """
    labels = load(root, _LABELS, dataset="ssv2", allow_unpinned=allow_unpinned)
    return _SPELLING.spelled(_names(labels), class_names)


def _names(file: Loaded) -> tuple[str, ...]:
    pairs = _json(file, pairs=True)
    wrong = f"{file.path}: an object of names with their ids 0, 1, ... is wanted"
    if not isinstance(pairs, list) or not all(isinstance(p, tuple) for p in pairs):
        raise DatasetError(wrong)
    by_id = {str(number): name for name, number in pairs}
    if len({name for name, _ in pairs}) < len(pairs):
        raise DatasetError(f"{file.path}: a class is named twice")
    if set(by_id) != {str(n) for n in range(len(pairs))}:
        raise DatasetError(wrong)
    return tuple(by_id[str(n)] for n in range(len(pairs)))


def _rows(file: Loaded, numbers: dict[str, int] | None) -> Iterator[dict[str, Any]]:
    rows = _json(file)
    if not isinstance(rows, list):
        raise DatasetError(f"{file.path}: a list of videos is wanted")
    keys = ("id",) if numbers is None else ("id", "template")
    for number, row in enumerate(rows, 1):
        where = f"{file.path}, entry {number}"
        lacking = [k for k in keys if not isinstance(row, dict) or not str(row.get(k) or "")]
        if lacking:
            raise DatasetError(f"{where}: no {lacking[0]!r}; {' and '.join(keys)} are wanted")
        found: dict[str, Any] = {"where": where, "id": str(row["id"])}
        if numbers is not None:
            name = str(row["template"]).replace("[", "").replace("]", "")
            if name not in numbers:
                raise DatasetError(f"{where}: the class {name!r} is not among the labels")
            found |= {"label": numbers[name], "class": name}
        yield found


def _json(file: Loaded, pairs: bool = False) -> Any:
    try:
        return json.loads(file.text, object_pairs_hook=list if pairs else None)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{file.path}, line {error.lineno}: {error.msg}") from None
