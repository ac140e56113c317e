"""`bench predict`: scores of one video for some classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Device, Plugins


def predict(
    video: Annotated[Path, typer.Option(help="Video file.")],
    classes: Annotated[str, typer.Option(help='Names with commas between: "juggling,nothing".')],
    method: Annotated[str, typer.Option(help="Method id.")] = "clip",
    backbone: Annotated[
        str, typer.Option(help="open_clip name or shapes-tiny.")
    ] = "ViT-B-16-quickgelu",
    pretrained: Annotated[
        str | None, typer.Option(help="open_clip tag, a file, or `none`.", show_default=True)
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Published or own checkpoint.")] = None,
    prompt: Annotated[
        str, typer.Option(help="Template with {} for the class.")
    ] = "a photo of a {}.",
    frames: Annotated[int, typer.Option(help="Frames sampled.", min=1)] = 8,
    reader: Annotated[str, typer.Option(help="pyav, decord or torchcodec.")] = "pyav",
    device: Device = "auto",
    plugin: Plugins = None,
) -> None:
    """Print the classes ranked by their score for one video."""
    from ..errors import UserError, check_choice, check_file

    names = [name.strip() for name in classes.split(",") if name.strip()]
    if not names:
        raise UserError('--classes holds no name; write e.g. --classes "juggling,nothing"')
    if len(set(names)) < len(names):
        raise UserError(f"--classes names {next(n for n in names if names.count(n) > 1)!r} twice")
    check_file("--video", video)
    if checkpoint is not None:
        check_file("--checkpoint", checkpoint)
    from ..config.resolve import resolve_config

    check_choice("--device", device, ("auto", "cpu", "cuda"))
    own = {"name": backbone, "pretrained": pretrained or _default_weights(backbone)}
    resolved = resolve_config(
        method,
        "zs-folder",
        flags={
            "backbone": own,
            "checkpoint": str(checkpoint) if checkpoint else None,
            "prompts": [prompt],
            "views": {"frames": frames},
            "data": {"root": str(video.parent), "reader": reader},
        },
        plugins=tuple(str(p) for p in plugin or ()),
    )
    from ..run.predict import rank

    rank(resolved, video, names, device, tuple(str(p) for p in plugin or ()))


def _default_weights(backbone: str) -> str:
    return "shapes-tiny" if backbone == "shapes-tiny" else "openai"
