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
Videos = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="[ID=]DIR",
        help="Folder (or CSV) of the videos; a dataset's root, or a folder of roots; repeatable.",
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option("--class-names", help="official, vifi-clip or open-vclip (published datasets)."),
]
AllowUnpinned = Annotated[
    bool,
    typer.Option("--allow-unpinned", help="Read annotation files of unknown versions (recorded)."),
]
TieRule = Annotated[
    str | None,
    typer.Option("--tie-rule", help="pessimistic, expected or reference (retrieval)."),
]
PromptSet = Annotated[
    str | None, typer.Option("--prompts", help="A named set of templates: vifi, bare, open-vclip.")
]
TrainedOn = Annotated[
    list[str] | None,
    typer.Option("--trained-on", help="What the checkpoint was trained on, e.g. k400; repeatable."),
]
OnBadVideo = Annotated[
    str | None,
    typer.Option(
        "--on-bad-video", help="fail, skip (leave out) or salvage (read as far as it goes)."
    ),
]
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
MethodId = Annotated[
    str | None, typer.Option("--method", help="Method id, see `bench list methods`.")
]
ProtocolId = Annotated[
    str | None, typer.Option("--protocol", help="Protocol id, see `bench list protocols`.")
]
BackboneName = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        help="A plain CLIP of open_clip (not SigLIP 2 or PE-Core yet) or shapes-tiny.",
    ),
]
Pretrained = Annotated[
    str | None,
    typer.Option("--pretrained", help="open_clip tag, a file, or `none` for random weights."),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="Start from this published or own checkpoint."),
]
Prompts = Annotated[
    list[str] | None,
    typer.Option("--prompt", help="Prompt template with {} for the class; repeatable."),
]
Reader = Annotated[str | None, typer.Option("--reader", help="pyav, decord or torchcodec.")]
NoVideos = Annotated[
    bool,
    typer.Option(
        "--no-videos", help="With --dry-run: plan from the lists alone, without videos or weights."
    ),
]
AllSettings = Annotated[
    bool, typer.Option("--all", help="With --dry-run: every setting, not only those that were set.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print plan, needs and settings, do nothing.")
]


def check_options(if_exists: str, device: str) -> None:
    """Refuse words that --if-exists and --device do not know.

    Raises:
        UserError: naming the flag and its choices.
    """
    from ..errors import check_choice

    check_choice("--if-exists", if_exists, ("missing", "skip", "redo", "fail"))
    check_choice("--device", device, ("auto", "cpu", "cuda"))
