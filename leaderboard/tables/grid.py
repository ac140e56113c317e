"""Which records may be compared: rows, columns of one protocol digest, and what is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...protocols.family import FAMILIES, family_of
from ..record.record import Record
from .cells import Cell, Column, columns, fill, longest_splits
from .rows import Row, assign_rows


@dataclass(frozen=True)
class Group:
    """Records that may share columns."""

    protocol: str
    variant: str
    """Empty where the K of few-shot are columns of one group."""
    digest: str
    heading: str
    columns: tuple[Column, ...]
    run_ids: frozenset[str]
    splits: tuple[str, ...]
    """Of the protocol, in order."""
    headline: str
    """Name of the column of the primary metric; of several K, the largest."""


@dataclass(frozen=True)
class Entry:
    """One filled cell and where it stands."""

    family: str
    group: Group
    row: Row
    column: Column
    cell: Cell


@dataclass(frozen=True)
class FamilyTable:
    """One table: its rows with their records, and its groups of columns."""

    name: str
    rows: tuple[tuple[Row, tuple[Record, ...]], ...]
    groups: tuple[Group, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Grid:
    """All tables."""

    families: tuple[FamilyTable, ...]
    used: tuple[Record, ...]
    """Sorted by run_id."""
    left_out: tuple[str, ...]
    """One line per record that is in no table, with the reason."""

    @property
    def entries(self) -> list[Entry]:
        """Of all families, in reading order."""
        return [entry for family in self.families for entry in family.entries]


def make_grid(records: Iterable[Record]) -> Grid:
    """Sort records into tables; only finished, unlimited ones that are no probe get in."""
    ordered = sorted(records, key=lambda r: (r.run_id, r.model_dump_json()))
    used, left_out = _select(ordered)
    known = {record.run_id: record for record in ordered}
    parts: dict[str, list[Record]] = defaultdict(list)
    for record in used:
        parts[record.identity.protocol.family].append(record)
    order = [f for f in FAMILIES if f in parts] + sorted(set(parts) - set(FAMILIES))
    families = tuple(_family(name, parts[name], known) for name in order)
    return Grid(families, tuple(used), tuple(left_out))


def _family(name: str, records: list[Record], known: dict[str, Record]) -> FamilyTable:
    rows, groups = _rows(name, records, known), _groups(name, records)
    entries = tuple(
        Entry(name, group, row, column, cell)
        for row, members in rows
        for group in groups
        for column in group.columns
        if (cell := fill(column, [r for r in members if r.run_id in group.run_ids])) is not None
    )
    return FamilyTable(name, tuple((row, tuple(r)) for row, r in rows), tuple(groups), entries)


def _select(records: list[Record]) -> tuple[list[Record], list[str]]:
    """The records fit for a table, and a line for each of the others."""
    used: dict[str, Record] = {}
    left_out = []
    for record in records:
        if record.status != "done":
            reason = f"status {record.status}"
        elif record.limited:
            reason = "limited to a part of the data"
        elif record.identity.eval.probe:
            reason = f"a probe ({record.identity.eval.probe})"
        elif record.run_id in used:
            reason = "a second record of this run"
        else:
            used[record.run_id] = record
            continue
        identity = record.identity
        what = f"{identity.method.name}, {identity.protocol.id}, {record.variant}"
        left_out.append(f"{record.run_id} ({what}): {reason}")
    return list(used.values()), left_out


def _rows(
    family: str, records: list[Record], known: dict[str, Record]
) -> list[tuple[Row, list[Record]]]:
    """The rows of a family. Where runs choose the tie rule, each holds one, and says it if there are two.

    `assign_rows` tells apart what would share a cell; a row could still hold one rule for one
    protocol and another for the next, and a column another rule in each row.
    """
    rules = sorted({record.identity.eval.tie_rule for record in records})
    if not family_of(family).ties or len(rules) < 2:
        return assign_rows(records, known)
    rows = []
    for rule in rules:
        of_rule = [record for record in records if record.identity.eval.tie_rule == rule]
        for row, members in assign_rows(of_rule, known):
            rows.append((replace(row, method=f"{row.method} (ties: {rule})"), members))
    return sorted(rows, key=lambda item: item[0].order)


def _groups(family: str, records: list[Record]) -> list[Group]:
    parts: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    together = family_of(family).columns == "shots"
    for record in records:
        protocol = record.identity.protocol
        variant = "" if together or protocol.variant == "main" else protocol.variant
        parts[protocol.id, variant, protocol.digest].append(record)
    groups = []
    for (protocol_id, variant, digest), members in sorted(parts.items(), key=lambda p: p[0]):
        several = len({key[2] for key in parts if key[0] == protocol_id}) > 1
        words = [protocol_id, variant, f"@{digest[:6]}" if several else ""]
        heading = " ".join(word for word in words if word)
        run_ids = frozenset(record.run_id for record in members)
        shown, splits = columns(family, members), longest_splits(members)
        groups.append(
            Group(
                protocol_id,
                variant,
                digest,
                heading,
                shown,
                run_ids,
                splits,
                _headline(shown, members),
            )
        )
    return groups


def _headline(columns: tuple[Column, ...], records: list[Record]) -> str:
    names = [
        column.name
        for column in columns
        if any(
            column.takes(r)
            and (metric := r.primary_metric())
            and column.interval_metric(r) is metric
            for r in records
        )
    ]
    return names[-1] if names else columns[-1].name if columns else ""
