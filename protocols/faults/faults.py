"""The known faults of published lists and evaluations, and those that touch a protocol.

They stand in this folder, one file a kind, `<kind>.yaml`: a list of entries with the keys of `Fault`,
without `kind`. Under `protocols` the id of a family stands for its patterns (`PATTERNS`).

scripts/write_faults.py makes the page docs/protocols/faults.md of this; the numbers in it are counted
anew in tests/protocols/faults/test_fault_lists.py and test_fault_counts.py.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from .fault import KINDS, PATTERNS, Fault, Kind

if TYPE_CHECKING:
    FAULTS: tuple[Fault, ...]

__all__ = ["FAULTS", "KINDS", "Fault", "Kind", "faults_of", "parse_faults"]

_KEYS = tuple(field.name for field in fields(Fault) if field.name != "kind")
# in C where libyaml is there: ten times as fast
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def faults_of(protocol_id: str) -> tuple[Fault, ...]:
    """The faults that touch published results of a protocol, in the order of the page.

    None for protocols that no paper has, such as those of the embedded world, and for unknown ids.
    """
    return tuple(
        fault
        for fault in all_faults()
        if any(fnmatch.fnmatchcase(protocol_id, pattern) for pattern in fault.protocols)
    )


@cache
def all_faults() -> tuple[Fault, ...]:
    """Every fault, in the order of the page; `FAULTS` is the same.

    Raises:
        ValueError: as `parse_faults`.
    """
    folder = resources.files(__package__)
    texts = {kind: folder.joinpath(f"{kind}.yaml").read_text("utf-8") for kind in KINDS}
    return parse_faults(texts)


def parse_faults(texts: dict[Kind, str]) -> tuple[Fault, ...]:
    """The faults of some files.

    Args:
        texts: kind -> content of `<kind>.yaml`.

    Raises:
        ValueError: no YAML, no list, a key that no fault has or that lacks, a value that is no text, or an
            id that is there twice; one sentence with file and fault.
    """
    found: dict[str, Fault] = {}
    for kind, text in texts.items():
        for number, entry in enumerate(_entries(text, f"{kind}.yaml"), 1):
            fault = _fault(entry, kind, f"{kind}.yaml, fault {number}")
            if fault.id in found:
                other = found[fault.id].kind
                place = f"{kind}.yaml" + (f" and in {other}.yaml" if other != kind else "")
                raise ValueError(f"{place}: the fault {fault.id!r} is there twice")
            found[fault.id] = fault
    return tuple(found.values())


def __getattr__(name: str) -> Any:
    if name == "FAULTS":  # read when they are asked for
        return all_faults()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _entries(text: str, file: str) -> list[Any]:
    try:
        content = yaml.load(text, _LOADER)
    except yaml.YAMLError as error:
        raise ValueError(f"{file}: no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, list):
        raise ValueError(f"{file}: a list of faults is wanted")
    return content


def _fault(entry: Any, kind: Kind, place: str) -> Fault:
    if not isinstance(entry, dict):
        raise ValueError(f"{place}: the keys {', '.join(_KEYS)} are wanted")
    where = f"{place} ({entry['id']})" if isinstance(entry.get("id"), str) else place
    for key in entry:
        if key not in _KEYS:
            raise ValueError(f"{where}: there is no key {key!r}; a fault has {', '.join(_KEYS)}")
    for key in _KEYS:
        if key not in entry:
            raise ValueError(f"{where}: {key} is missing")
    patterns = entry.pop("protocols")
    for key, value in entry.items():
        if not isinstance(value, str) or not value:
            raise ValueError(f"{where}: {key} is no text")
    if not isinstance(patterns, list) or not all(isinstance(x, str) for x in patterns):
        raise ValueError(f"{where}: protocols is no list of patterns")
    return Fault(**entry, kind=kind, protocols=tuple(_spread(patterns)))


def _spread(patterns: Iterable[str]) -> Iterable[str]:
    """The patterns, with those of a family in place of its id."""
    for pattern in patterns:
        yield from PATTERNS.get(pattern, (pattern,))
