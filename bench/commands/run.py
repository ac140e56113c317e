"""`bench run`: train and evaluate a method under a protocol, one record for each seed and variant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def run(
    method: Annotated[str | None, typer.Option(help="Method id, see `bench list methods`.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol id, see `bench list protocols`.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Seed; repeat it, or write several after one --seed.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, e.g. train.lr=1e-5.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Config file (.yaml, .json, .py).")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder (or CSV) of the videos.")] = None,
    backbone: Annotated[
        str | None, typer.Option(help="open_clip model name or shapes-tiny.")
    ] = None,
    pretrained: Annotated[
        str | None, typer.Option(help="open_clip tag, a file, or `none` for random weights.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Start from this published or own checkpoint.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="Prompt template with {} for the class; repeatable.")
    ] = None,
    reader: Annotated[str | None, typer.Option(help="pyav, decord or torchcodec.")] = None,
    on_bad_video: Annotated[
        str | None, typer.Option(help="fail, skip (leave out) or salvage (read as far as it goes).")
    ] = None,
    probe: Annotated[
        str | None, typer.Option(help="time: test also on reversed, shuffled and frozen frames.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs"),
    if_exists: Annotated[
        str, typer.Option(help="missing (finish, skip what is done), skip, redo or fail.")
    ] = "missing",
    plugin: Annotated[list[Path] | None, typer.Option(help="Plugin file; repeatable.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print plan and settings, do nothing.")
    ] = False,
) -> None:
    """Train and evaluate a method under a protocol."""
    from ..config import resolve_config
    from ..errors import UserError, check_choice

    plugins = tuple(str(p) for p in plugin or ())
    check_choice("--if-exists", if_exists, ("missing", "skip", "redo", "fail"))
    check_choice("--device", device, ("auto", "cpu", "cuda"))
    resolved = resolve_config(
        method,
        protocol,
        file=config,
        overrides=set_ or (),
        flags=_flags(
            seed, data, backbone, pretrained, checkpoint, prompt, reader, on_bad_video, probe
        ),
        plugins=plugins,
    )
    if checkpoint is not None and not checkpoint.is_file():
        raise UserError(f"checkpoint {checkpoint} does not exist")
    from ..session import Session

    Session(resolved, out, device, if_exists, plugins).run(dry=dry_run)


def _flags(
    seed: list[int] | None,
    data: Path | None,
    backbone: str | None,
    pretrained: str | None,
    checkpoint: Path | None,
    prompt: list[str] | None,
    reader: str | None,
    on_bad_video: str | None,
    probe: str | None,
) -> dict[str, Any]:
    """The named flags that were given, as a config layer."""
    if backbone == "shapes-tiny" and pretrained is None:
        pretrained = "shapes-tiny"  # the name stands for the weights
    pairs: dict[str, Any] = {
        "seeds": seed,
        "data.root": str(data) if data else None,
        "data.reader": reader,
        "data.on_bad_video": on_bad_video,
        "backbone.name": backbone,
        "backbone.pretrained": pretrained,
        "checkpoint": str(checkpoint) if checkpoint else None,
        "prompts": prompt,
        "eval.probe": probe,
    }
    nested: dict[str, Any] = {}
    for key, value in pairs.items():
        if value is None or value == []:
            continue
        block, _, leaf = key.rpartition(".")
        (nested.setdefault(block, {}) if block else nested)[leaf] = value
    return nested
