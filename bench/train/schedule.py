"""Learning-rate schedules as plain functions of the optimiser step, and their mmengine wrapper."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler

if TYPE_CHECKING:
    from ..config.schema import Train
    from ..plan.steps import Steps


def factor(kind: str, step: int, total: int, warmup: int, floor: float) -> float:
    """Share of the base rate at optimiser step `step` (0-based) of `total`.

    - "cosine": linear warm-up over `warmup` steps (step 0 already learns), then a half cosine to `floor`.
    - "cosine-overlap": as ViFi-CLIP trains (timm's cosine without warm-up prefix): warm-up from zero, so
      that the first step has rate 0, then a cosine that counts from step 0 and jumps down at its start.
    - "cosine-floor": as its authors train (wengzejia1/Open-VCLIP, slowfast/utils/lr_policy.py): linear
      from `floor` to 1 at the end of the warm-up, then a half cosine to `floor`.
    - "cosine-zero": as its authors train (microsoft/XPretrain, CLIP-ViP/src/optimization/sched.py): steps
      count from 1, linear warm-up from 0, then a half cosine to 0; where it gives 0, which is the last
      step, the share is `floor`. The authors' rate is 1e-8 there: `floor` is 1e-8 / lr.
    - "linear": the linear decay of the same code, likewise. Its warm-up is int(share * total) steps.
    - "constant": 1 after the warm-up.
    """
    if kind in ("cosine-zero", "linear"):
        return _counted_from_one(kind, step + 1, total, warmup) or floor
    if kind == "cosine-overlap":
        if step < warmup:
            return step / warmup
        return floor + 0.5 * (1 - floor) * (1 + math.cos(math.pi * step / total))
    if step < warmup:
        if kind == "cosine-floor":
            return floor + (1 - floor) * step / warmup
        return (step + 1) / (warmup + 1)
    if kind == "constant":
        return 1.0
    progress = (step - warmup) / max(1, total - warmup)
    return floor + 0.5 * (1 - floor) * (1 + math.cos(math.pi * progress))


def _counted_from_one(kind: str, step: int, total: int, warmup: int) -> float:
    if step < warmup:
        return step / warmup
    progress = min((step - warmup) / max(1, total - warmup), 1.0)
    return 1 - progress if kind == "linear" else 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class Ticks:
    """How ViFi-CLIP's code counts: in the micro-batches of one of its devices, not in optimiser steps.

    The rate of a step was set behind the one before, from the number of that one's last micro-batch, and
    micro-batches that fill no step at the end of an epoch count too (main.py of muzairkhattak/ViFi-CLIP).

    Attributes:
        per_step: micro-batches of a step. per_epoch: of an epoch. steps: optimiser steps of an epoch.
    """

    per_step: int
    per_epoch: int
    steps: int

    @classmethod
    def of(cls, steps: Steps, devices: int) -> Ticks:
        """Those of a recipe whose authors had so many devices; each had whole micro-batches only."""
        per_step = max(1, steps.accumulate // devices)
        per_epoch = -(-steps.videos // devices) // steps.micro
        return cls(per_step, max(per_epoch, per_step * steps.per_epoch), steps.per_epoch)

    def __call__(self, step: int) -> int:
        """What optimiser step `step` (0-based) takes its rate from."""
        if step == 0:
            return 0
        epoch, place = divmod(step - 1, self.steps)
        return epoch * self.per_epoch + (place + 1) * self.per_step - 1


class FactorLR(LRSchedulerMixin, _ParamScheduler):  # type: ignore[misc]
    """`factor` for mmengine's Runner, whose iterations are optimiser steps.

    Args:
        total, warmup: in steps, or in ticks where those are counted.
    """

    def __init__(
        self,
        optimizer: Any,
        kind: str,
        total: int,
        warmup: int,
        floor: float,
        ticks: Callable[[int], int] = int,
        **kwargs: Any,
    ):
        self.kind, self.total, self.warmup = kind, total, warmup
        self.floor, self.ticks = floor, ticks
        super().__init__(optimizer, by_epoch=False, **kwargs)

    def state_dict(self) -> dict[str, Any]:
        """What changes; the rest follows from the recipe."""
        return {k: v for k, v in super().state_dict().items() if k != "ticks"}

    def _get_value(self) -> list[float]:
        at = min(self.ticks(self.last_step), self.total)
        share = factor(self.kind, at, self.total, self.warmup, self.floor)
        return [base * share for base in self.base_values]


def schedule_of(optimiser: Any, train: Train, steps: Steps) -> FactorLR:
    """The schedule of a recipe."""
    ticks = Ticks.of(steps, train.devices) if train.devices else None
    per_epoch = ticks.per_epoch if ticks else steps.per_epoch
    total = train.epochs * per_epoch if ticks else steps.total
    warmup = round(train.warmup_epochs * per_epoch)
    if train.warmup_share is not None:
        warmup = int(train.warmup_share * total)
    kind, floor = train.schedule, train.min_lr_ratio
    return FactorLR(optimiser, kind, total, warmup, floor, ticks or int)
