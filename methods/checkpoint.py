"""Reading weight files safely, and loading state dicts strictly with a report that names keys."""

from __future__ import annotations

import hashlib
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import unpickle


class WeightsError(Exception):
    """Weights that cannot be had, read or fitted; one sentence that says what would be right."""

    exit_code = 2


@dataclass
class LoadReport:
    """What was left over when weights were loaded."""

    missing_keys: list[str] = field(default_factory=list)
    unexpected_keys: list[str] = field(default_factory=list)
    shape_mismatch: list[str] = field(default_factory=list)


def read_weights(path: str | Path) -> dict[str, Any]:
    """Read a .safetensors, torch or TorchScript file without running any code from it.

    The kind is told from the content, whatever the file is called. Settings that foreign files hold beside
    their tensors (yacs, argparse, numpy numbers) become plain data, see `foreign`.

    Raises:
        WeightsError: no such file, not a weight file, cut short, or a pickle that wants to run code.
    """
    path = Path(path)
    if not path.is_file():
        problem = "is a folder, and one file is wanted" if path.is_dir() else "does not exist"
        raise WeightsError(f"weights file {path} {problem}")
    try:
        kind = _kind(path)
        if kind == "safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = unpickle.read_torchscript(path) if kind == "torchscript" else _read_torch(path)
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        raise _refusal(path, str(error)) from None
    except (EOFError, KeyError, ValueError, IndexError, struct.error, UnicodeDecodeError):
        raise WeightsError(
            f"{path} is neither a safetensors nor a torch weights file, or it is cut short"
        ) from None
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(
            f"weights file {path} cannot be read, it is damaged or cut short: {reason}"
        ) from None
    if not isinstance(content, dict):
        raise WeightsError(
            f"weights file {path} holds a {type(content).__name__}, not a state dict"
        )
    return content


def _read_torch(path: Path) -> Any:
    with torch.serialization.safe_globals(unpickle.SAFE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the pickle protocol of a file that is no weights file
        with path.open("rb") as file:  # by its name, torch would take some files for another kind
            return torch.load(file, map_location="cpu", weights_only=True)


def _kind(path: Path) -> str:
    """ "safetensors", "torchscript" or "torch", from the first bytes.

    Raises:
        WeightsError: the file is empty, a web page, a pointer of git LFS, or a zip cut short.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise WeightsError(f"weights file {path} is empty; fetch it again")
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise WeightsError(
            f"{path} is a web page, not a weights file: the download got an error or a log-in page"
        )
    if text.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path} is a pointer of git LFS, not the file itself; run git lfs pull")
    if head[8:9] == b"{" and head[:2] != b"\x80\x02":
        return "safetensors"
    if not head.startswith(b"PK\x03\x04"):
        return "torch"  # the format before torch 1.6
    if not zipfile.is_zipfile(path):
        raise WeightsError(f"weights file {path} is cut short; fetch it again")
    with zipfile.ZipFile(path) as archive:
        scripted = any(name.endswith("/constants.pkl") for name in archive.namelist())
    return "torchscript" if scripted else "torch"


def _refusal(path: Path, reason: str) -> WeightsError:
    """What to say of a pickle that was not read on: it named something foreign, or it is none."""
    named = re.search(r"GLOBAL (\S+)", reason)
    if named is None and not re.search("Can only (create|build)|Trying to call", reason):
        return WeightsError(
            f"{path} is neither a safetensors nor a torch weights file, or it is cut short"
        )
    what = f" ({named[1]})" if named else ""
    return WeightsError(
        f"weights file {path} is refused: it holds more than tensors, and reading it would run its "
        f"code{what}; save it again as safetensors where you trust it"
    )


def unwrap(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict inside the usual wrappers, without the prefix that DistributedDataParallel adds."""
    content: Mapping[str, Any] = checkpoint
    for key in ("state_dict", "model_state", "model_state_dict", "model"):
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    state = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
    if state and all(k.startswith("module.") for k in state):
        state = {k.removeprefix("module."): v for k, v in state.items()}
    return state


def load_strict(
    module: nn.Module, state: Mapping[str, Tensor], what: str, may_miss: tuple[str, ...] = ()
) -> LoadReport:
    """Load `state` into `module`; every key must fit, except those in `may_miss`.

    Raises:
        WeightsError: naming `what`, the number of misfits of each kind and the first keys. Nothing
            is loaded then.
    """
    own = module.state_dict()
    report = LoadReport(
        missing_keys=sorted(k for k in own if k not in state and k not in may_miss),
        unexpected_keys=sorted(k for k in state if k not in own),
        shape_mismatch=[
            f"{k} is {list(v.shape)}, wanted {list(own[k].shape)}"
            for k, v in sorted(state.items())
            if k in own and v.shape != own[k].shape
        ],
    )
    faults = [
        f"{len(keys)} {kind} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for kind, keys in (
            ("missing", report.missing_keys),
            ("unexpected", report.unexpected_keys),
            ("of another shape", report.shape_mismatch),
        )
        if keys
    ]
    if faults:
        raise WeightsError(f"{what} does not fit the model, keys: " + "; ".join(faults))
    report.missing_keys = sorted(k for k in own if k not in state)
    module.load_state_dict({k: v.to(own[k].dtype) for k, v in state.items()}, strict=False)
    return report


def tensors_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of the tensors, in the order of names."""
    digest = hashlib.sha256()
    for key in sorted(state):
        value = state[key].detach().cpu().contiguous()
        digest.update(f"{key}|{value.dtype}|{list(value.shape)}|".encode())
        digest.update(value.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
