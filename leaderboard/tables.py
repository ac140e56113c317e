"""The leaderboard: a pure function of records. Same records, same bytes.

A column holds records of one protocol digest only; a cell shows where its interval comes from;
whatever is left out or marked is explained in the footer.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .cells import MARKS, Cell, Column, columns, fill
from .record import Record
from .rows import Row, assign_rows

if TYPE_CHECKING:
    from pandas import DataFrame

FAMILIES = ("zs", "b2n", "fs", "full", "ret", "ml")  # order of the tables; plugins' own follow

# of items that share the score of a query's own; a rule that is not here is only named
TIES = {
    "pessimistic": "the own item ranks behind all that share its score",
    "expected": "the mean over all orders of the items that share the own item's score",
    "reference": "as published code counts, a query enters once for each item that shares its own "
    "item's score; where videos have several captions, once, ranked behind all of them",
}


@dataclass(frozen=True)
class Table:
    """What `leaderboard_table` returns; its frames are made for reading, `long` for computing."""

    frames: dict[str, DataFrame]
    """Protocol family -> one line per row, one column per protocol digest and number, as text."""
    long: DataFrame
    """One line per row, protocol digest and number, unrounded."""
    footer: list[str]
    """What the numbers, intervals and marks mean, which records were used, what was left out."""
    left_out: list[str]
    """One line per record that is not in the table, with the reason."""


@dataclass(frozen=True)
class _Group:
    """Records that may share columns."""

    protocol: str
    variant: str  # empty where the K of few-shot are columns of one group
    digest: str
    heading: str
    columns: tuple[Column, ...]
    run_ids: frozenset[str]


@dataclass(frozen=True)
class _Entry:
    family: str
    group: _Group
    row: Row
    column: Column
    cell: Cell


def leaderboard_table(records: Iterable[Record]) -> Table:
    """The table of all finished, unlimited records, one frame per protocol family.

    A row is a method, backbone and checkpoint; a cell averages over seeds. A cell whose parts are
    not all there is empty.
    """
    ordered = sorted(records, key=lambda r: (r.run_id, r.model_dump_json()))
    used, left_out = _select(ordered)
    known = {record.run_id: record for record in ordered}
    families: dict[str, list[Record]] = defaultdict(list)
    for record in used:
        families[record.identity.protocol.family].append(record)
    order = [f for f in FAMILIES if f in families] + sorted(set(families) - set(FAMILIES))
    frames: dict[str, DataFrame] = {}
    entries: list[_Entry] = []
    for family in order:
        rows = _rows(family, families[family], known)
        groups = _groups(family, families[family])
        new = [
            _Entry(family, group, row, column, cell)
            for row, members in rows
            for group in groups
            for column in group.columns
            if (cell := fill(column, [r for r in members if r.run_id in group.run_ids])) is not None
        ]
        frames[family] = _frame([row for row, _ in rows], groups, new)
        entries += new
    return Table(frames, _long(entries), _footer(used, entries, left_out), left_out)


def to_markdown(table: Table) -> str:
    """One Markdown table per family, then the footer as a list."""
    lines: list[str] = []
    for family, frame in table.frames.items():
        lines += [f"### {family}", "", _line(frame.columns), "|" + "---|" * len(frame.columns)]
        lines += [_line(row) for row in frame.itertuples(index=False, name=None)]
        lines.append("")
    lines += [f"- {line}" for line in table.footer]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """`table.long` as CSV: floats in full, missing values empty, run_ids separated by spaces."""
    return str(table.long.to_csv(index=False, lineterminator="\n"))


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
    """The rows of a family. Of retrieval, each holds one tie rule, and says which if there are two.

    `assign_rows` tells apart what would share a cell; a row could still hold one rule for one
    protocol and another for the next, and a column another rule in each row.
    """
    rules = sorted({record.identity.eval.tie_rule for record in records})
    if family != "ret" or len(rules) < 2:
        return assign_rows(records, known)
    rows = []
    for rule in rules:
        of_rule = [record for record in records if record.identity.eval.tie_rule == rule]
        for row, members in assign_rows(of_rule, known):
            rows.append((replace(row, method=f"{row.method} (ties: {rule})"), members))
    return sorted(rows, key=lambda item: item[0].order)


def _groups(family: str, records: list[Record]) -> list[_Group]:
    parts: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        protocol = record.identity.protocol
        variant = "" if family == "fs" or protocol.variant == "main" else protocol.variant
        parts[protocol.id, variant, protocol.digest].append(record)
    groups = []
    for (protocol_id, variant, digest), members in sorted(parts.items(), key=lambda p: p[0]):
        several = len({key[2] for key in parts if key[0] == protocol_id}) > 1
        words = [protocol_id, variant, f"@{digest[:6]}" if several else ""]
        heading = " ".join(word for word in words if word)
        run_ids = frozenset(record.run_id for record in members)
        shown = columns(family, members)
        groups.append(_Group(protocol_id, variant, digest, heading, shown, run_ids))
    return groups


def _frame(rows: list[Row], groups: list[_Group], entries: list[_Entry]) -> DataFrame:
    from pandas import DataFrame

    texts = {(e.row, e.group.heading, e.column): e.cell.text for e in entries}
    data = {"method": [row.method for row in rows], "backbone": [row.backbone for row in rows]}
    if any(row.checkpoint for row in rows):
        data["checkpoint"] = [row.checkpoint for row in rows]
    for group in groups:
        for column in group.columns:
            cells = [texts.get((row, group.heading, column), "") for row in rows]
            data[f"{group.heading} {column.name}"] = cells
    return DataFrame(data, dtype=str)


def _long(entries: list[_Entry]) -> DataFrame:
    from pandas import DataFrame

    lines = {
        "family": [e.family for e in entries],
        "protocol": [e.group.protocol for e in entries],
        "variant": [e.column.variant or e.group.variant or "main" for e in entries],
        "digest": [e.group.digest for e in entries],
        "column": [e.column.name for e in entries],
        "method": [e.row.method for e in entries],
        "backbone": [e.row.backbone for e in entries],
        "checkpoint": [e.row.checkpoint for e in entries],
        "n_seeds": [len(e.cell.run_ids) for e in entries],
        "value": [e.cell.value for e in entries],
        "unit": [e.cell.unit for e in entries],
        "ci_low": [e.cell.interval and e.cell.interval.low for e in entries],
        "ci_high": [e.cell.interval and e.cell.interval.high for e in entries],
        "ci_method": [e.cell.interval and e.cell.interval.method for e in entries],
        "ci_level": [e.cell.interval and e.cell.interval.level for e in entries],
        "std_over_splits": [e.cell.std_over_splits for e in entries],
        "marks": [e.cell.marks for e in entries],
        "run_ids": [" ".join(e.cell.run_ids) for e in entries],
    }
    return DataFrame(lines)


def _footer(used: list[Record], entries: list[_Entry], left_out: list[str]) -> list[str]:
    ids = "\n".join(record.run_id for record in used)
    digest = hashlib.sha256(ids.encode()).hexdigest()[:16]
    lines = [f"{len(used)} records; digest of their sorted run_ids: {digest}."]
    lines += _notes(entries) + _metric_notes(used, entries)
    for mark, meaning in MARKS.items():
        if any(mark in entry.cell.marks for entry in entries):
            lines.append(f"{mark} {meaning}.")
    lines += [f"◦ {line}" for record in used for line in _gaps(record)]
    lines += [f"Left out: {line}" for line in left_out]
    return lines


def _notes(entries: list[_Entry]) -> list[str]:
    """What intervals, columns and labels mean, as far as they occur."""
    cells = [entry.cell for entry in entries]
    shown = {cell.shows for cell in cells}
    intervals = {c.interval for c in cells if c.interval is not None and c.shows == "items"}
    items = ", ".join(sorted({f"{i.method}, {100 * i.level:g} %" for i in intervals}))
    notes = [
        (bool(cells), "Values are in %, where a column names no other unit."),
        ("seeds" in shown, "± is the half-width of a 95 % t-interval over 3 seeds or more."),
        (
            "items" in shown,
            f"[low, high] is an interval over the items of a run ({items}); with two seeds, the "
            "mean of their ends.",
        ),
        (
            "splits" in shown,
            "± in a column of means over splits is the sample standard deviation over the splits, "
            "not an interval.",
        ),
        (
            any(entry.column.rule == "hm" for entry in entries),
            "HM is the harmonic mean of base and novel, taken per seed from unrounded values, then "
            "averaged.",
        ),
        (
            any("[" in entry.row.method for entry in entries),
            "[field=value] behind a method: one cell has several configurations of it, which "
            "differ in these fields.",
        ),
        (
            any("@" in entry.group.heading for entry in entries),
            "@ and six digits: digest of the protocol; different digests do not compare.",
        ),
    ]
    return [note for holds, note in notes if holds]


def _metric_notes(used: list[Record], entries: list[_Entry]) -> list[str]:
    """What the metrics of retrieval and of labels mean, as far as they occur."""
    metrics = {entry.column.metric for entry in entries}
    rules = {r.identity.eval.tie_rule for r in used if r.identity.protocol.family == "ret"}
    several = "; each row says its own" if len(rules) > 1 else ""
    notes = [
        (
            any(metric.endswith(("_medr", "_mnr")) for metric in metrics),
            "MedR and MnR are the median and the mean rank of the right item, no %; 1 is best.",
        ),
        (
            any(metric.startswith("dsl_") for metric in metrics),
            "DSL: after a dual softmax, which uses the whole test set at once, so that the rank of "
            "one query depends on all others; these columns do not compare with those without it.",
        ),
        ("map" in metrics, "mAP is the mean over these labels of their average precision."),
    ]
    named = {rule: f"{rule} ({TIES[rule]})" if rule in TIES else rule for rule in sorted(rules)}
    ties = [f"Tie rule of retrieval{several}: {words}." for words in named.values()]
    return [note for holds, note in notes if holds] + ties


def _gaps(record: Record) -> list[str]:
    return [
        f"{record.run_id} {split}: {data.n_scored} of {data.n_expected} items scored"
        for split, data in sorted(record.data.items())
        if data.n_scored < data.n_expected
    ]


def _line(cells: Iterable[object]) -> str:
    texts = (" ".join(str(cell).replace("|", "\\|").split()) for cell in cells)
    return "| " + " | ".join(texts) + " |"
