"""Lists of videos: samples, splits, what a run trains and evaluates on, and scores of a split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..datasets.roots import Roots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .metrics.retrieval import Ranking


@dataclass(frozen=True)
class Sample:
    """One video of a split.

    `label` is a row of the split's class list, `labels` are rows of it where a video may have any
    number. `path` is None where no file was found (or looked for). `group`: what the video shares a
    source with, such as a film. The texts are there where lists have them, or a protocol has annotated
    the list: captions of the video, one of its middle frame, and a longer description. `content`:
    SHA-256 of the bytes of a user's own file, "" where it cannot be read, and for all others.
    """

    id: str
    path: Path | None
    label: int = 0
    group: str | None = None
    labels: tuple[int, ...] = ()
    captions: tuple[str, ...] = ()
    frame_caption: str = ""
    description: str = ""
    content: str = ""

    def texts(self) -> tuple[str, ...]:
        """All texts, as one tuple: what a digest has to cover."""
        return (*self.captions, self.frame_caption, self.description)


@dataclass(frozen=True)
class Split:
    """Videos and what each of them is scored against.

    Attributes:
        kind: "classes": one of the classes is right; "labels": any number of them; "captions": the
            video's own captions among those of all videos.
        classes: candidates in order, as they stand in prompts; empty for captions.
        raw: the same classes as the makers of the data call them.
        novel: rows of labels that are never trained.
        dataset: id of the dataset. sources: digests of the annotation files read, by name.
        unpinned: those of them that are of an unknown version.
    """

    name: str
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    kind: Literal["classes", "labels", "captions"] = "classes"
    raw: tuple[str, ...] = ()
    novel: tuple[int, ...] = ()
    dataset: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    unpinned: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """What videos are scored against: the classes, or all captions, video by video."""
        if self.kind == "captions":
            return tuple(caption for sample in self.samples for caption in sample.captions)
        return self.classes

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of the videos without a file."""
        return tuple(sample.id for sample in self.samples if sample.path is None)

    @property
    def present(self) -> tuple[Sample, ...]:
        """The samples that have a file."""
        return tuple(sample for sample in self.samples if sample.path is not None)

    def digest(self) -> str:
        """SHA-256 over ordered class names and the (id, label) list.

        And over the texts, and the contents of the files, of a list that has some.
        """
        content: list[Any] = [self.classes, [[s.id, s.label] for s in self.samples]]
        if self.kind == "labels":
            content = [self.classes, self.novel, [[s.id, s.labels] for s in self.samples]]
        texts = [s.texts() for s in self.samples]
        content += [texts] if any(map(any, texts)) else []
        files = [s.content for s in self.samples]
        return digest([*content, {"content": files}] if any(files) else content)


@dataclass(frozen=True)
class Plan:
    """What one run of a protocol does: train on one list (or none), evaluate on some splits.

    `source`: the large list that its world has for a first stage (Kinetics-400 in the papers).
    `notes`: what a user should hear about the data, in sentences.
    """

    variant: str
    evaluate: tuple[Split, ...]
    train: Split | None = None
    k_shot: int | None = None
    source: Split | None = None
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[Split, ...]:
        """All lists: those of the evaluation, and those of the training that it has."""
        return (*self.evaluate, *(split for split in (self.train, self.source) if split))


@dataclass(frozen=True)
class Data:
    """Where data are and how lists are read.

    Attributes:
        root: folder or CSV of a user's own videos. size: side of the embedded world's clips.
        roots: folders of the published datasets and of checkouts with lists.
        class_names: which set of class names. allow_unpinned: read lists of another version too.
        videos: look for the files; without, every path is None. contents: of a user's own videos
            digest the files too.
        needs: which training lists are wanted, "target" and "source".
        train_list: another source list than the protocol's, "<dataset>/<split>" or a repository's.
    """

    root: Path | None = None
    size: int = 64
    roots: Roots = field(default_factory=Roots)
    class_names: str = "official"
    allow_unpinned: bool = False
    videos: bool = True
    contents: bool = True
    needs: frozenset[str] = frozenset(("target", "source"))
    train_list: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Scores of the videos of a split that could be scored.

    Attributes:
        samples: these videos, in the split's order.
        scores: float32 [N, K], K classes, or all captions of these videos, video by video. Ranks may
            stand for those of classes, and for those of captions `rankings`.
        cosines: the same as cosines, where the method can tell them; else None.
        rankings: "t2v", "v2t", ... -> where queries find their items, if the scores were not kept.
    """

    split: Split
    samples: tuple[Sample, ...]
    scores: NDArray[np.float32]
    cosines: NDArray[np.float32] | None = None
    rankings: Mapping[str, Ranking] | None = None

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """Names of the videos, [N]."""
        import numpy as np

        return np.array([sample.id for sample in self.samples])

    @cached_property
    def groups(self) -> NDArray[np.str_] | None:
        """What each video shares a source with, [N], "" for nothing; None: nothing for all."""
        import numpy as np

        named = any(sample.group for sample in self.samples)
        return np.array([sample.group or "" for sample in self.samples]) if named else None

    @cached_property
    def target(self) -> NDArray[np.int64]:
        """What is right: class rows [N]; marks 0 and 1 [N, K] of labels; the video of each caption [K]."""
        import numpy as np

        if self.split.kind == "captions":
            captions = [len(sample.captions) for sample in self.samples]
            return np.repeat(np.arange(len(captions)), captions)
        if self.split.kind == "classes":
            return np.array([sample.label for sample in self.samples], np.int64)
        marks = np.zeros((len(self.samples), len(self.split.classes)), np.int64)
        for row, sample in enumerate(self.samples):
            marks[row, list(sample.labels)] = 1
        return marks

    def on_probe(self, scores: NDArray[np.float32]) -> Outcome:
        """Other scores of the same videos, those of changed frames; they have no cosines."""
        again = copy(self)  # with what is known of the videos
        vars(again).update(scores=scores, cosines=None)
        return again


def digest(content: Any) -> str:
    """SHA-256 of the canonical JSON of `content`."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
