"""`bench rerun`: repeat a run from its record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Device, Plugins, Videos
from .verify import Results


def rerun(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Folder, record.json, or first digits of a run id.")
    ],
    results: Results = Path("runs"),
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("runs-again"),
    data: Videos = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Where the checkpoint of the run is.")
    ] = None,
    pretrained: Annotated[
        Path | None, typer.Option(help="Where the backbone's weights file is.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=PATH", help="Where another file of the config is (data.descriptions)."
        ),
    ] = None,
    device: Device = "auto",
    plugin: Plugins = None,
) -> None:
    """Do a run once more and compare; the old one stays as it is.

    A record names files but no folders, so those have to be given again.
    """
    from ..errors import check_choice
    from ..find_runs import find_record, read_record

    check_choice("--device", device, ("auto", "cpu", "cuda"))
    path = find_record(run, results)
    record = read_record(path).record
    from ..run.rerun import Again, Here, comparison

    files = dict(_pair(word) for word in file or ())
    files |= {"checkpoint": str(checkpoint)} if checkpoint else {}
    files |= {"backbone.pretrained": str(pretrained)} if pretrained else {}
    here = Here(data or (), tuple(str(p) for p in plugin or ()), files)
    again = Again(record, here, out, device).repeat(path.parent)
    from ..run import show

    show.result(again)
    for line in comparison(record, again):
        typer.echo(line)


def _pair(word: str) -> tuple[str, str]:
    from ..errors import UserError

    key, equals, path = word.partition("=")
    if not equals or not path or not (key == "data.descriptions" or key.startswith("options.")):
        raise UserError(
            f"--file {word}: data.descriptions=FILE is wanted, or options.NAME=FILE of the method"
        )
    return key, path
