"""What users call their own videos: records hold no folders, and a digest says nothing to a reader."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..record.record import Record

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def own_name(records: Iterable[Record]) -> str:
    """What users call their videos (data.name); several names of one folder as cats+pets; or nothing."""
    names = set()
    for record in records:
        data = record.command.config_resolved.get("data")
        name = data.get("name") if isinstance(data, dict) else None
        if isinstance(name, str) and _NAME.fullmatch(name):
            names.add(name)
    return "+".join(sorted(names))
