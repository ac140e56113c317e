"""How the official class names are written in prompts: rightly, and as the reference repositories do it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .errors import choice

CLASS_NAMES = ("official", "vifi-clip", "open-vclip")


@dataclass(frozen=True)
class Spelling:
    """From the raw official names of a dataset (as its class folders are called) to prompts, and back.

    The set "official" makes words of them and keeps case and brackets. "vifi-clip" and "open-vclip"
    reproduce the label files of these repositories with their faults.

    Attributes:
        words: what tells the words of a raw name apart: blanks, underscores or capitals.
        unsplit: sets that have raw names as they are.
        written_as: set -> raw name -> the other raw name whose words stand in its place.
        faults: set -> what is wrong with it.
    """

    words: Literal["blanks", "underscores", "capitals"] = "blanks"
    unsplit: tuple[str, ...] = ()
    written_as: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    def spelled(self, names: Iterable[str], class_names: str = "official") -> tuple[str, ...]:
        """Raw official names as they stand in prompts.

        Raises:
            ValueError: no such set of names.
        """
        choice(class_names, CLASS_NAMES, "set of class names")
        other = self.written_as.get(class_names, {})
        whole = class_names in self.unsplit
        raw = (other.get(name, name) for name in names)
        return tuple(name if whole else self._split(name) for name in raw)

    def unspelled(self, names: Iterable[str], class_names: str) -> tuple[str, ...]:
        """The raw official names that a set of class names stands for; `spelled` backwards.

        Raises:
            ValueError: no such set of names.
        """
        choice(class_names, CLASS_NAMES, "set of class names")
        own = {other: raw for raw, other in self.written_as.get(class_names, {}).items()}
        joined = (self._joined(name) for name in names)
        return tuple(own.get(name, name) for name in joined)

    def _split(self, raw: str) -> str:
        if self.words == "capitals":
            return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", raw)
        return raw.replace("_", " ") if self.words == "underscores" else raw

    def _joined(self, name: str) -> str:
        if self.words == "capitals":
            return name.replace(" ", "")
        if self.words == "underscores":
            return name.replace(" ", "_")
        return name.replace("_", " ")  # some label files write names with underscores
