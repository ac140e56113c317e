"""Label encoder: a frozen language model, asked by learned vectors, gives soft attributes to CLIP's text.

"Open Vocabulary Multi-Label Video Classification" (ECCV 2024), from its description.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn

from .backbone import Backbone
from .language_model import LanguageModel


class SoftAttributes(nn.Module):
    """Soft attributes of labels: vectors in the token-embedding space of CLIP's text encoder.

    The language model reads [prefix, label, queries]; its last hidden states at the queries go through
    a linear layer and pre-norm transformer blocks, and take the mean norm of CLIP's token embeddings.

    Args:
        language_model: the frozen model; it belongs to no state dict.
        clip: open_clip's CLIP, for the width, the heads and the norm of its text side.
        prefix: K learned vectors before the label; none at the position "suffix".
        queries: M learned vectors after it, as many attributes.
        prefix_sets: A prefixes, each of which gives its own attributes.
        layers: blocks of the prompting transformer.
        position: "prefix", or "suffix": only queries after the label are learned, so that the
            keys and values of a label are computed once.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        clip: Any,
        prefix: int,
        queries: int,
        prefix_sets: int,
        layers: int,
        position: str,
    ):
        super().__init__()
        self.language_model, self.cached = language_model, position == "suffix"
        words = language_model.model.get_input_embeddings().weight
        spread = float(words.std())
        if not self.cached:
            start = torch.randn(prefix_sets, prefix, language_model.width) * spread
            self.prefix = nn.Parameter(start)
        self.queries = nn.Parameter(torch.randn(queries, language_model.width) * spread)
        width = clip.token_embedding.weight.shape[1]
        number = clip.transformer.resblocks[0].attn.num_heads
        self.project = nn.Linear(language_model.width, width)
        self.blocks = nn.Sequential(*(ResidualAttentionBlock(width, number) for _ in range(layers)))
        self.norm: Tensor
        self.register_buffer("norm", clip.token_embedding.weight.detach().norm(dim=1).mean())

    def forward(self, labels: Sequence[str]) -> Tensor:
        """Soft attributes of N labels, [A, N, M, width of CLIP's text], all of the same norm."""
        if self.cached:
            hidden = self.language_model.read_after(labels, self.queries)[None]
        else:
            hidden = self.language_model.read(labels, self.prefix, self.queries)
        x = self.blocks(self.project(hidden.to(self.project.weight.dtype).flatten(0, 1)))
        attributes: Tensor = (self.norm * F.normalize(x, dim=-1)).unflatten(0, hidden.shape[:2])
        return attributes

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SoftAttributes:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.language_model.apply(fn)
        return self


def full_stop(label: str) -> str:
    """The label with a full stop at its end, which it may have already."""
    label = label.rstrip()
    return label if label.endswith(".") else label + "."


def attributed_text(backbone: Backbone, labels: Sequence[str], attributes: Tensor) -> Tensor:
    """CLIP's text features of [start, attributes, label, full stop, end], read at the end token.

    A label that does not fit is cut like a text that is longer than CLIP's context, and counted there.

    Args:
        backbone: its text encoder and tokenizer are used.
        labels: N labels.
        attributes: [N, M, width].

    Returns:
        [N, D], not normalised.
    """
    clip, m = backbone.clip, attributes.shape[1]
    texts, room = [full_stop(label) for label in labels], backbone.clip.context_length - m
    tokens, ends = _token_ids(backbone, texts, room)
    words = clip.token_embedding(tokens.to(attributes.device))
    x = torch.cat((words[:, :1], attributes.to(words.dtype), words[:, 1:]), 1)
    length = x.shape[1]
    x = x + clip.positional_embedding[:length]
    x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])
    x = clip.ln_final(x)[torch.arange(len(x), device=x.device), ends.to(x.device) + m]
    features: Tensor = x @ clip.text_projection
    return features


def _token_ids(backbone: Backbone, texts: Sequence[str], room: int) -> tuple[Tensor, Tensor]:
    """Token ids [N, L], cut after the longest text, and the places of their ends [N], on the CPU."""
    tokens = backbone.tokenizer(texts, context_length=room)
    if bool((tokens[:, -1] != 0).any()):
        backbone._count_truncated(texts, room)
    ends = tokens.argmax(1)
    return tokens[:, : int(ends.max()) + 1], ends
