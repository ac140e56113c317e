"""What is seen while the files of a user's own videos are read for their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ..terminal import progress, say

MANY = 200  # files; fewer are read before anybody asks what goes on


@contextmanager
def reading_files() -> Iterator[Callable[[int, int], None]]:
    """A function to be told of each file that was read: from many files on, a line and a display."""
    with ExitStack() as stack:
        shown: list[Callable[[int], None]] = []

        def told(done: int, total: int) -> None:
            if total < MANY:
                return
            if not shown:
                say(f"reading {total:,} video files, once: a run on them is known by their bytes")
                bar = stack.enter_context(progress())
                task = bar.add_task("reading files", total=total, note="")
                shown.append(lambda done: bar.update(task, completed=done))
            shown[0](done)

        yield told
