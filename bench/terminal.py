"""The terminal: its consoles, a progress display, and text in columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

WIDTH = 100
Rows = list[tuple[str, str]]

console = Console(highlight=False)
progress_console = Console(stderr=True, highlight=False)


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress display on standard error; silent where that is not a terminal."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=progress_console,
        transient=True,
    )
    with bar:
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
