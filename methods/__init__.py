"""The interface of a method, the CLIP backbone, and one file per method with its card beside it.

`BUILTIN` names what ships with the package without importing it: id -> "module:Class". It is read from the
cards, `<module>.yaml` in this folder, which also hold summary, paper, options and recipes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Batch, Method, Stage
    from .build import build_method

    BUILTIN: dict[str, str]

ENTRY_POINTS = "vclipbench.methods"

__all__ = ["BUILTIN", "ENTRY_POINTS", "Batch", "Method", "Stage", "build_method"]


def __getattr__(name: str) -> Any:
    if name == "BUILTIN":
        from .card_files import builtin

        return builtin()
    if name in ("Batch", "Method", "Stage", "METHODS"):
        from . import base

        return getattr(base, name)
    if name == "build_method":
        from .build import build_method

        return build_method
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
