"""`bench run`: train and evaluate a method under a protocol, one record for each seed and variant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import (
    ConfigFile,
    Device,
    DryRun,
    IfExists,
    Out,
    Plugins,
    Probe,
    Seeds,
    Settings,
    Videos,
    check_options,
)


def run(
    method: Annotated[str | None, typer.Option(help="Method id, see `bench list methods`.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol id, see `bench list protocols`.")
    ] = None,
    seed: Seeds = None,
    set_: Settings = None,
    config: ConfigFile = None,
    data: Videos = None,
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
    probe: Probe = None,
    device: Device = "auto",
    out: Out = Path("runs"),
    if_exists: IfExists = "missing",
    plugin: Plugins = None,
    dry_run: DryRun = False,
) -> None:
    """Train and evaluate a method under a protocol."""
    from ..config import resolve_config
    from ..errors import UserError

    plugins = tuple(str(p) for p in plugin or ())
    check_options(if_exists, device)
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
