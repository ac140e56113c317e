"""What stands below the tables: what numbers, intervals and marks mean, and what was left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ...protocols.family import family_of
from ..record.record import Record, record_text
from ..reported.words import DIFFERS
from .cells import MARKS
from .grid import Grid, GridEntry
from .shown import ShownFamily
from .verdicts import PaperVerdict, unpinned_lists

CHANCE_NOTE = (
    "chance (computed): k/K for top-k among K classes, k/n for R@k among n items; where no run of "
    "random has a number."
)
RANKS_NOTE = (
    "Bold: the best of its column, and no other is close. ≈: not separable from the best (95 % of "
    "paired bootstrap draws over the items). rank: the ranks that 95 % of these draws give in the "
    "protocol's headline column. Two rows of one run each, of clips that share no source, are separable "
    "where the exact McNemar test says so. Three seeds or more add their spread to the draws; one or two "
    "do not, so that rank and bold of such rows know nothing of it."
)
VERDICTS_NOTE = (
    "reproduced: ours - reported lies within our 95 % interval and the papers' error together (added as "
    "squares); papers give no scores of videos, so theirs is taken as that of a proportion of as many "
    "independent items. Nothing is judged where half our interval is above 6 points. not comparable: "
    "the reason stands behind it."
)

ALL_MARKS = {
    DIFFERS: "a paper reports this number of this method, by a protocol that differs; what differs stands "
    "beside its number",
} | MARKS

# of items that share the score of a query's own; a rule that is not here is only named
TIES = {
    "pessimistic": "the own item ranks behind all that share its score",
    "expected": "the mean over all orders of the items that share the own item's score",
    "reference": "as published code counts, a query enters once for each item that shares its own "
    "item's score; where videos have several captions, once, ranked behind all of them",
}


def footer(
    grid: Grid, families: Sequence[ShownFamily], judged: Sequence[PaperVerdict]
) -> list[str]:
    """The lines below all tables: of a grid, of what is shown of it, and of the papers' numbers."""
    used, entries = grid.used, grid.entries
    shown = [cell for family in families for cell in family.cells.values()]
    content = "".join(record_text(record) for record in used)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    lines = [f"{len(used)} records; SHA-256 of their contents: {digest}."]
    lines += _notes(entries) + _metric_notes(used, entries)
    lines += [CHANCE_NOTE] * any(cell.computed for cell in shown)
    lines += [RANKS_NOTE] * any(cell.standing for cell in shown)
    lines += [VERDICTS_NOTE] * any(one.entry for one in judged)
    for mark, meaning in ALL_MARKS.items():
        if any(mark in cell.marks for cell in shown):
            lines.append(f"{mark} {meaning}.")
    lines += [f"◦ {line}" for record in used for line in _gaps(record)]
    lines += [f"Lists of another version: {line}" for record in used for line in _unpinned(record)]
    lines += [f"Left out: {line}" for line in grid.left_out]
    return lines


def _notes(entries: Sequence[GridEntry]) -> list[str]:
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
            f"[low, high] is an interval over the items of a run ({items}); it knows nothing of the "
            "spread over seeds.",
        ),
        (
            "values" in shown,
            "(a, b) are the values of two seeds, which are too few for an interval.",
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
            any(entry.row.settings for entry in entries),
            "[field=value] behind a method: one cell has several configurations of it, which "
            "differ in these fields.",
        ),
        (
            any(entry.group.several for entry in entries),
            "@ and six digits: digest of the protocol; different digests do not compare.",
        ),
    ]
    return [note for holds, note in notes if holds]


def _metric_notes(used: Sequence[Record], entries: Sequence[GridEntry]) -> list[str]:
    """What the metrics of retrieval and of labels mean, as far as they occur."""
    metrics = {entry.column.metric for entry in entries}
    rules = {r.identity.eval.tie_rule for r in used if family_of(r.identity.protocol.family).ties}
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


def _unpinned(record: Record) -> list[str]:
    names = ", ".join(unpinned_lists(record))
    return [f"{record.run_id} read {names} with --allow-unpinned"] if names else []


def _gaps(record: Record) -> list[str]:
    return [
        f"{record.run_id} {split}: {data.n_scored} of {data.n_expected} items scored"
        for split, data in sorted(record.data.items())
        if data.n_scored < data.n_expected
    ]
