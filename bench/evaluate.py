"""Evaluation: videos and texts become features once, scores are merged over views."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets.sampling import sample_rng
from ..datasets.transforms import Preprocess
from ..methods.base import Features, Method
from ..protocols.base import Sample, Split
from .errors import RunFailed
from .schema import RunConfig
from .stream import EvalViews, loader


@dataclass
class Scored:
    """Scores of the readable videos of a split, in the split's order.

    Attributes:
        ids, target, scores: [N], [N], float32 [N, K].
        unreadable: id -> why; damaged: ids read only as far as they go.
        index_digest: SHA-256 over the frame indices read. seconds: decode and encode.
        probes: name -> scores [N, K] on frames that a probe changed.
    """

    ids: list[str]
    target: NDArray[np.int64]
    scores: NDArray[np.float32]
    unreadable: dict[str, str]
    damaged: list[str]
    index_digest: str
    seconds: dict[str, float] = field(default_factory=dict)
    probes: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def prompts_of(classes: Sequence[str], templates: Sequence[str]) -> list[str]:
    """All prompts, class by class: K * P texts."""
    return [template.format(name) for name in classes for template in templates]


@torch.inference_mode()
def class_features(method: Method, classes: Sequence[str], templates: Sequence[str]) -> Features:
    """Text features of K classes, averaged over the templates (`Method.encode_classes`).

    Raises:
        RunFailed: several templates, and a method that cannot average its text features.
    """
    try:
        return method.encode_classes(prompts_of(classes, templates), len(templates))
    except TypeError as error:
        raise RunFailed(str(error)) from None


def _autocast(config: RunConfig, device: torch.device) -> torch.autocast:
    enabled = config.eval.precision == "amp"
    kind = torch.float16 if device.type == "cuda" else torch.bfloat16
    return torch.autocast(device.type, kind, enabled=enabled)


def _view_scores(method: Method, video: Features, text: Features, views: int, merge: str) -> Tensor:
    """Scores [B, K] of B videos whose features count B * views rows, merged by the rule."""
    if merge == "features" and views > 1:
        if not isinstance(video, Tensor):
            raise RunFailed("views.merge=features needs one feature row a view; use scores")
        video = video.view(-1, views, video.shape[-1]).mean(1)
        return method.scores(video, text).float()
    scores = method.scores(video, text).float()
    if views == 1:
        return scores
    if merge == "logits":
        return scores.view(-1, views, scores.shape[-1]).mean(1)
    return scores.view(-1, views, scores.shape[-1]).softmax(-1).mean(1)


@torch.no_grad()
def patch(method: Method, ratio: float) -> None:
    """Interpolate with the original CLIP, whose share is `ratio` (Open-VCLIP, patching), in place."""
    original = method.original()
    for name, parameter in method.named_parameters():
        if name in original:
            parameter.copy_(ratio * original[name] + (1 - ratio) * parameter)


def probe_frames(clips: Tensor, probe: str | None) -> dict[str, Tensor]:
    """Clips [B, T, 3, H, W] as they are under "", and as a probe changes them under its names.

    The probe "time": frames reversed, in one fixed random order, and all equal to the middle one. What
    the accuracy loses tells what a method uses of time.
    """
    if probe is None:
        return {"": clips}
    length = clips.shape[1]
    order = torch.from_numpy(sample_rng(0, "probe", length).permutation(length))
    middle = clips[:, length // 2 : length // 2 + 1].expand_as(clips)
    return {"": clips, "reversed": clips.flip(1), "shuffled": clips[:, order], "frozen": middle}


@torch.inference_mode()
def evaluate_split(
    method: Method,
    split: Split,
    config: RunConfig,
    preprocess: Preprocess,
    device: torch.device,
    progress: Callable[[int], None],
) -> Scored:
    """Score every video of a split once, in order.

    Raises:
        RunFailed: a video cannot be read and `data.on_bad_video` is "fail"; scores that are not finite.
    """
    views = config.views.clips * config.views.crops
    data = EvalViews(split.samples, config, preprocess)
    per_batch = max(1, config.eval.batch_size // views)
    batches = loader(data, config.data.workers, batch_size=per_batch, collate_fn=list)
    rows: dict[str, list[Tensor]] = {}
    kept: list[Sample] = []
    unreadable: dict[str, str] = {}
    damaged: list[str] = []
    digest = hashlib.sha256()
    seconds = {"decode": 0.0, "encode": 0.0}
    with _autocast(config, device):
        text = class_features(method, split.classes, config.prompts)
        clock = time.perf_counter()
        for items in batches:
            seconds["decode"] += time.perf_counter() - clock
            clock = time.perf_counter()
            good = [item for item in items if "error" not in item]
            for item in items:
                sample = split.samples[item["number"]]
                if "error" in item:
                    unreadable[sample.id] = _allowed(item["error"], config)
                else:
                    kept.append(sample)
                    damaged += [sample.id] if item["damaged"] else []
                    digest.update(json.dumps([sample.id, item["indices"]]).encode())
            if good:
                clips = torch.cat([item["views"] for item in good]).to(device)
                for name, frames in probe_frames(clips, config.eval.probe).items():
                    video = method.encode_video(frames)
                    merged = _view_scores(method, video, text, views, config.views.merge)
                    rows.setdefault(name, []).append(merged.cpu())
            seconds["encode"] += time.perf_counter() - clock
            progress(len(items))
            clock = time.perf_counter()
    found = {name: torch.cat(parts).numpy().astype(np.float32) for name, parts in rows.items()}
    _check_finite(found, kept)
    scores = found.pop("", np.zeros((0, len(split.classes)), np.float32))
    return Scored(
        ids=[s.id for s in kept],
        target=np.array([s.label for s in kept], np.int64),
        scores=scores,
        unreadable=unreadable,
        damaged=damaged,
        index_digest=digest.hexdigest(),
        seconds=seconds,
        probes=found,
    )


def _allowed(error: str, config: RunConfig) -> str:
    """Why a video cannot be read, where such videos may be left out; else it ends the run."""
    if config.data.on_bad_video == "fail":
        raise RunFailed(f"{error} (--on-bad-video skip leaves such videos out)")
    return error


def _check_finite(found: dict[str, NDArray[np.float32]], samples: Sequence[Sample]) -> None:
    for scores in found.values():  # those of the probes too
        bad = np.flatnonzero(~np.isfinite(scores).all(1))
        if len(bad):
            names = ", ".join(samples[i].id for i in bad[:3])
            raise RunFailed(f"scores of {len(bad)} videos are not finite: {names}")


def flops_per_view(method: Method, frames: int, size: int) -> float | None:
    """Multiply-adds times two of `encode_video` for one view, counted by torch; None if it cannot."""
    from torch.utils.flop_counter import FlopCounterMode

    clip = torch.zeros(1, frames, 3, size, size, device=method.device)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the counter does not know the fused kernel
    try:
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            method.encode_video(clip)
        return float(counter.get_total_flops())
    except Exception:  # a plugin's own kernels may be unknown to the counter
        return None
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
