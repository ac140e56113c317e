"""The interface that every method fulfils."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.registry import Registry
from torch import Tensor, nn

from .backbone import Backbone
from .checkpoint import LoadReport

METHODS = Registry("method")

Features = Tensor | dict[str, Tensor]  # the first dimension counts the videos (or texts)


@dataclass
class Batch:
    """One training batch.

    Attributes:
        frames: float [B, T, 3, H, W], normalised.
        texts: the K class prompts (already templated) that the targets refer to.
        targets: float [B, K], rows sum to 1 (smoothed or mixed labels are possible).
        ids: names of the B videos, for messages.
    """

    frames: Tensor
    texts: list[str]
    targets: Tensor
    ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stage:
    """One training stage: which parameters learn, by shell patterns over their names."""

    name: str
    trains: tuple[str, ...]
    frozen: tuple[str, ...] = ()

    def apply(self, model: nn.Module) -> list[str]:
        """Set `requires_grad` everywhere and return the names of what learns."""
        chosen = []
        for name, parameter in model.named_parameters():
            wanted = any(fnmatch.fnmatchcase(name, p) for p in self.trains)
            kept = any(fnmatch.fnmatchcase(name, p) for p in self.frozen)
            parameter.requires_grad_(wanted and not kept)
            if wanted and not kept:
                chosen.append(name)
        return chosen


class Method(nn.Module):
    """A way of adapting CLIP to video. See docs/methods for each; `backbone.clip` is open_clip's module.

    Subclasses override what differs from plain CLIP with averaged frames.
    """

    version = "1"

    def __init__(self, backbone: Backbone | None, **options: Any):
        super().__init__()
        self.options = options
        if backbone is not None:
            self.clip = backbone.clip
            self.backbone = backbone

    def encode_video(self, frames: Tensor) -> Features:
        """Features of clips, float [B, T, 3, H, W], normalised -> unit rows [B, D].

        Project, average over frames, then normalise (ViFi-CLIP, section 3.1 of the paper).
        """
        b, t = frames.shape[:2]
        features = self.clip.visual(frames.flatten(0, 1))
        return F.normalize(features.view(b, t, -1).mean(1), dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Features:
        """Features of N texts, already templated -> unit rows [N, D]."""
        return F.normalize(self.backbone.text_features(texts), dim=-1)

    def scores(self, video: Features, text: Features) -> Tensor:
        """Scores of B videos for N texts: logit scale times cosine, [B, N]."""
        if not isinstance(video, Tensor) or not isinstance(text, Tensor):
            raise TypeError(
                f"{type(self).__name__} gives dicts of features and must define scores()"
            )
        return self.clip.logit_scale.exp() * video @ text.T

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Mean soft-target cross-entropy over the class prompts: {"loss": scalar, logged scalars}."""
        logits = self.scores(self.encode_video(batch.frames), self.encode_text(batch.texts))
        loss = -(batch.targets * logits.log_softmax(-1)).sum(-1).mean()
        hits = (logits.argmax(-1) == batch.targets.argmax(-1)).float().mean()
        return {"loss": loss, "top1": 100 * hits.detach()}

    def stages(self, protocol_family: str) -> list[Stage]:
        """Training stages for a protocol family, in order; none: the method is not trained."""
        return []

    def load_published(self, checkpoint: Mapping[str, Any]) -> LoadReport:
        """Load the authors' file content as it is (wrapped, prefixed).

        Raises:
            WeightsError: keys are missing, left over, or of another shape; they are named.
        """
        raise NotImplementedError("this method has no published checkpoints")

    @property
    def device(self) -> torch.device:
        """Where the parameters are (the CPU if there are none)."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))
