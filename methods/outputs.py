"""What methods give, checked where it is taken: type, shape, kind of numbers, device.

Tensors spread: scores [1, K] would fit a table of N rows and make plausible numbers. Nothing here looks at
values, so a check costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

Features = Tensor | dict[str, Tensor]  # the first dimension counts the videos (or texts)
Devices = Collection[torch.device]


class OutputError(Exception):
    """What a method gives cannot be used; one sentence says what came and what is wanted."""

    exit_code = 1


class NotRows(OutputError, TypeError):
    """Features that are no plain rows, where only rows will do."""


def checked_features(
    features: Any, what: str, number: int, noun: str, devices: Devices
) -> Features:
    """Features whose first dimension counts: a tensor [number, ...], or a dict of such.

    Args:
        what: such as "video features of method clip". noun: what is counted, in the plural.
        devices: where they may be.

    Raises:
        OutputError: anything else. In a dict tensors may also hold whole numbers, such as masks.
    """
    if isinstance(features, Tensor):
        _check(features, what, devices, floating=True)
        if features.ndim < 2 or len(features) != number:
            raise OutputError(
                f"{what} are {_shape(features)} for {number} {noun}; [{number}, ...] is wanted: "
                "the first of two or more dimensions counts them"
            )
        return features
    if not isinstance(features, dict):
        raise OutputError(f"{what} are {kind(features)}; a tensor or a dict of tensors is wanted")
    if not features:
        raise OutputError(f"{what} are an empty dict; a tensor or a dict of tensors is wanted")
    for name, part in features.items():
        where = f"{what} under {name!r}"
        if not isinstance(part, Tensor):
            raise OutputError(f"{where} are {kind(part)}; a tensor is wanted")
        _check(part, where, devices, floating=False)
        if not part.ndim or len(part) != number:
            raise OutputError(
                f"{where} are {_shape(part)} for {number} {noun}; [{number}, ...] is wanted: "
                "the first dimension counts them"
            )
    return features


def checked_scores(
    scores: Any,
    what: str,
    size: tuple[int, int],
    nouns: tuple[str, str] = ("videos", "classes"),
    devices: Devices = (),
) -> Tensor:
    """Scores [B, N] of B videos for N texts, as they came.

    Args:
        what: such as "scores of method clip". size: (B, N). nouns: what rows and columns are.

    Raises:
        OutputError: anything else.
    """
    if not isinstance(scores, Tensor):
        raise OutputError(f"{what} are {kind(scores)}; a tensor {list(size)} is wanted")
    if scores.shape != size:
        raise OutputError(
            f"{what} are {_shape(scores)} for {size[0]} {nouns[0]} and {size[1]} {nouns[1]}; "
            f"{list(size)} is wanted"
        )
    _check(scores, what, devices, floating=True)
    return scores


def checked_loss(losses: Any, what: str) -> dict[str, Tensor]:
    """What a training step needs: "loss", a scalar that gradients come from, and scalars to log.

    Not whether it is finite, which takes a look at its value.

    Args:
        what: such as "the loss of method clip".

    Raises:
        OutputError: anything else.
    """
    wanted = '{"loss": scalar tensor, ...} is wanted'
    if not isinstance(losses, Mapping):
        raise OutputError(f"{what} is {kind(losses)}; {wanted}")
    if "loss" not in losses:
        held = ", ".join(map(repr, losses)) or "nothing"
        raise OutputError(f"{what} holds {held} and no 'loss'; {wanted}")
    loss = losses["loss"]
    if not isinstance(loss, Tensor):
        raise OutputError(f"{what} is {kind(loss)}; {wanted}")
    if loss.numel() != 1:
        raise OutputError(f"{what} is {_shape(loss)}, no scalar; {wanted}, such as its mean")
    if not loss.is_floating_point() or loss.is_meta:
        raise OutputError(f"{what} is a tensor of {_numbers(loss)}; {wanted}")
    if not loss.requires_grad:
        raise OutputError(
            f"{what} does not depend on anything that trains: no gradient comes from it "
            "(computed under no_grad, detached, or from frozen parameters alone)"
        )
    return {name: _logged(value, f"{what}: {name!r}") for name, value in losses.items()}


def _logged(value: Any, what: str) -> Tensor:
    """A number to log as a tensor."""
    if isinstance(value, Tensor) and value.numel() and not value.is_complex() and not value.is_meta:
        return value
    if isinstance(value, int | float):
        return torch.tensor(float(value))
    shown = _shape(value) if isinstance(value, Tensor) else kind(value)
    raise OutputError(f"{what} is {shown}; a number to log is wanted")


def _check(tensor: Tensor, what: str, devices: Devices, floating: bool) -> None:
    if tensor.is_complex() or (floating and not tensor.is_floating_point()):
        raise OutputError(f"{what} are {_numbers(tensor)}; floating-point numbers are wanted")
    if tensor.layout != torch.strided:
        raise OutputError(f"{what} are a {_layout(tensor)} tensor; a dense one is wanted")
    if tensor.is_meta or (devices and tensor.device not in devices):
        wanted = " or ".join(dict.fromkeys(map(str, devices))) or "a device with values"
        raise OutputError(f"{what} are on {tensor.device}; {wanted} is wanted")


def _shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))


def _numbers(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.") + (" on meta" if tensor.is_meta else "")


def _layout(tensor: Tensor) -> str:
    return str(tensor.layout).removeprefix("torch.").replace("_", " ")


def kind(value: Any) -> str:
    """What a value is, with its article."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
