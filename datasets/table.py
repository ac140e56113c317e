"""What the readers of the published datasets share: cards, pinned annotation files, and tables."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .annotation import Annotation
from .errors import DatasetError, MissingAnnotation
from .video_files import find_videos as find_videos
from .video_files import forget_videos as forget_videos

# what lies in the root of a dataset and of no other: tells a mistaken root from an incomplete one
SIGNS = {
    "ucf101": ("UCF-101", "ucfTrainTestlist", "classInd.txt"),
    "hmdb51": ("hmdb51_org", "testTrainMulti_7030_splits"),
    "k400": ("kinetics-400_*.csv*",),
    "k600": ("kinetics-600_*.csv*",),
    "ssv2": ("20bn-something-something-v2", "something-something-v2-*.json*"),
    "msrvtt": ("MSRVTT_*", "MSRVTT"),
    "msvd": ("YouTubeClips", "captions_msvd.json*"),
    "didemo": ("train_data.json*", "val_data.json*", "test_data.json*"),
    # train.json and val.json are common names; ids of YouTube after v_ are not
    "activitynet": ("val_[12].json*", "activity_net.*.json*", "videos/v_???????????.*"),
    "lsmdc": ("LSMDC16_*", "train_101k_frame.jsonl*", "test_1k_frame.jsonl*"),
    "charades": ("Charades_v1*",),
    "vifi-clip": ("datasets_splits",),
    "open-vclip": ("zs_label_db",),
}


@dataclass(frozen=True)
class DatasetCard:
    """What one has to know of a dataset before reading it.

    Attributes:
        id: as in protocol ids, e.g. "ucf101".
        title: its name in print.
        what: one sentence.
        homepage: the makers' page.
        licence: the terms, a sentence with the page that states them.
        layout: the folder wanted, a tree as text.
        annotations: the official files.
        counts: split -> rows that the official files list.
        faults: plain sentences on what is wrong with the files or their usual copies.
    """

    id: str
    title: str
    what: str
    homepage: str
    licence: str
    layout: str
    annotations: tuple[Annotation, ...]
    counts: Mapping[str, int]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """An annotation as found: its files with their texts, and whether its digest is a pinned one."""

    name: str
    files: tuple[tuple[Path, str], ...]
    sha256: str
    pinned: bool

    @property
    def path(self) -> Path:
        """The (first) file."""
        return self.files[0][0]

    @property
    def text(self) -> str:
        """Content of the (first) file."""
        return self.files[0][1]

    def lines(self) -> Iterator[tuple[str, str]]:
        """Every line that is not blank, after the words that tell its place ("FILE, line 3")."""
        for path, text in self.files:
            for number, line in enumerate(text.split("\n"), 1):
                if line.strip():  # also drops the \r of files that were written on Windows
                    yield f"{path}, line {number}", line.strip()


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be: what, what to do about it, and the videos concerned."""

    problem: str
    remedy: str
    ids: tuple[str, ...] = ()


def load(
    root: Path, annotation: Annotation, *, dataset: str, allow_unpinned: bool = False
) -> Loaded:
    """Find an annotation below the root, plain or gzipped, and compare its digest.

    It is looked for under its name, without the folder of its name, and both below `annotations/`.

    Args:
        root: of the dataset.
        annotation: which.
        dataset: id, for what the message says.
        allow_unpinned: go on where the digest is not a pinned one.

    Raises:
        MissingAnnotation: it is not there.
        DatasetError: no such root, unreadable, not UTF-8, or another version.
    """
    paths = _find(Path(root), annotation, dataset)
    contents = [(_plain(path), _content(path)) for path in paths]
    found = digest(contents)
    pinned = found in annotation.sha256
    if annotation.sha256 and not pinned and not allow_unpinned:
        where = paths[0] if len(paths) == 1 else paths[0].parent / Path(annotation.name).name
        raise DatasetError(
            f"{where} has the sha256 {found} and {' or '.join(annotation.sha256)} is expected: this "
            f"is another version; {annotation.source}, or go on with --allow-unpinned, which is recorded"
        )
    texts = tuple((p, _text(p, c)) for p, (_, c) in zip(paths, contents, strict=True))
    return Loaded(annotation.name, texts, found, pinned)


def digest(contents: Sequence[tuple[str, bytes]]) -> str:
    """sha256 of one (name, content), or of several the sha256 of what `sha256sum` prints for them."""
    each = [(name, hashlib.sha256(content).hexdigest()) for name, content in contents]
    if len(each) == 1:
        return each[0][1]
    listing = "".join(f"{found}  {name}\n" for name, found in sorted(each))
    return hashlib.sha256(listing.encode()).hexdigest()


def make_table(
    rows: Iterable[Mapping[str, Any]], loaded: Sequence[Loaded], *, dataset: str, split: str
) -> pd.DataFrame:
    """The table of a split: column `id` first, then `path` (None everywhere), then the rest of the rows.

    Its `attrs` hold `dataset`, `split`, `annotations` (name -> sha256 of what was read) and `unpinned`
    (names of those whose digest is not a pinned one).

    Args:
        rows: with `id`, and `where` (the place in the file, for messages; left out of the table).
        loaded: the files that the rows are from.
        dataset: id.
        split: its name.

    Raises:
        DatasetError: no rows, or two with the same id.
    """
    seen: dict[str, str] = {}
    kept = []
    for given in rows:
        row = dict(given)
        where, id = row.pop("where"), row["id"]
        if id in seen:
            raise DatasetError(f"{where}: the video {id} is already listed in {seen[id]}")
        seen[id] = where
        kept.append(row)
    if not kept:
        empty = next((file for file in loaded if not any(True for _ in file.lines())), loaded[0])
        raise DatasetError(f"{empty.path} lists no videos for the split {split!r}")
    table = pd.DataFrame(kept)
    table.insert(1, "path", pd.Series([None] * len(table), dtype=object))
    table.attrs = {
        "dataset": dataset,
        "split": split,
        "annotations": {x.name: x.sha256 for x in loaded},
        "unpinned": tuple(x.name for x in loaded if not x.pinned),
    }
    return table


def check(table: pd.DataFrame, card: DatasetCard) -> list[Finding]:
    """Compare a table with the card: number of rows, double entries, missing and ambiguous videos.

    Videos are looked at only after `find_videos`. Whether files can be decoded is not asked here. A file
    of which no digest is known is nobody's fault and no finding.
    """
    split, found = table.attrs.get("split", ""), []
    expected = card.counts.get(split)
    if expected is not None and len(table) != expected:
        found.append(
            Finding(
                f"{card.id} {split} lists {len(table):,} videos where {expected:,} are expected",
                "get the official annotation files anew",
            )
        )
    unknown = {annotation.name for annotation in card.annotations if not annotation.sha256}
    for name in table.attrs.get("unpinned", ()):
        if name in unknown:
            continue
        found.append(
            Finding(f"{name} has a sha256 that is not pinned", "compare it with the official file")
        )
    twice = table["id"][table["id"].duplicated()].unique()
    if len(twice):
        found.append(Finding(f"{len(twice)} ids occur twice", "list each once", tuple(twice)))
    if "roots" in table.attrs:
        found += _check_videos(table, card)
    return found


def check_annotations(
    root: Path, annotations: Iterable[Annotation], *, dataset: str
) -> list[Finding]:
    """Which of the files are not there, cannot be read or have another digest than the pinned one."""
    found = []
    for annotation in annotations:
        try:
            load(root, annotation, dataset=dataset)
        except DatasetError as error:
            found.append(Finding(str(error), "until then go without the splits that it lists"))
    return found


def looks_like(root: Path, dataset: str) -> str:
    """Which other dataset or repository a folder is the root of, by `SIGNS`; "" if none, or its own."""
    held = [
        id
        for id, signs in SIGNS.items()
        if any(next(Path(root).glob(sign), None) for sign in signs)
    ]
    return held[0] if held and dataset not in held else ""


def choice(value: str, allowed: Iterable[str], what: str) -> str:
    """The value, if it is one of those allowed.

    Raises:
        ValueError: it is not; says what would be right.
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"there is no {what} {value!r}; it can be {', '.join(allowed)}")
    return value


def _check_videos(table: pd.DataFrame, card: DatasetCard) -> list[Finding]:
    found = []
    where = ", ".join(map(str, table.attrs["roots"]))
    missing = tuple(table["id"][table["path"].isna()])
    if len(missing) == len(table):
        found.append(
            Finding(
                f"none of the {len(table):,} videos is in {where}",
                f"is this the root of another dataset? The layout wanted is\n{card.layout}",
                missing,
            )
        )
    elif missing:
        found.append(
            Finding(
                f"{len(missing):,} of {len(table):,} videos are not in {where}",
                "get them, or go on with those that are there (the record states both numbers)",
                missing,
            )
        )
    ambiguous = table.attrs["ambiguous"]
    if ambiguous:
        some = "; ".join(f"{id}: {', '.join(p)}" for id, p in list(ambiguous.items())[:3])
        found.append(
            Finding(
                f"{len(ambiguous)} videos could be several files, or one file several ({some})",
                "remove all but one",
                tuple(ambiguous),
            )
        )
    return found


def _find(root: Path, annotation: Annotation, dataset: str) -> list[Path]:
    if not root.is_dir():
        problem = f"{root} is a file" if root.exists() else f"there is no folder {root}"
        raise DatasetError(f"{problem}; the root folder of {dataset} is wanted")
    for name in (annotation.name, *annotation.aliases):
        for place in (root, root / "annotations"):
            for tail in (name, Path(name).name):
                paths = _present(place / tail)
                if paths:
                    return paths
    other = looks_like(root, dataset)
    hint = f" (it looks like the root of {other})" if other else ""
    raise MissingAnnotation(
        f"there is no {annotation.name} in {root}{hint}; {annotation.source}", annotation
    )


def _present(path: Path) -> list[Path]:
    if "*" in path.name:
        found = {_plain(p): p for p in sorted(path.parent.glob(f"{path.name}.gz"))}
        found |= {p.name: p for p in path.parent.glob(path.name)}
        return [found[name] for name in sorted(found)]
    zipped = path.with_name(f"{path.name}.gz")
    return [p for p in (path, zipped) if p.is_file()][:1]


def _plain(path: Path) -> str:
    return path.name.removesuffix(".gz")


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text") from error
