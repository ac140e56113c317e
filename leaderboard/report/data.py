"""What the page is made of: families with rows, columns and cells, from a table and its records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...protocols.family import family_of
from ..record.store import Run
from .costs import costs_of, machines

if TYPE_CHECKING:
    from ..tables.tables import Table

CHANCE = "chance"  # how the method of a computed row is named


@dataclass
class Family:
    """One tab of the page.

    Attributes:
        rows, groups, columns, cells: JSON-ready; columns and cells name rows, groups and columns by
            their places in these lists.
        members: the runs of each row.
    """

    id: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    cells: list[dict[str, Any]] = field(default_factory=list)
    members: list[list[Run]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The family in words."""
        return family_of(self.id).title

    @property
    def has_best(self) -> bool:
        """Whether the table says which values are best."""
        return any(cell["best"] or cell["rank"][0] is not None for cell in self.cells)

    @property
    def backbone(self) -> str:
        """The backbone of all rows; empty where there are several, which the rows then say."""
        rows = zip(self.rows, self.members, strict=True)
        names = {row["backbone"] for row, runs in rows if runs}
        return str(names.pop()) if len(names) == 1 else ""

    @property
    def machines(self) -> list[str]:
        """What the runs were measured on."""
        return machines([run.record for runs in self.members for run in runs])

    def cell(self, row: int, column: int) -> dict[str, Any] | None:
        """The cell of a row and column, None where there is none."""
        return self._places.get((row, column))

    @cached_property
    def _places(self) -> dict[tuple[int, int], dict[str, Any]]:
        return {(cell["row"], cell["column"]): cell for cell in self.cells}


def families_of(table: Table, runs: Sequence[Run]) -> list[Family]:
    """The families of the table in its order, each with its rows, columns and cells."""
    known = {run.record.run_id: run for run in runs}
    families: dict[str, Family] = {}
    for id, frame in table.frames.items():
        families[id] = Family(id)
        # rows that have no cell, such as plain CLIP before it was run, stand in the frames only
        for head in frame.to_dict("records"):
            _row(families[id], {str(key): value for key, value in head.items()})
    for values in table.long.to_dict("records"):
        line = {str(key): _plain(value) for key, value in values.items()}
        family = families.setdefault(line["family"], Family(line["family"]))
        _add(family, line, known)
    for family in families.values():
        _finish(family)
    return list(families.values())


def run_payload(run: Run) -> dict[str, Any]:
    """The record as JSON without what the page shows elsewhere, and what its list of runs says."""
    record = run.record.model_dump(mode="json")
    record.pop("per_class")
    return record


def _plain(value: Any) -> Any:
    """A value of a data frame for JSON: numbers of Python, and None for all that is missing."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool)) else None


def _add(family: Family, line: dict[str, Any], known: Mapping[str, Run]) -> None:
    runs = [known[id] for id in str(line["run_ids"] or "").split() if id in known]
    row = _row(family, line)
    column = _column(family, line, runs)
    members = {run.record.run_id: run for run in (*family.members[row], *runs)}
    family.members[row] = list(members.values())
    records = [run.record for run in runs]
    family.cells.append(
        {
            "row": row,
            "column": column,
            "value": line["value"],
            "low": line["ci_low"],
            "high": line["ci_high"],
            "how": line["ci_method"],
            "level": line["ci_level"],
            "seeds": line["n_seeds"],
            "pair": [float(v) for v in line["values"].split()] if line["n_seeds"] == 2 else [],
            "std": line["std_over_splits"],
            "marks": line["marks"] or "",
            "rank": [line.get("rank_low"), line.get("rank_high")],
            "best": line.get("best") or "",
            "reported": line.get("reported"),
            "source": line.get("reported_source"),
            "difference": line.get("difference"),
            "verdict": line.get("verdict"),
            "cost": costs_of(records),
            "runs": [record.run_id for record in records],
        }
    )


def _row(family: Family, line: dict[str, Any]) -> int:
    head = {key: line.get(key) or "" for key in ("method", "backbone", "checkpoint")}
    if head not in family.rows:
        family.rows.append(head)
        family.members.append([])
    return family.rows.index(head)


def _column(family: Family, line: dict[str, Any], runs: Sequence[Run]) -> int:
    whole = family_of(family.id).columns == "shots" or line["variant"] == "main"
    group = {
        "protocol": line["protocol"],
        "variant": "" if whole else line["variant"],
        "digest": line["digest"],
    }
    if group not in family.groups:
        family.groups.append(group)
    column = {
        "group": family.groups.index(group),
        "name": line["column"],
        "variant": line["variant"],
        "unit": line["unit"] or "",
    }
    same = [c for c in family.columns if {key: c[key] for key in column} == column]
    if not same:
        column |= {"lower": _lower(line, runs), "chance": None}
        family.columns.append(column)
    return family.columns.index(same[0] if same else column)


def _lower(line: dict[str, Any], runs: Sequence[Run]) -> bool:
    """Whether a lower number is better: as the metrics of this unit say in the records."""
    metrics = [m for run in runs[:1] for m in run.record.metrics if m.unit == line["unit"]]
    return bool(metrics) and not any(metric.higher_is_better for metric in metrics)


def _finish(family: Family) -> None:
    """Headings, the usual column of each group, and what each row takes."""
    twice = {g["protocol"] for g in family.groups if _twice(family, g)}
    for number, group in enumerate(family.groups):
        digest = f"@{group['digest'][:6]}" if group["protocol"] in twice else ""
        words = [group["protocol"], group["variant"], digest]
        group["heading"] = " ".join(word for word in words if word)
        own = [i for i, c in enumerate(family.columns) if c["group"] == number]
        group["columns"], group["main"] = own, _main(family, own)
    for row, runs in zip(family.rows, family.members, strict=True):
        backbone = row["backbone"] if runs and not family.backbone else ""
        words = [row["method"], backbone, row["checkpoint"]]
        row["name"] = " · ".join(word for word in words if word)
        row["detail"] = " · ".join(word for word in (*words[1:], _absent(row, runs)) if word)
        row["cost"] = costs_of([run.record for run in runs])
        row["runs"] = sorted(run.record.run_id for run in runs)
    for cell in family.cells:
        if not cell["runs"] and family.rows[cell["row"]]["method"].startswith(CHANCE):
            family.columns[cell["column"]]["chance"] = cell["value"]


def _absent(row: dict[str, Any], runs: Sequence[Run]) -> str:
    """What stands in place of a backbone in a row without runs."""
    return "" if runs else str(row["backbone"])


def _twice(family: Family, group: dict[str, Any]) -> bool:
    key = group["protocol"], group["variant"]
    return sum((g["protocol"], g["variant"]) == key for g in family.groups) > 1


def _main(family: Family, columns: list[int]) -> int:
    """The column that speaks for its group: HM, a mean, t2v R@1, the last of few-shot, the first."""
    names = {family.columns[c]["name"]: c for c in columns}
    for wanted in ("HM", "mean", "t2v R@1"):
        for name, place in names.items():
            if name == wanted or name.startswith(f"{wanted} ") or name.endswith(f" {wanted}"):
                return place
    return columns[-1] if family_of(family.id).columns == "shots" else columns[0]
