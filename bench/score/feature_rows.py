"""Features as rows: slices, joins and moves of what methods encode, a tensor or a dict of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...methods.base import Features


def rows(features: Features, start: int, stop: int) -> Features:
    """Rows `start` to `stop` of the first dimension."""
    return _each(features, lambda tensor: tensor[start:stop])


def on_cpu(features: Features) -> Features:
    """The features on the CPU."""
    return _each(features, lambda tensor: tensor.cpu())


def joined(parts: Sequence[Features], device: torch.device) -> Features:
    """Features one below the other, on a device; at least one part."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat([part.to(device) for part in parts if isinstance(part, Tensor)])
    dicts = [part for part in parts if isinstance(part, dict)]
    return {name: torch.cat([part[name].to(device) for part in dicts]) for name in first}


def finite(features: Features) -> bool:
    """Whether no value is NaN or infinite."""
    parts = [features] if isinstance(features, Tensor) else features.values()
    return all(bool(torch.isfinite(part).all()) for part in parts)


def _each(features: Features, change: Callable[[Tensor], Tensor]) -> Features:
    if isinstance(features, Tensor):
        return change(features)
    return {name: change(tensor) for name, tensor in features.items()}
