"""A run's splits and numbers again, from its record and the arrays beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...leaderboard.record.compact import (
    compact_captions,
    compact_classes,
    rankings_of,
    score_table,
)
from ...leaderboard.record.record import SCHEMA_VERSION, Record
from ...leaderboard.statistics.bootstrap import ItemInterval, intervals
from ...leaderboard.statistics.items import items
from ...protocols.base import Protocol
from ...protocols.measure import measure, target_of
from ...protocols.metric import Metric
from ...protocols.metrics.accuracy import harmonic_mean
from ...protocols.metrics.retrieval import best_caption, dual_softmax, ranking, retrieval_metrics
from ...protocols.split import Sample, Split
from ..run.blocks import LEVEL, interval_of, numbers_of, shares_sources
from ..score.evaluate import Scored

Arrays = Mapping[str, Mapping[str, NDArray]]
_COMPACT = {"classes": "ranks", "labels": "scores", "captions": "t2v_rank"}
_RULES = {
    "mean": lambda values: float(np.mean(values)),
    "harmonic-mean": lambda v: harmonic_mean(*v),
}


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

    def scored(self, name: str) -> Scored:
        """A split as the run held it; texts of captions are not kept, only how many there are."""
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
        scores = _table(part).astype(np.float32)
        return Scored(split, _samples(part, kind), scores, part.get("cosines"), {}, [], "")

    def metrics(self, protocol: Protocol | None) -> list[Metric]:
        """All metrics; without the protocol those of the kind of list, by the record's rules.

        Raises:
            ValueError: arrays that no metric can be computed from.
        """
        found: list[Metric] = []
        rule = self.record.identity.eval.tie_rule
        for name in self.names:
            if "t2v_rank" in self.arrays[name]:
                found += _ranked(name, self.arrays[name], rule)
            else:
                how = protocol.measure if protocol else measure
                found += how(self.scored(name).outcome(), rule)
        return found + (protocol.summarise(found) if protocol else self._aggregates(found))

    def _aggregates(self, metrics: Sequence[Metric]) -> list[Metric]:
        """What the record computed from other metrics, by the rule that it names."""
        known = {(m.name, m.split): m for m in metrics}
        found = []
        for aggregate in self.record.aggregates:
            parts = tuple(
                known[p.name, p.split] for p in aggregate.parts if (p.name, p.split) in known
            )
            own = (aggregate.name, None) in known
            if aggregate.rule in _RULES and len(parts) == len(aggregate.parts) and not own:
                value = _RULES[aggregate.rule]([part.value for part in parts])
                n = sum(part.n for part in parts)
                found.append(
                    Metric(aggregate.name, value, None, n, rule=aggregate.rule, parts=parts)
                )
        return found

    def intervals(self, metrics: Sequence[Metric]) -> list[ItemInterval | None]:
        """The interval of each of these metrics as a finishing run writes it."""
        known = intervals(numbers_of(metrics, items(self.record, self.arrays)), LEVEL)
        shared = shares_sources(
            part["groups"].tolist() for part in self.arrays.values() if "groups" in part
        )
        return [interval_of(metric, known, shared) for metric in metrics]

    def compacted(self) -> dict[str, dict[str, NDArray]]:
        """The arrays in their compact form (`leaderboard.compact`)."""
        return {name: self._compacted(name) for name in self.names}

    def _compacted(self, name: str) -> dict[str, NDArray]:
        part, kind = self.arrays[name], self.kind(name)
        if kind == "labels" or "scores" not in part:
            return dict(part)
        if kind == "classes":
            return compact_classes(part)
        outcome = self.scored(name).outcome()
        single, owner = bool((part["captions"] == 1).all()), target_of(outcome)
        texts = outcome.scores.T
        groups = texts if single else best_caption(texts, owner)
        found = {"t2v": ranking(texts, owner), "v2t": ranking(groups.T)}
        if single and outcome.cosines is not None:
            after = dual_softmax(outcome.cosines.T)
            found |= {"dsl_t2v": ranking(after), "dsl_v2t": ranking(after.T)}
        ways = {way: (one.larger, one.tied) for way, one in found.items()}
        return compact_captions(part, ways, self.record.identity.eval.tie_rule)


def _table(part: Mapping[str, NDArray]) -> NDArray:
    """Scores, or the ranks in their place; without columns where captions are ranked."""
    return part.get("scores", part.get("ranks", np.zeros((len(part["ids"]), 0))))


def _samples(part: Mapping[str, NDArray], kind: str) -> list[Sample]:
    ids = part["ids"].tolist()
    if kind == "captions":
        counts = part["captions"].tolist()
        return [Sample(i, None, captions=("",) * n) for i, n in zip(ids, counts, strict=True)]
    if kind == "labels":
        rows = [tuple(np.flatnonzero(row).tolist()) for row in part["target"]]
        return [Sample(i, None, labels=row) for i, row in zip(ids, rows, strict=True)]
    targets = part["target"].tolist()
    return [Sample(i, None, label) for i, label in zip(ids, targets, strict=True)]


def _ranked(name: str, part: Mapping[str, NDArray], rule: str) -> list[Metric]:
    """Retrieval metrics from ranks: of tables of scores made up to rank alike, way by way."""
    captions = part["captions"]
    videos, owner = len(captions), np.repeat(np.arange(len(captions)), captions)
    several = bool((captions > 1).any())
    found: list[Metric] = []
    for way, (larger, tied) in rankings_of(part, rule).items():
        by_text = way == "t2v"
        own = owner if by_text else np.arange(videos)
        table = score_table(larger, tied, own, videos)
        texts = table.T if "v2t" in way else table
        prefix = "dsl_" if way.startswith("dsl_") else ""
        both = retrieval_metrics(
            texts, name, owner if several and by_text else None, rule, prefix=prefix
        )
        found += [metric for metric in both if metric.name.startswith(f"{way}_")]
    return found
