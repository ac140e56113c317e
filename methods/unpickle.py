"""Inert stand-ins for what foreign weight files hold beside tensors, so that none of its code runs.

A pickle names the classes and functions it wants; whatever is not named here (or by torch's own list
for `weights_only`) is refused by the reader. What is named here only stores data.
"""

from __future__ import annotations

import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


class Inert:
    """An object of a foreign class: keeps its arguments and its state, does nothing with them."""

    def __init__(self, *args: Any):
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Settings:
    """A yacs.config.CfgNode: becomes a plain OrderedDict, the only kind of dict torch's reader fills."""

    def __new__(cls) -> OrderedDict[Any, Any]:  # type: ignore[misc]
        """The dict itself."""
        return OrderedDict()


class Namespace(Inert):
    """An argparse.Namespace: its attributes are in `state`."""

    def __new__(cls, *args: Any) -> Namespace:
        """An object that was never initialised, as pickle makes it."""
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made


class Dtype(Inert):
    """A numpy dtype: `args[0]` is its code such as "f8"; the byte order is in its state."""


def number(dtype: Dtype, data: bytes = b"") -> float | int | bool | complex:
    """A numpy scalar as a plain Python number.

    Raises:
        pickle.UnpicklingError: it is no number.
    """
    code = dtype.args[0] if dtype.args else None
    if not isinstance(code, str) or not re.fullmatch(r"[fiubc]\d{1,2}", code):
        raise pickle.UnpicklingError(f"GLOBAL numpy.dtype({code!r}) is not allowed")
    order = dtype.state[1] if isinstance(dtype.state, tuple) and len(dtype.state) > 1 else "|"
    order = order if order in ("<", ">") else "="
    number: float | int | bool | complex = np.frombuffer(data, np.dtype(order + code), 1)[0].item()
    return number


SAFE: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (Settings, "yacs.config.CfgNode"),
    (Namespace, "argparse.Namespace"),
    (Dtype, "numpy.dtype"),
    (number, "numpy.core.multiarray.scalar"),
    (number, "numpy._core.multiarray.scalar"),
]
"""For torch.serialization.safe_globals: stand-in and the name it answers to."""


_STORAGES = {
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_LISTS = ("build_intlist", "build_boollist", "build_doublelist", "build_tensorlist")


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """The parameters and buffers of a TorchScript archive (OpenAI's files), without running the archive.

    `torch.jit.load` would run what the archive's classes define as `__setstate__`; here only the tensors
    are read, as those classes name them.

    Raises:
        pickle.UnpicklingError: the archive names anything else than its own classes and tensors.
    """
    with zipfile.ZipFile(path) as archive:
        reader = _Archive(archive)
        return dict(_tensors(reader.load(), "", reader.declared))


class _Archive(pickle.Unpickler):
    """Reads `data.pkl` of an archive; finds nothing but stand-ins."""

    def __init__(self, archive: zipfile.ZipFile):
        self.archive = archive
        self.folder = next(
            n.rpartition("/")[0] for n in archive.namelist() if n.endswith("/data.pkl")
        )
        self.storages: dict[str, Tensor] = {}
        self.code: dict[str, str] = {}
        super().__init__(archive.open(f"{self.folder}/data.pkl"))

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            return type(name, (Inert,), {"origin": f"{module}.{name}"})
        if module == "torch" and name in _STORAGES:
            return name
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *args: _tensor(*args)  # a fresh one: what a file does to it ends here
        if module == "torch.jit._pickle" and name in _LISTS:
            return list
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"GLOBAL {module}.{name} is not allowed")

    def persistent_load(self, pid: Any) -> Tensor:
        _, storage, key, *_ = pid
        if key not in self.storages:
            data = self.archive.read(f"{self.folder}/data/{key}")
            values = torch.from_numpy(np.frombuffer(data, np.uint8).copy())
            self.storages[key] = values.view(_STORAGES[storage])
        return self.storages[key]

    def declared(self, origin: str) -> set[str]:
        """Names of the parameters and buffers of an archive's class, from the text of its code."""
        module, _, name = origin.rpartition(".")
        if module not in self.code:
            file = f"{self.folder}/code/{module.replace('.', '/')}.py"
            self.code[module] = self.archive.read(file).decode()
        code = self.code[module]
        body = re.search(rf"^class {re.escape(name)}\(.*?(?=^class |\Z)", code, re.S | re.M)
        lines = re.findall(
            r"^  __(?:parameters|buffers)__ = \[(.*)\]", body[0] if body else "", re.M
        )
        return set(re.findall(r'"([^"]+)"', " ".join(lines)))


def _tensor(values: Tensor, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    size, stride = tuple(size), tuple(stride)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or (math.prod(size) and last >= len(values)):
        raise pickle.UnpicklingError("a tensor reaches beyond its data")
    return values.as_strided(size, stride, offset).clone()


def _tensors(node: Any, prefix: str, declared: Callable[[str], set[str]]) -> Any:
    """(name, tensor) of a module and of those below it."""
    if not isinstance(node, Inert) or not isinstance(node.state, dict):
        return
    own = declared(type(node).origin)  # type: ignore[attr-defined]
    for name, value in node.state.items():
        if isinstance(value, Tensor) and name in own:
            yield f"{prefix}{name}", value
        else:
            yield from _tensors(value, f"{prefix}{name}.", declared)
