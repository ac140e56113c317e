"""What a method says of itself: its version and facts, and stages that name parameters that it has."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

from ..errors import UserError, did_you_mean, nearest
from ..plugin_errors import at_work

if TYPE_CHECKING:
    from torch import nn

    from ...methods.base import Method, Stage, Target

_FEW = 6  # names in a sentence


def stages_of(method: Method, target: Target) -> tuple[Stage, ...]:
    """What a method says it trains, in order.

    Raises:
        UserError: it says something else than stages, or a stage what no stage can.
    """
    from ...methods.base import Stage, called

    with at_work(method, "stages"):
        told = method.stages(target)
    who = called(method)
    if not isinstance(told, list | tuple):
        raise UserError(f"stages() of {who} gives {_kind(told)}; a list of Stage is wanted")
    for stage in told:
        if not isinstance(stage, Stage):
            raise UserError(f"stages() of {who} holds {_kind(stage)}; a list of Stage is wanted")
        for problem in _problems(stage):
            raise UserError(f"stage {stage.name!r} of {who}: {problem}")
    names = [stage.name for stage in told]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{who} has two stages {twice[0]!r}; each needs a name of its own")
    return tuple(told)


def version_of(method: Method) -> str:
    """The version of a method.

    Raises:
        UserError: it is no text.
    """
    from ...methods.base import called

    if not isinstance(method.version, str) or not method.version:
        raise UserError(f"version of {called(method)} is {method.version!r}; a text is wanted")
    return method.version


def facts_of(method: Method) -> dict[str, Any]:
    """What decides results beside options and backbone.

    Raises:
        UserError: no dict, or a value that a record cannot hold.
    """
    from ...methods.base import called

    with at_work(method, "facts"):
        told = method.facts()
    where = f"facts() of {called(method)}"
    if not isinstance(told, dict):
        raise UserError(f"{where} gives {_kind(told)}; a dict is wanted")
    for name, value in told.items():
        try:
            json.dumps({name: value}, allow_nan=False)
        except (TypeError, ValueError):
            raise UserError(
                f"{where}: {name!r} is {_kind(value)}, which JSON cannot hold; texts, numbers and lists "
                "of them are wanted"
            ) from None
    return told


def _problems(stage: Stage) -> Iterator[str]:
    """What is wrong with the fields of a stage."""
    if not isinstance(stage.name, str) or not stage.name:
        yield "its name has to be a text"
    for key in ("trains", "frozen"):
        patterns = getattr(stage, key)
        if not isinstance(patterns, list | tuple) or not all(isinstance(p, str) for p in patterns):
            yield f"{key} is {patterns!r}; a tuple of patterns is wanted, such as ('adapter.*',)"
    for key in ("data", "texts"):
        value, choices = getattr(stage, key), _choices(key)
        if value not in choices:
            hint = did_you_mean(str(value), choices)
            yield f"{key} is {value!r}, none of {', '.join(choices)}{hint}"


def _choices(key: str) -> tuple[str, ...]:
    from typing import get_type_hints

    from ...methods.base import Stage

    return get_args(get_type_hints(Stage)[key])


def check_learning(method: nn.Module, stage: Stage) -> None:
    """Refuse a stage that trains nothing.

    Raises:
        UserError: its patterns, and the names that may be meant.
    """
    if stage.names(method):
        return
    where = f"stage {stage.name!r} of {_called(method)}"
    idle = [pattern for pattern in stage.trains if not _matches(pattern, method)]
    if len(idle) < len(stage.trains):
        frozen = ", ".join(stage.frozen)
        raise UserError(f"{where} trains nothing: all that it names is frozen by {frozen}")
    patterns = ", ".join(stage.trains) or "it has no pattern"
    raise UserError(f"{where} names no parameter: {patterns}{_meant(idle, method)}")


def idle_patterns(method: nn.Module, stage: Stage) -> list[str]:
    """A sentence for every pattern of a stage that matches no parameter."""
    return [
        f"stage {stage.name!r} of {_called(method)}: the pattern {pattern!r} matches no parameter"
        f"{_meant([pattern], method)}"
        for pattern in (*stage.trains, *stage.frozen)
        if not _matches(pattern, method)
    ]


def _called(method: nn.Module) -> str:
    from ...methods.base import called

    return called(method)


def _matches(pattern: str, model: nn.Module) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name, _ in model.named_parameters())


def _meant(patterns: Sequence[str], model: nn.Module) -> str:
    """ "; did you mean map.*?", or with what the names of its parameters begin."""
    names = [name for name, _ in model.named_parameters()]
    close = dict.fromkeys(near for pattern in patterns if (near := _near(pattern, names)))
    if close:
        return f"; did you mean {' or '.join(close)}?"
    first = list(dict.fromkeys(name.partition(".")[0] for name in names))
    more = ", ..." if len(first) > _FEW else ""
    return f"; its parameters begin with {', '.join(first[:_FEW])}{more}" if first else ""


def _near(pattern: str, names: Sequence[str]) -> str | None:
    """The pattern with its fixed beginning replaced by the nearest one that parameters have."""
    beginning = re.split(r"[*?\[]", pattern)[0].rstrip(".")
    tail = pattern[len(beginning) :]
    parts = [name.split(".") for name in names]
    known = dict.fromkeys(".".join(p[:n]) for p in parts for n in range(1, len(p) + 1))
    if beginning in known:
        return f"{beginning}.*" if any(n.startswith(f"{beginning}.") for n in names) else beginning
    depth = beginning.count(".")
    level = [begin for begin in known if begin.count(".") == depth]
    close = nearest(beginning, level) or nearest(beginning, known) if beginning else None
    if close is None:
        return None
    wanted = close + tail
    return wanted if any(fnmatch.fnmatchcase(n, wanted) for n in names) else f"{close}*"


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
