"""The named flags of commands as dotted config keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError

_ROOT = re.compile(r"[a-z0-9-]+=.")  # ID=DIR


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that have a value."""
    return {key: value for key, value in flags.items() if value not in (None, [])}


def data_flags(
    data: Sequence[str] | None,
    class_names: str | None = None,
    allow_unpinned: bool = False,
    trained_on: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The flags on data that were given, as dotted config keys.

    Raises:
        UserError: two folders without an id.
    """
    alone = [word for word in data or () if not _ROOT.match(word)]
    if len(alone) > 1:
        raise UserError(f"--data gives {' and '.join(alone)}: say which is what with --data ID=DIR")
    return given(
        {
            "data.root": alone[0] if alone else None,
            "data.roots": [word for word in data or () if _ROOT.match(word)],
            "data.class_names": class_names,
            "data.allow_unpinned": allow_unpinned or None,
            "data.trained_on": trained_on,
        }
    )


def weight_flags(
    backbone: str | None, pretrained: str | None, checkpoint: Path | None
) -> dict[str, Any]:
    """The flags on weights that were given, as dotted config keys."""
    if backbone == "shapes-tiny" and pretrained is None:
        pretrained = "shapes-tiny"  # the name stands for the weights
    return given(
        {
            "backbone.name": backbone,
            "backbone.pretrained": pretrained,
            "checkpoint": str(checkpoint) if checkpoint else None,
        }
    )
