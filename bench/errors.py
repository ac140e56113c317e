"""Errors that are the user's to mend: one clear sentence and an exit code, no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from ..datasets.files import kind_of

USAGE, FAILED, INTERRUPTED = 2, 1, 130
"""Exit codes: bad usage, config or id; a run that failed; Ctrl-C."""
LONGEST_LINE = 2_000
"""Characters of one line to the user."""
LONGEST = 400  # characters of another's message


class UserError(Exception):
    """Bad usage, a bad config or an unknown id; the message says what would be right."""

    exit_code = USAGE


class RunFailed(UserError):
    """A run that was well asked for and could not be finished."""

    exit_code = FAILED


def explained(error: BaseException) -> tuple[str, int] | None:
    """Message and exit code of an error meant for the user; None for anything else (a bug).

    Errors meant for the user are classes of this package, and plugins' own below them, that have an
    `exit_code`: folders that know nothing of bench say it themselves.
    """
    package = f"{__name__.split('.')[0]}."
    for cls in type(error).__mro__:
        if "exit_code" in vars(cls) and cls.__module__.startswith(package):
            lines = str(error).split("\n")
            return "\n".join(map(_cut, lines)), int(vars(cls)["exit_code"])
    return None


def _cut(line: str) -> str:
    """A line that a terminal can show: names and numbers of files may be of any length."""
    return (
        line
        if len(line) <= LONGEST_LINE
        else f"{line[:LONGEST_LINE]}... ({len(line):,} characters)"
    )


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like `word`, None if none does."""
    close = difflib.get_close_matches(word, list(choices), 1, 0.61)
    return close[0] if close else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`"; did you mean 'vifi'?"`, or nothing where no choice is near."""
    close = nearest(word, choices)
    return f"; did you mean {close!r}?" if close else ""


def check_choice(flag: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value of a flag that is not among its choices.

    Raises:
        UserError: naming flag, value and choices.
    """
    if value not in choices:
        hint = did_you_mean(value, choices)
        raise UserError(f"{flag} {value!r} is none of {', '.join(choices)}{hint}")


def check_file(flag: str, path: Path) -> None:
    """Refuse what is no file.

    Raises:
        UserError: there is nothing, or something else, such as a folder.
    """
    if (kind := kind_of(path)) != "a file":
        problem = f"is {kind}, and one file is wanted" if kind else "does not exist"
        raise UserError(f"{flag} {path} {problem}")


def message_of(error: BaseException) -> str:
    """The text of an error, as UTF-8 can hold it; empty where its class cannot even say it."""
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()
    except Exception:  # a class of somebody's own
        return ""


def one_line(error: BaseException) -> str:
    """Class and first line of an error, the line cut where it is longer than anybody reads."""
    first = next((line for line in message_of(error).splitlines() if line.strip()), "")
    shown = first if len(first) <= LONGEST else f"{first[:LONGEST]} ..."
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__
