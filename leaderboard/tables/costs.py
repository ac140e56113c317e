"""What the runs behind a row took: parameters, arithmetic, speed, memory, and on which machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from pandas import DataFrame

from ..record.record import Record
from .grid import FamilyTable

COST_COLUMNS = (
    "trainable parameters (M)",
    "GFLOPs per view",
    "videos/s",
    "peak memory (MiB)",
    "training (h)",
)


def cost_table(family: FamilyTable) -> DataFrame:
    """One line per row and machine: medians over its runs; of training, the longest.

    GFLOPs are two operations for each multiply-add. A run that found its features did not encode,
    and one that found its training did not train: the former count for no speed, the latter not as 0.
    """
    lines = []
    for row, records in family.rows:
        machines: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            machines[hardware(record)].append(record)
        lines += [
            [row.label, row.backbone, row.checkpoint, *map(_number, figures(some)), machine]
            for machine, some in sorted(machines.items())
        ]
    columns = ["method", "backbone", "checkpoint", *COST_COLUMNS, "machine"]
    frame = DataFrame(lines, columns=columns, dtype=str)
    return frame if frame["checkpoint"].any() else frame.drop(columns="checkpoint")


def hardware(record: Record) -> str:
    """GPUs by number and name, or the processor and the threads that were used."""
    return ", ".join(word for word in (processor(record), threads(record)) if word)


def processor(record: Record) -> str:
    """GPUs by number and name, or the processor."""
    environment = record.environment
    if environment.gpu_model:
        return f"{environment.gpu_count} x {environment.gpu_model}"
    return environment.cpu or "unknown processor"


def threads(record: Record) -> str:
    """The threads that a processor used, "2 threads"; empty of a GPU and where nobody counted."""
    environment = record.environment
    number = None if environment.gpu_model else environment.cpu_threads
    return f"{number} thread{'s' * (number != 1)}" if number else ""


def figures(records: Sequence[Record]) -> list[float | None]:
    """The numbers of COST_COLUMNS, unrounded; None where no run says it.

    Training took 0 h where nothing was trained; what a checkpoint took before it came here is not known.
    """
    costs = [r.cost for r in records if r.cost is not None]
    trainable = [r.observed.trainable_params / 1e6 for r in records if r.observed is not None]
    flops = [c.flops_per_view / 1e9 for c in costs if c.flops_per_view is not None]
    speeds = [r.cost.videos_per_s for r in records if r.cost and r.cost.videos_per_s and encoded(r)]
    memory = [c.peak_memory_mb for c in costs if c.peak_memory_mb is not None]
    hours = [seconds / 3600 for c in costs if (seconds := c.seconds.get("train"))]
    middle = [median(found) if found else None for found in (trainable, flops, speeds, memory)]
    untrained = all(r.identity.train is None and r.identity.init is None for r in records)
    return [*middle, max(hours, default=0.0 if records and untrained else None)]


def encoded(record: Record) -> bool:
    """Whether the run encoded its videos itself."""
    plan = record.observed.effective_plan if record.observed else {}
    return not plan.get("reused_features")


def _number(value: float | None) -> str:
    """Three digits, without an exponent; empty where it is not known."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
