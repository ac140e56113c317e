"""Metrics, their intervals, means over splits and classes one by one, computed again and compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...leaderboard.record.record import MetricBlock
from ...leaderboard.statistics.bootstrap import LEVEL, ItemInterval
from ...leaderboard.statistics.run_metrics import aggregates
from ...protocols.base import Protocol
from ...protocols.measure import per_class
from ...protocols.metric import Metric
from .lists import Known
from .rebuilt import Rebuilt

RELATIVE = 1e-9  # another order of summation moves the last digits
DRAWN = 1e-6  # percentiles of thousands of such numbers
_PROBES = ("_reversed", "_shuffled", "_frozen")
_ONCE_WITHOUT = ("top1_same", "top1_rest")


class Numbers:
    """The comparison of a record's numbers with those that follow from its predictions.

    Attributes:
        problems, notes: as of `Verification`. metrics: how many were computed again.
    """

    def __init__(self, rebuilt: Rebuilt, known: Known, intervals: bool):
        self.record, self.rebuilt, self.known = rebuilt.record, rebuilt, known
        self.with_intervals = intervals
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.metrics = 0

    def run(self) -> None:
        """Fill `problems` and `notes`.

        Raises:
            ValueError, IndexError, KeyError: predictions that no metric can be computed from.
        """
        computed = self.rebuilt.metrics(self.known.protocol)
        left = {(metric.name, metric.split): metric for metric in computed}
        unknown, equal = [], []
        for stored in self.record.metrics:
            metric = left.pop((stored.name, stored.split), None)
            if metric is None:
                unknown.append(stored)
            else:
                self.metrics += 1
                self._metric(stored, metric)
                if _close(stored.value, metric.value):
                    equal.append((stored, metric))
        # version 1 is of before some metrics
        for metric in left.values() if self.rebuilt.told else ():
            self.problems.append(f"metric {_named(metric)} is missing in the record")
        self._unknown(unknown)
        if self.known.protocol is not None:
            self._aggregates(computed)
        self._per_class()
        if equal and self.with_intervals:
            self._intervals(equal)

    def _say(self, wrong: bool, text: str) -> None:
        if wrong:
            self.problems.append(text)

    def _metric(self, stored: MetricBlock, metric: Metric) -> None:
        name = _named(stored)
        self._say(
            not _close(stored.value, metric.value),
            f"metric {name} is {stored.value!r} in the record, and {metric.value!r} from its predictions",
        )
        for what in ("n", "unit", "higher_is_better"):
            said, wanted = getattr(stored, what), getattr(metric, what)
            self._say(
                said != wanted, f"{what} of metric {name} is {said} in the record, not {wanted}"
            )

    def _intervals(self, pairs: Sequence[tuple[MetricBlock, Metric]]) -> None:
        """Intervals as a finishing run writes them; of an unknown protocol those by the same method."""
        if not self.rebuilt.told:  # version 1 is of before the intervals of today
            left = sum(stored.ci_method is not None for stored, _ in pairs)
        else:
            left = 0
            again = self.rebuilt.intervals([metric for _, metric in pairs])
            for (stored, _), wanted in zip(pairs, again, strict=True):
                same = not isinstance(wanted, str) and stored.ci_method == wanted.method
                if same or self.known.protocol is not None:
                    self._interval(stored, wanted)
                else:
                    left += stored.ci_method is not None
        if left:
            self.notes.append(f"{left} intervals not computed again")

    def _interval(self, stored: MetricBlock, wanted: ItemInterval | str) -> None:
        name = _named(stored)
        if isinstance(wanted, str):
            given = stored.ci_method is not None or stored.stderr is not None
            self._say(given, f"the interval of {name} follows from no predictions")
            return
        said, how = (stored.ci_method, stored.level), (wanted.method, LEVEL)
        if stored.ci_method is None and stored.name in _ONCE_WITHOUT and not stored.no_interval:
            self.notes.append(f"{name} has no interval, as in records made before it had one")
            return
        if stored.ci_method is None:
            self.problems.append(f"metric {name} has no interval, and {wanted.method} gives one")
        elif said != how:
            self.problems.append(f"the interval of {name} is {_how(said)}, and not {_how(how)}")
        else:
            ends = ((stored.ci_low, wanted.low), (stored.ci_high, wanted.high))
            same = all(end is not None and _close(end, other, DRAWN) for end, other in ends)
            self._say(not same, f"the interval of {name} is not that of its predictions")
        same = stored.stderr is not None and _close(stored.stderr, wanted.stderr, DRAWN)
        self._say(not same, f"the standard error of {name} is not that of its predictions")

    def _unknown(self, stored: Sequence[MetricBlock]) -> None:
        """Metrics that did not come out again: an error where all should."""
        protocol, probe = self.known.protocol, self.record.identity.eval.probe
        own_way = protocol is not None and type(protocol).measure is not Protocol.measure
        excused = [
            metric
            for metric in stored
            if (probe and metric.name.endswith(_PROBES))
            or protocol is None
            or (own_way and not self.known.splits)
            or not self.rebuilt.told
        ]
        for metric in stored:
            self._say(metric not in excused, f"metric {_named(metric)} is none of its protocol's")
        if excused:
            names = ", ".join(_named(metric) for metric in excused)
            self.notes.append(f"not computed again: {names}")

    def _aggregates(self, computed: Sequence[Metric]) -> None:
        said = [one.model_dump() for one in self.record.aggregates]
        wanted = aggregates(computed)
        if all(
            (m["name"], None) in {(s.name, s.split) for s in self.record.metrics} for m in wanted
        ):
            self._say(said != wanted, "aggregates do not name the metrics they were computed from")

    def _per_class(self) -> None:
        wanted, said = per_class(self.rebuilt.outcomes), self.record.per_class
        for name in sorted(set(wanted) | set(said)):
            here, there = wanted.get(name, {}), said.get(name, {})
            if not self.rebuilt.told and name not in self.known.splits:  # the names are not known
                here, there = _nameless(here), _nameless(there)
            wrong = [
                key
                for key in dict.fromkeys((*here, *there))
                if key not in here or key not in there or not _close(here[key], there[key])
            ]
            if wrong:
                self.problems.append(
                    f"per_class of {name} is not that of its predictions, first {wrong[0]!r}: "
                    f"{there.get(wrong[0])} in the record, and {here.get(wrong[0])} from them"
                )


def _nameless(values: Mapping[str, float]) -> dict[str, float]:
    return {str(place): value for place, value in enumerate(sorted(values.values()))}


def _close(a: float, b: float, relative: float = RELATIVE) -> bool:
    return math.isclose(a, b, rel_tol=relative, abs_tol=1e-12)


def _named(metric: Metric | MetricBlock) -> str:
    return f"{metric.name} of {metric.split}" if metric.split else metric.name


def _how(method: tuple[str | None, float | None]) -> str:
    return f"by {method[0]} at the level {method[1]}"
