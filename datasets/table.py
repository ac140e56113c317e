"""What the readers of the published datasets share: tables of their splits, and checks of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .annotation_files import Loaded
from .card import DatasetCard
from .errors import DatasetError
from .video_files import find_videos as find_videos  # with `check`, as docs/datasets.md shows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DataFinding:
    """One thing that is not as it should be: what, what to do about it, and the videos concerned."""

    problem: str
    remedy: str
    ids: tuple[str, ...] = ()


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
    import pandas as pd  # here, so that cards are read without it

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


def check(table: pd.DataFrame, card: DatasetCard) -> list[DataFinding]:
    """Compare a table with the card: number of rows, double entries, missing and ambiguous videos.

    Videos are looked at only after `find_videos`. Whether files can be decoded is not asked here. A file
    of which no digest is known is nobody's fault and no finding.
    """
    split, found = table.attrs.get("split", ""), []
    expected = card.counts.get(split)
    if expected is not None and len(table) != expected:
        found.append(
            DataFinding(
                f"{card.id} {split} lists {len(table):,} videos where {expected:,} are expected",
                "get the official annotation files anew",
            )
        )
    unknown = {annotation.name for annotation in card.annotations if not annotation.sha256}
    for name in table.attrs.get("unpinned", ()):
        if name in unknown:
            continue
        found.append(
            DataFinding(
                f"{name} has a sha256 that is not pinned", "compare it with the official file"
            )
        )
    twice = table["id"][table["id"].duplicated()].unique()
    if len(twice):
        found.append(DataFinding(f"{len(twice)} ids occur twice", "list each once", tuple(twice)))
    if "roots" in table.attrs:
        found += _check_videos(table, card)
    return found


def _check_videos(table: pd.DataFrame, card: DatasetCard) -> list[DataFinding]:
    found = []
    where = ", ".join(map(str, table.attrs["roots"]))
    missing = tuple(table["id"][table["path"].isna()])
    if len(missing) == len(table):
        found.append(
            DataFinding(
                f"none of the {len(table):,} videos is in {where}",
                f"is this the root of another dataset? The layout wanted is\n{card.layout}",
                missing,
            )
        )
    elif missing:
        found.append(
            DataFinding(
                f"{len(missing):,} of {len(table):,} videos are not in {where}",
                "get them, or go on with those that are there (the record states both numbers)",
                missing,
            )
        )
    ambiguous = table.attrs["ambiguous"]
    if ambiguous:
        some = "; ".join(f"{id}: {', '.join(p)}" for id, p in list(ambiguous.items())[:3])
        found.append(
            DataFinding(
                f"{len(ambiguous)} videos could be several files, or one file several ({some})",
                "remove all but one",
                tuple(ambiguous),
            )
        )
    return found
