"""Learning-rate schedules as plain functions of the optimiser step, and their mmengine wrapper."""

from __future__ import annotations

import math
from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler


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


class FactorLR(LRSchedulerMixin, _ParamScheduler):  # type: ignore[misc]
    """`factor` for mmengine's Runner; iterations are micro-batches, `accumulate` of them make a step."""

    def __init__(
        self,
        optimizer: Any,
        kind: str,
        total: int,
        warmup: int,
        floor: float,
        accumulate: int = 1,
        **kwargs: Any,
    ):
        self.kind, self.total, self.warmup = kind, total, warmup
        self.floor, self.accumulate = floor, accumulate
        super().__init__(optimizer, by_epoch=False, **kwargs)

    def _get_value(self) -> list[float]:
        step = self.last_step // self.accumulate
        share = factor(self.kind, min(step, self.total), self.total, self.warmup, self.floor)
        return [base * share for base in self.base_values]
