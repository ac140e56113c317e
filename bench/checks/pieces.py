"""Whether a method's loss in parts is its loss, and says right what couples its videos."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from ..registry import protocol
from .fixtures import SEED, NotApplicable, Subject, agree
from .training import batch_of

if TYPE_CHECKING:
    from torch import Tensor

    from ...methods.base import Batch, Method, Stage

GROUPS = 2


def pieces(subject: Subject) -> str:
    """The gradient of two groups, video by video, is the one of the groups as a whole."""
    if not subject.trains:
        raise NotApplicable("not trained", "no family has a stage")
    ways = set()
    for trial in subject.trials.values():
        target, method = protocol(trial.protocol, subject.plugins).target, trial.method
        for stage in method.stages(target):
            method.enter(stage)
            stage.apply(method)
            batch = batch_of(stage, target, subject.frames)
            batches = [batch, replace(batch, frames=subject.frames.flip(0))]
            whole = _gradients(method, batches, None)
            for name, value in _gradients(method, batches, 1).items():
                agree(
                    value, whole[name], f"the gradient of {name} in stage {stage.name!r}, in pieces"
                )
            method.enter(None)
            ways.add(_way(method, stage, batch))
    return "; ".join(sorted(ways))


def _gradients(method: Method, batches: list[Batch], at_once: int | None) -> dict[str, Tensor]:
    """The gradients of one step; with `at_once` None group by group, by the whole loss."""
    import torch

    from ..ranks import ALONE
    from ..train.engine import Engine, Group, seed_of

    method.train()
    method.zero_grad()
    if at_once is None:
        for number, batch in enumerate(batches):
            torch.manual_seed(seed_of(SEED, number))
            (method.loss(batch)["loss"] / len(batches)).backward()
    else:
        engine = Engine(method, SEED, at_once, ALONE, nullcontext)
        every = range(len(batches[0].ids))
        engine.gradients([Group(n, b, 1 / len(batches), every) for n, b in enumerate(batches)])
    found = {n: p.grad.clone() for n, p in method.named_parameters() if p.grad is not None}
    method.zero_grad()
    method.eval()
    return found


def _way(method: Method, stage: Stage, batch: Batch) -> str:
    from ...methods.base import Method as Plain

    if type(method).loss is not Plain.loss:
        return f"{stage.name}: a loss in one piece"
    return f"{stage.name}: {method.couples(batch)} coupled"
