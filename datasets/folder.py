"""Any user's videos: a folder with one folder per class, or a CSV list."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .card import DatasetCard
from .csv_words import csv_words
from .errors import DatasetError, escaped, is_unicode
from .files import kind_of, open_regular

EXTENSIONS = (  # compared in lower case
    *(".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v"),
    *(".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".3g2", ".3gpp"),
    *(".mts", ".m2ts", ".qt", ".asf", ".divx"),
)
COLUMNS = ("path", "label")
LAYOUT = "<class name>/<video>"
_LONGEST = 80  # characters of a name in a message
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
    """Class names in sorted order, the videos, and what a user should hear about them."""

    classes: tuple[str, ...]
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()


def read_own(place: Path) -> OwnVideos:
    """List the videos of a folder or a CSV file, whichever it is; raises as `read_folder`, `read_csv`."""
    kind = kind_of(place)
    if kind == "a file" and _is_video(place):
        raise DatasetError(
            f"{place} is a video; give the folder above its class folder, ROOT of ROOT/{LAYOUT}"
        )
    if kind not in ("", "a file", "a folder"):
        raise DatasetError(f"{place} is {kind}; a folder of class folders or a CSV is wanted")
    is_list = kind == "a file" or (not kind and place.suffix.lower() == ".csv")
    return read_csv(place, None) if is_list else read_folder(place)


def read_folder(root: Path) -> OwnVideos:
    """List the videos in `ROOT/<class name>/`, by class and then by name, equal on every machine.

    A video may lie in folders inside its class folder; its id is its path from `root`, with
    slashes. Class names are the folder names as written. Hidden files and folders, files that are
    no videos, files beside the class folders, and links to folders inside a class folder are
    passed over; with a note, a link to the root itself or a folder above it.

    Raises:
        DatasetError: no such folder, or it is not laid out like this, or a class has no video, or a
            name is no UTF-8 or holds control characters.
    """
    if (kind := kind_of(root)) != "a folder":
        nothing = "a link to nowhere" if root.is_symlink() else ""
        if not (kind or nothing):
            raise DatasetError(f"there is no folder {root}")
        raise DatasetError(f"{root} is {kind or nothing}, and a folder of class folders is wanted")
    notes: list[str] = []
    try:
        entries = sorted(p for p in root.iterdir() if not p.name.startswith("."))
        folders = [p for p in entries if p.is_dir() and not _leads_up(p, root, notes)]
    except OSError as error:
        _unreadable(error)
    if not folders:
        found = "holds videos but no class folders" if any(map(_is_video, entries)) else "is empty"
        raise DatasetError(f"{root} {found}; the layout wanted is {root}/{LAYOUT}")
    _check_names(root, (p.name for p in folders))
    items = [
        Item(path.relative_to(root).as_posix(), path, label)
        for label, folder in enumerate(folders)
        for path in sorted(_videos(folder), key=lambda p: p.as_posix())
    ]
    _check_names(root, (item.id for item in items))
    filled = {item.label for item in items}
    without = [p.name for n, p in enumerate(folders) if n not in filled]
    if without:
        raise DatasetError(f"no videos in {_some(without, 'class folder')} of {root}")
    return OwnVideos(tuple(p.name for p in folders), tuple(items), tuple(notes))


def _leads_up(folder: Path, root: Path, notes: list[str]) -> bool:
    """Whether a class folder is a link to the root or above it, where all videos would be found again."""
    if not folder.is_symlink():
        return False
    real, above = Path(os.path.realpath(folder)), Path(os.path.realpath(root))
    if above.is_relative_to(real):
        notes.append(f"{folder} is a link to {real}, which holds it: passed over")
        return True
    if real.parent == above:
        notes.append(f"{folder} is a link to {real.name}: its videos are listed under both classes")
    return False


def _check_names(root: Path, names: Iterable[str]) -> None:
    """Refuse names that no record and no table could hold."""
    for name in names:
        if not is_unicode(name):
            raise DatasetError(f"a name in {root} is not UTF-8: {_short(name)}; rename it")
        if not name.isprintable() and any(unicodedata.category(c) == "Cc" for c in name):
            raise DatasetError(
                f"a name in {root} has control characters: {_short(name)}; rename it"
            )


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
    if missing := [
        path for line, path, label in rows if not _is_there(file, line, base, path, label)
    ]:
        raise DatasetError(f"{file} lists {_some(missing, 'file')} not found under {base}")
    classes = tuple(sorted({label for _, _, label in rows}))
    number = {name: n for n, name in enumerate(classes)}
    items = (Item(Path(path).as_posix(), base / path, number[label]) for _, path, label in rows)
    return OwnVideos(classes, tuple(items))


def _is_there(file: Path, line: int, base: Path, path: str, label: str) -> bool:
    """Whether a video is there; refuses what is no file, and texts that no record could hold."""
    for name, text in zip(COLUMNS, (path, label), strict=True):
        if any(unicodedata.category(c) == "Cc" for c in text):
            raise DatasetError(
                f"{file}, line {line}: the {name} has control characters: {_short(text)}"
            )
    if (kind := kind_of(base / path)) not in ("", "a file"):
        raise DatasetError(f"{file}, line {line}: {_short(path)} is {kind}, not a video file")
    return bool(kind)


def _rows(file: Path) -> list[tuple[int, str, str]]:
    """Line number, path and label of every row that is not blank."""
    begins = 1  # the line where the row to be read begins: a quoted field may go over several
    try:
        with io.TextIOWrapper(open_regular(file), "utf-8-sig", newline="") as text:
            reader = csv.reader(text, skipinitialspace=True, strict=True)
            header = [name.strip() for name in next(reader, [])]
            begins = reader.line_num + 1
            lacking = [name for name in COLUMNS if name not in header]
            if lacking:
                columns, given = ",".join(COLUMNS), _short(",".join(header))
                raise DatasetError(f"{file} must start with the line {columns!r}, not '{given}'")
            if twice := [name for name in COLUMNS if header.count(name) > 1]:
                raise DatasetError(f"{file} has the column {twice[0]!r} twice")
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
                begins = reader.line_num + 1
            return rows
    except FileNotFoundError as error:
        raise DatasetError(f"there is no file {file}") from error
    except OSError as error:
        _unreadable(error)
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{file} is not UTF-8 text, and a CSV path,label in UTF-8 is wanted"
        ) from error
    except csv.Error as error:
        raise DatasetError(f"{file}, line {begins}: {csv_words(error)}") from error


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
    return f"{len(names)} {noun}{plural} ({', '.join(map(_short, names[:3]))}{more})"


def _short(name: str) -> str:
    """A name that can be printed, cut where it is very long."""
    shown = escaped(name[: _LONGEST + 1])
    return shown if len(name) <= _LONGEST else f"{shown[:_LONGEST]}..."
