"""Errors inside a plugin: one sentence that says whose, where and at what, and the plugin's own frames.

An error is a plugin's if a file of the plugin is on its traceback, or if a method or protocol of a plugin
was at work: its features may fail only in code that it inherits. All others are ours, and stay tracebacks.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from .errors import one_line
from .registry import plugin_of

DEBUG = "VCLIPBENCH_DEBUG"
"""Environment variable; 1: errors come with their whole traceback."""
_NOTE = "_vclipbench_at_work"
_SHOWN = 3  # videos in the sentence
_ENDS = 10  # frames at each end of a long traceback

Frame = tuple[FrameType, int]
"""A frame of a traceback, and the line."""


@dataclass(frozen=True)
class Failure:
    """An error of a plugin.

    Attributes:
        sentence: who failed at what, with which error, in which file and line. trace: lines to print below.
    """

    sentence: str
    trace: tuple[str, ...]


class at_work:
    """While a plugin's code runs: an error that leaves is noted with what was being done.

    Args:
        owner: the method or protocol, or its class. phase: what it does. videos: ids of those at hand.
    """

    def __init__(self, owner: object, phase: str, videos: Iterable[str] = ()):
        self.owner, self.phase, self.videos = owner, phase, videos

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and not hasattr(error, _NOTE):
            with suppress(Exception):  # an error class may refuse further attributes
                setattr(error, _NOTE, self)


def failure_of(error: BaseException) -> Failure | None:
    """What to tell of an error of a plugin; None for an error of ours.

    An error that Click or Typer has turned into a silent exit is still one.
    """
    while isinstance(error, SystemExit) and not _own(error) and error.__context__ is not None:
        error = error.__context__
    own = _own(error)
    note: at_work | None = getattr(error, _NOTE, None)
    if not own and not (note and plugin_of(_file_of(note.owner))):
        return None
    if note:
        who, phase = _named(note.owner), note.phase
    else:
        who, phase = _owner(own), own[0][0].f_code.co_name.replace("<module>", "its import")
    file = own[-1][0].f_code.co_filename if own else _file_of(note.owner if note else None)
    line = f", line {own[-1][1]}" if own else ""
    sentence = (
        f"{who or f'plugin {Path(file).name}'} failed in {phase}{_with(note)}: {_what(error)} "
        f"({Path(file).name}{line})"
    )
    return Failure(sentence, tuple(_trace(error, own, file)))


def told(error: BaseException) -> str | None:
    """The sentence of `failure_of`, or None."""
    failure = failure_of(error)
    return failure.sentence if failure else None


def _own(error: BaseException) -> list[Frame]:
    """The frames of plugins, outermost first."""
    return [
        (frame, line) for frame, line in _frames(error.__traceback__) if plugin_of(_code(frame))
    ]


def _frames(trace: TracebackType | None) -> Iterator[Frame]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _code(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _file_of(owner: Any) -> str:
    """The file of an object's class, or of a class."""
    cls = owner if isinstance(owner, type) else type(owner)
    return str(getattr(sys.modules.get(cls.__module__), "__file__", None) or "")


def _owner(own: list[Frame]) -> str:
    """The method or protocol whose code it is, by the `self` of its frames; empty if none has one."""
    for frame, _ in own:
        if frame.f_code.co_argcount and (name := _named(frame.f_locals.get("self"))):
            return name
    return ""


def _named(owner: Any) -> str:
    """ "method mine" or "protocol zs-mine"; empty for anything else."""
    from ..protocols.base import Protocol

    if isinstance(owner, Protocol):
        return f"protocol {owner.id}"
    methods = sys.modules.get(f"{__name__.split('.')[0]}.methods.base")
    cls = owner if isinstance(owner, type) else type(owner)
    if methods is not None and issubclass(cls, methods.Method):
        return str(methods.called(cls))
    return ""


def _with(note: at_work | None) -> str:
    """ " with the videos a, b, c and 5 more"."""
    ids = list(note.videos) if note else []
    if not ids:
        return ""
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f" with the video{'s' * (len(ids) > 1)} {', '.join(ids[:_SHOWN])}{more}"


def _what(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it left the process with sys.exit({'' if error.code is None else error.code!r})"
    return one_line(error)


def _trace(error: BaseException, own: list[Frame], file: str) -> Iterator[str]:
    """The plugin's frames; all are shown where they were asked for."""
    whole = traceback.extract_tb(error.__traceback__)
    every = os.environ.get(DEBUG) == "1"
    shown = [frame for frame in whole if every or plugin_of(frame.filename)]
    shown = shown if len(shown) <= 2 * _ENDS else shown[:_ENDS] + shown[-_ENDS:]  # of a recursion
    if shown:
        yield from "".join(traceback.format_list(shown)).rstrip().split("\n")
    if own and not every:
        yield f"(the frames of {Path(file).name} only; {DEBUG}=1 shows all)"
    elif not every:
        yield f"({DEBUG}=1 shows where)"
