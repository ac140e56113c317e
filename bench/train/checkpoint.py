"""Starting weights from a checkpoint: a published one, or a training of ours."""

from __future__ import annotations

import hashlib
from typing import Any

from safetensors import safe_open

from ...methods.base import Method
from ...methods.checkpoint import LoadReport, WeightsError, read_weights
from ...methods.layouts import explain_mismatch
from ...protocols.family import TARGETS
from .trainings import load_learned


def load_checkpoint(method: Method, name: str, path: str) -> tuple[dict[str, Any], LoadReport]:
    """Load a published or own checkpoint.

    Args:
        method: with the backbone's weights. name: its id.

    Returns:
        The record's `init` block, and the report; its missing keys name what is not in the file.

    Raises:
        WeightsError: the file cannot be read, or belongs to another method or backbone.
    """
    content = read_weights(path)
    with open(path, "rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    own = is_learned(content, method)
    try:
        if own:
            _check_maker(method, name, path)
            load_learned(method, content, "it")
            report = LoadReport(missing_keys=[k for k in _trainable(method) if k not in content])
        else:
            report = method.load_published(content)
    except (NotImplementedError, WeightsError) as error:
        known = None if own else explain_mismatch(content, name, method.state_dict())
        raise WeightsError(f"checkpoint {path}: {known or error}") from None
    layout = "vclipbench" if own else "published"
    return {"url": None, "sha256": sha, "layout": layout, "run_id": None}, report


def _trainable(method: Method) -> list[str]:
    """Names of everything that some stage trains, whatever videos are scored against."""
    return sorted({n for t in TARGETS for s in method.stages(t) for n in s.names(method)})


def _check_maker(method: Method, name: str, path: str) -> None:
    """Refuse a training of another method, unless one of this method's stages repeats that one."""
    if not path.endswith(".safetensors"):
        return
    with safe_open(path, "pt") as file:
        maker = (file.metadata() or {}).get("method")
    allowed = {name, *(s.same_as for t in TARGETS for s in method.stages(t))}
    if maker is not None and maker not in allowed:
        raise WeightsError(f"it is a training of the method {maker}, not of {name}")


def is_learned(state: dict[str, Any], method: Method) -> bool:
    """Whether a checkpoint is one of ours: every key is a parameter of the method."""
    own = method.state_dict()
    return bool(state) and all(key in own for key in state)
