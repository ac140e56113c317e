"""The files of a table's videos, in whichever of the usual layouts they lie."""

from __future__ import annotations

import functools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .errors import DatasetError
from .folder import EXTENSIONS

if TYPE_CHECKING:
    import pandas as pd

_STAMPED = re.compile(r"(?P<video>[\w-]{11})_\d{6}_\d{6}", re.ASCII)  # YouTube id, start, end


@dataclass(frozen=True)
class _Index:
    """Files by their names without extensions, and clips of Kinetics by the id of their video."""

    by_stem: Mapping[str, tuple[Path, ...]]
    by_video: Mapping[str, tuple[Path, ...]]


def find_videos(table: pd.DataFrame, roots: Iterable[Path]) -> pd.DataFrame:
    """A copy of the table with the column `path` filled; None where no file was found.

    A file may lie anywhere below the roots, in class folders or not, with any extension of a video
    (two of them, as in .mp4.mkv, too): it is known by the rest of its name, which must be the id,
    with its case. A clip of Kinetics is also known by its YouTube id alone, where the table
    has one clip of that video, and an id without times by the file with times. Of several files the one
    in the folder of the row's class counts (compared by letters and digits). Where a choice remains
    the first in sorted order is taken. Hidden files and folders are passed over.

    The copy's `attrs` gain `roots` and `ambiguous` (id -> the files that it could be, or the one file that
    two rows would share). Each root is walked once and remembered (see `forget_videos`).

    Raises:
        DatasetError: a root is no folder or cannot be read.
    """
    import pandas as pd  # here, so that cards are read without it

    roots = [Path(root) for root in roots]
    index = _merged([_walk(os.path.realpath(root), root) for root in roots])
    ids = [stem(str(id)) for id in table["id"]]
    classes = list(table["class"]) if "class" in table else [None] * len(table)
    clips = Counter(m["video"] for m in map(_STAMPED.fullmatch, ids) if m)
    paths: list[Path | None] = []
    ambiguous: dict[str, tuple[str, ...]] = {}
    for id, key, name in zip(table["id"], ids, classes, strict=True):
        files, shared = _candidates(key, index, clips)
        if len(files) > 1 and isinstance(name, str):
            inside = tuple(p for p in files if _letters(p.parent.name) == _letters(name))
            files = inside or files
        if len(files) > 1:  # roots may overlap, and links lead to one file twice
            files = tuple({os.path.realpath(p): p for p in reversed(files)}.values())[::-1]
        if len(files) > 1 or (files and shared):
            ambiguous[id] = tuple(map(str, files))
        paths.append(files[0] if files and not shared else None)
    filled = table.copy()
    filled["path"] = pd.Series(paths, index=table.index, dtype=object)
    filled.attrs = {**table.attrs, "roots": tuple(map(str, roots)), "ambiguous": ambiguous}
    return filled


def stem(name: str) -> str:
    """A file's name without the extensions of videos, however many it has ("x" of "x.mp4.mkv")."""
    rest, extension = os.path.splitext(name)
    while extension.lower() in EXTENSIONS:
        name = rest
        rest, extension = os.path.splitext(name)
    return name


def forget_videos() -> None:
    """Walk the roots anew at the next search; for programs that outlive a change of the disk."""
    _walk.cache_clear()


def _candidates(key: str, index: _Index, clips: Mapping[str, int]) -> tuple[tuple[Path, ...], bool]:
    """The files that an id may mean, and whether another row of the table would mean them too."""
    files = index.by_stem.get(key, ())
    if files:
        return files, False
    match = _STAMPED.fullmatch(key)
    if match:
        return index.by_stem.get(match["video"], ()), clips[match["video"]] > 1
    return index.by_video.get(key, ()), False


@functools.lru_cache(maxsize=16)
def _walk(real: str, shown: Path) -> _Index:
    """Index a root; `real` is part of the key so that a link that moves is walked anew."""
    if not shown.is_dir():
        problem = "is a file" if shown.exists() else "does not exist"
        raise DatasetError(f"the root {shown} {problem}; a folder with videos is wanted")
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    seen = {real}
    # links are followed (roots are often made of them), each real folder once so that none goes round
    for where, inner, names in os.walk(shown, onerror=_unreadable, followlinks=True):
        inner[:] = [n for n in sorted(inner) if not n.startswith(".") and _new(where, n, seen)]
        for name in names:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS:
                by_stem[stem(name)].append(Path(where, name))
    by_video: defaultdict[str, list[Path]] = defaultdict(list)
    for key, files in by_stem.items():
        match = _STAMPED.fullmatch(key)
        if match:
            by_video[match["video"]] += files
    return _Index(_frozen(by_stem), _frozen(by_video))


def _new(where: str, name: str, seen: set[str]) -> bool:
    """Whether the folder was not walked before; notes it. Only links can lead to one again."""
    path = os.path.realpath(os.path.join(where, name))
    if path in seen:
        return False
    seen.add(path)
    return True


def _merged(indices: list[_Index]) -> _Index:
    if len(indices) == 1:
        return indices[0]
    parts = []
    for field in ("by_stem", "by_video"):
        files: defaultdict[str, list[Path]] = defaultdict(list)
        for index in indices:
            for key, found in getattr(index, field).items():
                files[key] += found
        parts.append(_frozen(files))
    return _Index(*parts)


def _frozen(files: Mapping[str, list[Path]]) -> dict[str, tuple[Path, ...]]:
    return {key: tuple(sorted(set(found))) for key, found in files.items()}


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _unreadable(error: OSError) -> NoReturn:
    raise DatasetError(f"cannot read {error.filename}: {error.strerror}") from error
