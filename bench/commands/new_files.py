"""Files of one's own to start from, written from templates that work as they stand."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path


def stem_of(name: str) -> str:
    """The name of the file: the id with underscores.

    Raises:
        UserError: not an id.
    """
    from ..errors import UserError

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+._-]*", name):
        raise UserError(
            f"{name!r} cannot be an id: a letter and then letters, digits, - + . or _ are wanted"
        )
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def check_free(kind: str, name: str, stem: str, files: list[Path]) -> None:
    """Refuse an id that is taken, files that are there, and names that would hide a Python module.

    Args:
        kind: "methods" or "protocols".

    Raises:
        UserError: which, and what to do.
    """
    from importlib.metadata import packages_distributions

    from ..errors import UserError
    from ..registry import ids

    if name in ids(kind):
        raise UserError(
            f"there is a {kind[:-1]} {name!r} already (bench describe {name}); take another id"
        )
    for path in files:
        if path.exists():
            raise UserError(f"{path} is there already and is not overwritten; move it or use --out")
    if keyword.iskeyword(stem):
        raise UserError(
            f"{stem} is a word of Python, and no file {stem}.py can be imported; take another id"
        )
    if stem in sys.stdlib_module_names or stem in packages_distributions():
        raise UserError(f"a file {stem}.py would hide the Python module {stem}; take another id")


def filled(template: str, words: Mapping[str, str]) -> str:
    """The text of a template with its words replaced, all at once: an id may be one of them."""
    from .. import checks

    text = resources.files(checks).joinpath(template).read_text("utf-8")
    return re.sub("|".join(words), lambda match: words[match[0]], text)


def camel(stem: str, suffix: str) -> str:
    """A name for a class: the suffix keeps ids such as "none" or "stage" from meaning something else."""
    return "".join(word.capitalize() for word in stem.split("_")).removesuffix(suffix) + suffix


def write(out: Path, files: Mapping[Path, str]) -> None:
    """Write new files.

    Raises:
        RunFailed: the folder cannot be written.
    """
    from ..errors import RunFailed

    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise RunFailed(f"cannot write {error.filename or out}: {error.strerror}") from None
