"""The named flags of commands as dotted config keys."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError

_ROOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*=")  # ID=DIR, or NAME=DIR of videos of one's own


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that have a value."""
    return {key: value for key, value in flags.items() if value not in (None, [])}


def is_named(word: str) -> bool:
    """Whether a word of --data is ID=DIR; a folder that is called so is a folder."""
    return bool(_ROOT.match(word)) and not os.path.lexists(word)


def check_words(words: Sequence[str]) -> None:
    """Refuse words of --data that name no folder.

    Raises:
        UserError: an empty word, or ID= without a folder.
    """
    for word in words:
        if not word.strip():
            raise UserError("--data is empty: give the folder of the videos, or ID=DIR")
        if is_named(word) and not word.partition("=")[2].strip():
            raise UserError(f"--data {word} names no folder: ID=DIR is wanted")


def own_folder(words: Sequence[str], name: str | None, any_name: bool = False) -> str | None:
    """The folder of one's own videos among words of --data: NAME=DIR of this name, or the DIR.

    Args:
        any_name: take a single NAME=DIR of another name too.
    """
    named = dict(word.split("=", 1) for word in words if is_named(word))
    alone = [word for word in words if not is_named(word)]
    if name in named:
        return named[name]
    if alone:
        return alone[0]
    return next(iter(named.values())) if any_name and len(named) == 1 else None


def data_flags(
    data: Sequence[str] | None,
    class_names: str | None = None,
    allow_unpinned: bool = False,
    trained_on: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The flags on data that were given, as dotted config keys.

    Raises:
        UserError: two folders without an id, or a word that names no folder.
    """
    check_words(data or ())
    named = [word for word in data or () if is_named(word)]
    alone = [word for word in data or () if word not in named]
    if len(alone) > 1:
        raise UserError(f"--data gives {' and '.join(alone)}: say which is what with --data ID=DIR")
    return given(
        {
            "data.root": alone[0] if alone else None,
            "data.roots": named,
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
