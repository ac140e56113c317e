"""A run's splits and numbers again, from its record and the arrays beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ...leaderboard.record.compact import compact_captions, compact_classes, rankings_of
from ...leaderboard.record.record import SCHEMA_VERSION, Record
from ...leaderboard.statistics.bootstrap import ItemInterval
from ...leaderboard.statistics.run_metrics import intervals_of, shares_sources
from ...protocols.base import Protocol
from ...protocols.measure import measure
from ...protocols.metric import JOINTS, Metric
from ...protocols.metrics import Ranking, joined, rankings
from ...protocols.split import Outcome, Sample, Split

Arrays = Mapping[str, Mapping[str, np.ndarray]]
_COMPACT = {"classes": "ranks", "labels": "scores", "captions": "t2v_rank"}


@dataclass(frozen=True)
class Rebuilt:
    """The splits of a run.

    Attributes:
        arrays: split -> name -> array, as `load_predictions` gives them, compact or not.
        planned: the protocol's own lists, as far as they are to be had.
        version: of the schema that the record was written by; 1 does not say what was scored against.
    """

    record: Record
    arrays: Arrays
    planned: Mapping[str, Split] = field(default_factory=dict)
    version: int = SCHEMA_VERSION

    @property
    def names(self) -> list[str]:
        """The splits that have predictions, in the record's order."""
        return [name for name in self.record.identity.protocol.splits if name in self.arrays]

    @property
    def told(self) -> bool:
        """Whether the record says what its videos were scored against."""
        return self.version > 1

    def kind(self, name: str) -> str:
        """What the videos of a split are scored against."""
        if self.told:
            return self.record.data[name].kind
        part = self.arrays[name]
        return (
            "captions" if "captions" in part else "labels" if part["target"].ndim > 1 else "classes"
        )

    def classes(self, name: str) -> tuple[str, ...]:
        """Class names of a split; where the record has none the list's, or else numbers."""
        if self.told:
            return tuple(self.record.data[name].classes)
        if name in self.planned:
            return self.planned[name].classes
        return tuple(map(str, range(_table(self.arrays[name]).shape[1])))

    def misfit(self, name: str) -> str | None:
        """One sentence on why the arrays of a split cannot be measured; None if they can.

        What does not hang on the record has been checked when they were loaded.
        """
        part = self.arrays[name]
        if not {"target", "captions"} & set(part):
            return f"predictions of {name} lack what is right"
        kind = self.kind(name)
        right = "captions" if kind == "captions" else "target"
        if right not in part or not {"scores", _COMPACT[kind]} & set(part):
            return f"predictions of {name} lack {right} or scores"
        if kind == "captions":
            return None
        if part["target"].ndim != (2 if kind == "labels" else 1):
            return f"the target of {name} has a shape that is none of {kind}"
        columns, known = _table(part).shape[1], len(self.classes(name))
        if columns != known:
            return f"{name} has scores of {columns} {kind}, and the record names {known}"
        return None

    def constant(self, name: str) -> str | None:
        """One sentence where the scores of a split are the same for all videos; None if they are not.

        Ranks may well be: of few classes, all videos can have one order.
        """
        scores = self.arrays[name].get("scores")
        if scores is None or scores.ndim != 2 or len(scores) < 2 or not scores.size:
            return None
        if not (scores == scores[:1]).all():
            return None
        return (
            f"scores of {name} are equal for all {len(scores)} videos, from {scores[0].min():.6g} to "
            f"{scores[0].max():.6g}: they do not depend on the video"
        )

    @cached_property
    def outcomes(self) -> dict[str, Outcome]:
        """The splits as the run held them; texts of captions are not kept, only how many there are."""
        return {name: self._outcome(name) for name in self.names}

    def _outcome(self, name: str) -> Outcome:
        part, kind, planned = self.arrays[name], self.kind(name), self.planned.get(name)
        novel = self.record.data[name].novel
        split = Split(
            name,
            self.classes(name) if kind != "captions" else (),
            (),
            kind=kind,  # type: ignore[arg-type]
            novel=tuple(planned.novel if planned and not self.told else novel),
            raw=planned.raw if planned else (),
            dataset=self.record.identity.protocol.dataset,
        )
        ranked = None
        if "t2v_rank" in part:
            pairs = rankings_of(part, self.record.identity.eval.tie_rule)
            ranked = {way: Ranking(*pair) for way, pair in pairs.items()}
        scores = _table(part).astype(np.float32)
        return Outcome(split, tuple(_samples(part, kind)), scores, part.get("cosines"), ranked)

    def metrics(self, protocol: Protocol | None) -> list[Metric]:
        """All metrics; without the protocol those of the kind of list, by the record's rules.

        Raises:
            ValueError: arrays that no metric can be computed from.
        """
        how, rule = protocol.measure if protocol else measure, self.record.identity.eval.tie_rule
        metrics = [m for outcome in self.outcomes.values() for m in how(outcome, rule)]
        return metrics + (protocol.summarise(metrics) if protocol else self._aggregates(metrics))

    def _aggregates(self, metrics: Sequence[Metric]) -> list[Metric]:
        """What the record computed from other metrics, by the rule that it names."""
        there = {(m.name, m.split): m for m in metrics}
        made = []
        for one in self.record.aggregates:
            parts = [there[p.name, p.split] for p in one.parts if (p.name, p.split) in there]
            whole = len(parts) == len(one.parts) and one.rule in JOINTS
            if whole and (one.name, None) not in there:
                made.append(joined(one.name, parts, JOINTS[one.rule]))
        return made

    def intervals(self, metrics: Sequence[Metric]) -> list[ItemInterval | str]:
        """The interval of each of these metrics as a finishing run writes it, or why it has none."""
        shared = shares_sources(outcome.groups for outcome in self.outcomes.values())
        return intervals_of(metrics, shared)

    def compacted(self) -> dict[str, dict[str, np.ndarray]]:
        """The arrays in their compact form (`leaderboard.compact`)."""
        return {name: self._compacted(name) for name in self.names}

    def _compacted(self, name: str) -> dict[str, np.ndarray]:
        part, kind = self.arrays[name], self.kind(name)
        if kind == "labels" or "scores" not in part:
            return dict(part)
        if kind == "classes":
            return compact_classes(part)
        ways = rankings(part["scores"], self.outcomes[name].target, part.get("cosines"))
        return compact_captions(part, ways, self.record.identity.eval.tie_rule)


def _table(part: Mapping[str, np.ndarray]) -> np.ndarray:
    """Scores, or the ranks in their place; without columns where captions are ranked."""
    return part.get("scores", part.get("ranks", np.zeros((len(part["ids"]), 0))))


def _samples(part: Mapping[str, np.ndarray], kind: str) -> Iterator[Sample]:
    """The videos, with what is right as the protocol's list has it."""
    rows = part["captions" if kind == "captions" else "target"]
    groups = part.get("groups", np.zeros(len(rows), str)).tolist()
    for id, row, group in zip(part["ids"].tolist(), rows, groups, strict=True):
        if kind == "captions":
            yield Sample(id, None, group=group, captions=("",) * int(row))
        elif kind == "labels":
            yield Sample(id, None, group=group, labels=tuple(np.flatnonzero(row).tolist()))
        else:
            yield Sample(id, None, int(row), group)
