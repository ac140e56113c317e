"""The order of a family on the page: the best first, and the number that speaks for the others first."""

from __future__ import annotations

from dataclasses import replace

from ...protocols.family import family_of
from ..tables.grid import Group
from ..tables.rows import Row
from ..tables.shown import ShownFamily


def arranged(family: ShownFamily) -> ShownFamily:
    """The same cells, with the headline before the other columns and rows sorted by `lead_group`'s.

    Columns of several K stay in their order. Rows without the number come last, as the tables have them.
    """
    shots = family_of(family.id).columns == "shots"
    groups = tuple(group if shots else _headline_first(group) for group in family.groups)
    ordered = replace(family, groups=groups)
    if not groups:
        return ordered
    lead = groups[lead_group(ordered)]
    sign = 1 if any(c.lower for c in lead.columns if c.name == lead.headline) else -1

    def key(row: Row) -> tuple[bool, float]:
        cell = family.at(lead, lead.headline, row)
        return cell is None, sign * cell.entry.cell.value if cell else 0.0

    return replace(ordered, rows=tuple(sorted(family.rows, key=lambda item: key(item[0]))))


def lead_group(family: ShownFamily) -> int:
    """Place of the group that the page is sorted by: the first of those that most rows have a number of."""
    counts = [
        sum(family.at(group, group.headline, row) is not None for row, _ in family.rows)
        for group in family.groups
    ]
    return counts.index(max(counts))


def _headline_first(group: Group) -> Group:
    columns = sorted(group.columns, key=lambda column: column.name != group.headline)
    return replace(group, columns=tuple(columns))
