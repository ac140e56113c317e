"""A method's card: what `bench describe` prints and what a run needs before torch is imported.

It stands beside the code as `<module>.yaml`, one entry per id under `methods:`; a plugin may instead set
the class attribute `card` to such an entry.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .card_files import card_fields, entries

_ADDRESS = r"^(https://\S+)?$"


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
        """The card of a method class: its attribute `card`, else its entry in the file beside it."""
        own = method.__dict__.get("card")
        if own is not None:
            return cls.model_validate(own)
        file = getattr(sys.modules[method.__module__], "__file__", None)
        path = Path(file).with_suffix(".yaml") if file else None
        beside = entries(path.read_text("utf-8")) if path and path.is_file() else {}
        for entry in beside.values():
            if entry.get("class") == method.__name__:
                return cls.model_validate(card_fields(entry))
        return cls(summary=(method.__doc__ or "").strip().split("\n")[0])

    @classmethod
    def builtin(cls, name: str, target: str) -> Card:
        """The card of a built-in method, read without importing its module."""
        package, _, module = target.split(":")[0].rpartition(".")
        text = resources.files(package).joinpath(f"{module}.yaml").read_text("utf-8")
        return cls.model_validate(card_fields(entries(text)[name]))

    def recipe(self, **facts: str) -> Recipe | None:
        """The first recipe that matches the protocol's family and dataset and the backbone."""
        return next((r for r in self.recipes if r.matches(**facts)), None)
