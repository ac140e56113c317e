"""Where datasets are: --data, a config file, or the folder that VCLIPBENCH_DATA names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import DatasetError

VARIABLE = "VCLIPBENCH_DATA"


@dataclass(frozen=True)
class Roots:
    """Folders of datasets, and of checkouts that hold lists ("vifi-clip", "open-vclip").

    Attributes:
        given: id -> its folder.
        common: a folder that holds one folder an id; or the root of `main` itself.
        main: the dataset that `common` is of, if it has no folder of that name.
    """

    given: Mapping[str, Path] = field(default_factory=dict)
    common: Path | None = None
    main: str = ""

    def find(self, id: str) -> Path | None:
        """The folder of an id, None where nobody said it; the first of given, common, environment."""
        if id in self.given:
            return self.given[id]
        if self.common is not None and (self.common / id).is_dir():
            return self.common / id
        if self.common is not None and id == self.main:
            return self.common
        everywhere = os.environ.get(VARIABLE)
        if everywhere and (Path(everywhere) / id).is_dir():
            return Path(everywhere) / id
        return None

    def is_common(self, id: str) -> bool:
        """Whether an unnamed --data is taken for the folder of an id, for want of one of that name."""
        return id not in self.given and self.common is not None and self.find(id) == self.common

    def of(self, id: str) -> Path:
        """The folder of an id.

        Raises:
            DatasetError: nobody said where it is, or there is no such folder.
        """
        found = self.find(id)
        if found is None:
            raise DatasetError(f"{unknown(id)} (bench data describe {id} says what it holds)")
        if not found.is_dir():
            problem = "is a file" if found.exists() else "does not exist"
            raise DatasetError(f"{found} {problem}; the root folder of {id} is wanted")
        return found


def check_environment() -> None:
    """Refuse a folder in the environment that is not there, before anything is looked up in it.

    Raises:
        DatasetError: VCLIPBENCH_DATA names no folder.
    """
    everywhere = os.environ.get(VARIABLE)
    if everywhere and not Path(everywhere).is_dir():
        problem = "is a file" if Path(everywhere).exists() else "does not exist"
        raise DatasetError(
            f"{VARIABLE}={everywhere} {problem}; a folder of roots is wanted, or nothing"
        )


def unknown(id: str) -> str:
    """What is said where nobody named the folder of an id."""
    return (
        f"the folder of {id} is not known: give --data {id}=DIR, or a folder {id} inside the one "
        f"that --data or {VARIABLE} names"
    )


def parse_roots(words: list[str], main: str = "") -> Roots:
    """Roots from `ID=DIR` and at most one `DIR`.

    Raises:
        DatasetError: two folders for one id, or two without an id; the folder that VCLIPBENCH_DATA
            names does not exist.
    """
    check_environment()
    given: dict[str, Path] = {}
    common = None
    for word in words:
        id, equals, folder = word.partition("=")
        if equals and id.replace("-", "").isalnum() and folder:
            if id in given:
                raise DatasetError(f"--data gives two folders for {id}")
            given[id] = Path(folder)
        elif common is not None:
            raise DatasetError(
                f"--data gives two folders, {common} and {word}: say which is what with --data ID=DIR"
            )
        else:
            common = Path(word)
    return Roots(given, common, main)
