"""The datasets that ship with the package, by id: their cards, and one way to call their readers.

`BUILTIN` names the cards: id -> "module:OBJECT". Nothing is imported before a card or reader is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .repositories import REPOSITORIES

if TYPE_CHECKING:
    import pandas as pd

    from .card import DatasetCard

BUILTIN = {
    id: f"vclipbench.datasets.{target}"
    for id, target in {
        "shapes": "shapes.card:CARD",
        "folder": "folder:CARD",
        "ucf101": "ucf101:CARD",
        "hmdb51": "hmdb51:CARD",
        "k400": "kinetics:K400",
        "k600": "kinetics:K600",
        "ssv2": "ssv2:CARD",
        "msrvtt": "msrvtt:CARD",
        "msvd": "msvd:CARD",
        "didemo": "didemo:CARD",
        "activitynet": "activitynet:CARD",
        "lsmdc": "lsmdc:CARD",
        "charades": "charades:CARD",
    }.items()
}
ENTRY_POINTS = "vclipbench.datasets"
PUBLISHED = tuple(id for id in BUILTIN if id not in ("shapes", "folder"))


def card(id: str) -> DatasetCard:
    """What one has to know of a dataset.

    Raises:
        KeyError: no such dataset.
    """
    found: DatasetCard = getattr(_module(id), BUILTIN[id].partition(":")[2])
    return found


def read(
    id: str, root: Path, split: str, *, allow_unpinned: bool = False, **more: Any
) -> pd.DataFrame:
    """The table of an official split of a published dataset, without the paths of videos.

    Args:
        more: what a reader takes beside, such as `captions` or `all_names`.

    Raises:
        KeyError: no such dataset.
        ValueError: no such split.
        DatasetError: annotation files that are missing, of another version, or wrong.
    """
    table: pd.DataFrame = _reader(id).read(
        root, split, allow_unpinned=allow_unpinned, **_dataset(id), **more
    )
    return table


def classes(
    id: str, root: Path, class_names: str = "official", *, allow_unpinned: bool = False
) -> tuple[str, ...]:
    """Class names of a published dataset in the order of the labels, as they are written in prompts.

    Raises:
        KeyError, DatasetError: as `read`. ValueError: no such set of names.
    """
    found: tuple[str, ...] = _reader(id).classes(
        root, class_names, allow_unpinned=allow_unpinned, **_dataset(id)
    )
    return found


def find_videos(id: str, table: pd.DataFrame, roots: Iterable[Path]) -> pd.DataFrame:
    """The table with the column `path` filled; None where there is no file."""
    from .video_files import find_videos as usual

    found: pd.DataFrame = getattr(_reader(id), "find_videos", usual)(table, roots)
    return found


def looks_like(root: Path, dataset: str) -> str:
    """Which other dataset or repository a folder is the root of, by their signs; "" if none, or its own."""
    signs = {id: card(id).signs for id in PUBLISHED}
    signs |= {id: repository.signs for id, repository in REPOSITORIES.items()}
    held = [id for id, own in signs.items() if any(next(root.glob(sign), None) for sign in own)]
    return held[0] if held and dataset not in held else ""


def _dataset(id: str) -> dict[str, str]:
    """The argument that says which dataset is meant, for a reader of several."""
    module = BUILTIN[id].partition(":")[0]
    several = sum(target.startswith(f"{module}:") for target in BUILTIN.values()) > 1
    return {"dataset": id} if several else {}


def _reader(id: str) -> ModuleType:
    if id not in PUBLISHED:
        raise KeyError(id)
    return _module(id)


def _module(id: str) -> ModuleType:
    return importlib.import_module(BUILTIN[id].partition(":")[0])
