"""`bench new-method`: a method of one's own to start from, with its test."""

from __future__ import annotations

import keyword
import re
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

# Both templates are modules that work as they stand; these words of theirs are replaced.
_ID, _CLASS, _FILE = "my-method", "MyMethod", "my_file"


def new_method(
    name: Annotated[
        str, typer.Argument(help="Id of the method: letters, digits, - + . _, a letter first.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new files.")] = Path("."),
) -> None:
    """Write a small working method and its test, to change into yours."""
    from ..errors import RunFailed

    stem = _stem(name)
    files = {
        out / f"{stem}.py": _filled("method_template.py", name, stem),
        out / f"test_{stem}.py": _filled("pytest_template.py", name, stem),
    }
    _check_free(name, stem, list(files))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise RunFailed(f"cannot write {error.filename or out}: {error.strerror}") from None
    plugin, test = map(str, files)
    typer.echo(
        f"{plugin} holds a method that works, {test} its tests. Next:\n"
        f"  bench check method {name} --plugin {plugin}\n"
        f"  bench run --method {name} --protocol b2n-shapes --plugin {plugin}\n"
        f"  bench leaderboard runs\n"
        f"  python -m pytest {test}"
    )


def _stem(name: str) -> str:
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


def _check_free(name: str, stem: str, files: list[Path]) -> None:
    """Refuse an id that is taken, files that are there, and names that would hide a Python module."""
    from importlib.metadata import packages_distributions

    from ..errors import UserError
    from ..registry import ids

    if name in ids("methods"):
        raise UserError(
            f"there is a method {name!r} already (bench describe {name}); take another id"
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


def _filled(template: str, name: str, stem: str) -> str:
    from .. import checks

    text = resources.files(checks).joinpath(template).read_text("utf-8")
    # the suffix keeps ids such as "none" or "stage" from becoming names that mean something else
    words = "".join(word.capitalize() for word in stem.split("_"))
    camel = words.removesuffix("Method") + "Method"
    new = {_ID: name, _CLASS: camel, _FILE: stem}
    return re.sub(
        "|".join(new), lambda found: new[found[0]], text
    )  # at once: an id may be one of them
