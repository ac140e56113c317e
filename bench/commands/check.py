"""`bench check`: whether a method or a protocol fulfils what the harness relies on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Plugins, Videos

if TYPE_CHECKING:
    from ..checks import Result

app = typer.Typer(help="Check a method or protocol of yours.", no_args_is_help=True)


@app.callback()
def check() -> None:
    """Check a method or protocol of yours."""  # with a callback, `method` stays a word of the command


@app.command()
def method(
    name: Annotated[str, typer.Argument(help="Method id, see `bench list methods`.")],
    plugin: Plugins = None,
) -> None:
    """Run a method in miniature through every requirement and every Shapes protocol."""
    from rich.console import Console

    from ..checks import check_method

    with Console(file=sys.stderr).status("") as status:  # bound: the checks swallow what is printed
        findings = check_method(name, plugin or (), tell=status.update)
    _show(name, findings)


@app.command()
def protocol(
    name: Annotated[str, typer.Argument(help="Protocol id, see `bench list protocols`.")],
    data: Videos = None,
    plugin: Plugins = None,
) -> None:
    """Plan a protocol, score it with drawn numbers, and run `random` on a few of its videos."""
    from rich.console import Console

    from ..checks import check_protocol

    with Console(file=sys.stderr).status("") as status:
        findings = check_protocol(name, plugin or (), data or (), tell=status.update)
    _show(name, findings)


def _show(name: str, findings: list[Result]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..checks import FAIL, PASS
    from ..errors import FAILED

    styles = {PASS: "green", FAIL: "bold red"}
    table = Table("requirement", "result", "", box=None, pad_edge=False)
    for f in findings:
        verdict = Text(f.verdict, style=styles.get(f.verdict, "dim"))
        table.add_row(Text(f.requirement), verdict, Text(f.reason, overflow="fold"))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 1000)
    with console.capture() as lines:  # one line a requirement for pipes and files
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in lines.get().splitlines()))
    failed = sum(f.verdict == FAIL for f in findings)
    word = f"{failed} of {len(findings)} requirements fail" if failed else "nothing fails"
    typer.echo(f"{name}: {word}")
    if failed:
        raise typer.Exit(FAILED)
