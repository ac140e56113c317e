"""Settings with what they mean, as two columns of plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...datasets.value_words import written
from ..config.schema import leaves
from ..terminal import two_columns


def setting_lines(values: Mapping[str, Any]) -> list[str]:
    """Config values as dotted keys with what they mean."""
    fields = leaves()
    rows = []
    for key, value in _flat(values, fields).items():
        meaning = fields[key].description if key in fields else None
        rows.append((f"{key} = {written(value)}", meaning or ""))
    return two_columns(rows or [("none", "")], "    ")


def _flat(values: Mapping[str, Any], fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys; a key of the schema keeps its value whole, also where that is a mapping."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        whole = key in fields or not isinstance(value, Mapping)
        flat |= {key: value} if whole else _flat(value, fields, f"{key}.")
    return flat
