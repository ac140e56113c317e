"""The method my-method: averaged CLIP frames, and an adapter that sees how a clip begins and ends."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from vclipbench.methods.base import METHODS, Method, Stage


@METHODS.register_module("my-method")
class MyMethod(Method):
    """The mean frame feature plus what a small network makes of it and of the change over the clip."""

    version = "1"  # raise it when results change: runs of other versions stay apart
    # what `bench describe my-method` prints, options, and recipes, of which the first that fits is used
    card: ClassVar = {
        "summary": "averaged frames plus an adapter on first and last frame",
        "trains": "the adapter and the text encoder's blocks; the image encoder stays frozen",
        "options": {"width": {"default": 64, "help": "hidden units of the adapter"}},
        "recipes": [
            {
                "when": {"dataset": "shapes"},
                "source": "ours",
                "set": {"train": {"epochs": 4, "batch_size": 8, "lr": 1e-3, "grad_clip": 1.0}},
            }
        ],
    }

    def __init__(self, backbone: Any, **options: Any):
        """`backbone` holds open_clip's module as `.clip`; options come as the card declares them."""
        super().__init__(backbone, **options)
        if options["width"] < 1:
            raise ValueError(f"options.width is {options['width']}; it must be at least 1")
        features = self.clip.visual.output_dim
        last = nn.Linear(options["width"], features)
        nn.init.zeros_(last.weight)  # start as plain CLIP
        nn.init.zeros_(last.bias)
        self.adapter = nn.Sequential(nn.Linear(2 * features, options["width"]), nn.GELU(), last)

    def encode_video(self, frames: Tensor) -> Tensor:
        """Features of clips, float [B, T, 3, H, W], normalised -> unit rows [B, D]."""
        b, t = frames.shape[:2]
        x = self.clip.visual(frames.flatten(0, 1)).view(b, t, -1)  # [B, T, D]
        mean, change = x.mean(1), x[:, -1] - x[:, 0]
        return normalize(mean + self.adapter(torch.cat([mean, change], dim=-1)), dim=-1)

    # Texts, scores and loss are Method's: unit features, scaled cosines, cross-entropy over the classes.

    def stages(self, target: str) -> list[Stage]:
        """One stage; parameters are named by shell patterns, everything else stays frozen."""
        return [Stage("adapt", trains=("adapter.*", "clip.transformer.*"))]
