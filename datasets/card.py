"""The card of a data set: every fact of it that others need, in one place beside its reader.

Cards are light: neither pandas nor a video reader is imported for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .annotation import Annotation
from .class_names import Spelling


@dataclass(frozen=True)
class IdScheme:
    """Which part of a video's id names the video, whatever data set lists it.

    Ids of two data sets can be compared if their schemes have the same name.

    Attributes:
        name: such as "youtube".
        prefix: stands before that part, and is dropped.
        length: characters of that part.
        in_groups: whether the groups of the videos are these names too.
    """

    name: str
    prefix: str = ""
    length: int = 11
    in_groups: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """What one has to know of a dataset before reading it; from `homepage` on, of a published one.

    Attributes:
        id: as in protocol ids, e.g. "ucf101".
        title: its name in print.
        summary: a line for `bench list datasets`.
        what: one sentence.
        homepage: the makers' page.
        licence: the terms, a sentence with the page that states them.
        layout: the folder wanted, a tree as text.
        annotations: the official files.
        counts: split -> rows that the official files list.
        uncounted: splits that can be read although no official count of them was to be had.
        signs: patterns of what lies in the root of this dataset and of no other; they tell a mistaken root
            from an incomplete one.
        n_classes: how many; 0 where videos have captions instead.
        spelling: how class names are written in prompts; None: only as the makers write them.
        captions_apart: whether lists can be read without their captions.
        group: of a video's id and its raw class, what the video shares its source with, such as a film, ""
            if the id tells none; None: ids never tell.
        groups_within_class: whether groups are numbered within a class: g01 of two classes are two sources.
        id_scheme: None: ids are comparable within the dataset only.
        attributes: words of the class names that are also of interest by themselves, in their order; the
            last takes the rest.
        faults: plain sentences on what is wrong with the files or their usual copies.
        gigabytes: of the videos on disk, as their makers or papers state it; None: no such statement is
            known here.
    """

    id: str
    title: str
    summary: str = ""
    what: str = ""
    homepage: str = ""
    licence: str = ""
    layout: str = ""
    annotations: tuple[Annotation, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    uncounted: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    n_classes: int = 0
    spelling: Spelling | None = None
    captions_apart: bool = False
    group: Callable[[str, str], str] | None = None
    groups_within_class: bool = False
    id_scheme: IdScheme | None = None
    attributes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    gigabytes: float | None = None

    @property
    def size(self) -> str:
        """What the videos take on disk, in words."""
        known = self.gigabytes
        return "size not known here" if known is None else f"about {known:,g} GB"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that the reader knows."""
        return (*self.counts, *self.uncounted)
