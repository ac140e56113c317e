"""What a cell or a row took, as numbers to sort by and to plot accuracy against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from ..record.record import Record
from ..tables.costs import COST_COLUMNS, encoded, figures, hardware, processor, threads

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


def absences(records: Sequence[Record], costs: Mapping[str, float]) -> dict[str, str]:
    """Cost that the runs of a row do not say -> why, in words; nothing of a row without runs."""
    if not records:
        return {}
    several = len(machines(records)) > 1
    return {
        name: _several(records) if several and name in OF_THE_MACHINE else _reason(name, records)
        for name in _KEYS
        if name not in costs
    }


def _several(records: Sequence[Record]) -> str:
    where = " and ".join(machines(records))
    return f"the runs of this row were made on {where}: see the runs"


def _reason(name: str, records: Sequence[Record]) -> str:
    if name == "train_hours":
        if any(r.identity.init is not None for r in records):
            return "not trained here: the weights come from a checkpoint, and its training is not known"
        return "not measured: the runs found their training done, or do not say how long it took"
    if name == "speed" and not any(map(encoded, records)):
        return "not measured: the runs found the features of their videos done"
    return "the records do not say"


def machines(records: Sequence[Record]) -> list[str]:
    """What the runs were measured on, sorted."""
    return sorted({hardware(record) for record in records})


def machine_words(records: Sequence[Record]) -> list[str]:
    """The same for readers, each processor once: "AMD EPYC with 1 or 2 threads"."""
    counts: dict[str, set[str]] = {}
    for record in records:
        counts.setdefault(processor(record), set()).add(threads(record))
    words = []
    for name, numbers in sorted(counts.items()):
        known = sorted(int(n.split()[0]) for n in numbers if n)
        several = "s" * (known != [1])
        said = f" with {' or '.join(map(str, known))} thread{several}" if known else ""
        words.append(name + said)
    return words


def remarks(records: Sequence[Record]) -> list[str]:
    """What a reader of times and memory has to know, as far as it holds of these runs."""
    counts = {threads(record) for record in records} - {""}
    on_processor = any(not record.environment.gpu_model for record in records)
    notes = [
        (
            len(machines(records)) > 1 and len(counts) < 2,
            "Times of different machines do not compare.",
        ),
        (
            len(counts) > 1,
            "Times of different numbers of threads do not compare; point at one to see how many it had.",
        ),
        (
            on_processor,
            "Memory on a processor is the peak of the whole process, the libraries "
            "included: of a small model it says little about the method.",
        ),
    ]
    return [note for holds, note in notes if holds]
