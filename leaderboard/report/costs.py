"""What a cell or a row took, as numbers to sort by and to plot accuracy against."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ..record.record import Record
from ..tables.costs import COST_COLUMNS, figures, hardware

_KEYS = ("trainable", "gflops", "speed", "memory", "train_hours")
COST_NAMES = dict(zip(_KEYS, COST_COLUMNS, strict=True)) | {"params": "all parameters (M)"}
"""Names of costs in the data of the page -> their names on it."""
OF_THE_MACHINE = ("speed", "memory", "train_hours")  # the others depend on the run alone


def costs_of(records: Sequence[Record]) -> dict[str, float]:
    """The known costs of runs, as `tables.costs.figures` has them, and all parameters.

    What depends on the machine is absent where the runs were made on several.
    """
    costs = dict(zip(_KEYS, figures(records), strict=True))
    params = [r.observed.n_params / 1e6 for r in records if r.observed is not None]
    costs["params"] = median(params) if params else None
    one = len(machines(records)) == 1
    return {
        name: value
        for name, value in costs.items()
        if value is not None and (one or name not in OF_THE_MACHINE)
    }


def machines(records: Sequence[Record]) -> list[str]:
    """What the runs were measured on, sorted."""
    return sorted({hardware(record) for record in records})
