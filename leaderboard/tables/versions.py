"""Runs of one protocol that do not compare: what differs between them, and what would make them compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from ..record.record import Record
from .grid import Grid
from .own import own_name

RECIPE = "method recipe"  # prompts that a recipe brings belong to the method, not to the protocol
_LONGEST = 60  # characters of a value


def version_lines(grid: Grid) -> list[str]:
    """A sentence for each protocol whose runs do not all mean the same lists, names, prompts and views."""
    by_id = {record.run_id: record for record in grid.used}
    digests: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for family in grid.families:
        for group in family.groups:
            digests[group.protocol][group.digest] += [by_id[run] for run in sorted(group.run_ids)]
    lines = []
    for id, parts in sorted(digests.items()):
        of_name: dict[str, list[list[Record]]] = defaultdict(list)
        named = all(map(own_name, parts.values()))  # then other videos are meant to be other ones
        for digest in sorted(parts):
            of_name[own_name(parts[digest]) if named else ""].append(parts[digest])
        lines += [_line(id, some) for _, some in sorted(of_name.items()) if len(some) > 1]
    return lines


def _line(protocol: str, parts: Sequence[Sequence[Record]]) -> str:
    names = ", ".join(f"{_what(part)} ({len(part)} run{'s'[: len(part) > 1]})" for part in parts)
    differences, remedies = _differences(parts)
    what = "; ".join(differences) or "other lists, or another version of the protocol"
    return (
        f"{protocol} has runs of {len(parts)} digests, {names}, in columns of their own, as they do not "
        f"compare: {what}" + (f"; to compare: {'; '.join(remedies)}" if remedies else "")
    )


def _what(part: Sequence[Record]) -> str:
    name = own_name(part)
    return part[0].identity.protocol.digest[:6] + (f" {name}" if name else "")


def _differences(parts: Sequence[Sequence[Record]]) -> tuple[list[str], list[str]]:
    """What differs, in the order of the digests, and what to type."""
    differences, remedies = [], []
    for title, remedy, value in _ASPECTS:
        values = [value(part[0]) for part in parts]
        if len(set(values)) > 1 and all(values):
            differences.append(f"{title} {' / '.join(dict.fromkeys(map(_cut, values)))}")
            remedies += [remedy.format(min(values))] if remedy else []
    lists = _lists(parts)
    if lists:
        differences.append(lists)
        remedies += _naming(parts)
    return differences, remedies


def _lists(parts: Sequence[Sequence[Record]]) -> str:
    """What differs between the lists: class names, which videos, or what is in their files."""
    firsts = [part[0] for part in parts]
    if len({_each(r, lambda d: d.classes) for r in firsts}) > 1:
        numbers = [str(sum(len(d.classes) for d in r.data.values())) for r in firsts]
        return f"other classes ({' / '.join(numbers)})"
    if len({_each(r, lambda d: d.manifest_digest) for r in firsts}) == 1:
        return ""
    numbers = [f"{sum(d.n_expected for d in r.data.values()):,}" for r in firsts]
    whole = all(d.n_scored == d.n_expected for r in firsts for d in r.data.values())
    if whole and len({_each(r, lambda d: d.ids_digest) for r in firsts}) == 1:
        return "other files under the same names (bench runs diff A B names them)"
    return f"other videos ({' / '.join(numbers)})"


def _naming(parts: Sequence[Sequence[Record]]) -> list[str]:
    """How one's own folders are told apart, where they have no names."""
    own = all(
        "root" in _data(record) and _data(record)["root"] for part in parts for record in part
    )
    if own and not all(own_name(part) for part in parts):
        return ["one folder for all runs, or a name for each with --data NAME=DIR"]
    return []


def _each(record: Record, value: Callable[[Any], Any]) -> str:
    return repr([value(record.data[name]) for name in sorted(record.data)])


def _data(record: Record) -> dict[str, Any]:
    data = record.command.config_resolved.get("data")
    return data if isinstance(data, dict) else {}


def _prompts(record: Record) -> str:
    if record.command.config_sources.get("prompts") == RECIPE:
        return "the protocol's"  # whatever the method makes of them
    return ", ".join(record.identity.protocol.templates)


def _merge(record: Record) -> str:
    views = record.identity.protocol.views
    return views.merge.removeprefix("mean-") if views.clips * views.crops > 1 else ""


def _cut(value: str) -> str:
    shown = value or "none"
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


_ASPECTS: tuple[tuple[str, str, Callable[[Record], str]], ...] = (
    ("views.clips", "--set views.clips={} for all", lambda r: str(r.identity.protocol.views.clips)),
    ("views.crops", "--set views.crops={} for all", lambda r: str(r.identity.protocol.views.crops)),
    ("views.merge", "", _merge),
    ("prompts", "the same --prompt for all", _prompts),
    ("version", "", lambda r: r.identity.protocol.version),
)
