"""Scores that no metric can be computed from are refused, and their rows named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SHOWN = 5


class NotFinite(ValueError):
    """Some scores are NaN or infinite; `rows` are their rows."""

    def __init__(self, message: str, rows: tuple[int, ...]):
        super().__init__(message)
        self.rows = rows


def require_finite(
    scores: np.ndarray, noun: str, names: Sequence[str] | np.ndarray | None = None
) -> None:
    """Refuse scores [N, ...] with a NaN or an infinity.

    Args:
        noun: what a row is, in the plural, such as "videos".
        names: their names for the message; row numbers, from 0, if not given.

    Raises:
        NotFinite: one sentence that names the first rows.
    """
    bad = np.flatnonzero(~np.isfinite(scores).reshape(len(scores), -1).all(1))
    if len(bad):
        first = [str(names[row]) if names is not None else f"row {row}" for row in bad[:SHOWN]]
        more = ", ..." if len(bad) > SHOWN else ""
        raise NotFinite(
            f"scores of {len(bad)} of {len(scores)} {noun} are not finite: {', '.join(first)}{more}",
            tuple(bad.tolist()),
        )
