"""`bench new-method`: a method of one's own to start from, with its test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .new_files import camel, check_free, filled, stem_of, write


def new_method(
    name: Annotated[
        str, typer.Argument(help="Id of the method: letters, digits, - + . _, a letter first.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new files.")] = Path("."),
) -> None:
    """Write a small working method and its test, to change into yours."""
    stem = stem_of(name)
    words = {"my-method": name, "MyMethod": camel(stem, "Method"), "my_file": stem}
    files = {
        out / f"{stem}.py": filled("method_template.py", words),
        out / f"test_{stem}.py": filled("pytest_template.py", words),
    }
    check_free("methods", name, stem, list(files))
    write(out, files)
    plugin, test = map(str, files)
    typer.echo(
        f"{plugin} holds a method that works, {test} its tests. Next:\n"
        f"  bench check method {name} --plugin {plugin}\n"
        f"  bench run --method {name} --protocol b2n-shapes --plugin {plugin}\n"
        f"  bench leaderboard runs\n"
        f"  python -m pytest {test}"
    )
