"""Whether a record is what it says: every number again from its predictions, every list from its protocol.

Nothing of the record is trusted but what can be computed again. What cannot be, for want of lists or of a
plugin, is said in the notes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..datasets.folder import DatasetError
from ..leaderboard.record import Metric as Stored
from ..leaderboard.record import Record
from ..leaderboard.stats import wilson
from ..leaderboard.store import Run, StoreError
from ..protocols.base import Metric, Outcome, Protocol, ProtocolError, Sample, Split, digest
from ..protocols.measure import target_of
from . import finish
from .commands.options import data_flags
from .config import RECIPE
from .errors import UserError, one_line
from .recompute import Rebuilt
from .registry import protocol as find_protocol
from .run_listing import read_record
from .schema import DataSource, RunConfig
from .sources import data_of

RELATIVE = 1e-9  # another order of summation moves the last digits
DRAWN = 1e-6  # percentiles of thousands of such numbers
_PROBES = ("_reversed", "_shuffled", "_frozen")


@dataclass
class Finding:
    """What came out for one file.

    Attributes:
        record: None if it cannot be read. problems: one sentence each; none: all is well.
        notes: what could not be checked, and why. metrics: how many were computed again.
        text: of the file. rebuilt, known: what it was compared with, if it came so far.
    """

    path: Path
    record: Record | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    metrics: int = 0
    text: str = ""
    rebuilt: Rebuilt | None = None
    known: Known | None = None

    @property
    def name(self) -> str:
        """Protocol, method and id, or the file where there is no record."""
        if self.record is None:
            return str(self.path)
        identity = self.record.identity
        return f"{identity.protocol.id} {identity.method.name} {self.record.run_id}"


@dataclass(frozen=True)
class Known:
    """What is known here of a record's protocol.

    Attributes:
        protocol: None if no such protocol is registered. splits: its lists by name; none: not to be had.
        digest: of the protocol as the record used it. why: what stands in the way.
    """

    protocol: Protocol | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    digest: str | None = None
    why: str = ""


def verify_file(path: Path, data: Sequence[str] = (), plugins: Sequence[str] = ()) -> Finding:
    """Check the record in a file and the predictions beside it.

    Args:
        data: as given with --data: where the lists of published protocols are.
        plugins: files with protocols.
    """
    found = Finding(path)
    try:
        read = read_record(path)
        record, found.record, found.text = read.record, read.record, read.text
        if record.status != "done":
            found.notes.append(f"status {record.status}: nothing to compute again")
            return found
        arrays = Run(record, path.parent).predictions()
        if arrays is None:
            found.problems.append("there are no predictions to compute its metrics from")
            return found
    except StoreError as error:
        found.problems.append(str(error))
        return found
    found.known = known = known_here(record, data, plugins)
    found.rebuilt = Rebuilt(record, arrays, known.splits, read.version)
    check = Check(found.rebuilt, known)
    check.run()
    found.problems, found.notes, found.metrics = check.problems, check.notes, check.metrics
    return found


def known_here(record: Record, data: Sequence[str], plugins: Sequence[str]) -> Known:
    """The record's protocol and its lists, as far as they are to be had."""
    identity = record.identity.protocol
    try:
        protocol = find_protocol(identity.id, plugins)
    except UserError as error:
        return Known(why=f"its protocol is not known here: {error}")
    if protocol.version != identity.version:
        versions = f"version {identity.version} of {identity.id}, and here is {protocol.version}"
        return Known(protocol, why=f"lists not compared: it was made by {versions}")
    if (protocol.datasets or protocol.needs_root) and not data:
        return Known(protocol, why="lists not compared: give their folders with --data")
    try:
        return _planned(record, protocol, data)
    except (ProtocolError, DatasetError, UserError, ValueError) as error:
        return Known(protocol, why=f"lists not compared: {one_line(error)}")


def _planned(record: Record, protocol: Protocol, words: Sequence[str]) -> Known:
    """The lists of the record's protocol, with the settings that the record names."""
    config, identity = record.command.config_resolved, record.identity.protocol
    settings = {**config.get("data", {}), "root": None, "roots": []}
    if protocol.datasets or protocol.needs_root:
        flags = data_flags(list(words))
        settings |= {key.removeprefix("data."): value for key, value in flags.items()}
        settings["videos"] = False
    source = DataSource.model_validate(settings)
    run = RunConfig(method=record.identity.method.name, protocol=protocol.id, data=source)
    where = data_of(run, protocol, ())
    plan = protocol.plan(identity.variant, record.seed or 1, where)
    # prompts that a method's recipe brings are no part of the protocol
    recipe = record.command.config_sources.get("prompts") == RECIPE
    views = {**identity.views.model_dump(), "merge": identity.views.merge.removeprefix("mean-")}
    found = protocol.digest(where, None if recipe else identity.templates, views)
    return Known(protocol, {split.name: split for split in plan.evaluate}, found)


class Check:
    """The comparison of one record with what can be computed again."""

    def __init__(self, rebuilt: Rebuilt, known: Known, intervals: bool = True):
        self.record, self.rebuilt, self.known = rebuilt.record, rebuilt, known
        self.with_intervals = intervals
        self.problems: list[str] = []
        self.notes: list[str] = [known.why] if known.why else []
        self.metrics = 0

    def run(self) -> None:
        """Fill `problems` and `notes`."""
        self._files()
        misfits = [text for name in self.rebuilt.names if (text := self.rebuilt.misfit(name))]
        self.problems += misfits
        if misfits:
            return  # what does not fit together has no metrics
        for name in self.rebuilt.names:
            self._split(name)
        self._identity()
        try:
            self._numbers()
        except (ValueError, IndexError, KeyError) as error:
            self.problems.append(f"its metrics cannot be computed again: {one_line(error)}")

    def _say(self, wrong: bool, text: str) -> None:
        if wrong:
            self.problems.append(text)

    def _files(self) -> None:
        """The file of predictions holds what the record says."""
        block, arrays = self.record.predictions, self.rebuilt.arrays
        wanted = self.record.identity.protocol.splits
        assert block is not None
        keys = sorted(f"{split}/{name}" for split, part in arrays.items() for name in part)
        self._say(keys != block.keys, "predictions hold other arrays than the record says")
        n = sum(len(part.get("ids", ())) for part in arrays.values())
        self._say(n != block.n, f"predictions hold {n} items, and the record says {block.n}")
        for name in sorted(set(wanted) - set(arrays)):
            self.problems.append(f"there are no predictions of split {name}")
        for name in sorted(set(arrays) - set(wanted)):
            self.problems.append(f"there are predictions of {name}, no split of the protocol")

    def _split(self, name: str) -> None:
        """Ids and candidates of one split."""
        data, ids = self.record.data[name], self.rebuilt.arrays[name]["ids"].tolist()
        self._say(
            len(ids) != data.n_scored,
            f"{name} has predictions of {len(ids)} videos, and the record says {data.n_scored}",
        )
        self._say(
            digest(sorted(ids)) != data.ids_digest,
            f"ids_digest of {name} is not that of the ids of its predictions",
        )
        planned = self.known.splits.get(name)
        if planned is None:
            return
        place = {sample.id: n for n, sample in enumerate(planned.samples)}
        strange = [id for id in ids if id not in place]
        if strange:
            some = (
                f"{len(strange)} ids of {name} are" if len(strange) > 1 else f"an id of {name} is"
            )
            self.problems.append(f"{some} not in the list of the protocol: {strange[0]}")
            return
        places = [place[id] for id in ids]
        self._say(places != sorted(places), f"the ids of {name} are not in the order of the list")
        self._targets(name, planned, [planned.samples[n] for n in places])
        self._list(name, planned)

    def _targets(self, name: str, planned: Split, samples: list[Sample]) -> None:
        """What is right for each video, and what it shares a source with."""
        part = self.rebuilt.arrays[name]
        if planned.kind == "captions":
            wanted, stored = np.array([len(s.captions) for s in samples]), part.get("captions")
        else:
            outcome = Outcome(planned, tuple(samples), np.zeros((len(samples), 0), np.float32))
            wanted, stored = target_of(outcome), part.get("target")
        if stored is None or stored.shape != wanted.shape:
            self.problems.append(f"{name} is scored against something else than in the protocol")
            return
        wrong = [s.id for s, a, b in zip(samples, stored, wanted, strict=True) if np.any(a != b)]
        if wrong:
            some = "1 video" if len(wrong) == 1 else f"{len(wrong)} videos"
            self.problems.append(
                f"what is right for {some} of {name} is not as in the protocol's list: {wrong[0]}"
            )
        groups = [sample.group or "" for sample in samples]
        said = part["groups"].tolist() if "groups" in part else [""] * len(samples)
        self._say(said != groups, f"the groups of {name} are not those of the protocol's list")

    def _list(self, name: str, planned: Split) -> None:
        data = self.record.data[name]
        if self.rebuilt.told:
            for what, said, wanted in (
                ("kind", data.kind, planned.kind),
                ("classes", tuple(data.classes), planned.classes),
                ("novel", tuple(data.novel), planned.novel),
            ):
                self._say(said != wanted, f"{what} of {name} is not as in the protocol's list")
        if not self.record.limited:
            number = len(planned.samples)
            self._say(
                data.n_expected != number,
                f"n_expected of {name} is {data.n_expected}, and its list has {number} videos",
            )
            self._say(
                data.manifest_digest != planned.digest(),
                f"manifest_digest of {name} is not that of the protocol's list",
            )

    def _identity(self) -> None:
        """The digests inside the identity, and the protocol's own."""
        identity, known = self.record.identity.protocol, self.known
        self._say(
            identity.templates_digest != digest(identity.templates),
            "templates_digest is not that of its templates",
        )
        kinds = {self.rebuilt.kind(name) for name in self.rebuilt.names}
        if "captions" not in kinds and (self.rebuilt.told or known.splits):
            names = [self.rebuilt.classes(name) for name in self.rebuilt.names]
            self._say(
                identity.class_names_digest != digest(names),
                "class_names_digest is not that of its classes",
            )
        if known.digest is not None:
            self._say(
                identity.digest != known.digest,
                f"the digest of {identity.id} is {identity.digest[:12]} in the record, and here "
                f"{known.digest[:12]}: other lists, class names, prompts or views",
            )
        if known.protocol is not None and known.protocol.version == identity.version:
            self._say(
                self.record.primary != known.protocol.primary,
                f"primary is {self.record.primary}, and {known.protocol.primary} in {identity.id}",
            )

    def _numbers(self) -> None:
        """Metrics, what they were computed from, and classes one by one."""
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
                if _close(stored.value, metric.value) and stored.ci_method is not None:
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

    def _metric(self, stored: Stored, metric: Metric) -> None:
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

    def _intervals(self, pairs: Sequence[tuple[Stored, Metric]]) -> None:
        """Intervals by the method that the record names, where it is the one used here."""
        if not self.rebuilt.told:  # version 1 is of before the intervals of today
            self.notes.append(f"{len(pairs)} intervals not computed again")
            return
        again = self.rebuilt.intervals([metric for _, metric in pairs], finish.LEVEL)
        left = 0
        for stored, metric in pairs:
            found = again.get((stored.name, stored.split))
            how = (stored.ci_method, stored.level)
            if found is not None and (found.method, finish.LEVEL) == how:
                low, high = found.low, found.high
            elif stored.ci_method == "wilson" and metric.hits is not None and stored.level:
                low, high = (100 * end for end in wilson(metric.hits, metric.n, stored.level))
            else:
                left += 1
                continue
            ends = ((stored.ci_low, low), (stored.ci_high, high))
            same = all(said is not None and _close(said, end, DRAWN) for said, end in ends)
            self._say(not same, f"the interval of {_named(stored)} is not that of its predictions")
        if left:
            self.notes.append(f"{left} intervals not computed again")

    def _unknown(self, stored: Sequence[Stored]) -> None:
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
        wanted = finish.aggregates(list(computed))
        if all(
            (m["name"], None) in {(s.name, s.split) for s in self.record.metrics} for m in wanted
        ):
            self._say(said != wanted, "aggregates do not name the metrics they were computed from")

    def _per_class(self) -> None:
        scored = {name: self.rebuilt.scored(name) for name in self.rebuilt.names}
        wanted, said = finish.per_class(scored), self.record.per_class
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


def _named(metric: Metric | Stored) -> str:
    return f"{metric.name} of {metric.split}" if metric.split else metric.name
