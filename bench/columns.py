"""Plain text for the terminal: two columns, and settings with what they mean."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

Rows = list[tuple[str, str]]


def setting_lines(values: Mapping[str, Any]) -> list[str]:
    """Config values as dotted keys with what they mean."""
    from .config import shown
    from .schema import leaves

    fields = leaves()
    rows = []
    for key, value in _flat(values, fields).items():
        meaning = fields[key].description if key in fields else None
        rows.append((f"{key} = {shown(value)}", meaning or ""))
    return two_columns(rows or [("none", "")], "    ")


def two_columns(rows: Rows, indent: str = "") -> list[str]:
    """Two columns; long texts go on below themselves."""
    width = min(38, max((len(name) for name, _ in rows), default=0))
    below = " " * (len(indent) + width + 2)
    lines = []
    for name, text in rows:
        start = f"{indent}{name:<{width}}  "
        if len(name) > width:
            lines.append(start.rstrip())
            start = below
        wrapped = textwrap.wrap(
            text,
            100,
            initial_indent=start,
            subsequent_indent=below,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += wrapped or [start.rstrip()]
    return lines


def _flat(values: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys; a key that is `known` keeps its value whole, also where that is a mapping."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        whole = key in known or not isinstance(value, Mapping)
        flat |= {key: value} if whole else _flat(value, known, f"{key}.")
    return flat
