"""`bench leaderboard`: a folder of records as tables, a page, or plots."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FAILED, RunFailed, UserError
from .options import Videos

if TYPE_CHECKING:
    from ...leaderboard.report.links import PageLinks
    from ...leaderboard.tables.load import Board


class BoardFormat(StrEnum):
    """How a table is written."""

    MD = "md"
    CSV = "csv"
    TEX = "tex"
    JSON = "json"
    HTML = "html"
    PLOTS = "plots"


_LINKED = {
    BoardFormat.MD: "Markdown",
    BoardFormat.CSV: "CSV",
    BoardFormat.JSON: "JSON",
    BoardFormat.TEX: "LaTeX",
}


def leaderboard(
    folder: Annotated[Path | None, typer.Argument(help="Folder of runs [default: runs].")] = None,
    results: Annotated[
        Path | None, typer.Option("--results", metavar="DIR", help="The same, as a flag.")
    ] = None,
    reported: Annotated[
        bool, typer.Option("--reported", help="Beside the numbers of papers, with verdicts.")
    ] = False,
    format: Annotated[
        list[BoardFormat] | None,
        typer.Option(
            "--format",
            help="md to read, csv and json to compute with, tex for a paper, html for a page, plots "
            "as PNG and SVG; repeatable [default: md].",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write leaderboard.* here; or one FILE."),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="CELL", help="The runs behind METHOD/PROTOCOL/COLUMN."),
    ] = None,
    ranks: Annotated[
        bool, typer.Option("--ranks/--no-ranks", help="Rank intervals, from the predictions.")
    ] = True,
    data: Videos = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if anything was left out or is wrong.")
    ] = False,
) -> None:
    """Turn a folder of records into tables; a pure function of the records."""
    if folder and results and folder != results:
        raise UserError(f"two folders of runs are given: {folder} and --results {results}")
    root = results or folder or Path("runs")
    formats = list(dict.fromkeys(format or [BoardFormat.MD]))
    _check_target(out, formats)
    board = _board(root, reported, ranks)
    for problem in board.problems:
        typer.secho(problem, fg=typer.colors.YELLOW, err=True)
    if not board.runs:
        raise RunFailed(f"there are no records of runs in {root}; `bench run` writes them")
    if not board.grid.used:
        reasons = "; ".join(board.grid.left_out) or "see above"
        raise RunFailed(f"no record in {root} belongs in a table: {reasons}")
    if explain is not None:
        typer.echo("\n".join(_explained(board, explain)).rstrip())
    else:
        for one in formats:
            _emit(board, one, out, data or [], formats)
    if strict and (board.problems or board.grid.left_out):
        raise typer.Exit(FAILED)


def _board(root: Path, reported: bool, ranks: bool) -> Board:
    from ...datasets.cache import cache_root
    from ...leaderboard.tables.load import make_board

    return make_board(root, reported=reported, ranks=ranks, cache=cache_root() / "ranks")


def _check_target(out: Path | None, formats: list[BoardFormat]) -> None:
    """Some formats are files only, and one file holds one format."""
    files = [one for one in formats if one in (BoardFormat.HTML, BoardFormat.PLOTS)]
    if out is None and (files or len(formats) > 1):
        raise UserError(f"--format {files[0] if files else formats[1]} needs --out DIR")
    if out is not None and _is_file(out) and (len(formats) > 1 or formats[0] is BoardFormat.PLOTS):
        raise UserError(f"--out {out} names one file; give a folder")


def _is_file(out: Path) -> bool:
    return not out.is_dir() and out.suffix.lstrip(".") in {*BoardFormat, "markdown", "htm"}


def _explained(board: Board, cell: str) -> list[str]:
    from ...leaderboard.tables.explain import explain

    try:
        return explain(board.grid, cell, board.standings, board.table.verdicts)
    except ValueError as error:
        raise UserError(f"--explain: {error}") from None


def _emit(
    board: Board,
    format: BoardFormat,
    out: Path | None,
    data: list[str],
    beside: Sequence[BoardFormat] = (),
) -> None:
    """Write one format; `beside`: all formats of this call, which a page links to."""
    from ...leaderboard.tables.formats import WRITERS

    if format is BoardFormat.PLOTS:
        from ...leaderboard.tables.plots import save_plots

        assert out is not None
        for path in save_plots(board.table, out):
            typer.echo(path)
        return
    if format is BoardFormat.HTML:
        from ...leaderboard.report import build_report
        from ..data.frames import captions_of, frames_of

        text = build_report(
            board.runs,
            board.table,
            partial(frames_of, data=tuple(data)),
            partial(captions_of, data=tuple(data)),
            _links(board, beside),
        )
    else:
        text = WRITERS[format](board.table)
    if out is None:
        typer.echo(text, nl=False)
    else:
        path = out if _is_file(out) else out / f"leaderboard.{format}"
        _write(path, text)
        typer.echo(path)


def _links(board: Board, beside: Sequence[BoardFormat]) -> PageLinks:
    """Addresses that the package names, and the files that this call writes beside the page."""
    from ...leaderboard.report.links import PageLinks
    from ..describe.links import method_links, project_links

    files = [(_LINKED[one], f"leaderboard.{one}") for one in beside if one in _LINKED]
    methods = method_links(run.record.identity.method.name for run in board.runs)
    return PageLinks((*project_links(), *files), methods)


def _write(path: Path, text: str) -> None:
    from ...leaderboard.record.files import StoreError, write_atomically

    try:
        write_atomically(path, text.encode())
    except StoreError as error:
        raise UserError(str(error)) from None
