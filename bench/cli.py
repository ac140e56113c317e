"""The command `bench`: its sub-commands, and errors as one sentence with an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Annotated

import typer

from .. import __version__
from .commands import describe, leaderboard, listing
from .errors import INTERRUPTED, explained

DEBUG = "VCLIPBENCH_DEBUG"
"""Environment variable; 1: errors come with their traceback."""
_REPEATED = ("--seed", "--set", "--prompt", "--prompts", "--plugin")

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vclipbench {__version__}")
        raise typer.Exit


@app.callback()
def bench(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version."),
    ] = False,
) -> None:
    """Compare methods that adapt CLIP to video, honestly."""


def _part(name: str) -> ModuleType | None:
    """A command's module; None if this installation does not have it."""
    full = f"{__package__}.commands.{name}"
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
        return None


def _add_commands() -> None:
    app.command("list")(listing.list_entries)
    app.command("describe")(describe.describe)
    if run := _part("run"):
        app.command("run")(run.run)
    if sweep := _part("sweep"):
        app.command("sweep")(sweep.sweep)
    if data := _part("data"):
        app.add_typer(data.app, name="data")
    if convert := _part("convert"):
        app.command("convert")(convert.convert)
    if predict := _part("predict"):
        app.command("predict")(predict.predict)
    if new_method := _part("new_method"):
        app.command("new-method")(new_method.new_method)
    if check := _part("check"):
        app.add_typer(check.app, name="check")
    app.command("leaderboard")(leaderboard.leaderboard)


_add_commands()


def spread(words: list[str]) -> list[str]:
    """`run --seed 1 2 3` as `run --seed 1 --seed 2 --seed 3`: Typer takes one value per option."""
    if words[:1] not in (["run"], ["sweep"]):
        return words
    spread: list[str] = []
    option, first = "", False
    for word in words:
        if word.startswith("--"):
            option, first = word if word in _REPEATED else "", True
        elif option and not first:
            spread.append(option)
        else:
            first = False
        spread.append(word)
    return spread


def main() -> None:
    """Run the command line; errors meant for the user become one sentence, without traceback.

    Exit codes: 0 done, 1 the run failed, 2 bad usage, config or id, 130 stopped with Ctrl-C.
    """
    try:
        app(spread(sys.argv[1:]), prog_name="bench")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        known = explained(error)
        if known is None or os.environ.get(DEBUG) == "1":
            raise
        typer.secho(f"error: {known[0]}", fg=typer.colors.RED, err=True)
        sys.exit(known[1])


if __name__ == "__main__":
    main()
