"""Reading weight files safely, and loading state dicts strictly with a report that names keys."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class WeightsError(Exception):
    """Weights that cannot be had, read or fitted; one sentence that says what would be right."""


@dataclass
class LoadReport:
    """What was left over when weights were loaded."""

    missing_keys: list[str] = field(default_factory=list)
    unexpected_keys: list[str] = field(default_factory=list)
    shape_mismatch: list[str] = field(default_factory=list)


def read_weights(path: str | Path) -> dict[str, Any]:
    """Read a .safetensors, torch or TorchScript file without running any code from it.

    Raises:
        WeightsError: no such file, not a weight file, or a pickle that wants to run code.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"weights file {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return _read_torch(path)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"weights file {path} is refused: it holds more than tensors, and reading it would run "
            f"its code ({reason}); save it again as safetensors"
        ) from None
    except WeightsError:
        raise
    except (KeyError, EOFError, ValueError):
        raise WeightsError(f"{path} is neither a safetensors nor a torch weights file") from None
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"weights file {path} cannot be read: {reason}") from None


def _read_torch(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except RuntimeError as error:
        if "TorchScript" not in str(error):
            raise
        content = dict(torch.jit.load(path, map_location="cpu").state_dict())  # OpenAI's archives
    if not isinstance(content, dict):
        raise WeightsError(
            f"weights file {path} holds a {type(content).__name__}, not a state dict"
        )
    return content


def unwrap(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict inside the usual wrappers, without the prefix that DistributedDataParallel adds."""
    content: Mapping[str, Any] = checkpoint
    for key in ("state_dict", "model_state", "model"):
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
