"""Types of the config's values, and what they are in words.

PyYAML reads `5e-6` as text: numbers and truth values given as text become what they say.
"""

from __future__ import annotations

import re
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo


def number(value: Any) -> Any:
    """The number that a text says, else the value as it is."""
    if isinstance(value, str):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    return value


def choice(value: Any) -> Any:
    """As `number`; True == 1, so a Literal[1, 3] would let it through."""
    return str(value) if isinstance(value, bool) else number(value)


def truth(value: Any) -> Any:
    """The truth value that a text says, else the value as it is."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


def none(value: Any) -> Any:
    """The word none, which shells and YAML 1.2 users write for null."""
    return None if value == "none" else value


def own_name(value: str | None) -> str | None:
    """The name, if a heading and the name of a file can hold it; raises ValueError."""
    if value is None or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", value):
        return value
    raise ValueError(
        f"{value[:60]!a} is no name of videos: up to 40 letters, digits, '.', '_' and '-' are wanted"
    )


Integer = Annotated[int, Field(strict=True), BeforeValidator(number)]
Real = Annotated[float, Field(strict=True), BeforeValidator(number)]
Flag = Annotated[bool, Field(strict=True), BeforeValidator(truth)]
Positive = Annotated[Integer, Field(ge=1)]
NonNegative = Annotated[Real, Field(ge=0)]
Share = Annotated[Real, Field(ge=0, le=1)]
Decay = Annotated[Real, Field(ge=0, lt=1)]
Precision = Literal["fp32", "amp"]
OwnName = Annotated[str | None, BeforeValidator(none), AfterValidator(own_name)]
"""What a user may call videos of one's own: it stands in headings and in names of files."""


class Section(BaseModel):
    """A group of keys: immutable, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )


def wanted(field: FieldInfo) -> str:
    """What a field takes, in words: "a number greater than 0"."""
    return _words(field.annotation, field.metadata)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_BOUNDS = {"gt": "greater than", "ge": "of at least", "lt": "less than", "le": "of at most"}


def _words(kind: Any, metadata: list[Any]) -> str:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        own = [m for a in args[1:] for m in (a.metadata if isinstance(a, FieldInfo) else [a])]
        return _words(args[0], own + metadata)
    if origin in (Union, UnionType):
        return " or ".join("null" if a is type(None) else _words(a, metadata) for a in args)
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(map(str, args))
    if origin is list:
        return f"a list, each {_words(args[0], [])}"
    if origin is tuple:
        return f"a list of {len(args)}, each {_words(args[0], [])}"
    bounds = [
        f"{words} {getattr(m, name):g}"
        for name, words in _BOUNDS.items()
        for m in metadata
        if getattr(m, name, None) is not None
    ]
    noun = _KINDS.get(kind, "a list" if kind is list else "a value")
    return " ".join([noun, " and ".join(bounds).replace("and of", "and")]).strip()
