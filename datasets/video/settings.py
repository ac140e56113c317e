"""How a wrong setting of a transform is told."""

from __future__ import annotations


def require(right: object, name: str, value: object, what: str) -> None:
    """Raise ValueError naming the setting, unless it is right."""
    if not right:
        raise ValueError(f"{name} must be {what}, not {value!r}")
