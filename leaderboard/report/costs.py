"""What a cell or a row took, as numbers to sort by and to plot accuracy against."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ..record.record import Record
from ..tables.costs import COLUMNS, figures, hardware

_KEYS = ("trainable", "gflops", "speed", "memory", "train_hours")
COSTS = dict(zip(_KEYS, COLUMNS, strict=True)) | {"params": "all parameters (M)"}
"""Names of costs in the data of the page -> their names on it."""
MEASURED = ("speed", "memory", "train_hours")  # depend on the machine; the others do not


def costs_of(records: Sequence[Record]) -> dict[str, float]:
    """The known costs of runs, as `leaderboard.costs.figures` has them, and all parameters.

    What depends on the machine is absent where the runs were made on several.
    """
    found = dict(zip(_KEYS, figures(records), strict=True))
    params = [r.observed.n_params / 1e6 for r in records if r.observed is not None]
    found["params"] = median(params) if params else None
    one = len(machines(records)) == 1
    return {
        name: value
        for name, value in found.items()
        if value is not None and (one or name not in MEASURED)
    }


def machines(records: Sequence[Record]) -> list[str]:
    """What the runs were measured on, sorted."""
    return sorted({hardware(record) for record in records})
