"""Options that several commands have, each with its help and its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Seeds = Annotated[
    list[int] | None,
    typer.Option("--seed", help="Seed; repeat it, or write several after one --seed."),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="A setting, e.g. train.lr=1e-5; repeatable.")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Config file (.yaml, .json, .py).")
]
Videos = Annotated[Path | None, typer.Option("--data", help="Folder (or CSV) of the videos.")]
Probe = Annotated[
    str | None,
    typer.Option("--probe", help="time: test also on reversed, shuffled and frozen frames."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the results.")]
IfExists = Annotated[
    str,
    typer.Option("--if-exists", help="missing (finish, skip what is done), skip, redo or fail."),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE", help="A Python file with methods or protocols; repeatable."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print plan and settings, do nothing.")]


def check_options(if_exists: str, device: str) -> None:
    """Refuse words that --if-exists and --device do not know.

    Raises:
        UserError: naming the flag and its choices.
    """
    from ..errors import check_choice

    check_choice("--if-exists", if_exists, ("missing", "skip", "redo", "fail"))
    check_choice("--device", device, ("auto", "cpu", "cuda"))
