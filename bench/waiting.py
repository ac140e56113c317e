"""How long threads wait busily for each other: the longer, the slower a machine that has other work."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

VARIABLE = "GOMP_SPINCOUNT"
SPINS = "1000"
_OWN = (VARIABLE, "OMP_WAIT_POLICY")


def wait_briefly(environment: MutableMapping[str, str] | None = None) -> None:
    """Let the threads of libgomp, which torch brings, sleep after a short spin; before torch is imported.

    As they come they spin for milliseconds, and take the time of the very thread that they wait for
    where a machine has more to do than cores: a training step then takes several times as long
    (docs/performance.md). This changes no result. What the user has set of it stays.

    Args:
        environment: of this process, if not given; libgomp reads it when it is loaded.
    """
    variables = os.environ if environment is None else environment
    if not any(name in variables for name in _OWN):
        variables[VARIABLE] = SPINS
