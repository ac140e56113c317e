"""Which records may be compared: rows, columns of one protocol digest, and what is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ...protocols.family import FAMILIES, family_of
from ..record.record import Record
from .cells import Cell, Column, columns, fill, longest_splits
from .own import own_name
from .rows import Row, assign_rows

CellKey = tuple[str, str, Row]
"""Heading of the group, name of the column, row: what says which cell of a family it is."""


@dataclass(frozen=True)
class Group:
    """Records that may share columns.

    Attributes:
        variant: empty where the K of few-shot are columns of one group.
        several: whether the heading names the digest: the protocol has groups of other digests, and no
            name of the videos tells this one from them.
        name: what users call their own videos; empty for all other protocols.
        splits: of the protocol, in order.
        headline: name of the column of the primary metric; of several K, the largest.
    """

    protocol: str
    variant: str
    digest: str
    several: bool
    columns: tuple[Column, ...]
    run_ids: frozenset[str]
    splits: tuple[str, ...]
    headline: str
    name: str = ""

    @property
    def heading(self) -> str:
        """Protocol, name, variant and six digits of the digest, as far as they have to be said."""
        code = f"@{self.digest[:6]}" if self.several else ""
        words = (self.protocol, self.name, self.variant, code)
        return " ".join(word for word in words if word)

    def variant_of(self, column: Column) -> str:
        """The variant of the records in a column: main, k16, or a protocol's own."""
        return column.variant or self.variant or "main"


@dataclass(frozen=True)
class GridEntry:
    """One filled cell and where it stands."""

    family: str
    group: Group
    row: Row
    column: Column
    cell: Cell

    @property
    def key(self) -> CellKey:
        """Which cell of its family it is."""
        return self.group.heading, self.column.name, self.row


RowRecords = tuple[Row, tuple[Record, ...]]


@dataclass(frozen=True)
class FamilyTable:
    """One table: its rows with their records, and its groups of columns."""

    name: str
    rows: tuple[RowRecords, ...]
    groups: tuple[Group, ...]
    entries: tuple[GridEntry, ...]


@dataclass(frozen=True)
class Grid:
    """All tables."""

    families: tuple[FamilyTable, ...]
    used: tuple[Record, ...]
    """Sorted by run_id."""
    left_out: tuple[str, ...]
    """One line per record that is in no table, with the reason."""

    @property
    def entries(self) -> list[GridEntry]:
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
        GridEntry(name, group, row, column, cell)
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
            rows.append((replace(row, note=f"ties: {rule}"), members))
    return sorted(rows, key=lambda item: item[0].order)


def _groups(family: str, records: list[Record]) -> list[Group]:
    parts: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    together = family_of(family).columns == "shots"
    for record in records:
        protocol = record.identity.protocol
        variant = "" if together or protocol.variant == "main" else protocol.variant
        parts[protocol.id, variant, protocol.digest].append(record)
    return [_group(family, key, parts) for key in sorted(parts)]


def _group(
    family: str, key: tuple[str, str, str], parts: Mapping[tuple[str, str, str], list[Record]]
) -> Group:
    members, shown = parts[key], columns(family, parts[key])
    others = {k[2]: own_name(parts[k]) for k in parts if k[0] == key[0]}
    name = others.pop(key[2])
    return Group(
        *key,
        several=bool(others) and (not name or name in others.values()),
        name=name,
        columns=shown,
        run_ids=frozenset(record.run_id for record in members),
        splits=longest_splits(members),
        headline=_headline(shown, members),
    )


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
