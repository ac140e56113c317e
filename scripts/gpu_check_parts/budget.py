"""Which parts fit into the time, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import torch

T = TypeVar("T")


@dataclass
class Budget:
    """Runs parts for so many minutes; what does not fit, or fails, is kept by name.

    A part fits if the longest one of its kind so far would still end in time.

    Attributes:
        longest: seconds by kind; what is known before the first of a kind has run may be given.
    """

    minutes: float
    left_out: list[str] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    longest: dict[str, float] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self.start

    def run(self, kind: str, name: str, part: Callable[[], T]) -> T | None:
        """What a part gives; None if it was left out or failed."""
        if self.spent + self.longest.get(kind, 0) > 60 * self.minutes:
            self.left_out.append(f"{kind}: {name}")
            return None
        begun = time.monotonic()
        try:
            return part()
        except torch.OutOfMemoryError:
            self.too_large.append(f"{kind}: {name}")
            return None
        except Exception as error:  # one part must not take the others with it
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.failed.append(f"{kind}: {name}: {reason[:200]}")
            return None
        finally:
            self.longest[kind] = max(self.longest.get(kind, 0), time.monotonic() - begun)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def words(self) -> list[str]:
        """Lines that say what is missing, and how long it took."""
        lines = [f"{self.spent:.0f} s of {60 * self.minutes:.0f} s."]
        if self.left_out:
            lines.append("Left out, since the time was up: " + "; ".join(self.left_out) + ".")
        if self.too_large:
            lines.append("Too large for the memory: " + "; ".join(self.too_large) + ".")
        if self.failed:
            lines.append("Failed: " + "; ".join(self.failed) + ".")
        return lines
