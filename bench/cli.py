"""The command `bench`: its sub-commands, and errors as one sentence with an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from .. import __version__
from ..datasets.errors import escaped
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
    new_protocol,
    predict,
    publish,
    rerun,
    run,
    runs,
    sweep,
    verify,
)
from .errors import FAILED, INTERRUPTED, UserError, explained, one_line
from .plugin_errors import DEBUG, Failure, failure_of
from .ranks import RankLost, ranks

_PLACES = ("--data", "--out", "--results", "--config", "--plugin", "--checkpoint", "--video")
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
app.command("new-protocol")(new_protocol.new_protocol)
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


def check_empty(words: list[str]) -> None:
    """Refuse empty places, which would be taken for the current folder: an unset variable in a script.

    Raises:
        UserError: names the flag.
    """
    for flag, value in zip(words, [*words[1:], "-"], strict=True):
        name, equals, same = flag.partition("=")
        if name in _PLACES and not (same if equals else value).strip():
            raise UserError(f"{name} is empty: a file or folder is wanted")


def main() -> None:
    """Run the command line; errors meant for the user become one sentence, without traceback.

    Exit codes: 0 done, 1 the run failed, 2 bad usage, config or id; 128 and its number if a signal
    stopped it, which is 130 for Ctrl-C.
    """
    waiting.wait_briefly()
    stopping.listen()
    try:
        check_empty(sys.argv[1:])
        app(spread(sys.argv[1:]), prog_name="bench")
    except KeyboardInterrupt:
        sys.exit(stopping.exit_code())
    except BaseException as error:
        failure = failure_of(error)
        if isinstance(error, SystemExit) and not failure:  # Typer's own exit
            # 130 is what Typer makes of any KeyboardInterrupt
            sys.exit(stopping.exit_code() if error.code == INTERRUPTED else error.code)
        _tell(error, failure)


def _tell(error: BaseException, failure: Failure | None) -> NoReturn:
    """End with one sentence about an error, and with its traceback where that helps its author."""
    known = explained(error)
    one = ranks()
    if isinstance(error, RankLost) and not one.first:
        sys.exit(FAILED)  # the one that failed has said why, and the first one will
    one.fail(known[0] if known else failure.sentence if failure else one_line(error))
    if os.environ.get(DEBUG) == "1" or not (known or failure):  # or: a bug of ours
        if isinstance(error, SystemExit):
            traceback.print_exception(error)  # raised, it would only end the process
            sys.exit(FAILED)
        raise error
    sentence, code = known or (failure.sentence if failure else "", FAILED)
    shown = "\n".join(map(escaped, sentence.split("\n")))
    typer.secho(f"error: {shown}", fg=typer.colors.RED, err=True)
    if failure and not known:
        typer.echo("\n".join(failure.trace), err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
