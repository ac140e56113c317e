"""A method's card: what `bench describe` prints and what a run needs before torch is imported.

It stands beside the code as `<module>.yaml`, one entry per id under `methods:`; a plugin may instead set
the class attribute `card` to such an entry.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .card_files import card_fields, entries

_ADDRESS = r"^(https://\S+)?$"


class CardError(ValueError):
    """A card that is none; one sentence that names the key and says what is wrong with it."""


class Option(BaseModel):
    """One option of a method."""

    model_config = ConfigDict(extra="forbid")

    default: Any
    help: str
    nullable: bool = False  # whether null is a value beside those of the default's type


class Recipe(BaseModel):
    """Settings for the runs that match `when`, e.g. {family: b2n, dataset: shapes}."""

    model_config = ConfigDict(extra="forbid")

    when: dict[str, str] = Field(default_factory=dict)
    source: str = ""
    set: dict[str, Any] = Field(default_factory=dict)

    def matches(self, **facts: str) -> bool:
        """Whether every condition holds.

        Quick GELU belongs to the weights, so open_clip's names with and without it are one backbone.
        """
        return all(_plain(facts.get(key, "")) == _plain(value) for key, value in self.when.items())


def _plain(value: str) -> str:
    return value.removesuffix("-quickgelu")


class Card(BaseModel):
    """Summary, paper, training, options and recipes of a method."""

    model_config = ConfigDict(extra="forbid")

    summary: str = ""
    paper: str = ""
    url: str = Field(default="", pattern=_ADDRESS)  # where the paper is
    code: str = Field(default="", pattern=_ADDRESS)  # where its authors' code is
    trains: str = "nothing"
    training_data: str = "none beyond the backbone's"
    backbone: bool = True  # False: the method needs no CLIP
    needs: list[Literal["descriptions"]] = Field(default_factory=list)  # texts beside class names
    options: dict[str, Option] = Field(default_factory=dict)
    recipes: list[Recipe] = Field(default_factory=list)

    @classmethod
    def of(cls, method: type) -> Card:
        """The card of a method class: its attribute `card`, else its entry in the file beside it.

        Raises:
            CardError: a key that there is not, or a value that is none; the key is named.
        """
        own = method.__dict__.get("card")
        if own is not None:
            return cls.checked(own)
        file = getattr(sys.modules[method.__module__], "__file__", None)
        path = Path(file).with_suffix(".yaml") if file else None
        beside = entries(path.read_text("utf-8")) if path and path.is_file() else {}
        for entry in beside.values():
            if entry.get("class") == method.__name__:
                return cls.checked(card_fields(entry))
        return cls(summary=(method.__doc__ or "").strip().split("\n")[0])

    @classmethod
    def checked(cls, content: Any) -> Card:
        """A card from its content.

        Raises:
            CardError: what is wrong with it.
        """
        if not isinstance(content, dict):
            raise CardError(f"it is a {type(content).__name__}, and a dict is wanted")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise CardError("; ".join(dict.fromkeys(_faults(error)))) from None

    @classmethod
    def builtin(cls, name: str, target: str) -> Card:
        """The card of a built-in method, read without importing its module."""
        package, _, module = target.split(":")[0].rpartition(".")
        text = resources.files(package).joinpath(f"{module}.yaml").read_text("utf-8")
        return cls.model_validate(card_fields(entries(text)[name]))

    def recipe(self, **facts: str) -> Recipe | None:
        """The first recipe that matches the protocol's family and dataset and the backbone."""
        return next((r for r in self.recipes if r.matches(**facts)), None)


_CHOICES = {
    "options": Option.model_fields,
    "recipes": Recipe.model_fields,
    "": Card.model_fields,
}


def _faults(error: ValidationError) -> Iterator[str]:
    """Pydantic's findings in our words, each with its key."""
    for item in error.errors():
        path = [str(part) for part in item["loc"]]
        key, name = ".".join(path), path[-1]
        if item["type"] == "extra_forbidden":
            choices = _CHOICES[path[0] if len(path) > 1 else ""]
            close = difflib.get_close_matches(name, choices, 1, 0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(choices)}"
            yield f"there is no key {key!r}; {hint}"
        elif item["type"] == "missing":
            yield f"{key} is missing"
        else:
            wanted = item["msg"].removeprefix("Input should be ")
            yield f"{key} is {_short(item['input'])}; {wanted} is wanted"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]} ..."
