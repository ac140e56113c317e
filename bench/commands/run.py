"""`bench run`: train and evaluate a method under a protocol, one record for each seed and variant."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from .options import (
    AllowUnpinned,
    AllSettings,
    BackboneName,
    Checkpoint,
    ClassNames,
    ConfigFile,
    Device,
    Devices,
    DryRun,
    ForwardVideos,
    IfExists,
    MethodId,
    NoVideos,
    OnBadVideo,
    Out,
    Plugins,
    Pretrained,
    Probe,
    Prompts,
    PromptSet,
    ProtocolId,
    Reader,
    Seeds,
    Settings,
    TieRule,
    TrainedOn,
    Videos,
    at_once,
    check_options,
)


def run(
    method: MethodId = None,
    protocol: ProtocolId = None,
    seed: Seeds = None,
    set_: Settings = None,
    config: ConfigFile = None,
    data: Videos = None,
    backbone: BackboneName = None,
    pretrained: Pretrained = None,
    checkpoint: Checkpoint = None,
    prompt: Prompts = None,
    prompts: PromptSet = None,
    class_names: ClassNames = None,
    tie_rule: TieRule = None,
    allow_unpinned: AllowUnpinned = False,
    trained_on: TrainedOn = None,
    reader: Reader = None,
    on_bad_video: OnBadVideo = None,
    probe: Probe = None,
    device: Device = "auto",
    devices: Devices = 1,
    forward_videos: ForwardVideos = "auto",
    out: Out = Path("runs"),
    if_exists: IfExists = "missing",
    plugin: Plugins = None,
    dry_run: DryRun = False,
    no_videos: NoVideos = False,
    all_: AllSettings = False,
) -> None:
    """Train and evaluate a method under a protocol."""
    from ..config.flags import data_flags, given, weight_flags
    from ..config.resolve import resolve_config
    from ..errors import UserError, check_file

    plugins = tuple(str(p) for p in plugin or ())
    check_options(if_exists, device)
    videos = at_once(forward_videos)
    if no_videos and not dry_run:
        raise UserError("--no-videos plans only: give it with --dry-run")
    if prompt and prompts:
        raise UserError("--prompt gives templates and --prompts a set of them: give one of the two")
    flags = {
        "seeds": seed,
        "data.reader": reader,
        "data.on_bad_video": on_bad_video,
        "data.videos": False if no_videos else None,
        "prompts": prompts or prompt,
        "eval.probe": probe,
        "eval.tie_rule": tie_rule,
    }
    flags |= weight_flags(backbone, pretrained, checkpoint)
    flags |= data_flags(data, class_names, allow_unpinned, trained_on)
    resolved = resolve_config(
        method,
        protocol,
        file=config,
        overrides=set_ or (),
        flags=given(flags),
        plugins=plugins,
    )
    if checkpoint is not None:
        check_file("--checkpoint", checkpoint)
    from ..ranks import several
    from ..run.launch import check_devices, launch
    from ..run.session import Session

    session = Session(resolved, out, device, if_exists, plugins, videos)
    if devices > 1 and not several() and not dry_run:
        check_devices(devices, device)
        raise typer.Exit(launch(devices, sys.argv[1:]))
    session.run(dry=dry_run, whole=all_)
