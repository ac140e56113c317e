"""`build_method`: from a name and a backbone to a module."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from . import BUILTIN, ENTRY_POINTS
from .backbone import build_backbone
from .base import METHODS, Method
from .card import Card


def method_class(name: str) -> type[Method]:
    """The class registered as `name`: built in, from an entry point, or already imported.

    Raises:
        KeyError: with the nearest match, if there is none.
    """
    if name in BUILTIN:
        module, _, attribute = BUILTIN[name].partition(":")
        builtin: type[Method] = getattr(importlib.import_module(module), attribute)
        return builtin
    known = METHODS.module_dict  # not METHODS.get, which would also import a module of that name
    if name not in known:
        for entry in entry_points(group=ENTRY_POINTS, name=name):
            entry.load()
    if name not in known:
        close = difflib.get_close_matches(name, [*BUILTIN, *known], 1, 0.4)
        raise KeyError(
            f"unknown method {name!r}" + (f"; did you mean {close[0]!r}?" if close else "")
        )
    registered: type[Method] = known[name]
    return registered


def build_method(
    name: str,
    backbone: str | Mapping[str, Any] | None = None,
    pretrained: str | Path | Mapping[str, Any] | None = None,
    **options: Any,
) -> Method:
    """Build a method on a backbone, in evaluation mode, in float32, on the CPU.

    Args:
        name: id of the method, e.g. "vifi".
        backbone, pretrained: see `build_backbone`; methods without a CLIP take None.
        options: the method's own options; unknown ones are refused.

    Raises:
        KeyError: unknown method. TypeError: unknown option. WeightsError: see `build_backbone`.
    """
    cls = method_class(name)
    known = Card.of(cls).options
    for key in options:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1, 0.4)
            hint = (
                f"; did you mean {close[0]!r}?" if close else f"; it has {sorted(known) or 'none'}"
            )
            raise TypeError(f"method {name!r} has no option {key!r}{hint}")
    built = None if backbone is None else build_backbone(backbone, pretrained)
    values = {key: option.default for key, option in known.items()} | options
    return cls(built, **values).eval()
