"""The terminal: its consoles, a progress display, and text in columns."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

WIDTH = 100
EVERY = 30.0  # seconds between lines of progress in a log file
Rows = list[tuple[str, str]]

console = Console(highlight=False)
progress_console = Console(stderr=True, highlight=False)


def silence() -> None:
    """Print nothing more: for a process that another one speaks for."""
    console.quiet = progress_console.quiet = True


class Lines(Progress):
    """Progress for log files: a line every 30 seconds, and none of what is done sooner.

    As in `training: 120 of 550, loss 1.23 top1 40.6, 12 min left`.
    """

    def __init__(self, every: float = EVERY) -> None:
        super().__init__(disable=True)  # it counts, and draws nothing
        self.every, self._last = every, time.monotonic()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Count, and perhaps say so."""
        super().advance(task_id, advance)
        self._tell(task_id)

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Set how far a task is, and perhaps say so."""
        super().update(task_id, **changes)
        self._tell(task_id)

    def _tell(self, task_id: TaskID) -> None:
        now = time.monotonic()
        if now - self._last < self.every:
            return
        self._last = now
        task = self._tasks[task_id]
        words = [f"{task.description}: {task.completed:,.0f} of {task.total or 0:,.0f}"]
        words += [note] if (note := task.fields.get("note")) else []
        if task.completed and task.total and task.elapsed:
            left = task.elapsed / task.completed * (task.total - task.completed)
            words.append(f"{_duration(left)} left")
        progress_console.print(", ".join(words), soft_wrap=True, markup=False)


def _duration(seconds: float) -> str:
    """In the unit that says most."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress display on standard error: bars on a terminal, now and then a line elsewhere."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    bars = progress_console.is_terminal
    with Progress(*columns, console=progress_console, transient=True) if bars else Lines() as bar:
        yield bar


def say(line: str) -> None:
    """Print a line as it is: names of files hold brackets and bytes that are no UTF-8."""
    text = line.encode("utf-8", "backslashreplace").decode()
    console.print(text, soft_wrap=True, markup=False, emoji=False)


def warn(text: str) -> None:
    """Print a line as it is on standard error, in yellow."""
    progress_console.print(text, style="yellow", markup=False, soft_wrap=True)


def wrapped(text: str, first: str, below: str | None = None) -> list[str]:
    """A text in lines of at most 100 characters.

    Args:
        first: begins the first line. below: begins the others; by default as the first.
    """
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if below is None else below,
        break_long_words=False,
        break_on_hyphens=False,
    )


def two_columns(rows: Rows, indent: str = "") -> list[str]:
    """Two columns; long texts go on below themselves."""
    width = min(38, max((len(name) for name, _ in rows), default=0))
    below = " " * (len(indent) + width + 2)
    lines = []
    for name, text in rows:
        start = f"{indent}{name:<{width}}  "
        if len(name) > width:
            lines.append(start.rstrip())
            start = below
        lines += wrapped(text, start, below) or [start.rstrip()]
    return lines
