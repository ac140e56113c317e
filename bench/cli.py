"""The command `bench`: its sub-commands, and errors as one sentence with an exit code."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from .. import __version__
from . import stopping, waiting
from .commands import (
    audit,
    check,
    compare,
    convert,
    data,
    describe,
    leaderboard,
    listing,
    new_method,
    predict,
    publish,
    rerun,
    run,
    runs,
    sweep,
    verify,
)
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


app.command("list")(listing.list_entries)
app.command("describe")(describe.describe)
app.command("run")(run.run)
app.command("sweep")(sweep.sweep)
app.command("audit")(audit.audit)
app.add_typer(data.app, name="data")
app.command("convert")(convert.convert)
app.command("predict")(predict.predict)
app.command("new-method")(new_method.new_method)
app.add_typer(check.app, name="check")
app.add_typer(runs.app, name="runs")
app.command("rerun")(rerun.rerun)
app.command("verify")(verify.verify)
app.command("publish")(publish.publish)
app.command("compare")(compare.compare)
app.command("leaderboard")(leaderboard.leaderboard)


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

    Exit codes: 0 done, 1 the run failed, 2 bad usage, config or id; 128 and its number if a signal
    stopped it, which is 130 for Ctrl-C.
    """
    waiting.wait_briefly()
    stopping.listen()
    try:
        app(spread(sys.argv[1:]), prog_name="bench")
    except KeyboardInterrupt:
        sys.exit(stopping.exit_code())
    except SystemExit as stop:  # what Typer makes of any KeyboardInterrupt
        sys.exit(stopping.exit_code() if stop.code == INTERRUPTED else stop.code)
    except Exception as error:
        known = explained(error)
        if known is None or os.environ.get(DEBUG) == "1":
            raise
        typer.secho(f"error: {known[0]}", fg=typer.colors.RED, err=True)
        sys.exit(known[1])


if __name__ == "__main__":
    main()
