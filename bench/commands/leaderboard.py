"""`bench leaderboard`: a folder of records as tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..errors import FAILED, RunFailed, UserError


class Format(StrEnum):
    """How a table is written."""

    MD = "md"
    CSV = "csv"


def leaderboard(
    folder: Annotated[Path, typer.Argument(help="Folder of runs.")] = Path("runs"),
    format: Annotated[
        Format, typer.Option("--format", help="Markdown to read, or CSV to compute with.")
    ] = Format.MD,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write here, not to the screen.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if a file is no valid record.")
    ] = False,
) -> None:
    """Turn a folder of records into a table."""
    from ...leaderboard import load_records

    problems: list[str] = []
    records = load_records(folder, problems)
    for problem in problems:
        typer.secho(f"left out: {problem}", fg=typer.colors.YELLOW, err=True)
    if not records:
        raise RunFailed(f"there are no records of runs in {folder}; `bench run` writes them")
    from ...leaderboard.tables import leaderboard_table, to_csv, to_markdown

    table = leaderboard_table(records)
    text = to_csv(table) if format is Format.CSV else to_markdown(table)
    if out is None:
        typer.echo(text, nl=False)
    else:
        _write(out, text)
    if strict and problems:
        raise typer.Exit(FAILED)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
