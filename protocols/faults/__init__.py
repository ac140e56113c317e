"""Known faults of published lists, texts, captions and evaluations; read when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import FAULTS, KINDS, Fault, Kind, faults_of

__all__ = ["FAULTS", "KINDS", "Fault", "Kind", "faults_of"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import faults

        return getattr(faults, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
