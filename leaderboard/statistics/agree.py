"""Whether the predictions of a run give the numbers that its record says."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..record.record import Record
from .bootstrap import value_of
from .items import Key, Number

CLOSE = 1e-6  # relative and absolute: sums in another order


def contradiction(record: Record, found: Mapping[Key, Number]) -> str | None:
    """The first metric that its items do not give, in words; None where all agree.

    Args:
        found: `numbers(record, items(record, predictions))`.
    """
    for (name, split), number in found.items():
        said, value = record.metric(name, split), value_of(number)
        if said is not None and not math.isclose(said.value, value, rel_tol=CLOSE, abs_tol=CLOSE):
            where = f" on {split}" if split else ""
            return (
                f"the record says {name}{where} is {said.value:g}, its predictions give {value:g}: "
                "one of them was changed (bench verify)"
            )
    return None
