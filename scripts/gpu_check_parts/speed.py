"""Evaluation and training of every method, beside plain CLIP's encoder and a straightforward loop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from vclipbench.bench.score.evaluate import flops_per_view
from vclipbench.bench.train.engine import Group

from .clock import Work, in_turns, operations, peak_mib
from .setting import Setting
from .work import TEMPORAL, Case, PlainLoop, Step, all_learn, clips, groups_of, plain_encoder

FRAMEWISE_RATE, TEMPORAL_RATE, EVALUATION_MFU = 0.90, 0.75, 0.45
STEP_RATE, STEP_MEMORY = 1.5, 0.7

EVALUATION = ("method", "frames", "clips/s", "of plain CLIP", "goal", "MFU", "goal", "peak MiB")
TRAINING = (
    "method",
    "frames",
    "at once",
    "s a step",
    "videos/s",
    "loop : ours",
    "goal",
    "in plain passes",
    "MFU",
    "peak MiB",
    "of the loop's",
    "goal",
)


@dataclass(frozen=True)
class Goal:
    """A goal: a figure has to be at least, or at most, a bound."""

    bound: float
    most: bool = False

    def verdict(self, value: float | None) -> str:
        """Such as "met (>= 0.9)"; a dash without a figure."""
        if value is None:
            return "-"
        met = value <= self.bound if self.most else value >= self.bound
        return f"{'met' if met else 'not met'} ({'<=' if self.most else '>='} {self.bound:g})"


def shown(value: float | None, digits: int = 2) -> str:
    """A figure, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def evaluation_row(case: Case, frames: int, setting: Setting) -> list[str]:
    """Clips per second, as a share of plain CLIP's encoder on the same frames, and use of the device."""
    method, given = case.method, clips(case, setting.batch, frames)
    plain = plain_encoder(case, given)

    def encode() -> None:
        with torch.inference_mode(), setting.autocast():
            method.encode_video(given)

    def encode_plain() -> None:
        with torch.inference_mode(), setting.autocast():
            plain()

    method.eval()
    own, other = in_turns([encode, encode_plain], setting.rounds, setting.device)
    peak = peak_mib(encode, setting.device)
    flops = flops_per_view(method, frames, case.size)
    method.train()
    use = flops * setting.batch / own / setting.peak if flops and setting.peak else None
    goal = Goal(TEMPORAL_RATE if case.name in TEMPORAL else FRAMEWISE_RATE)
    rate = other / own
    return [
        case.name,
        str(frames),
        shown(setting.batch / own, 1),
        shown(rate),
        goal.verdict(rate),
        shown(use),
        Goal(EVALUATION_MFU).verdict(use),
        shown(peak, 0),
    ]


def training_rows(case: Case, frames: int, setting: Setting) -> list[list[str]]:
    """A step, beside the loop and beside a forward and backward pass of plain CLIP's encoder.

    Once with a group in a forward pass, as the loop has it, and once with all groups of the step.
    """
    groups = groups_of(case, frames, setting.step)
    case.method.begin(groups[0].batch)
    videos = sum(group.size for group in groups)
    plain = plain_passes(case, torch.cat([group.batch.frames for group in groups]), setting)
    loop = PlainLoop(case, setting.autocast)
    loop_peak = peak_mib(partial(loop, groups), setting.device)
    ways = {"a group": None, "all": videos} if len(groups) > 1 else {"all": None}
    rows = []
    for name, at_once in ways.items():
        try:
            figures = _step_figures(case, groups, at_once, (loop, loop_peak, plain), setting)
        except torch.OutOfMemoryError:
            figures = ["too large", *"-" * (len(TRAINING) - 4)]
        rows.append([case.name, str(frames), name, *figures])
    return rows


def _step_figures(
    case: Case,
    groups: list[Group],
    at_once: int | None,
    beside: tuple[PlainLoop, float | None, float],
    setting: Setting,
) -> list[str]:
    """The columns of `TRAINING` from the fourth on, beside the loop, its memory and plain passes."""
    loop, loop_peak, plain = beside
    seconds, loop_seconds = _in_turns(case, groups, at_once, loop, setting)
    step = partial(Step(case, setting.autocast, at_once), groups)
    peak, flops = peak_mib(step, setting.device), operations(step)
    share = peak / loop_peak if peak and loop_peak else None
    rate = loop_seconds / seconds
    return [
        shown(seconds, 4),
        shown(sum(group.size for group in groups) / seconds, 1),
        shown(rate),
        Goal(STEP_RATE).verdict(rate),
        shown(seconds / plain),
        shown(flops / seconds / setting.peak if setting.peak else None),
        shown(peak, 0),
        shown(share),
        Goal(STEP_MEMORY, most=True).verdict(share),
    ]


def _in_turns(
    case: Case, groups: list[Group], at_once: int | None, loop: PlainLoop, setting: Setting
) -> list[float]:
    """Seconds of a step, and of the loop's, in turns."""
    works: list[Work] = [
        partial(Step(case, setting.autocast, at_once), groups),
        partial(loop, groups),
    ]
    return in_turns(works, setting.rounds, setting.device)


def plain_passes(case: Case, frames: torch.Tensor, setting: Setting) -> float:
    """Seconds of a forward and a backward pass of plain CLIP's encoder over all frames of a step."""
    visual, encode = case.method.clip.visual, plain_encoder(case, frames)

    def both() -> None:
        with setting.autocast():
            loss = encode().float().square().mean()
        loss.backward()
        visual.zero_grad(set_to_none=True)

    with all_learn(visual):
        return in_turns([both], setting.rounds, setting.device)[0]
