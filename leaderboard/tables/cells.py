"""One number of the leaderboard: which columns a family has, and how seeds become a cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, harmonic_mean, stdev
from typing import Any, Literal, NamedTuple

from ...protocols.family import family_of
from ..record.record import MetricBlock, Record
from ..statistics.intervals import seed_interval

SHOTS = (2, 4, 8, 16)  # K of the published few-shot protocols; others get columns if they occur
SEED_LEVEL = 0.95
# how names of ranking metrics end, and what their columns are called
RANKING = (("r1", "R@1"), ("r5", "R@5"), ("r10", "R@10"), ("medr", "MedR"), ("mnr", "MnR"))

MARKS = {
    "†": "classes that should be unseen are among the declared training data",
    "?": "the training data is not known; behind rows without this mark, that of the backbone may not be",
    "¿": "training data is declared, and was not checked: its class names were not known",
    "◦": "not all items of the protocol were scored",
    "§": "some videos have fewer frames than wanted, which were repeated",
    "‡": "the checkpoint was selected on the test data",
}
"""Of a cell's own runs."""


@dataclass(frozen=True)
class Column:
    """What a column shows."""

    name: str
    rule: Literal["split", "hm", "mean", "primary"]
    splits: tuple[str, ...] = ()
    """The splits of the metrics it is made of; empty: the record's primary metric."""
    variant: str = ""
    """Takes only records of this variant; empty: all of the group."""
    metric: str = "top1"
    """The metric of these splits. Of the rule primary: takes only records with this primary metric,
    empty: any."""
    unit: str = ""
    lower: bool = False
    """Whether less is better; this and the unit as the metrics in the records say."""

    def takes(self, record: Record) -> bool:
        """Whether the record belongs in the column."""
        named = self.rule != "primary" or self.metric in ("", record.primary)
        return named and self.variant in ("", record.variant)

    def parts(self, record: Record) -> list[MetricBlock] | None:
        """The metrics the number is made of; None if one is lacking."""
        if self.rule == "primary":
            metrics = [record.primary_metric()]
        else:
            metrics = [record.metric(self.metric, split) for split in self.splits]
        there = [metric for metric in metrics if metric is not None]
        return there if len(there) == len(metrics) else None

    def combine(self, parts: list[MetricBlock]) -> float:
        """The number of one record from its parts, in their unit."""
        values = [metric.value for metric in parts]
        return harmonic_mean(values) if self.rule == "hm" else fmean(values)

    def measured(self, records: Iterable[Record]) -> Column:
        """The column with the unit and the direction of its metrics in these records."""
        metrics = [m for r in records if self.takes(r) for m in self.parts(r) or []]
        if not metrics:
            return self
        lower = not all(metric.higher_is_better for metric in metrics)
        return replace(self, unit=metrics[0].unit, lower=lower)

    def interval_metric(self, record: Record) -> MetricBlock | None:
        """The metric whose interval belongs to the number."""
        if self.rule == "split":
            return record.metric(self.metric, self.splits[0])
        if self.rule == "primary":
            return record.primary_metric()
        return record.metric("hm" if self.rule == "hm" else f"{self.metric}_mean")


class Interval(NamedTuple):
    """A confidence interval, in the unit of the value."""

    low: float
    high: float
    method: str
    """t-seeds: Student's t over seeds; else over the items of a run, as its record says."""
    level: float


@dataclass(frozen=True)
class Cell:
    """A number with its interval and everything a reader may ask about it."""

    value: float
    unit: str
    """%, rank, ...; empty: a plain number."""
    interval: Interval | None
    """Over seeds where there are three or more, over items of one run; None for two seeds."""
    std_over_splits: float | None
    marks: str
    run_ids: tuple[str, ...]
    values: tuple[float, ...] = ()
    """Of each seed, in the order of `run_ids`; none of a cell that is computed."""

    @property
    def shows(self) -> Literal["splits", "seeds", "items", "values", "nothing"]:
        """The source of the spread that `text` shows."""
        if self.std_over_splits is not None:
            return "splits"
        if len(self.values) == 2:
            return "values"
        if self.interval is None:
            return "nothing"
        return "seeds" if self.interval.method == "t-seeds" else "items"

    @property
    def spread(self) -> str:
        """What stands behind the value: ± 1.2, (a, b) of two seeds, [low, high] over items, or nothing."""
        if self.std_over_splits is not None:
            return f"± {self.std_over_splits:.1f}"
        if self.shows == "values":
            return "({:.1f}, {:.1f})".format(*self.values)
        if self.interval is None:
            return ""
        low, high, *_ = self.interval
        return f"± {(high - low) / 2:.1f}" if self.shows == "seeds" else f"[{low:.1f}, {high:.1f}]"

    @property
    def text(self) -> str:
        """The cell as printed: one decimal, its spread, its marks."""
        return " ".join(word for word in (f"{self.value:.1f}", self.spread, self.marks) if word)


def columns(family: str, records: list[Record]) -> tuple[Column, ...]:
    """The columns of one protocol digest, in reading order."""
    return tuple(column.measured(records) for column in _columns(family, records))


def _columns(family: str, records: list[Record]) -> tuple[Column, ...]:
    shown = family_of(family).columns
    if shown == "halves":
        return _halves("top1", "")
    if shown == "splits":
        splits = longest_splits(records)
        single = [Column(split, "split", (split,)) for split in splits]
        mean = [Column("mean ± std over splits", "mean", splits)] if len(splits) > 1 else []
        return (*single, *mean)
    if shown == "shots":
        shots = sorted({*SHOTS, *(r.identity.protocol.k_shot or 0 for r in records)})
        return tuple(Column(f"K={k}", "primary", variant=f"k{k}", metric="") for k in shots)
    if shown == "ranks":
        return _with_numbers(_ranks(longest_splits(records)), records)
    if shown == "labels":
        # all, base and novel are parts of the labels of one split
        every = Column("mAP all", "split", ("all",), metric="map")
        return _with_numbers((every, *_halves("map", "mAP ")), records)
    return _with_numbers((), records)


def _halves(metric: str, prefix: str) -> tuple[Column, ...]:
    """A metric on base and on novel, and the harmonic mean of the two."""
    halves = ("base", "novel")
    single = [Column(f"{prefix}{s}", "split", (s,), metric=metric) for s in halves]
    return (*single, Column("HM", "hm", halves, metric=metric))


def _ranks(splits: tuple[str, ...]) -> tuple[Column, ...]:
    """Both directions of retrieval, and apart from them both after the dual softmax."""
    return tuple(
        Column(
            f"{f'{split} ' if len(splits) > 1 else ''}{word}{direction} {name}",
            "split",
            (split,),
            metric=f"{prefix}{direction}_{ending}",
        )
        for prefix, word in (("", ""), ("dsl_", "DSL "))
        for split in splits
        for direction in ("t2v", "v2t")
        for ending, name in RANKING
    )


def longest_splits(records: list[Record]) -> tuple[str, ...]:
    """The splits of a protocol, from records of one digest; the longest list is the whole."""
    return max((tuple(r.identity.protocol.splits) for r in records), key=lambda s: (len(s), s))


def _with_numbers(wished: tuple[Column, ...], records: list[Record]) -> tuple[Column, ...]:
    """The columns that a record has a number for, then the primary metrics they do not show."""
    shown = [column for column in wished if any(column.parts(r) for r in records)]
    rest = {
        (r.primary or "", metric.unit)
        for r in records
        if (metric := r.primary_metric())
        and not any(c.parts(r) and c.interval_metric(r) is metric for c in shown)
    }
    primaries = [
        Column(name if unit == "%" else f"{name} ({unit})", "primary", metric=name)
        for name, unit in sorted(rest)
    ]
    return (*shown, *primaries)


def fill(column: Column, records: list[Record]) -> Cell | None:
    """The cell of one configuration from its records, one per seed; None if parts are lacking."""
    ordered = sorted(records, key=lambda r: (r.seed or 0, r.run_id))
    taken = [(r, parts) for r in ordered if column.takes(r) and (parts := column.parts(r))]
    if not taken:
        return None
    used = [record for record, _ in taken]
    values = [column.combine(parts) for _, parts in taken]
    ends = seed_interval(values, SEED_LEVEL)
    if ends is not None:
        interval: Interval | None = Interval(*ends, "t-seeds", SEED_LEVEL)
    else:
        # two seeds are too few for an interval over seeds, and one over items would leave their spread out
        interval = _stored(column.interval_metric(used[0])) if len(used) == 1 else None
    spread = None
    if column.rule == "mean":
        by_split = zip(*(parts for _, parts in taken), strict=True)
        spread = stdev(fmean(metric.value for metric in split) for split in by_split)
    marks = "".join(mark for mark in MARKS if any(_has(mark, column, r) for r in used))
    ids = tuple(record.run_id for record in used)
    unit = taken[0][1][0].unit
    return Cell(fmean(values), unit, interval, spread, marks, ids, tuple(values))


def _stored(m: MetricBlock | None) -> Interval | None:
    if m is None or m.ci_low is None or m.ci_high is None or m.ci_method is None or not m.level:
        return None
    return Interval(m.ci_low, m.ci_high, m.ci_method, m.level)


def _has(mark: str, column: Column, record: Record) -> bool:
    exposure, train = record.exposure, record.identity.train
    if mark == "†":
        # base classes are trained on by design
        base = column.splits == ("base",)
        return not base and exposure is not None and bool(exposure.class_overlap)
    if mark == "?":
        return exposure is None or exposure.declared == "unknown"
    if mark == "¿":
        return exposure is not None and any(map(_unchecked, exposure.audits))
    if mark == "‡":
        return train is not None and train.get("selection") == "test-best"
    # parts of the labels are no splits of the videos: for them all videos count
    own = [split for split in column.splits if split in record.data]
    splits = own or record.identity.protocol.splits
    if mark == "§":
        repeated = (
            record.observed.effective_plan.get("repeated_frames") if record.observed else None
        )
        return isinstance(repeated, Mapping) and any(split in repeated for split in splits)
    data = (record.data.get(split) for split in splits)
    return any(d is not None and d.n_scored < d.n_expected for d in data)


def _unchecked(audit: Mapping[str, Any]) -> bool:
    """Whether an audit could not compare classes; older ones say so in a note only."""
    notes = audit.get("notes")
    said = any("classes were not compared" in str(n) for n in notes) if notes else False
    return said or audit.get("classes", ()) is None


def column_key(column: Column, splits: Sequence[str]) -> str:
    """The key of a leaderboard column, as papers report it: top1:mean, top1:base, hm, t2v_r1, ...

    `splits` are those of the protocol. The list of a protocol that has only one is not named.
    """
    if column.rule == "hm":
        return "hm"
    if column.rule == "mean":
        return f"{column.metric}:mean"
    if column.rule == "split":
        name = column.splits[0]
        return column.metric if list(splits) == [name] else f"{column.metric}:{name}"
    metric = column.metric or "top1"  # of few-shot: its records have either of the two as primary
    metric, mean, _ = metric.partition("_mean")
    part = column.variant or mean.removeprefix("_")
    return f"{metric}:{part}" if part else metric
