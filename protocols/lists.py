"""Lists of the published datasets in the form that protocols use.

A protocol names a list as data (`VideoList`); here it becomes a split: rows of the annotation files, class
names as prompts want them, and the files of the videos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..datasets.errors import DatasetError, MissingAnnotation
from .base import ProtocolError
from .split import Data, Sample, Split

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class VideoList:
    """One list of a protocol.

    Attributes:
        name: of the split, in records and tables.
        dataset: whose videos, e.g. "ucf101".
        part: split of the official files, or id of a repository's list ("vifi-clip/ucf101/few16").
        kind: what videos are scored against, see `Split`.
        half: which of Open-VCLIP's ten random halves of the classes; None: all classes.
        like: a repository's list whose classes are kept, in its order; "" keeps all.
        shots: clips a class drawn by our rule for the training seed `draw`; None: all.
        reader: further arguments of the dataset's reader.
        distinct: leave out videos whose captions an earlier video has.
        novel: every n-th label is never trained; 0: none. labelled: leave out videos without labels.
        keep: "base" leaves only trained labels, in a training list.
    """

    name: str
    dataset: str
    part: str
    kind: Literal["classes", "labels", "captions"] = "classes"
    half: int | None = None
    like: str = ""
    shots: int | None = None
    draw: int = 0
    reader: tuple[tuple[str, bool], ...] = ()
    distinct: bool = False
    novel: int = 0
    labelled: bool = False
    keep: Literal["", "base"] = ""

    @property
    def repository(self) -> str:
        """The checkout that holds the list; empty for official lists."""
        head, slash, _ = self.part.partition("/")
        return head if slash else ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Folders that reading the list takes: the dataset's and checkouts'."""
        like = self.like.partition("/")[0]
        return tuple(dict.fromkeys(x for x in (self.dataset, self.repository, like) if x))


class ListMissing(ProtocolError):
    """A list whose annotation file is not in the root of its dataset."""


def read_list(wanted: VideoList, data: Data) -> Split:
    """The split of a list.

    Raises:
        ListMissing: an annotation file is not there.
        ProtocolError: folders are missing, or files of another version, or wrong.
    """
    try:
        folders = {id: data.roots.of(id) for id in folders_of(wanted, data.videos)}
        return _split(
            wanted, tuple(folders.items()), data.class_names, data.allow_unpinned, data.videos
        )
    except MissingAnnotation as error:
        common = [id for id in folders_of(wanted, data.videos) if data.roots.is_common(id)]
        where = data.roots.common
        hint = (
            f"; {where} has no folder {common[0]} either, and --data {common[0]}=DIR names one"
            if common
            else ""
        )
        raise ListMissing(f"{error}{hint}") from None
    except (DatasetError, ValueError) as error:
        raise ProtocolError(str(error)) from None


def named_list(words: str, name: str) -> VideoList:
    """The list that a user names: "k400/train", or "vifi-clip/k400/train" of a repository.

    Raises:
        ProtocolError: no such list.
    """
    from ..datasets import catalog, reference_lists
    from ..datasets.repositories import REPOSITORIES

    first, _, rest = words.partition("/")
    if first in REPOSITORIES and words in reference_lists.lists():
        return VideoList(name, rest.partition("/")[0], words)
    if first in catalog.PUBLISHED and rest in (*catalog.card(first).counts, "train"):
        return VideoList(name, first, rest)
    raise ProtocolError(
        f"there is no list {words!r}; <dataset>/<split> is wanted, such as k400/train, or the id of a "
        "repository's list, such as vifi-clip/k400/train (docs/datasets.md)"
    )


def forget() -> None:
    """Read lists and look for videos anew at the next call; for programs that outlive a change."""
    from ..datasets.video_files import forget_videos

    _split.cache_clear()
    forget_videos()


def folders_of(wanted: VideoList, videos: bool) -> Sequence[str]:
    """Which folders a list takes: the dataset's own only for official lists, or for its videos."""
    if videos or not wanted.repository:
        return wanted.needs
    return tuple(id for id in wanted.needs if id != wanted.dataset)


@lru_cache(maxsize=64)
def _split(
    wanted: VideoList,
    folders: tuple[tuple[str, Path], ...],
    class_names: str,
    allow_unpinned: bool,
    videos: bool,
) -> Split:
    from ..datasets import catalog

    roots = dict(folders)
    table = _table(wanted, roots, allow_unpinned)
    sources, unpinned = dict(table.attrs["annotations"]), tuple(table.attrs["unpinned"])
    raw, shown = _classes(wanted, table, roots, class_names, allow_unpinned)
    table = _chosen(wanted, table)
    if videos:
        table = catalog.find_videos(wanted.dataset, table, [roots[wanted.dataset]])
    split = Split(
        wanted.name,
        shown,
        _samples(table),
        kind=wanted.kind,
        raw=raw,
        dataset=wanted.dataset,
        sources=sources,
        unpinned=unpinned,
    )
    return _labels(split, wanted) if wanted.kind == "labels" else split


def _table(wanted: VideoList, roots: Mapping[str, Path], allow_unpinned: bool) -> pd.DataFrame:
    from ..datasets import catalog, reference_lists

    if wanted.repository:
        return reference_lists.read(
            roots[wanted.repository], wanted.part, allow_unpinned=allow_unpinned
        )
    table = catalog.read(
        wanted.dataset,
        roots[wanted.dataset],
        wanted.part,
        allow_unpinned=allow_unpinned,
        **dict(wanted.reader),
    )
    if wanted.like:
        repository = wanted.like.partition("/")[0]
        like = reference_lists.read(roots[repository], wanted.like, allow_unpinned=allow_unpinned)
        table = _relabelled(table, like)
    return table


def _relabelled(table: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """The rows of the classes of another list, with its labels."""
    label_of = dict(zip(like["class"], like["label"], strict=True))
    kept = table[table["class"].isin(list(label_of))].reset_index(drop=True)
    found = kept.assign(label=kept["class"].map(label_of))
    found.attrs = {
        **table.attrs,
        "annotations": {**table.attrs["annotations"], **like.attrs["annotations"]},
        "unpinned": (*table.attrs["unpinned"], *like.attrs["unpinned"]),
    }
    return found


def _classes(
    wanted: VideoList,
    table: pd.DataFrame,
    roots: Mapping[str, Path],
    class_names: str,
    allow_unpinned: bool,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Class names as their makers write them, and as prompts want them, in the order of labels."""
    from ..datasets import catalog, reference_lists

    if wanted.kind == "captions":
        if class_names != "official":
            raise ValueError(f"--class-names {class_names}: captions have no class names")
        return (), ()
    if wanted.kind == "labels":
        root = roots[wanted.dataset]
        shown = catalog.classes(wanted.dataset, root, class_names, allow_unpinned=allow_unpinned)
        return shown, shown
    pairs = dict(zip(table["label"], table["class"], strict=True))
    named = wanted.like or (wanted.part if wanted.repository else "")
    if named:
        root = roots[named.partition("/")[0]]
        shown = reference_lists.names(root, named, class_names, allow_unpinned=allow_unpinned)
        raw = tuple(str(pairs.get(n, name)) for n, name in enumerate(shown))
    else:
        root = roots[wanted.dataset]
        shown = catalog.classes(wanted.dataset, root, class_names, allow_unpinned=allow_unpinned)
        raw = tuple(str(pairs.get(n, name)) for n, name in enumerate(shown))
    if wanted.half is None:
        return raw, shown
    chosen = reference_lists.half_classes(len(shown), wanted.half)
    return tuple(raw[n] for n in chosen), tuple(shown[n] for n in chosen)


def _chosen(wanted: VideoList, table: pd.DataFrame) -> pd.DataFrame:
    """The rows that the list keeps."""
    from ..datasets import reference_lists

    attrs = table.attrs
    if wanted.half is not None:
        number = int(table["label"].max()) + 1
        chosen = reference_lists.half_classes(number, wanted.half)
        table = reference_lists.of_classes(table, chosen)
    if wanted.shots is not None:
        table = _drawn(wanted, table)
    if wanted.distinct:
        table = table[~table["captions"].duplicated()].reset_index(drop=True)
    if wanted.labelled:
        table = table[table["labels"].map(len) > 0].reset_index(drop=True)
    table.attrs = attrs
    return table


def _drawn(wanted: VideoList, table: pd.DataFrame) -> pd.DataFrame:
    """`shots` rows of each class; the draws 1, 2, 3, ... have no video in common."""
    from ..datasets.video.sampling import sample_rng

    assert wanted.shots is not None
    rows: list[int] = []
    for label, part in table.groupby("label"):
        order = sample_rng(0, "shots", wanted.part, str(label)).permutation(len(part))
        place = slice((wanted.draw - 1) * wanted.shots, wanted.draw * wanted.shots)
        drawn = order[place]
        if len(drawn) < wanted.shots:
            raise DatasetError(
                f"class {part['class'].iloc[0]!r} of {wanted.part} has {len(part)} videos, and draw "
                f"{wanted.draw} of {wanted.shots} shots needs {wanted.draw * wanted.shots}"
            )
        rows += part.index[sorted(drawn)].tolist()
    return table.loc[sorted(rows)].reset_index(drop=True)


def _samples(table: pd.DataFrame) -> tuple[Sample, ...]:
    columns = [c for c in ("id", "path", "label", "group", "labels", "captions") if c in table]
    return tuple(
        Sample(**_plain(dict(zip(columns, row, strict=True))))
        for row in table[columns].itertuples(index=False, name=None)
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table with Python's own types."""
    row["path"] = row["path"] if isinstance(row["path"], Path) else None
    if "label" in row:
        row["label"] = int(row["label"])
    if "group" in row:
        row["group"] = str(row["group"]) or None
    return row


def _labels(split: Split, wanted: VideoList) -> Split:
    """Marks the labels that are never trained, or leaves only the others."""
    number = len(split.classes)
    novel = tuple(range(wanted.novel - 1, number, wanted.novel)) if wanted.novel else ()
    if not wanted.keep:
        return replace(split, novel=novel)
    base = [n for n in range(number) if n not in novel]
    place = {label: n for n, label in enumerate(base)}
    samples = []
    for sample in split.samples:
        labels = tuple(place[n] for n in sample.labels if n in place)
        if labels:
            samples.append(replace(sample, labels=labels))
    names = tuple(split.classes[n] for n in base)
    return replace(split, classes=names, raw=names, samples=tuple(samples))
