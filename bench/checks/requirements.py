"""What features and scores of a method have to fulfil; each function raises `Unmet` if they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fixtures import LONG_TEXT, TEXTS, VIDEOS, NotApplicable, Subject, Unmet, agree, parts, rows

if TYPE_CHECKING:
    from torch import Tensor


def first_dimension(subject: Subject) -> None:
    """Features are a tensor or a dict of tensors whose first dimension counts."""
    for side, features, number in (
        ("encode_video", subject.video(), VIDEOS),
        ("encode_text", subject.text(), len(TEXTS)),
    ):
        for name, value in parts(features).items():
            if value.ndim < 2 or value.shape[0] != number:
                key = f" under {name!r}" if name else ""
                raise Unmet(
                    f"{side} gives {list(value.shape)}{key} for {number}; the first of two or more "
                    "dimensions has to count them"
                )


def unit_norms(subject: Subject) -> None:
    """Plain rows are unit rows, unless the method scores in its own way."""
    from ...methods.base import Method

    if type(subject.method).scores is not Method.scores:
        raise NotApplicable("not checked", "the method has its own scores()")
    for side, features in (("encode_video", subject.video()), ("encode_text", subject.text())):
        for value in parts(features).values():
            norms = value.float().norm(dim=-1)
            worst = norms[(norms - 1).abs().argmax()]
            if not abs(float(worst) - 1) <= 1e-3:
                raise Unmet(f"a row of {side} has length {worst:.4g}, not 1")


def _checked_scores(scores: Tensor, videos: int, texts: int, case: str) -> None:
    import torch

    if not isinstance(scores, torch.Tensor) or scores.shape != (videos, texts):
        got = list(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
        raise Unmet(f"scores are {got} for {videos} videos and {texts} texts{case}")
    if not bool(torch.isfinite(scores).all()):
        raise Unmet(f"some scores are not finite{case}")


def finite_scores(subject: Subject) -> None:
    """Scores are [B, N] and finite."""
    scores = subject.scores(subject.video(), subject.text())
    _checked_scores(scores, VIDEOS, len(TEXTS), "")


def one_frame(subject: Subject) -> None:
    """A clip of one frame, an image, can be scored."""
    scores = subject.scores(subject.video(subject.frames[:, :1]), subject.text())
    _checked_scores(scores, VIDEOS, len(TEXTS), " with 1 frame")


def one_class(subject: Subject) -> None:
    """A single candidate class can be scored."""
    scores = subject.scores(subject.video(), subject.text(TEXTS[:1]))
    _checked_scores(scores, VIDEOS, 1, " with 1 class")


def long_text(subject: Subject) -> None:
    """A text longer than the context is cut, not refused."""
    scores = subject.scores(subject.video(), subject.text((LONG_TEXT, *TEXTS)))
    _checked_scores(scores, VIDEOS, 1 + len(TEXTS), " with a text longer than the context")


def batch_independence(subject: Subject) -> None:
    """Features of a clip, and scores of a pair, do not depend on what is beside them."""
    video, text = subject.video(), subject.text()
    for n in range(VIDEOS):
        alone = subject.video(subject.frames[n : n + 1])
        agree(rows(video, n, n + 1), alone, "features of a clip alone and in a batch")
    whole = subject.scores(video, text)
    for n in range(VIDEOS):
        part = subject.scores(rows(video, n, n + 1), text)
        agree(whole[n : n + 1], part, "scores of a clip alone and among others")
    for n in range(len(TEXTS)):
        part = subject.scores(video, subject.text(TEXTS[n : n + 1]))
        agree(whole[:, n : n + 1], part, "scores for a text alone and among others")


def determinism(subject: Subject) -> None:
    """The same seed gives the same features, and so does the same network asked twice."""
    again = subject.fresh()
    for side in (subject.video, subject.text):
        agree(side(), side(), "features of one network asked twice")
        agree(side(), side(method=again), "features of two builds with the same seed")
