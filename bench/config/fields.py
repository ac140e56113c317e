"""Types of the config's values, with limits that no run can be beyond.

PyYAML reads `5e-6` as text: numbers and truth values given as text become what they say.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


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
Frames = Annotated[Integer, Field(ge=1, le=1024)]
Clips = Annotated[Integer, Field(ge=1, le=100)]
Pixels = Annotated[Integer, Field(ge=16, le=4096)]
Even = Annotated[Integer, Field(ge=32, le=1024, multiple_of=2)]  # H.264 wants even sides
Epochs = Annotated[Integer, Field(ge=1, le=10_000)]
Videos = Annotated[Integer, Field(ge=1, le=65_536)]
Processes = Annotated[Integer, Field(ge=0, le=256)]
Seed = Annotated[Integer, Field(ge=0, le=2**32 - 1)]  # what numpy's generators take
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
