"""A number of a run."""

from __future__ import annotations

from dataclasses import dataclass


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
