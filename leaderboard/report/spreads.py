"""What stands behind the values of a column, in words for its heading."""

from __future__ import annotations

from collections.abc import Sequence

from ..tables.cells import Cell

_SAID = {
    "splits": (
        "± std over splits",
        "± is the sample standard deviation over the splits, not an interval.",
    ),
    "seeds": (
        "± 95 % over seeds",
        "± is the half-width of a 95 % t-interval over 3 seeds or more.",
    ),
    "values": ("(a, b): two seeds", "(a, b) are the values of two seeds."),
}


def spread_words(cells: Sequence[Cell]) -> tuple[list[str], str]:
    """What ±, (a, b) and [low, high] of these cells are: short words, and sentences."""
    kinds = {cell.shows for cell in cells}
    said = [words for kind, words in _SAID.items() if kind in kinds]
    levels = {c.interval.level for c in cells if c.shows == "items" and c.interval is not None}
    if levels:
        level = ", ".join(f"{100 * one:g} %" for one in sorted(levels))
        words = f"[ ] {level} over items"
        said.append((words, f"[low, high] is a {level} interval over the items of one run."))
    return [short for short, _ in said], " ".join(sentence for _, sentence in said)
