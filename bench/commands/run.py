"""`bench run`: train and evaluate a method under a protocol, one record for each seed and variant."""

from __future__ import annotations

from pathlib import Path

from .options import (
    AllowUnpinned,
    AllSettings,
    BackboneName,
    Checkpoint,
    ClassNames,
    ConfigFile,
    Device,
    DryRun,
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
    from ..run.session import Session

    Session(resolved, out, device, if_exists, plugins).run(dry=dry_run, whole=all_)
