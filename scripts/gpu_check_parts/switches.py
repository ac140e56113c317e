"""What can be computed in two ways, each way timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from .clock import Work, in_turns, peak_mib
from .setting import Setting
from .speed import shown
from .work import Step, clips, groups_of, made

HEAD = ("what", "s off", "s on", "off : on", "peak MiB off", "peak MiB on")
Row = list[str]


def _row(name: str, off: Work, on: Work, setting: Setting) -> Row:
    """Seconds and memory of both ways; memory first, while neither has run."""
    peaks = [peak_mib(work, setting.device) for work in (off, on)]
    seconds = in_turns([off, on], setting.rounds, setting.device)
    ratio = shown(seconds[0] / seconds[1])
    return [name, *(shown(s, 4) for s in seconds), ratio, *(shown(p, 0) for p in peaks)]


def texts_once(setting: Setting) -> Row:
    """Texts of 400 classes once a step, against once for each of its groups."""
    case = made("vifi", setting.backbone, setting.device)
    number = 40 if setting.small else 400
    groups = groups_of(case, setting.frames[0], replace(setting.step, classes=number))
    step = Step(case, setting.autocast)
    name = f"texts of {number} classes once a step"
    return _row(name, partial(step.one_by_one, groups), partial(step, groups), setting)


def fusing(setting: Setting) -> Row:
    """All groups of a step in one forward pass, against one after the other."""
    case = made("vifi", setting.backbone, setting.device)
    groups = groups_of(case, setting.frames[0], setting.step)
    alone, fused = (
        Step(case, setting.autocast),
        Step(case, setting.autocast, sum(g.size for g in groups)),
    )
    return _row("groups fused", partial(alone, groups), partial(fused, groups), setting)


def in_pieces(setting: Setting) -> Row:
    """A contrastive batch that goes twice in pieces, against once in one."""
    case = made("clip-vip", setting.backbone, setting.device)
    groups = groups_of(case, setting.frames[0], setting.step)
    whole, pieces = Step(case, setting.autocast), Step(case, setting.autocast, setting.step.videos)
    name = f"captions in pieces of {setting.step.videos}"
    return _row(name, partial(whole, groups), partial(pieces, groups), setting)


def compiled(setting: Setting) -> Row:
    """torch.compile around the video encoder; its first call, which compiles, is in the name."""
    case = made("vifi", setting.backbone, setting.device)
    case.method.eval()
    given = clips(case, setting.batch, setting.frames[0])
    quick = torch.compile(case.method.encode_video)

    def run(encode: Callable[[torch.Tensor], object]) -> None:
        with torch.no_grad(), setting.autocast():
            encode(given)

    begun = time.perf_counter()
    run(quick)
    first = time.perf_counter() - begun
    name = f"torch.compile, evaluation (first call {first:.0f} s)"
    return _row(name, partial(run, case.method.encode_video), partial(run, quick), setting)


SWITCHES: dict[str, Callable[[Setting], Row]] = {
    "texts once a step": texts_once,
    "groups fused": fusing,
    "captions in pieces": in_pieces,
    "torch.compile": compiled,
}
