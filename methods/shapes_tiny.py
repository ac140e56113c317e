"""`shapes-tiny`: the CLIP of the Shapes world (64 px, patch 8, width 128, 4 layers), shipped with us."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
import torch

NAME = "shapes-tiny"
CONFIG: dict[str, Any] = {
    "embed_dim": 128,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": 64,
        "layers": 4,
        "width": 128,
        "head_width": 64,
        "patch_size": 8,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 128,
        "heads": 2,
        "layers": 4,
    },
}


def initial_token_embedding() -> torch.Tensor:
    """The token table before training, [49408, 128]: rows that are not shipped keep these values."""
    table = np.random.RandomState(20231124).standard_normal((49408, 128)) * 0.02
    return torch.from_numpy(table.astype(np.float32))


def state_dict() -> dict[str, torch.Tensor]:
    """The shipped weights as a full open_clip state dict in float32."""
    from safetensors.torch import load_file

    with resources.as_file(
        resources.files(__package__) / "weights" / f"{NAME}.safetensors"
    ) as path:
        state = load_file(path)
    table = initial_token_embedding()
    ids = state.pop("token_embedding.ids").long()
    table[ids] = state.pop("token_embedding.rows").float()
    state = {key: value.float() for key, value in state.items()}
    return {**state, "token_embedding.weight": table}
