"""`bench list`: ids with one line each and where they come from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..terminal import wrapped
from .options import Plugins

if TYPE_CHECKING:
    from ..registry import Registration


def list_entries(
    kind: Annotated[
        str | None,
        typer.Argument(help="methods, protocols or datasets; all three if left out."),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All three with a line for each id, not the ids alone.")
    ] = False,
    plugin: Plugins = None,
) -> None:
    """List methods, protocols or datasets: id, one line, origin."""
    from ..errors import UserError
    from ..registry import KINDS, entries

    by_kind = {name: entries(name, plugin or ()) for name in ([kind] if kind else KINDS)}
    short = kind is None and not all_
    for name, registered in by_kind.items():
        if short:
            typer.echo("\n".join(_ids(name, registered)))
        elif sys.stdout.isatty():
            _table(name, list(registered.values()))
        else:
            _plain(name if len(by_kind) > 1 else "", list(registered.values()))
    if short:
        typer.echo("a line for each: bench list methods (protocols, datasets), or bench list --all")
    given = {str(file) for file in plugin or ()}  # a broken package is no fault of who asks
    broken = [e for found in by_kind.values() for e in found.values() if e.error]
    if own := [entry for entry in broken if entry.origin in given]:
        raise UserError(f"plugin file {own[0].origin} is broken: {own[0].error}")


def _ids(name: str, registered: dict[str, Registration]) -> list[str]:
    """The ids of one kind in a few lines; those that cannot be used are named as broken."""
    good = [id for id, entry in registered.items() if not entry.error]
    lines = [f"{name}: {len(good)}", *wrapped(", ".join(good), "  ")]
    for id, entry in registered.items():
        lines += [f"  broken: {id}: {entry.error}"] if entry.error else []
    return lines


def _table(title: str, entries: list[Registration]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    width = max((len(entry.id) for entry in entries), default=0)
    table.add_column("id", no_wrap=True, min_width=width, style="bold")
    table.add_column("what", overflow="fold")
    table.add_column("origin", overflow="fold")
    for entry in entries:
        what = Text(f"broken: {entry.error}", style="red") if entry.error else Text(entry.summary)
        table.add_row(Text(entry.id), what, Text(entry.origin))
    Console().print(table)


def _plain(title: str, entries: list[Registration]) -> None:
    """Columns of text, for pipes and files."""
    width = max((len(entry.id) for entry in entries), default=0)
    lines = [f"{title}:"] if title else []
    for entry in entries:
        what = f"broken: {entry.error}" if entry.error else entry.summary
        lines.append(f"{entry.id:<{width}}  {what}  [{entry.origin}]")
    typer.echo("\n".join(lines))
