"""Methods and batches on a device "cuda" that is not there: shapes, types and places, no values.

Torch's fake tensors refuse what a GPU refuses, such as a sum of a tensor there and one left on the CPU, and
reading a value: that would make the loop wait for the device.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    FakeCopyMode,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from vclipbench.methods.base import Batch, Method
from vclipbench.methods.parts import moved

GPU = torch.device("cuda", 0)


class Downloads(TorchDispatchMode):
    """Counts copies from the device to the CPU; each makes the CPU wait."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.number += "cuda" in _places((args, kwargs)) and "cpu" in _places(result)
        return result


def _places(values: Any) -> set[str]:
    return {leaf.device.type for leaf in tree_leaves(values) if isinstance(leaf, Tensor)}


class FakeDevice:
    """The device, and the mode in which it exists (a context manager)."""

    def __init__(self, monkeypatch: Any):
        self.mode = FakeTensorMode(allow_non_fake_inputs=False)
        # its own swaps tensors that something else refers to, which torch refuses for fake ones
        monkeypatch.setattr(nn.Module, "_apply", _apply)

    def method(self, method: Method) -> Method:
        """A copy of a method, moved by its own `to`."""
        with FakeCopyMode(self.mode):
            fake = copy.deepcopy(method)
        with self.mode:
            moved_there: Method = fake.to(GPU)
        return moved_there

    def tensor(self, tensor: Tensor) -> Tensor:
        """A tensor of the CPU as a fake one there."""
        return self.mode.from_tensor(tensor)

    def batch(self, batch: Batch) -> Batch:
        """A batch on the device, in float32, brought there as training does."""
        tensors = {
            f.name: self.tensor(value.float())
            for f in fields(batch)
            if isinstance(value := getattr(batch, f.name), Tensor)
        }
        with self.mode:
            return moved(replace(batch, **tensors), GPU)

    def on_host(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with values, outside of the mode: what is meant to happen on the CPU."""

        def run(*args: Any, **kwargs: Any) -> Any:
            with unset_fake_temporarily():
                result = function(*args, **kwargs)
            return tree_map_only(Tensor, self.tensor, result)

        return run

    @contextmanager
    def here(self) -> Iterator[Downloads]:
        """Where the device exists; counts what comes back from it."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Accessing the data pointer of FakeTensor")
            with self.mode, Downloads() as downloads:
                yield downloads


def _apply(self: nn.Module, change: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """`nn.Module._apply` with new parameters in the place of the old ones."""
    for child in self.children() if recurse else ():
        child._apply(change)
    for name, old in self._parameters.items():
        if old is not None:
            self._parameters[name] = nn.Parameter(change(old.detach()), old.requires_grad)
    for name, buffer in self._buffers.items():
        if buffer is not None:
            self._buffers[name] = change(buffer)
    return self
