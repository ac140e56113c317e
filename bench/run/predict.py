"""Scores of one video, printed as a table."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.table import Table

from ...datasets.video.read import read_clip
from ...datasets.video.sampling import FrameSampler
from ..config.resolve import Resolved
from ..plan.plan import preprocessing
from ..plugin_errors import at_work
from ..score.evaluate import class_features, require_finite, view_scores
from ..terminal import console, warn
from .session import Session


def rank(
    resolved: Resolved, video: Path, names: list[str], device: str, plugins: tuple[str, ...]
) -> None:
    """Print classes, scores and softmax shares, best first.

    Raises:
        VideoError, WeightsError: with one sentence each.
    """
    session = Session(resolved, Path("runs"), device, "missing", plugins)
    where = session.device()
    method, _ = session.method(resolved.config.seeds[0])
    method.to(where).eval()
    config = resolved.config
    clip = read_clip(
        video,
        FrameSampler(config.views.sampling, config.views.frames),
        reader=config.data.reader,
    )
    if clip.count < config.views.frames:
        have = "1 frame" if clip.count == 1 else f"{clip.count} frames"
        warn(f"the video has {have}, and {config.views.frames} are wanted: frames are repeated")
    frames = torch.from_numpy(preprocessing(resolved, method).evaluate(clip.frames)).to(where)
    with torch.inference_mode():
        text = class_features(method, names, config.prompts)
        with at_work(method, "encode_video", [video.name]):
            features = method.encode_video(frames)
        with at_work(method, "scores", [video.name]):
            scores = view_scores(method, features, text, (1, len(names)))[0].cpu()
    require_finite(scores[None].numpy(), method, [video.name])
    shares = scores.softmax(0)
    table = Table("rank", "class", "score", "share of softmax", box=None, pad_edge=False)
    for place, index in enumerate(scores.argsort(descending=True).tolist(), 1):
        table.add_row(str(place), names[index], f"{scores[index]:.4f}", f"{shares[index]:.1%}")
    console.print(table)
    if config.backbone.pretrained is None and config.checkpoint is None:
        console.print("the weights are random: these scores mean nothing")
