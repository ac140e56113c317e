"""What stands at the top of the page: what is compared, how fresh it is, what was measured at all."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ..record.record import Record

SYNTHETIC = frozenset({"shapes"})
"""Data sets that are drawn by code."""

_COMPARED = (
    "Methods that adapt CLIP to video, compared by one runner: equal lists, prompts and views within a "
    "column, an interval behind every number, and the record of every run a click away."
)
_APART = "What papers report stands apart from what was measured here, and is never mixed with it."


def introduction(records: Sequence[Record]) -> tuple[str, str]:
    """Two sentences: what is compared, and what the numbers are of."""
    here = [r for r in records if is_synthetic(r)]
    if not here:
        return _COMPARED, _APART
    world = f"Shapes is synthetic: videos drawn by code, {_size(here)}"
    rest = "; no published benchmark has been measured here yet" * (len(here) == len(records))
    return _COMPARED, f"{world}{rest}."


def _size(records: Sequence[Record]) -> str:
    sizes = [r.observed.n_params for r in records if r.observed is not None and r.observed.n_params]
    if not sizes:
        return "and a small CLIP"
    millions = median(sizes) / 1e6
    return (
        f"and a CLIP of {millions:,.0f} million parameters" if millions >= 1 else "and a tiny CLIP"
    )


def is_synthetic(record: Record) -> bool:
    """Whether its videos are drawn by code."""
    return record.identity.protocol.dataset in SYNTHETIC


def newest(records: Sequence[Record]) -> str:
    """The day of the newest record, 2026-01-02; empty where there is none."""
    return max((str(r.finished_utc or r.created_utc)[:10] for r in records), default="")
