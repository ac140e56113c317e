"""CLIP's weights between the layout of Hugging Face transformers and that of open_clip (OpenAI's)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .checkpoint import WeightsError

_TOP = {
    "logit_scale": "logit_scale",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "text_projection.weight": "text_projection",
    "visual_projection.weight": "visual.proj",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
}
_TRANSPOSED = ("text_projection", "visual.proj")
_BLOCKS = {
    "text_model.encoder.layers.": "transformer.resblocks.",
    "vision_model.encoder.layers.": "visual.transformer.resblocks.",
}
_MODULES = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_TOP_BACK = {mine: theirs for theirs, mine in _TOP.items()}
_BLOCKS_BACK = {mine: theirs for theirs, mine in _BLOCKS.items()}
_MODULES_BACK = {mine: theirs for theirs, mine in _MODULES.items()}
_PACKED = ("q_proj", "k_proj", "v_proj")  # the order of rows in open_clip's in_proj


def to_open_clip(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Hugging Face's CLIP state dict in open_clip's layout.

    Queries, keys and values are packed, projections are transposed, and the `position_ids` buffers of
    older files are dropped.

    Args:
        state: keys such as `vision_model.encoder.layers.0.self_attn.q_proj.weight`, no prefix before.

    Raises:
        WeightsError: a key that is not of this layout, or a block without one of its three projections.
    """
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.endswith(".position_ids"):
            continue
        if key in _TOP:
            name = _TOP[key]
            renamed[name] = value.t().contiguous() if name in _TRANSPOSED else value
            continue
        prefix, index, module, leaf = _split(key, _BLOCKS, "Hugging Face's")
        if module in _MODULES:
            renamed[f"{_BLOCKS[prefix]}{index}.{_MODULES[module]}.{leaf}"] = value
            continue
        attention, _, part = module.rpartition(".")
        if attention != "self_attn" or part not in _PACKED:
            raise _foreign(key, "Hugging Face's")
        if part == _PACKED[0]:
            name = f"{_BLOCKS[prefix]}{index}.attn.in_proj_{leaf}"
            renamed[name] = torch.cat(_parts(state, f"{prefix}{index}", leaf))
        else:
            _parts(state, f"{prefix}{index}", leaf)
    return renamed


def from_open_clip(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """open_clip's CLIP state dict in Hugging Face's layout: the inverse of `to_open_clip`.

    Raises:
        WeightsError: a key that open_clip's CLIP with a plain vision transformer does not have.
    """
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        if key in _TOP_BACK:
            renamed[_TOP_BACK[key]] = value.t().contiguous() if key in _TRANSPOSED else value
            continue
        prefix, index, module, leaf = _split(key, _BLOCKS_BACK, "open_clip's")
        block = f"{_BLOCKS_BACK[prefix]}{index}."
        if module in _MODULES_BACK:
            renamed[f"{block}{_MODULES_BACK[module]}.{leaf}"] = value
        elif module == "attn" and leaf in ("in_proj_weight", "in_proj_bias"):
            kind = leaf.removeprefix("in_proj_")
            for part, rows in zip(_PACKED, value.chunk(3), strict=True):
                renamed[f"{block}self_attn.{part}.{kind}"] = rows.contiguous()
        else:
            raise _foreign(key, "open_clip's")
    return renamed


def _split(key: str, prefixes: Mapping[str, str], layout: str) -> tuple[str, str, str, str]:
    """A block's key as (prefix, index of the block, module, leaf)."""
    prefix = next((p for p in prefixes if key.startswith(p)), None)
    if prefix is None:
        raise _foreign(key, layout)
    index, _, rest = key.removeprefix(prefix).partition(".")
    module, _, leaf = rest.rpartition(".")
    return prefix, index, module, leaf


def _parts(state: Mapping[str, Tensor], block: str, leaf: str) -> list[Tensor]:
    keys = [f"{block}.self_attn.{part}.{leaf}" for part in _PACKED]
    missing = [key for key in keys if key not in state]
    if missing:
        raise WeightsError(
            f"the weights have no {' and no '.join(missing)}, without which the attention of that "
            "block cannot be packed for open_clip"
        )
    return [state[key] for key in keys]


def _foreign(key: str, layout: str) -> WeightsError:
    return WeightsError(f"the key {key!r} is not of {layout} CLIP layout")
