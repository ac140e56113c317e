"""Intervals over items: percentile bootstrap that draws whole sources, Wilson for independent clips.

B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13 (percentile
interval); drawing whole groups: A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their
Application" (1997), section 3.8.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np

from ...protocols.metrics import Number, value_of
from ...protocols.metrics.items import combine
from .intervals import wilson
from .precision_draws import counting_type
from .statistic import Drawn, Statistic, statistics

Array = np.ndarray

DRAWS = 10_000
SEED = 0
LEVEL = 0.95
_CELLS = 600_000  # numbers in one table: 5 MB, some ten of them at a time; caches hold few more
_WIDE = 14  # so many times as many where they are counts of 2 bytes that are worked on row by row
_BIASED = frozenset({"map", "micro_ap", "f1_best", "ece"})
K = TypeVar("K", bound=Hashable)


class ItemInterval(NamedTuple):
    """What the items of one run say about a number, in its unit."""

    low: float
    high: float
    stderr: float
    method: str
    """wilson, bootstrap-items, or bootstrap-groups where some share a source."""


def draw(numbers: Sequence[Number], draws: int = DRAWS, seed: int = SEED) -> Array:
    """Values of these numbers on resampled items, [numbers, draws].

    Each draw takes as many units with replacement as there are in all parts of all numbers, a
    multinomial weight for each; a unit (a group, or an item that shares its source with none) has
    one weight wherever it occurs: in several splits, numbers and runs. The same units and seed give
    the same draws. NaN where a draw leaves a part without items, or without a positive label.

    Average precision, best F1 and calibration error are larger on resampled items, which hold some items
    twice, than on the items themselves, by as much as they are larger on a test set than on all videos
    there could be. Their draws are moved down by that, to be centred on the number: else the intervals of
    mean AP would cover 60 to 90 % instead of 95 % (docs/statistics.md).
    """
    units = unit_names(numbers)
    made, shared = statistics((part for number in numbers for part in number.parts), units)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = _drawn(made, shared, len(units), draws, seed)
        values = np.stack([combine([drawn[id(p)] for p in n.parts], n.rule) for n in numbers])
    for row, number in zip(values, numbers, strict=True):
        if any(part.rule in _BIASED for part in number.parts):
            row -= np.nanmean(row) - value_of(number)
    return values


def intervals(
    numbers: Mapping[K, Number], level: float = LEVEL, draws: int = DRAWS, seed: int = SEED
) -> dict[K, ItemInterval]:
    """The interval of every number; equal input gives equal output.

    Wilson's for the accuracy of clips that share no source, and for shares of 0 or 100 % where
    resampling shows no spread (groups then count as items); else the percentile bootstrap. A
    percentile interval can leave its value out, that of a median above all: it is then widened to it.
    An interval of a share ends at 0 and 100 %.
    """
    found: dict[K, ItemInterval] = {}
    together: dict[tuple[str, ...], dict[K, Number]] = defaultdict(dict)
    for key, number in numbers.items():
        exact = _wilson(number, level)
        if exact is not None:
            found[key] = exact
        else:
            together[tuple(unit_names([number]))][key] = number
    for some in together.values():
        keys, given = list(some), list(some.values())
        for key, number, values in zip(keys, given, draw(given, draws, seed), strict=True):
            found[key] = _percentile(number, values, level)
    return {key: found[key] for key in numbers}


def percentiles(values: Array, units: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval that draws give, those without a value left out; see `tail`."""
    end = 100 * tail(units, level)
    low, high = np.nanpercentile(values, [end, 100 - end])
    return float(low), float(high)


def tail(units: int, level: float = LEVEL) -> float:
    """Share of the draws beyond each end of the interval: 0.025, and less where units are few.

    Draws of n units spread less than they should by sqrt((n - 1) / n), and know nothing of the t
    distribution: Phi(-t sqrt(n / (n - 1))) makes up for both, t of n - 1 degrees of freedom.

    T. C. Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69
    (2015), 371-386, section 3.3 (expanded percentile interval).
    """
    from scipy.special import ndtr, stdtrit  # scipy.stats gives the same, and takes 1 s to import

    if units < 2:
        return 0.0
    quantile = stdtrit(units - 1, (1 + level) / 2)
    return float(ndtr(-quantile * (units / (units - 1)) ** 0.5))


def unit_names(numbers: Sequence[Number]) -> Array:
    """What draws of these numbers take, sorted; see `Items.units`."""
    distinct: list[Array] = []  # most numbers are of the same items in the same order
    for part in (part for number in numbers for part in number.parts):
        if not any(np.array_equal(part.units, other) for other in distinct):
            distinct.append(part.units)
    return np.unique(np.concatenate(distinct))


def unit_count(numbers: Sequence[Number]) -> int:
    """How many units draws of these numbers take."""
    return len(unit_names(numbers))


def _percentile(number: Number, values: Array, level: float) -> ItemInterval:
    own = value_of(number)
    low, high = percentiles(values, unit_count([number]), level)
    if any(part.rule in _BIASED for part in number.parts):  # moved draws can leave the scale
        low, high = max(low, 0.0), min(high, 100.0)
    how = "bootstrap-groups" if number.grouped else "bootstrap-items"
    return ItemInterval(min(low, own), max(high, own), float(np.nanstd(values)), how)


def wilson_interval(hits: int, n: int, level: float = LEVEL) -> ItemInterval:
    """Wilson's interval in % for `hits` of n independent items, with the binomial standard error."""
    low, high = wilson(hits, n, level)
    share = hits / n
    return ItemInterval(100 * low, 100 * high, 100 * math.sqrt(share * (1 - share) / n), "wilson")


def _wilson(number: Number, level: float) -> ItemInterval | None:
    """Wilson's interval in %, where it is the right one."""
    part, hits = number.parts[0], number.parts[0].hits
    if len(number.parts) > 1 or hits is None:
        return None
    settled = hits.all() or not hits.any()
    if not settled and (number.grouped or not part.clips):
        return None
    n = len(np.unique(part.units)) if settled else len(hits)
    return wilson_interval(round(float(hits.mean()) * n), n, level)


def _weights(units: int, draws: int, chunk: int, seed: int) -> Iterator[Array]:
    """How often each unit is drawn, [units, up to `chunk` draws] at a time."""
    if draws <= chunk:
        yield _all_weights(units, draws, seed)
        return
    rng = np.random.RandomState(seed)  # its stream is the same in every version of numpy
    for start in range(0, draws, chunk):
        yield _counts(rng, units, min(chunk, draws - start))


@lru_cache(maxsize=1)
def _all_weights(units: int, draws: int, seed: int) -> Array:
    """Those of all draws; kept, because tables have many columns of as many items."""
    counts = _counts(np.random.RandomState(seed), units, draws)
    counts.flags.writeable = False
    return counts


def _counts(rng: np.random.RandomState, units: int, draws: int) -> Array:
    """How often each unit is drawn in the next draws, [units, draws]; in blocks that fit into caches."""
    made = np.empty((units, draws), counting_type(units))
    block = max(1, _CELLS // (2 * units))
    for start in range(0, draws, block):
        some = min(block, draws - start)
        picks = rng.randint(0, units, size=(some, units))
        picks += units * np.arange(some)[:, None]
        counts = np.bincount(picks.ravel(), minlength=units * some)
        made[:, start : start + some] = counts.reshape(some, units).T
    return made


def _drawn(
    made: Mapping[int, Statistic], shared: int, units: int, draws: int, seed: int
) -> dict[int, Array]:
    """The values of all statistics, [draws] each, by the same keys.

    Those of whole numbers take many draws at once, the others as few as fit into the caches.

    Args:
        shared: numbers of each draw that the first ones keep together.
    """
    widest = max([units, *(statistic.width for statistic in made.values())])
    values: dict[int, Array] = {}
    for whole, cells in ((True, _WIDE * _CELLS), (False, _CELLS)):
        some = {key: one for key, one in made.items() if one.whole == whole}
        if not some:
            continue
        width = max(widest, shared) if whole else widest
        parts: dict[int, list[Array]] = {key: [] for key in some}
        for counts in _weights(units, draws, max(1, cells // width), seed):
            drawn = Drawn(counts)
            for key, one in some.items():
                parts[key].append(one.of(drawn))
        values |= {key: np.concatenate(each) for key, each in parts.items()}
    return values
