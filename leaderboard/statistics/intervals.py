"""Intervals: what the items of one run and the seeds of several runs say about a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a proportion of independent items, as fractions (low, high).

    Raises ValueError unless 0 <= successes <= n and n >= 1.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"k of n must be 0 to n of 1 or more, not {successes} of {n}")
    from scipy.special import ndtri  # scipy.stats gives the same, and takes 1 s to import

    share, z = successes / n, float(ndtri(0.5 + 0.5 * level))
    whole = 2 * (n + z**2)
    centre = (2 * n * share + z**2) / whole
    half = z / whole * math.sqrt(4 * n * share * (1 - share) + z**2)
    return centre - half if successes else 0.0, centre + half if successes < n else 1.0


def seed_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Student's t-interval (low, high) for the mean over seeds; None for fewer than 3 values.

    With n - 1 degrees of freedom, because the spread is estimated from the same few values:
    1.96 standard errors would cover about 75 % at three seeds instead of 95 %.

    Student, "The probable error of a mean", Biometrika 6 (1908), 1-25.
    """
    if len(values) < 3:
        return None
    from scipy.special import stdtrit

    centre = fmean(values)
    quantile = float(stdtrit(len(values) - 1, (1 + level) / 2))
    half = quantile * stdev(values) / math.sqrt(len(values))
    return centre - half, centre + half
