"""What can go wrong with a video: the one error, and the time limit (every reader needs both)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass


class VideoError(Exception):
    """A video that cannot be read as asked.

    Attributes:
        path: the file, as it was given.
        reason: what is wrong with it, and what would be right or what to do.
    """

    exit_code = 1

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(path, reason)  # both, so that it survives pickling
        self.path = os.fspath(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"Cannot read the video {self.path}: {self.reason}."


def out_of_time(path: str | os.PathLike[str], seconds: float) -> VideoError:
    """The error for a video that takes longer than `seconds`."""
    return VideoError(
        path, f"reading took longer than {seconds:g} s; allow more time, or leave this video out"
    )


@dataclass(frozen=True)
class Deadline:
    """The time until which the work on one video must be done."""

    path: str
    seconds: float
    end: float

    @classmethod
    def after(cls, path: str, seconds: float) -> Deadline:
        """`seconds` from now."""
        return cls(path, seconds, time.monotonic() + seconds)

    def check(self) -> None:
        """Raise VideoError if it has passed."""
        if time.monotonic() > self.end:
            raise out_of_time(self.path, self.seconds)
