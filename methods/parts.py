"""A loss in parts: features of each video, what all videos are compared to, and the objective on both.

Said so, a batch may go through the networks in any number of pieces, on any number of devices, and the
gradient stays the one of the whole loss (bench/train/engine.py). `whole_loss` puts the parts together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .batch import Batch
from .outputs import Features, OutputError, kind

Couples = Literal["nothing", "group"]
Named = dict[str, Features]
Weights = dict[str, Tensor]

_BY_VIDEO = ("frames", "images", "targets", "ids", "descriptions", "captions")


@dataclass(frozen=True)
class Pass:
    """One reckoning of the objective: the loss is the sum of all, each times its `weight`.

    Attributes:
        at: gives other weights by parameter name, as functions of the own ones; None: the own ones.
        name: what its loss is logged as, beside the sum; empty: not.
        logged: further numbers to log.
    """

    weight: float = 1.0
    at: Callable[[], Weights] | None = None
    name: str = ""
    logged: dict[str, float] = field(default_factory=dict)


def call(method: nn.Module, at: Weights | None, name: str, *args: Any) -> Any:
    """Call a function of the method, with other weights in place of its own if there are any."""
    if at is None:
        return getattr(method, name)(*args)
    return functional_call(method, at, (name, *args))


def whole_loss(method: Any, batch: Batch) -> dict[str, Tensor]:
    """The loss of one batch in one piece: {"loss": scalar, logged scalars}."""
    method.begin(batch)
    method.begin_step(batch)
    batch = method.narrow(batch)
    shared = method.encode_shared(batch)
    total: Tensor | None = None
    logged: dict[str, Tensor] = {}
    for number, one in enumerate(method.passes(batch)):
        at = one.at() if one.at else None
        rows = call(method, at, "encode_rows", batch)
        result = call(method, at, "objective", {**shared, **rows}, batch)
        loss = result["loss"] if one.weight == 1 else one.weight * result["loss"]
        total = loss if total is None else total + loss
        logged |= logged_of(one, result, first=not number)
    method.end_step(batch)
    assert total is not None
    return {"loss": total, **logged}


def logged_of(one: Pass, result: dict[str, Tensor], first: bool) -> dict[str, Tensor]:
    """What a pass has to log, detached: all of the first one, of others only their loss by name."""
    logged = {k: v for k, v in result.items() if k != "loss"} if first else {}
    if one.name:
        logged[one.name] = result["loss"]
    told = {k: torch.as_tensor(v).detach() for k, v in logged.items()}
    return told | {k: torch.tensor(v) for k, v in one.logged.items()}


def cut(batch: Batch, lo: int, hi: int, frames: bool = True) -> Batch:
    """Videos lo ... hi - 1 of a batch; the classes stay, of captions only those of these videos.

    Args:
        frames: whether its frames and images are those of all its videos, and are cut too.
    """
    names = _BY_VIDEO if frames else _BY_VIDEO[2:]
    changes = {name: value[lo:hi] for name in names if (value := getattr(batch, name)) is not None}
    if batch.paired:
        changes |= {"texts": batch.texts[lo:hi], "targets": batch.targets[lo:hi, lo:hi]}
    return replace(batch, **changes)


def merged(batches: Sequence[Batch]) -> Batch:
    """Several batches of one kind as one; of classes, all with the same ones.

    Of captions the targets are left out: each batch has its own.
    """
    first = batches[0]
    if len(batches) == 1:
        return first
    changes: dict[str, Any] = {}
    for name in _BY_VIDEO:
        values = [getattr(batch, name) for batch in batches]
        if values[0] is not None and not (first.paired and name == "targets"):
            changes[name] = _joined(values)
    if first.paired:
        changes["texts"] = _joined([batch.texts for batch in batches])
        changes["targets"] = torch.empty(0)
    return replace(first, **changes)


def _joined(values: Sequence[Any]) -> Any:
    if isinstance(values[0], Tensor):
        return torch.cat(list(values))
    return [one for value in values for one in value]


def moved(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on a device."""
    changes: dict[str, Any] = {
        f.name: value.to(device, non_blocking=True)
        for f in fields(batch)
        if isinstance(value := getattr(batch, f.name), Tensor)
    }
    return replace(batch, **changes)


def leaves(features: Named) -> list[Tensor]:
    """The tensors of named features, in order.

    Raises:
        OutputError: something else than tensors, or dicts of them.
    """
    tensors: list[Any] = []
    for name, part in features.items():
        inner = [part] if isinstance(part, Tensor) else part.values() if type(part) is dict else ()
        if not inner or not all(isinstance(one, Tensor) for one in inner):
            raise OutputError(
                f"the features {name!r} are {kind(part)}; a tensor or a dict of tensors is wanted"
            )
        tensors += inner
    return tensors


def rebuilt(features: Named, tensors: Iterable[Tensor]) -> Named:
    """Named features of the same structure, of other tensors (those of `leaves`, in order)."""
    given = iter(tensors)
    return {
        name: next(given) if isinstance(part, Tensor) else {key: next(given) for key in part}
        for name, part in features.items()
    }
