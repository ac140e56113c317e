"""The control at chance level."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .base import METHODS, Features, Method


@METHODS.register_module("random")
class RandomScores(Method):
    """Scores drawn by lot from the content of video and text: chance level, yet reproducible."""

    def encode_video(self, frames: Tensor) -> Features:
        """Unit rows [B, 64] drawn from a digest of each clip's pixels."""
        return torch.stack([_draw(f.detach().cpu().numpy().tobytes()) for f in frames])

    def encode_text(self, texts: Sequence[str]) -> Features:
        """Unit rows [N, 64] drawn from a digest of each text."""
        return torch.stack([_draw(text.encode()) for text in texts])

    def scores(self, video: Features, text: Features) -> Tensor:
        """Cosines [B, N]."""
        assert isinstance(video, Tensor)
        assert isinstance(text, Tensor)
        return video @ text.T


def _draw(content: bytes) -> Tensor:
    row = np.random.RandomState(zlib.crc32(content)).standard_normal(64)
    return torch.from_numpy((row / np.linalg.norm(row)).astype(np.float32))
