"""The one error of reading videos (in its own file, because every reader needs it)."""

from __future__ import annotations

import os


class VideoError(Exception):
    """A video that cannot be read as asked.

    Attributes:
        path: the file, as it was given.
        reason: what is wrong with it, and what would be right or what to do.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(path, reason)  # both, so that it survives pickling
        self.path = os.fspath(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"Cannot read the video {self.path}: {self.reason}."
