"""Stopping: Ctrl-C, and what schedulers send before they end a job, are one request.

The first request ends work at the next place from which it can go on, the second one at once.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

# Slurm sends TERM at a time limit and at a preemption; USR2 is what people ask for some minutes before
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR2") if hasattr(signal, name)
)
_heard: list[int] = []


class Stopped(KeyboardInterrupt):
    """A request to stop; what was done is kept, and the same command goes on from there."""

    def __init__(self, number: int = signal.SIGINT, what: str = "stopped"):
        super().__init__(number)
        by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        self.number, self.text = number, what + by

    def __str__(self) -> str:
        return self.text


def listen() -> None:
    """Turn the signals into `Stopped`, in the main thread of a command."""
    _set(_stop)


def exit_code() -> int:
    """Of a command that was stopped, as shells count: 128 and the signal."""
    return 128 + (_heard[-1] if _heard else signal.SIGINT)


def leave_to_parent() -> None:
    """Pass over the signals: for workers, which the parent ends in its own time."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def asking(ask: Callable[[int], None]) -> Iterator[None]:
    """Within the block the first signal calls `ask` with its number; the next one raises `Stopped`."""
    asked = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            _stop(number, frame)
        asked = True
        _heard.append(number)
        ask(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    set_here = _set(hear)
    try:
        yield
    finally:
        for number, handler in before.items() if set_here else ():
            signal.signal(number, handler)


def _set(handler: Callable[[int, FrameType | None], None]) -> bool:
    """Whether the handler could be set: only the main thread may."""
    try:
        for number in SIGNALS:
            signal.signal(number, handler)
    except ValueError:
        return False
    return True


def _stop(number: int, frame: FrameType | None) -> None:
    _heard.append(number)
    raise Stopped(number)
