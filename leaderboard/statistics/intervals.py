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
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(confidence_level=level, method="wilson")
    return float(interval.low), float(interval.high)


def seed_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Student's t-interval (low, high) for the mean over seeds; None for fewer than 3 values.

    With n - 1 degrees of freedom, because the spread is estimated from the same few values:
    1.96 standard errors would cover about 75 % at three seeds instead of 95 %.

    Student, "The probable error of a mean", Biometrika 6 (1908), 1-25.
    """
    if len(values) < 3:
        return None
    from scipy.stats import t

    centre = fmean(values)
    quantile = float(t.ppf((1 + level) / 2, df=len(values) - 1))
    half = quantile * stdev(values) / math.sqrt(len(values))
    return centre - half, centre + half
