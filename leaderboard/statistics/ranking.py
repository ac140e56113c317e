"""Ranks as intervals, and who cannot be told from the best: one column of a table at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...protocols.metrics import Number, value_of
from .bootstrap import DRAWS, LEVEL, SEED, draw, percentiles, tail, unit_names
from .paired import check_same_items, over_seeds, same_clips_p

Array = np.ndarray
Rows = Mapping[str, Sequence[Number]]
"""Label -> the number of each run of the row, one run a seed."""


class Ranked(NamedTuple):
    """Where a row stands in its column."""

    value: float
    """The number, mean over seeds, in its unit."""
    low_rank: int
    """Best rank of the interval, from 1."""
    high_rank: int
    """Worst rank of the interval."""
    tied_with_best: bool
    """Not separable from the row with the best value; true for that row itself, which is alone at the
    top where no other row is tied."""


def rank_intervals(
    rows: Rows,
    higher_is_better: bool = True,
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = SEED,
) -> dict[str, Ranked]:
    """The rank of every row, as an interval over bootstrap draws that all rows share.

    Args:
        rows: label -> the number of each run of the row, one run a seed (`column_number`). A number
            made of base and novel, or of several splits, is combined anew in each draw and seed; then
            comes the mean over seeds.

    The rank in a draw is 1 plus the number of rows that are better; where rows are equal, the interval
    takes in all the ranks that they share. A row is tied with the best where the middle `level` of the
    paired differences from it holds 0; of two single runs of clips that share no source, where the exact
    McNemar test does not tell them apart. Three or more seeds widen a row as in `paired.compare`.

    Rows of other items than most rows (of two such sets of equal size, than the first) get no rank
    and are left out of the answer. Not corrected for the number of rows: a tie is said too rarely
    rather than too often. Items of one source only say nothing: all rows then share all ranks.

    >>> import numpy as np
    >>> from vclipbench.protocols.metrics.items import Items, Number
    >>> ids = np.array([f"v{n:03d}" for n in range(200)])
    >>> def row(hits): return [Number((Items(ids, 100.0 * (np.arange(200) < hits), clips=True),))]
    >>> found = rank_intervals({"clip": row(60), "vifi": row(150), "open-vclip": row(151)})
    >>> found["clip"]
    Ranked(value=30.0, low_rank=3, high_rank=3, tied_with_best=False)
    >>> found["vifi"].low_rank, found["vifi"].high_rank, found["vifi"].tied_with_best
    (1, 2, True)
    """
    return rank_columns([(rows, higher_is_better)], level, draws, seed)[0]


def rank_columns(
    columns: Sequence[tuple[Rows, bool]],
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = SEED,
) -> list[dict[str, Ranked]]:
    """`rank_intervals` of each column: its rows, and whether higher is better.

    Columns of the same items are drawn together, which changes none of their draws, so that what their
    numbers share, such as the average precision of a label, is computed once.
    """
    takens = [_same_items(rows) for rows, _ in columns]
    numbers = [
        [number for label in taken for number in rows[label]]
        for taken, (rows, _) in zip(takens, columns, strict=True)
    ]
    units = [unit_names(some) if some else np.empty(0, str) for some in numbers]
    found: list[dict[str, Ranked]] = [{} for _ in columns]
    for together in _of_equal_units(units):
        if len(units[together[0]]) > 1:
            drawn = draw([number for at in together for number in numbers[at]], draws, seed)
        else:
            drawn = None
        start = 0
        for at in together:
            (rows, higher), end = columns[at], start + len(numbers[at])
            taken = {label: rows[label] for label in takens[at]}
            own = None if drawn is None else drawn[start:end]
            found[at] = _ranked(taken, own, len(units[at]), higher, level, seed)
            start = end
    return found


def _of_equal_units(units: Sequence[Array]) -> list[list[int]]:
    """Places of equal arrays together, without the empty ones."""
    groups: list[list[int]] = []
    for at, names in enumerate(units):
        home = next((g for g in groups if np.array_equal(units[g[0]], names)), None)
        if home is not None:
            home.append(at)
        elif len(names):
            groups.append([at])
    return groups


def _ranked(
    rows: Rows, every: Array | None, units: int, higher: bool, level: float, seed: int
) -> dict[str, Ranked]:
    """The ranks of rows of the same items.

    Args:
        every: draws of all their runs, row by row, [runs, draws]; None: of one unit there are none.
    """
    values = [sum(map(value_of, runs)) / len(runs) for runs in rows.values()]
    if every is None:
        return {
            label: Ranked(value, 1, len(rows), True)
            for label, value in zip(rows, values, strict=True)
        }
    sign = 1 if higher else -1
    drawn = sign * _over_seeds(every, [len(runs) for runs in rows.values()], seed)
    best = int(np.argmax(sign * np.array(values)))
    runs_of_best = list(rows.values())[best]
    end = 100 * tail(units, level)
    # a draw that leaves a row without a value says nothing of ranks
    sound = drawn[:, np.isfinite(drawn).all(0)]
    found = {}
    for at, ((label, runs), value) in enumerate(zip(rows.items(), values, strict=True)):
        tied = at == best or _inseparable(runs_of_best, runs, drawn[best] - drawn[at], units, level)
        found[label] = Ranked(value, *_rank_interval(sound, at, end), tied)
    return found


def _rank_interval(drawn: Array, at: int, end: float) -> tuple[int, int]:
    """Best and worst rank of one row in draws of all, [rows, draws], without `end` % at each end."""
    better = (drawn > drawn[at]).sum(0) + 1
    worse = (drawn >= drawn[at]).sum(0)
    low = np.percentile(better, end, method="lower")
    return int(low), int(np.percentile(worse, 100 - end, method="higher"))


def _inseparable(
    a: Sequence[Number], b: Sequence[Number], differences: Array, units: int, level: float
) -> bool:
    """Whether two rows are not told apart: by the exact test where it holds, else by their draws."""
    p = same_clips_p(a[0], b[0]) if len(a) == len(b) == 1 else None
    if p is not None:
        return p >= 1 - level
    low, high = percentiles(differences, units, level)
    return low <= 0 <= high


def _over_seeds(every: Array, runs: Sequence[int], seed: int) -> Array:
    """Means over seeds, [rows, draws], of draws [runs, draws]; `runs`: how many each row has."""
    ends = np.cumsum(runs)[:-1]
    return np.stack([over_seeds(part, seed, at) for at, part in enumerate(np.split(every, ends))])


def _same_items(rows: Rows) -> list[str]:
    """Labels of the largest set of rows that have the same items in all their runs."""
    sets: list[list[str]] = []
    for label, runs in rows.items():
        if not runs or not all(_alike(runs[0], run) for run in runs):
            continue
        home = next((s for s in sets if _alike(rows[s[0]][0], runs[0])), None)
        if home is None:
            sets.append([label])
        else:
            home.append(label)
    return max(sets, key=len, default=[])


def _alike(a: Number, b: Number) -> bool:
    try:
        check_same_items(a, b)
    except ValueError:
        return False
    return True
