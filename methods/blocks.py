"""The parts of open_clip's transformer that methods rewire: patch tokens, attention heads, a block."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint


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


def run_block(
    block: Any, x: Tensor, attend: Callable[[Any, Tensor], Tensor], again: bool = False
) -> Tensor:
    """open_clip's pre-norm residual block with `attend(block.attn, ln_1(x))` in place of its attention.

    Args:
        again: compute activations again on the way back instead of keeping them (`grad_checkpointing`).
    """
    if again and torch.is_grad_enabled():
        # the weights of now: on the way back those of a `functional_call` have been taken away
        held = {f"block.{name}": tensor for name, tensor in block.named_parameters()}
        run = partial(functional_call, _Block(block, attend), held)
        out: Tensor = checkpoint(run, x, use_reentrant=False)
        return out
    x = x + block.ls_1(attend(block.attn, block.ln_1(x)))
    result: Tensor = x + block.ls_2(block.mlp(block.ln_2(x)))
    return result


class _Block(nn.Module):
    """A block with the attention that takes the place of its own."""

    def __init__(self, block: nn.Module, attend: Callable[[Any, Tensor], Tensor]):
        super().__init__()
        self.block, self.attend = block, attend

    def forward(self, x: Tensor) -> Tensor:
        return run_block(self.block, x, self.attend)
