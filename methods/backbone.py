"""CLIP backbones from open_clip: by name, by config, or the embedded `shapes-tiny`."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import open_clip
import torch
from torch import Tensor

from . import shapes_tiny
from .checkpoint import WeightsError, load_strict, read_weights, tensors_digest, unwrap
from .download import fetched, is_local

# What tells a relative from CLIP: other pooling, masks, tokenizers, end tokens.
_OTHER_CLIPS = {
    "pool_type",
    "final_ln_after_pool",
    "no_causal_mask",
    "eos_id",
    "pad_id",
    "hf_tokenizer_name",
    "tokenizer_kwargs",
    "attentional_pool",
    "embed_cls",
    "no_ln_pre",
}
PLAIN = "ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336, ViT-H-14, RN50 and others of their kind"
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")


@dataclass
class Backbone:
    """open_clip's CLIP module with its tokenizer.

    Attributes:
        clip: the module; its parameter names are open_clip's.
        tokenizer: list of texts -> int64 [N, context length].
        name, pretrained: what was asked for; `weights_sha256` digests the tensors as loaded.
        truncated: how many texts so far were longer than the context and were cut.
    """

    clip: open_clip.CLIP
    tokenizer: Any
    name: str
    pretrained: str | None
    weights_sha256: str | None
    truncated: int = field(default=0)

    @property
    def image_size(self) -> int:
        """Side of the input in pixels."""
        size = self.clip.visual.image_size
        return int(size[0] if isinstance(size, tuple) else size)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Token ids [N, L], cut after the longest text: a causal encoder never looks further."""
        kept: Tensor = self.token_ids(texts).to(self.clip.positional_embedding.device)
        return kept

    def token_ids(self, texts: Sequence[str]) -> Tensor:
        """What `tokenize` gives, but on the CPU, where looking at values waits for no device.

        A text longer than the context is cut there; the first one is warned about, all are counted.
        """
        length = self.clip.context_length
        tokens = self.tokenizer(list(texts))
        if bool((tokens[:, -1] != 0).any()):
            self._count_truncated(texts, length)
        used = int(tokens.argmax(1).max()) + 1 if len(tokens) else length
        kept: Tensor = tokens[:, :used]
        return kept

    def _count_truncated(self, texts: Sequence[str], length: int) -> None:
        encode = getattr(self.tokenizer, "encode", None)
        long = [t for t in texts if encode is not None and len(encode(t)) + 2 > length]
        if long and not self.truncated:
            warnings.warn(
                f"a text has more than the {length} tokens of this CLIP's context and is cut: "
                f"{long[0][:60]!r}...",
                stacklevel=4,
            )
        self.truncated += len(long)

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Projected, not normalised text features [N, D] at the end-of-text token."""
        clip, tokens = self.clip, self.tokenize(texts)
        length = tokens.shape[1]
        x = clip.token_embedding(tokens) + clip.positional_embedding[:length]
        x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])
        x = clip.ln_final(x)[torch.arange(len(tokens), device=x.device), tokens.argmax(1)]
        features: Tensor = x @ clip.text_projection
        return features


def build_backbone(
    backbone: str | Mapping[str, Any],
    pretrained: str | Path | Mapping[str, Any] | None = None,
) -> Backbone:
    """Build a CLIP and load its weights.

    Args:
        backbone: "shapes-tiny", an open_clip model name, or a config with `embed_dim`,
            `vision_cfg`, `text_cfg`, `quick_gelu`.
        pretrained: an open_clip tag, a file, a state dict in OpenAI or open_clip layout, "none" for
            random weights, or None: random weights too, but `shapes-tiny` then has its own.

    Raises:
        WeightsError: unknown model or tag, weights that cannot be had or do not fit.
    """
    name, config = _config(backbone)
    given = isinstance(pretrained, (str, Path)) and str(pretrained) != "none"
    tag = str(pretrained) if given else None
    state = _state(name, config, pretrained)
    try:
        clip = open_clip.CLIP(**config)
    except TypeError as error:
        raise WeightsError(f"backbone {name!r} is not a plain CLIP of open_clip: {error}") from None
    clip.eval()
    if state is not None:
        load_strict(clip, state, f"pretrained weights {tag or 'given'} for backbone {name!r}")
    digest = tensors_digest(clip.state_dict()) if state is not None else None
    tokenizer = open_clip.SimpleTokenizer(context_length=clip.context_length)
    return Backbone(clip, tokenizer, name, tag, digest)


def _config(backbone: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if not isinstance(backbone, str):
        return "custom", dict(backbone)
    if backbone == shapes_tiny.NAME:
        return backbone, shapes_tiny.CONFIG
    config = open_clip.get_model_config(backbone)
    if config is None:
        names = [shapes_tiny.NAME, *open_clip.list_models()]
        close = difflib.get_close_matches(backbone, names, 1, 0.4)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise WeightsError(f"unknown backbone {backbone!r}{hint} (see open_clip.list_models())")
    known = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "init_logit_scale"}
    towers = {*config.get("vision_cfg", {}), *config.get("text_cfg", {})}
    strange = sorted({*config} - known) + sorted(towers & _OTHER_CLIPS)
    strange += sorted(key for key in towers if key.startswith(("hf_", "timm_")))
    if strange:
        raise WeightsError(
            f"backbone {backbone!r} is not a plain CLIP, and methods here adapt plain CLIPs only: "
            f"open_clip's {PLAIN}; SigLIP 2, PE-Core and other relatives cannot be used yet"
        )
    return backbone, dict(config)


def _state(
    name: str, config: dict[str, Any], pretrained: str | Path | Mapping[str, Any] | None
) -> dict[str, Tensor] | None:
    """The weights in open_clip layout; may set config["quick_gelu"], which belongs to the weights."""
    if isinstance(pretrained, Mapping):
        return _clean(unwrap(pretrained))
    if str(pretrained) == "none":
        return None
    if pretrained is None or (name == shapes_tiny.NAME and str(pretrained) == shapes_tiny.NAME):
        return shapes_tiny.state_dict() if name == shapes_tiny.NAME else None
    if Path(pretrained).is_file():
        return _clean(unwrap(read_weights(pretrained)))
    tag = str(pretrained)
    if Path(tag).suffix in (".safetensors", ".pt", ".pth", ".bin", ".ckpt") or "/" in tag:
        raise WeightsError(f"weights file {tag} does not exist")
    tags = open_clip.list_pretrained_tags_by_model(name) if name != "custom" else []
    if tag not in tags:
        known = f"its tags are {', '.join(tags)}" if tags else "it has no tags"
        if name == shapes_tiny.NAME:
            known = f"its own weights are {shapes_tiny.NAME!r}"
        raise WeightsError(
            f"pretrained {tag!r} is neither a file nor a tag of backbone {name!r}; {known}"
        )
    source = open_clip.get_pretrained_cfg(name, tag)
    config["quick_gelu"] = bool(source.get("quick_gelu", config.get("quick_gelu", False)))
    path = fetched(name, tag, source)
    return _clean(unwrap(read_weights(path)))


def has_weights(name: str, pretrained: str | None) -> bool:
    """Whether the weights can be loaded without a network; True too for what is wrong anyway."""
    if pretrained in (None, "none", shapes_tiny.NAME) or Path(str(pretrained)).is_file():
        return True
    tags = open_clip.list_pretrained_tags_by_model(name)
    return pretrained not in tags or is_local(open_clip.get_pretrained_cfg(name, str(pretrained)))


def _clean(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.float() for k, v in state.items() if k not in _NOT_WEIGHTS}
