"""The datasets that ship with the package, by id, and one way to call their readers.

Nothing heavy is imported before a reader is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from .table import DatasetCard

BUILTIN = {
    "shapes": "the embedded world: coloured shapes that move, made by code, written as mp4 (no download)",
    "folder": "any videos of yours: ROOT/<class name>/<video>, or a CSV with path,label",
    "ucf101": "UCF101: 13,320 clips of 101 actions, by the official lists",
    "hmdb51": "HMDB51: 6,766 clips of 51 actions, by the official lists",
    "k400": "Kinetics-400: ten-second clips of 400 actions, by the official tables",
    "k600": "Kinetics-600: ten-second clips of 600 actions, by the official tables",
    "ssv2": "Something-Something v2: 220,847 clips of 174 actions with objects, by the official lists",
    "msrvtt": "MSR-VTT: 10,000 clips with captions, 1k-A test list",
    "msvd": "MSVD: 1,970 clips with about 40 captions each",
    "didemo": "DiDeMo: about 10,000 videos with several descriptions, read as one paragraph",
    "activitynet": "ActivityNet Captions: about 15,000 videos, their sentences read as one paragraph",
    "lsmdc": "LSMDC: clips of films with captions (by agreement)",
    "charades": "Charades: 9,848 videos of 157 actions, any number of them in a video",
}
ENTRY_POINTS = "vclipbench.datasets"
PUBLISHED = tuple(id for id in BUILTIN if id not in ("shapes", "folder"))
_MODULES = {"k400": "kinetics", "k600": "kinetics"}


def card(id: str) -> DatasetCard:
    """What one has to know of a published dataset.

    Raises:
        KeyError: no such dataset.
    """
    found = _module(id)
    return found.CARDS[id] if id in _MODULES else found.CARD


def read(
    id: str, root: Path, split: str, *, allow_unpinned: bool = False, **more: Any
) -> pd.DataFrame:
    """The table of an official split, without the paths of videos (see the reader for its columns).

    Args:
        more: what a reader takes beside, such as `captions` or `all_names`.

    Raises:
        ValueError: no such split.
        DatasetError: annotation files that are missing, of another version, or wrong.
    """
    table: pd.DataFrame = _module(id).read(
        root, split, allow_unpinned=allow_unpinned, **_dataset(id), **more
    )
    return table


def classes(
    id: str, root: Path, class_names: str = "official", *, allow_unpinned: bool = False
) -> tuple[str, ...]:
    """Class names in the order of the labels, as they are written in prompts.

    Raises:
        ValueError: no such set of names. DatasetError: as `read`.
    """
    found: tuple[str, ...] = _module(id).classes(
        root, class_names, allow_unpinned=allow_unpinned, **_dataset(id)
    )
    return found


def find_videos(id: str, table: pd.DataFrame, roots: Iterable[Path]) -> pd.DataFrame:
    """The table with the column `path` filled; None where there is no file."""
    from .table import find_videos as usual

    found: pd.DataFrame = getattr(_module(id), "find_videos", usual)(table, roots)
    return found


def _dataset(id: str) -> dict[str, str]:
    return {"dataset": id} if id in _MODULES else {}


def _module(id: str) -> ModuleType:
    if id not in PUBLISHED:
        raise KeyError(id)
    return importlib.import_module(f".{_MODULES.get(id, id)}", __package__)
