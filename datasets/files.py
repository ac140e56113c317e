"""Only regular files are read: a named pipe waits for ever, and a device has no end."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotRegular(OSError):
    """Something else than a file; `strerror` says what."""


def kind_of(path: str | os.PathLike[str]) -> str:
    """What a path is, links followed: "a file", "a folder", "a named pipe", ...; "" where nothing is."""
    try:
        return _kind(os.stat(path).st_mode)
    except (OSError, ValueError):  # a NUL byte is in no name
        return ""


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a file for reading, at once and only if it is one.

    Raises:
        NotRegular: it is a folder, a named pipe, a socket or a device. OSError: it cannot be opened.
    """
    _check(path, os.stat(path).st_mode)  # some devices act when they are opened
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(os.open(path, flags | getattr(os, "O_CLOEXEC", 0)), "rb")  # noqa: SIM115
    try:
        _check(path, os.fstat(file.fileno()).st_mode)
    except NotRegular:
        file.close()
        raise
    return file


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file; raises as `open_regular`."""
    with open_regular(path) as file:
        return file.read()


def _check(path: str | os.PathLike[str], mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotRegular(errno.EINVAL, f"it is {_kind(mode)}, and a file is wanted", str(path))


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "a file"
    return next((words for of_kind, words in _KINDS if of_kind(mode)), "no file")
