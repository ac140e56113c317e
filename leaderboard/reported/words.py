"""What papers report of one method on one protocol, in lines of text."""

from __future__ import annotations

import re

from .numbers import Reported, load_sources, reported_for

DIFFERS = "~"
"""Behind a number that a paper reports by a protocol that differs from ours; tables mark it likewise."""
_LATER = ("medr", "mnr", "hm", "gflops")  # ends of columns that follow those they belong to


def reported_lines(
    protocol: str,
    method: str,
    variant: str = "main",
    backbone: str | None = None,
    exact: bool = False,
) -> list[str]:
    """One line for each row of a source, and one for each reason why a number may not compare.

    Args:
        protocol, method: ids. variant: of few-shot protocols only the numbers of this K.
        backbone: rows of other backbones are counted only.
        exact: say too of which rows all numbers are what our protocol means.
    """
    rows: dict[str, list[Reported]] = {}
    others = set()
    for number in reported_for(protocol, method=method):
        if variant != "main" and number.split not in (None, variant):
            continue
        if backbone is None or number.of_backbone(backbone):
            rows.setdefault(_row(number), []).append(number)
        else:
            others.add(_row(number))
    lines = [
        f"{_values(numbers)} ({row})" + (_all_exact(numbers) if exact else "")
        for row, numbers in rows.items()
    ]
    shown = [number for numbers in rows.values() for number in numbers]
    for reason in dict.fromkeys(number.match for number in shown if number.match != "exact"):
        lines.append(f"{DIFFERS} {reason}" if reason.startswith("differs") else reason)
    if others:
        rows_of = "1 row" if len(others) == 1 else f"{len(others)} rows"
        lines.append(f"and {rows_of} of other backbones (docs/reported.md)")
    return lines


def place(column: str) -> tuple[bool, bool, int, list[tuple[int, str]]]:
    """Key to sort columns by: both directions before the dual softmax, k2 before k16, parts before HM."""
    later = [column.endswith(end) for end in _LATER]
    parts = [(int(digits or 0), word) for digits, word in re.findall(r"(\d+)|(\D+)", column)]
    rank = later.index(True) + 1 if any(later) else 0
    return column.startswith("dsl_"), "v2t" in column, rank, parts


def _values(numbers: list[Reported]) -> str:
    words = []
    for number in sorted(numbers, key=lambda number: place(number.column_key)):
        spread = f" ± {number.std}" if number.std else ""
        mark = f" {DIFFERS}" if number.match_kind == "differs" else ""
        words.append(f"{number.column_key.replace(':', ' ')} {number.value}{spread}{mark}")
    return ", ".join(words)


def _all_exact(numbers: list[Reported]) -> str:
    return ", exact" if all(number.match == "exact" for number in numbers) else ""


def _row(number: Reported) -> str:
    sources = load_sources()
    where = sources[number.source].short if number.source in sources else number.source
    frames = f"{number.frames} frames" if number.frames else ""
    views = f"{number.views} views" if number.views else ""
    via = f"via {number.via}" if number.via else ""
    words = (number.shown_label, number.backbone, frames, views, where, number.table, via)
    return ", ".join(word for word in words if word)
