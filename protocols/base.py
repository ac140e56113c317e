"""What a protocol is: splits, class names, prompts, views, metrics; data that the run follows."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..datasets.roots import Roots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Sample:
    """One video of a split.

    `label` is a row of the split's class list, `labels` are rows of it where a video may have any
    number. `path` is None where no file was found (or looked for). `group`: what the video shares a
    source with, such as a film. The texts are there where lists have them, or a protocol has annotated
    the list: captions of the video, one of its middle frame, and a longer description.
    """

    id: str
    path: Path | None
    label: int = 0
    group: str | None = None
    labels: tuple[int, ...] = ()
    captions: tuple[str, ...] = ()
    frame_caption: str = ""
    description: str = ""

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

    def digest(self) -> str:
        """SHA-256 over ordered class names, the (id, label) list, and the texts of a list that has some."""
        content: list[Any] = [self.classes, [[s.id, s.label] for s in self.samples]]
        if self.kind == "labels":
            content = [self.classes, self.novel, [[s.id, s.labels] for s in self.samples]]
        texts = [s.texts() for s in self.samples]
        return digest([*content, texts] if any(map(any, texts)) else content)


@dataclass(frozen=True)
class Plan:
    """What one run of a protocol does: train on one list (or none), evaluate on some splits.

    `source`: the large list that its world has for a first stage (Kinetics-400 in the papers).
    """

    variant: str
    evaluate: tuple[Split, ...]
    train: Split | None = None
    k_shot: int | None = None
    source: Split | None = None


@dataclass(frozen=True)
class Data:
    """Where data are and how lists are read.

    Attributes:
        root: folder or CSV of a user's own videos. size: side of the embedded world's clips.
        roots: folders of the published datasets and of checkouts with lists.
        class_names: which set of class names. allow_unpinned: read lists of another version too.
        videos: look for the files; without, every path is None.
        needs: which training lists are wanted, "target" and "source".
        train_list: another source list than the protocol's, "<dataset>/<split>" or a repository's.
    """

    root: Path | None = None
    size: int = 64
    roots: Roots = field(default_factory=Roots)
    class_names: str = "official"
    allow_unpinned: bool = False
    videos: bool = True
    needs: frozenset[str] = frozenset(("target", "source"))
    train_list: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Scores of the videos of a split that could be scored.

    Attributes:
        samples: these videos, in the split's order.
        scores: float32 [N, K], K classes, or all captions of these videos, video by video.
        cosines: the same as cosines, where the method can tell them; else None.
    """

    split: Split
    samples: tuple[Sample, ...]
    scores: NDArray[np.float32]
    cosines: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Metric:
    """A number of a run. Values with unit "%" run from 0 to 100.

    `hits` of `n` for proportions; `rule` and `parts` for what is computed from other metrics.
    """

    name: str
    value: float
    split: str | None
    n: int
    hits: int | None = None
    rule: str = ""
    parts: tuple[Metric, ...] = ()
    unit: str = "%"
    higher_is_better: bool = True


class ProtocolError(Exception):
    """A protocol that cannot be planned; one sentence that says what would be right."""


@dataclass(frozen=True)
class Protocol(ABC):
    """A protocol: mostly data.

    Attributes:
        id, version: a change of lists, names or templates needs a new version.
        family: "zs", "b2n", "fs", ...; dataset: "shapes", ...
        summary, paper, metric: for `bench describe`.
        defaults: the protocol's layer of the configuration (views, prompts, preprocessing).
        primary: name of the headline metric.
        needs_root: whether the user must give a folder of videos.
        datasets: published datasets and checkouts that evaluation reads, the protocol's own first.
        coverage: share of the videos that must be there, unless a run may skip bad videos.
        clean: one sentence on how a clean twin differs from the protocol as published.
        reported: method -> metric -> value, where a paper has this cell.
    """

    id: str
    summary: str
    family: str
    dataset: str
    metric: str
    primary: str
    version: str = "1"
    paper: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    needs_root: bool = False
    datasets: tuple[str, ...] = ()
    coverage: float = 1.0
    clean: str = ""
    reported: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the trainings that the protocol asks for, e.g. k2, k4, k8, k16."""
        return ("main",)

    @abstractmethod
    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """The lists of one run. Nothing is decoded or written.

        Raises:
            ProtocolError: the data are missing or not as the protocol wants them.
        """

    def prepare(  # noqa: B027 - most protocols have nothing to prepare
        self, splits: Sequence[Split], data: Data, progress: Progress | None = None
    ) -> None:
        """Make sure that the videos are there (the embedded world writes them)."""

    def annotate(self, split: Split, data: Data) -> Split:
        """The list with captions and descriptions, where the data have them."""
        return split

    def measure(self, outcome: Outcome, tie_rule: str = "pessimistic") -> list[Metric]:
        """Metrics of one split, by the kind of its list.

        Raises:
            NotFinite: scores with NaN or infinities; names the videos.
        """
        from .measure import measure

        return measure(outcome, tie_rule)

    @abstractmethod
    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Metrics over splits (mean, harmonic mean) from the metrics of each."""

    def digest(
        self,
        data: Data,
        prompts: Sequence[str] | None = None,
        views: Mapping[str, Any] | None = None,
    ) -> str:
        """SHA-256 over evaluation lists, class names, templates and views of all variants.

        Args:
            prompts, views: as used in a run; the protocol's own if not given. Frames per clip are
                the method's business and do not count.
        """
        used = dict(views or self.defaults.get("views", {}))
        clips, crops = used.get("clips", 1), used.get("crops", 1)
        # with one view there is nothing to merge
        shape = [clips, crops, used.get("merge", "scores") if clips * crops > 1 else "scores"]
        templates = list(prompts or self.defaults.get("prompts", ["a photo of a {}."]))
        content: list[Any] = [self.id, self.version, templates, shape]
        # what a method trains on, and which files are there, is no part of the protocol
        data = replace(data, needs=frozenset(), videos=False)
        for variant in self.variants:
            plan = self.plan(variant, 1, data)
            content.append([variant, plan.k_shot, [[s.name, s.digest()] for s in plan.evaluate]])
            content.append(plan.train.classes if plan.train else None)
        return digest(content)


def digest(content: Any) -> str:
    """SHA-256 of the canonical JSON of `content`."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
