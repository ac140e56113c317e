"""A number of a run, and the items that it is a statistic of."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

Key = tuple[str, str | None]
"""Name and split of a metric; split None: over all splits."""
Rule = Literal[
    "mean", "share", "median", "lower-median", "sum", "ratio", "map",
    "micro_ap", "f1_best", "threshold_best", "threshold", "ece",
]  # fmt: skip
Joint = Literal["mean", "harmonic-mean"]
JOINTS: dict[str, Joint] = {"mean": "mean", "harmonic-mean": "harmonic-mean"}
"""How one number is made of several, by the name that metrics and records give the rule."""


@dataclass(frozen=True, eq=False)
class Items:
    """The items of one metric on one split.

    Attributes:
        ids: what names each item, [n]: a video, or a caption of a video ("video#2"). A query that the
            tie rule "reference" counts several times is there several times.
        values: [n], in the unit of the metric; [n, L] scores of L labels; see `rule`.
        groups: what each item shares a source with, [n], "" for nothing; None: nothing for all.
        rule: how values become the number. mean, median, lower-median (the lower of two middle ones),
            sum; share: the mean of values in 0..1, in %; ratio: sum of values over sum of `against`, in
            %; map, micro_ap, f1_best, threshold_best: of scores [n, L] whose sigmoids are
            probabilities, and marks `against` [n, L]; threshold, ece: of probabilities and marks.
        clips: each value is 0 or 100, a clip whose class was found or not.
    """

    ids: Array
    values: Array
    groups: Array | None = None
    rule: Rule = "mean"
    against: Array | None = None
    clips: bool = False

    @cached_property
    def units(self) -> Array:
        """What is drawn as a whole, for each item, [n]: its group, or else itself."""
        import numpy as np

        own = np.char.add("item ", self.ids)
        if self.groups is None:
            return own
        return np.where(self.groups == "", own, np.char.add("group ", self.groups))

    @property
    def hits(self) -> Array | None:
        """Which items count in full, [n], where each counts in full or not at all; else None."""
        import numpy as np

        full = {"mean": 100.0 if self.clips else None, "share": 1.0}.get(self.rule)
        return self.values > 0 if full and np.isin(self.values, (0.0, full)).all() else None


@dataclass(frozen=True, eq=False)
class Number:
    """What a number is computed from: the items of a metric on one split, or of several metrics.

    Attributes:
        parts: the items of each metric that it is made of; one for a metric on one split.
        rule: how several become one: their mean, or the harmonic mean of two.
    """

    parts: tuple[Items, ...]
    rule: Joint = "mean"

    @cached_property
    def grouped(self) -> bool:
        """Whether items share a source, so that they cannot be drawn one by one."""
        import numpy as np

        units = np.unique(np.concatenate([part.units for part in self.parts]))
        ids = np.unique(np.concatenate([part.ids for part in self.parts]))
        return len(units) < len(ids)


@dataclass(frozen=True)
class Metric:
    """A number of a run. Values with unit "%" run from 0 to 100.

    Attributes:
        n: what the value is over; with `hits`, a proportion: hits of n.
        rule, parts: of a number that is computed from other metrics. The mean, and the harmonic mean of
            two, have the items of their parts.
        items: what the value is a statistic of, and its interval is drawn from; None for a number that
            a protocol computes in its own way, which has Wilson's interval at best.
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
    items: Items | None = field(default=None, compare=False, repr=False)

    @property
    def number(self) -> Number | None:
        """The items behind the value; None where there are none, or by a rule of its protocol's own."""
        if self.items is not None:
            return Number((self.items,))
        parts = tuple(part.items for part in self.parts if part.items is not None)
        whole = bool(parts) and len(parts) == len(self.parts)
        return Number(parts, JOINTS[self.rule]) if whole and self.rule in JOINTS else None
