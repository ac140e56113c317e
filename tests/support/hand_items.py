"""Items made by hand, for tests of statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from vclipbench.protocols.metrics import Items, Number


def names(n: int, prefix: str = "v") -> NDArray[np.str_]:
    """So many ids, in order."""
    return np.array([f"{prefix}{i:04d}" for i in range(n)])


def clips(right: ArrayLike, groups: NDArray | None = None, ids: NDArray | None = None) -> Number:
    """The top-1 of clips of which these were right."""
    right = np.asarray(right)
    ids = names(len(right)) if ids is None else ids
    return Number((Items(ids, 100.0 * right, groups, clips=True),))
