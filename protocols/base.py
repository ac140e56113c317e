"""What a protocol is: splits, class names, prompts, views, metrics; data that the run follows.

Plugins find here all that a protocol is written with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .family import Target, family_of
from .metric import Metric
from .own import Told, strange_name, with_contents
from .split import Data, Outcome, Plan, Sample, Split, digest

__all__ = [
    "Data",
    "Metric",
    "Outcome",
    "Plan",
    "Progress",
    "Protocol",
    "ProtocolError",
    "Sample",
    "Split",
    "digest",
    "wrong_fields",
]

Progress = Callable[[int], None]


class ProtocolError(Exception):
    """A protocol that cannot be planned; one sentence that says what would be right."""

    exit_code = 2


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

    @property
    def target(self) -> Target:
        """What a video is scored against; methods are told this, and not the family."""
        return family_of(self.family).target

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

    def full_plan(self, variant: str, seed: int, data: Data, told: Told | None = None) -> Plan:
        """As `plan`; of a user's own videos (`needs_root`) with the digests of their files.

        What the harness calls, so that a run on own videos is known by their bytes.

        Args:
            told: called with how many files were read, and how many are to be.

        Raises:
            ProtocolError: as `plan`, or a name that is no UTF-8.
        """
        return self.filled(self.plan(variant, seed, data), data, told)

    def filled(self, plan: Plan, data: Data, told: Told | None = None) -> Plan:
        """A plan with the digests of the files of a user's own videos; raises as `full_plan`."""
        if not self.needs_root:
            return plan
        if (name := strange_name(plan)) is not None:
            raise ProtocolError(f"a name in {data.root} is not UTF-8: {name}; rename it")
        return with_contents(plan, told) if data.contents else plan

    def prepare(  # noqa: B027 - most protocols have nothing to prepare
        self, splits: Sequence[Split], data: Data, progress: Progress | None = None
    ) -> None:
        """Make sure that the videos are there (the embedded world writes them)."""

    def annotate(self, split: Split, data: Data) -> Split:
        """The list with captions and descriptions, where the data have them."""
        return split

    def measure(self, outcome: Outcome, tie_rule: str = "pessimistic") -> list[Metric]:
        """Metrics of one split, by the kind of its list.

        A metric of a protocol's own has an interval if it carries its items (`metrics.measured`).

        Raises:
            NotFinite: scores with NaN or infinities; names the videos.
        """
        from .measure import measure

        return measure(outcome, tie_rule, self.dataset)

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

        The lists of a user's own videos are digested with the contents of the files.

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
        # what a method trains on, and which files of others are there, is no part of the protocol
        data = replace(data, needs=frozenset(), videos=self.needs_root)
        for variant in self.variants:
            plan = self.full_plan(variant, 1, data)
            content.append([variant, plan.k_shot, [[s.name, s.digest()] for s in plan.evaluate]])
            content.append(plan.train.classes if plan.train else None)
        return digest(content)


_TEXTS = ("id", "summary", "family", "dataset", "metric", "primary", "version", "paper", "clean")


def wrong_fields(protocol: Protocol) -> Iterator[str]:
    """A sentence for every field of a protocol that has a value of another type."""
    kinds: dict[str, tuple[Any, str]] = dict.fromkeys(_TEXTS, (str, "a text"))
    kinds |= {
        "defaults": (Mapping, "a dict of settings"),
        "datasets": (tuple, "a tuple of ids"),
        "coverage": ((int, float), "a number"),
        "needs_root": (bool, "True or False"),
    }
    for name, (kind, wanted) in kinds.items():
        value = getattr(protocol, name)
        if not isinstance(value, kind):
            yield f"the field {name} is {value!r}; {wanted} is wanted"
