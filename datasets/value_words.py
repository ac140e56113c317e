"""Findings of pydantic in this project's words: which key, what came, and what is wanted; no long values.

It stands in the lowest folder, because configurations, records and reported numbers are all checked by
pydantic, and each is told to its user alike. Nothing of the package is imported here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

LONGEST = 120
"""Characters of a value in a message."""
Place = tuple[int | str, ...]


@dataclass(frozen=True)
class Said:
    """What a field takes, in words; stands beside a pattern in `Annotated`."""

    words: str


def cut(text: str, longest: int = LONGEST) -> str:
    """A text of at most `longest` characters, with dots and the full number where something is left out."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 25]}... ({len(text):,} characters)"


def written(value: Any) -> str:
    """A value as a user writes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return repr(value)


def shown(value: Any) -> str:
    """A value as a user writes it, cut to `LONGEST` characters."""
    if isinstance(value, int) and value.bit_length() > 4 * LONGEST:
        return f"a number of about {int(value.bit_length() * 0.30103):,} digits"
    try:
        return cut(written(value))
    except (ValueError, RecursionError):  # a list with such a number in it, or lists in lists
        return f"a {type(value).__name__}"


def complaints(
    error: ValidationError,
    model: type[BaseModel] | None = None,
    values: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Dotted key -> what is wrong with its value, the first finding of each.

    Args:
        model: what was validated; its fields say what is wanted.
        values: keys that users write, with their values: what lies within one is told of the whole.
    """
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        place = item["loc"]
        inner = [place[:n] for n in range(len(place), 0, -1)]
        whole = next((p for p in inner if values and dotted(p) in values), place)
        key = dotted(whole)
        value = values[key] if values and key in values else item["input"]
        if whole == place and item["type"] in ("missing", "extra_forbidden"):
            text = _of_key(item, model)
        else:
            text = _of_value(item, _kind_at(model, whole), value)
        found.setdefault(key, text)
    return found


def in_words(error: ValidationError, model: type[BaseModel] | None = None, most: int = 3) -> str:
    """The findings in one line: `key: value is not what is wanted; ...; and 2 more`."""
    lines = [f"{key}: {text}" if key else text for key, text in complaints(error, model).items()]
    more = f"; and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more


def dotted(place: Place) -> str:
    """A place as a dotted key."""
    return ".".join(cut(str(part), 60) for part in place)


def wanted(field: FieldInfo) -> str:
    """What a field takes, in words: "a number greater than 0"."""
    return _words(field.annotation, field.metadata)


Kind = tuple[Any, list[Any]]  # an annotation, and what stands beside it


def _of_key(item: ErrorDetails, model: type[BaseModel] | None) -> str:
    """What is wrong with a key that lacks, or that there is not."""
    if item["type"] == "missing":
        return "is missing"
    kind = _kind_at(model, item["loc"][:-1])
    if kind is None or not _is_model(kind[0]):
        return "there is no such key"
    known = list(kind[0].model_fields)
    close = difflib.get_close_matches(str(item["loc"][-1])[:LONGEST], known, 1, 0.5)
    if close:
        return f"there is no such key; did you mean {close[0]!r}?"
    return "there is no such key" + (f"; there are {', '.join(known)}" if len(known) <= 12 else "")


def _of_value(item: ErrorDetails, kind: Kind | None, value: Any) -> str:
    """What is wrong with a value."""
    own = item.get("ctx", {}).get("error")
    if own is not None:
        return cut(str(own), 4 * LONGEST)
    words = _words(*kind) if kind else _BY_TYPE.get(item["type"].partition("_")[0], "")
    if not words or words == "a value":
        return f"{shown(value)} has no place here"
    return f"{shown(value)} is not {words}"


_BY_TYPE = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "dict": "a group of keys",
    "model": "a group of keys",
}


def _kind_at(model: type[BaseModel] | None, place: Place) -> Kind | None:
    """What is wanted at a place of a model; None where its fields do not tell."""
    kind: Kind | None = (model, []) if model is not None else None
    for part in place:
        if kind is None:
            return None
        kind = _inside(*kind, part)
    return kind


def _inside(annotation: Any, metadata: list[Any], part: int | str) -> Kind | None:
    """What a part of a value of this kind has to be."""
    for choice, _ in _choices(annotation, metadata):
        origin: Any = get_origin(choice)
        args = get_args(choice)
        if _is_model(choice) and part in choice.model_fields:
            field = choice.model_fields[str(part)]
            return field.annotation, field.metadata
        if origin is dict and isinstance(part, str):
            return args[1], []
        if origin is list and isinstance(part, int):
            return args[0], []
        if origin is tuple and isinstance(part, int):
            return (args[0] if args[-1] is Ellipsis else args[min(part, len(args) - 1)]), []
    return None


def _choices(annotation: Any, metadata: list[Any]) -> Iterator[Kind]:
    """The kinds that an annotation allows, without `Annotated` and unions around them."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        own = [m for a in args[1:] for m in (a.metadata if isinstance(a, FieldInfo) else [a])]
        yield from _choices(args[0], own + metadata)
    elif origin in (Union, UnionType):
        for arg in args:
            yield from _choices(arg, metadata)
    else:
        yield annotation, metadata


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_BOUNDS = {"gt": "greater than", "ge": "of at least", "lt": "less than", "le": "of at most"}


def _words(annotation: Any, metadata: list[Any]) -> str:
    """What is wanted, in words."""
    words = [_one(kind, about) for kind, about in _choices(annotation, metadata)]
    return " or ".join(dict.fromkeys(words))


def _one(kind: Any, metadata: list[Any]) -> str:
    """What one kind without choices wants."""
    said = [m.words for m in metadata if isinstance(m, Said)]
    if said:
        return said[0]
    origin, args = get_origin(kind), get_args(kind)
    if kind is type(None):
        return "null"
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(map(str, args))
    if origin is list and not _is_model(args[0]):
        return f"a list, each {_words(args[0], [])}"
    if origin is tuple and args[-1] is not Ellipsis:
        return f"a list of {len(args)}, each {_words(args[0], [])}"
    if _is_model(kind) or origin is dict or kind is dict:
        return "a group of keys"
    if origin in (list, tuple):
        return "a list"
    return _noun(kind, metadata)


def _noun(kind: Any, metadata: list[Any]) -> str:
    """A number with its bounds, or another plain value."""
    bounds = [
        f"{words} {_number(getattr(m, name))}"
        for name, words in _BOUNDS.items()
        for m in metadata
        if getattr(m, name, None) is not None
    ]
    noun = _KINDS.get(kind, "a list" if kind is list else "a value")
    if any(getattr(m, "multiple_of", None) == 2 for m in metadata):
        noun = "an even whole number"
    if kind is str and any(getattr(m, "min_length", None) for m in metadata):
        noun = "a text that is not empty"
    return " ".join([noun, " and ".join(bounds).replace("and of", "and")]).strip()


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
