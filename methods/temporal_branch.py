"""A temporal attention branch beside the spatial attention of CLIP's last vision blocks."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import frame_tokens, heads, joined


class TemporalBranch(nn.Module):
    """gamma * Attn_t(LN_t(x) + p): attention over the T tokens at the same place of the T frames.

    Norm and attention start as copies of the block's own; gamma, one number a channel, starts at zero,
    so that at the start the branch adds nothing.

    Args:
        block: open_clip's residual block that the branch stands beside.
        size: rows of the table of temporal positions p.
    """

    def __init__(self, block: Any, size: int):
        super().__init__()
        width = block.attn.embed_dim
        self.norm = copy.deepcopy(block.ln_1)
        self.attn = copy.deepcopy(block.attn)
        self.positions = nn.Parameter(torch.randn(size, width) * 0.02)
        self.gamma = nn.Parameter(torch.zeros(width))

    def times(self, frames: int) -> Tensor:
        """Positions of so many frames, [T, width]: the table, linearly interpolated to T rows."""
        if frames == len(self.positions):
            return self.positions
        table = self.positions.T[None]
        return F.interpolate(table, frames, mode="linear", align_corners=False)[0].T

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [B, T, N, width] -> what is added to them, of the same shape."""
        b, t = x.shape[:2]
        along = x.transpose(1, 2).flatten(0, 1)  # [B * N, T, width]
        q, k, v = heads(self.attn, self.norm(along) + self.times(t))
        out = joined(self.attn, F.scaled_dot_product_attention(q, k, v))
        change: Tensor = self.gamma * out.unflatten(0, (b, -1)).transpose(1, 2)
        return change


def branches(visual: Any, number: int, size: int) -> nn.ModuleList:
    """A branch for each of the last `number` blocks of open_clip's VisionTransformer, in their order."""
    blocks = visual.transformer.resblocks
    return nn.ModuleList(TemporalBranch(b, size) for b in blocks[len(blocks) - number :])


def frame_features(visual: Any, beside: nn.ModuleList, frames: Tensor) -> Tensor:
    """Projected class tokens of the frames of clips.

    Args:
        visual: open_clip's VisionTransformer.
        beside: the branches of its last blocks.
        frames: float [B, T, 3, H, W], normalised.

    Returns:
        [B, T, D], not normalised. While every gamma is zero these are `visual`'s own features.
    """
    b, t = frames.shape[:2]
    x = visual.ln_pre(visual.patch_dropout(frame_tokens(visual, frames.flatten(0, 1))))
    blocks = visual.transformer.resblocks
    start = len(blocks) - len(beside)
    for block in blocks[:start]:
        x = block(x)
    for block, branch in zip(blocks[start:], beside, strict=True):
        in_time = branch(x.unflatten(0, (b, t))).flatten(0, 1)
        x = x + block.ls_1(block.attention(block.ln_1(x))) + in_time
        x = x + block.ls_2(block.mlp(block.ln_2(x)))
    features: Tensor = (visual.ln_post(x[:, 0]) @ visual.proj).unflatten(0, (b, t))
    return features
