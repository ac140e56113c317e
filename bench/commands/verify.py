"""`bench verify`: records against their predictions and their protocols."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...datasets.value_words import cut
from .options import Plugins, Videos

if TYPE_CHECKING:
    from ..verify.check import Verification

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="Folders of runs, record.json files, or the first digits of run ids.",
    ),
]
Results = Annotated[
    Path, typer.Option("--results", help="Folder of runs in which run ids are looked up.")
]
SHOWN = 4
LONGEST = 400  # characters of a problem: names in a record may be of any length


def verify(
    runs: Runs,
    results: Results = Path("runs"),
    data: Videos = None,
    plugin: Plugins = None,
) -> None:
    """Compute every number of a record again from its predictions, and compare.

    With --data (and always for Shapes) ids and targets are compared with the protocol's lists too.
    """
    from ..errors import RunFailed
    from ..find_runs import find_records

    paths = find_records(runs, results)
    from ..terminal import progress
    from ..verify.check import verify_file
    from ..verify.lists import check_data

    plugins = tuple(str(p) for p in plugin or ())
    check_data(data or (), plugins, paths)
    found: list[Verification] = []
    with progress() as bar:
        task = bar.add_task("records", total=len(paths), note="")
        for path in paths:
            found.append(verify_file(path, data or (), plugins))
            _say_twice(found)
            _print(found[-1])
            bar.advance(task)
    failed = sum(bool(one.problems) for one in found)
    if failed:
        raise RunFailed(f"{failed} of {len(found)} records are not what they say")


def _say_twice(found: list[Verification]) -> None:
    """Name a run that another file has with other content."""
    last = found[-1]
    for other in found[:-1]:
        if last.record and other.record and last.record.run_id == other.record.run_id:
            same = last.text == other.text
            text = f"{other.path} has the same run_id"
            if same:
                last.notes.append(f"{text} and content")
            else:
                last.problems.append(f"{text} and other content")


def _print(found: Verification) -> None:
    """One line: what was computed again, or what is wrong."""
    said = "; ".join(filter(None, [found.coverage, *found.notes]))
    notes = f" ({said})" if said else ""
    if found.problems:
        more = len(found.problems) - SHOWN
        shown = [cut(text, LONGEST) for text in found.problems[:SHOWN]]
        what = "; ".join([*shown, *([f"and {more} more"] if more > 0 else [])])
        typer.secho(f"WRONG  {found.name}: {what}{notes}", fg=typer.colors.RED)
    elif found.record is not None and found.record.status != "done":
        typer.echo(f"-      {found.name}: {'; '.join(found.notes)}")
    else:
        typer.echo(f"ok     {found.name}: {found.metrics} metrics computed again{notes}")
