"""What importing a plugin must leave as it was: all runs of a process stand on it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any


class Surroundings:
    """The current folder and torch's defaults, as they are when this is made."""

    def __init__(self) -> None:
        self.folder, self.defaults = _folder(), _defaults()

    def changed(self) -> str | None:
        """What is another now, as a sentence goes on after "it"; it is put back. None: nothing."""
        found = None
        if _folder() != self.folder:
            found = "changes the current folder"
            with suppress(OSError):
                os.chdir(self.folder)
        for what, value in _defaults().items():
            before = self.defaults.get(what, _BEGINNING[what])
            if value != before:
                found = found or what
                _put(what, before)
        return found


_TYPE, _GRADIENTS, _DEVICE = (
    "changes torch's default type",
    "turns gradients off",
    "changes torch's default device",
)
_BEGINNING = {_TYPE: "float32", _GRADIENTS: True, _DEVICE: "cpu"}


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _defaults() -> dict[str, Any]:
    """Torch's defaults by what a change is in words; nothing while nobody has imported it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    return {
        _TYPE: str(torch.get_default_dtype()).removeprefix("torch."),
        _GRADIENTS: torch.is_grad_enabled(),
        _DEVICE: str(torch.get_default_device()),
    }


def _put(what: str, value: Any) -> None:
    torch: Any = sys.modules["torch"]
    if what == _TYPE:
        torch.set_default_dtype(getattr(torch, value))
    elif what == _GRADIENTS:
        torch.set_grad_enabled(value)
    else:
        torch.set_default_device(None if value == "cpu" else value)
