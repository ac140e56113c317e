"""The cards of the methods that ship with the package: files of YAML, read without the methods' code.

A file lies beside the module that it is of, `<module>.yaml`, and holds an entry for each method under
`methods:`. Two keys of an entry are about the list of methods and no part of the card: `class`, the class
in the module, and `order`, its place among all; methods without one come last, by their ids.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml

# in C where libyaml is there: ten times as fast
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OF_THE_LIST = ("class", "order")


@cache
def entries(text: str) -> dict[str, dict[str, Any]]:
    """Id -> entry of a file, in its order."""
    found: dict[str, dict[str, Any]] = yaml.load(text, _LOADER)["methods"]
    return found


def card_fields(entry: dict[str, Any]) -> dict[str, Any]:
    """What of an entry is the card."""
    return {key: value for key, value in entry.items() if key not in _OF_THE_LIST}


@cache
def builtin() -> dict[str, str]:
    """Id -> "module:Class" of every method in this folder, in the order of `bench list methods`.

    Raises:
        ValueError: an id that two files have.
    """
    found: dict[str, tuple[float, str]] = {}
    for file in resources.files(__package__).iterdir():
        if not file.name.endswith(".yaml"):
            continue
        module = f"{__package__}.{file.name.removesuffix('.yaml')}"
        for id, entry in entries(file.read_text("utf-8")).items():
            if id in found:
                raise ValueError(f"{file.name}: the method {id!r} has a card in another file too")
            found[id] = entry.get("order", float("inf")), f"{module}:{entry['class']}"
    ordered = sorted(found.items(), key=lambda item: (item[1][0], item[0]))
    return {id: target for id, (_, target) in ordered}
