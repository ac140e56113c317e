"""The parts of open_clip's transformer that methods rewire: patch tokens, attention heads, a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def require_vit(clip: Any, title: str) -> None:
    """Refuse a CLIP whose image encoder is no ViT, such as a ResNet.

    Raises:
        ValueError: naming the method by its `title`.
    """
    if not hasattr(clip.visual, "class_embedding"):
        raise ValueError(f"{title} needs a backbone whose image encoder is a ViT")


def frame_tokens(visual: Any, frames: Tensor) -> Tensor:
    """Tokens of frames before `ln_pre`: class token and patches with positions.

    Args:
        visual: open_clip's VisionTransformer.
        frames: float [N, 3, H, W].

    Returns:
        [N, 1 + patches, width].
    """
    patches = visual.conv1(frames).flatten(2).transpose(1, 2)
    first = visual.class_embedding.to(patches.dtype).expand(len(frames), 1, -1)
    tokens = torch.cat([first, patches], dim=1)
    placed: Tensor = tokens + visual.positional_embedding.to(tokens.dtype)
    return placed


def heads(attention: nn.MultiheadAttention, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of tokens [..., N, width], each [..., heads, N, width / heads]."""
    packed = nn.functional.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = packed.unflatten(-1, (3, attention.num_heads, -1)).unbind(-3)
    return q.transpose(-3, -2), k.transpose(-3, -2), v.transpose(-3, -2)


def joined(attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """Outputs of the heads [..., heads, N, d] through the output projection: [..., N, width]."""
    out: Tensor = attention.out_proj(x.transpose(-3, -2).flatten(-2))
    return out


def run_block(block: Any, x: Tensor, attend: Callable[[Any, Tensor], Tensor]) -> Tensor:
    """open_clip's pre-norm residual block with `attend(block.attn, ln_1(x))` in place of its attention."""
    x = x + block.ls_1(attend(block.attn, block.ln_1(x)))
    out: Tensor = x + block.ls_2(block.mlp(block.ln_2(x)))
    return out
