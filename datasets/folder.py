"""Any user's videos: a folder with one folder per class, or a CSV list."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .card import DatasetCard
from .errors import DatasetError

EXTENSIONS = (  # compared in lower case
    *(".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v"),
    *(".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".3g2", ".3gpp"),
    *(".mts", ".m2ts", ".qt", ".asf", ".divx"),
)
COLUMNS = ("path", "label")
CARD = DatasetCard(
    id="folder",
    title="your own videos",
    summary="any videos of yours: ROOT/<class name>/<video>, or a CSV with path,label",
)


@dataclass(frozen=True)
class Item:
    """One video: a name that is unique in its listing, its file, and its row of the classes."""

    id: str
    path: Path
    label: int


@dataclass(frozen=True)
class OwnVideos:
    """Class names in sorted order, and the videos."""

    classes: tuple[str, ...]
    items: tuple[Item, ...]


def read_folder(root: Path) -> OwnVideos:
    """List the videos in `ROOT/<class name>/`, by class and then by name, equal on every machine.

    A video may lie in folders inside its class folder; its id is its path from `root`, with
    slashes. Class names are the folder names as written. Hidden files and folders, files that are
    no videos, files beside the class folders, and links to folders inside a class folder are
    passed over.

    Raises:
        DatasetError: no such folder, or it is not laid out like this, or a class has no video.
    """
    if root.is_file():
        raise DatasetError(f"{root} is a file, and a folder of class folders is wanted")
    if not root.exists():
        raise DatasetError(f"there is no folder {root}")
    try:
        entries = sorted(p for p in root.iterdir() if not p.name.startswith("."))
    except OSError as error:
        _unreadable(error)
    folders = [p for p in entries if p.is_dir()]
    if not folders:
        found = "holds videos but no class folders" if any(map(_is_video, entries)) else "is empty"
        raise DatasetError(f"{root} {found}; the layout wanted is {root}/<class name>/<video>")
    items = [
        Item(path.relative_to(root).as_posix(), path, label)
        for label, folder in enumerate(folders)
        for path in sorted(_videos(folder), key=lambda p: p.as_posix())
    ]
    filled = {item.label for item in items}
    without = [p.name for n, p in enumerate(folders) if n not in filled]
    if without:
        raise DatasetError(f"no videos in {_some(without, 'class folder')} of {root}")
    return OwnVideos(tuple(p.name for p in folders), tuple(items))


def read_csv(file: Path, root: Path | None = None) -> OwnVideos:
    """List the videos of a CSV file with the columns `path` and `label`, in the order of its rows.

    Paths are relative to `root`, or else to the CSV's folder; labels are class names. Other columns
    are passed over. A video's id is its path as written.

    Raises:
        DatasetError: no such file, not such a table, or a listed video does not exist.
    """
    base = root or file.parent
    rows = _rows(file)
    if not rows:
        raise DatasetError(f"{file} lists no videos")
    seen: dict[Path, int] = {}
    for line, path, label in rows:
        if not path or not label:
            empty = "label" if path else "path"
            raise DatasetError(f"{file}, line {line}: the {empty} is empty")
        key = Path(os.path.normpath(base / path))
        if key in seen:
            raise DatasetError(f"{file}, line {line}: {path} is already listed in line {seen[key]}")
        seen[key] = line
    missing = [path for _, path, _ in rows if not (base / path).is_file()]
    if missing:
        raise DatasetError(f"{file} lists {_some(missing, 'file')} not found under {base}")
    classes = tuple(sorted({label for _, _, label in rows}))
    number = {name: n for n, name in enumerate(classes)}
    items = (Item(Path(path).as_posix(), base / path, number[label]) for _, path, label in rows)
    return OwnVideos(classes, tuple(items))


def _rows(file: Path) -> list[tuple[int, str, str]]:
    """Line number, path and label of every row that is not blank."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, skipinitialspace=True, strict=True)
            header = [name.strip() for name in next(reader, [])]
            lacking = [name for name in COLUMNS if name not in header]
            if lacking:
                columns, given = ",".join(COLUMNS), ",".join(header)
                raise DatasetError(f"{file} must start with the line {columns!r}, not {given!r}")
            where = [header.index(name) for name in COLUMNS]
            rows = []
            for row in reader:
                if row and len(row) != len(header):
                    raise DatasetError(
                        f"{file}, line {reader.line_num}: {len(row)} fields where the header has "
                        f"{len(header)} (a comma in a name needs quotes around the name)"
                    )
                if row:
                    rows.append((reader.line_num, row[where[0]].strip(), row[where[1]].strip()))
            return rows
    except FileNotFoundError as error:
        raise DatasetError(f"there is no file {file}") from error
    except OSError as error:
        _unreadable(error)
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file} is not UTF-8 text") from error
    except csv.Error as error:
        raise DatasetError(f"{file}, line {reader.line_num}: {error}") from error


def _is_video(path: Path) -> bool:
    return not path.name.startswith(".") and path.suffix.lower() in EXTENSIONS


def _videos(folder: Path) -> Iterator[Path]:
    # os.walk passes over unreadable folders unless told; links are not followed, they may go round
    for where, inner, names in os.walk(folder, onerror=_unreadable):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from filter(_is_video, (Path(where, name) for name in names))


def _unreadable(error: OSError) -> NoReturn:
    raise DatasetError(f"cannot read {error.filename}: {error.strerror}") from error


def _some(names: Sequence[str], noun: str) -> str:
    """Count and the first three, e.g. "5 files (a, b, c, ...)"."""
    more = ", ..." if len(names) > 3 else ""
    plural = "s" if len(names) > 1 else ""
    return f"{len(names)} {noun}{plural} ({', '.join(names[:3])}{more})"
