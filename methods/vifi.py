"""ViFi-CLIP: fine-tuned CLIP that averages frame features, in three variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .base import METHODS, Method, Stage, Target
from .checkpoint import LoadReport, WeightsError, load_strict, unwrap

# The token table is never trained: the reference keeps the prompts' embeddings as a buffer.
TOKENS = "clip.token_embedding.weight"
_TEXT = (
    "clip.transformer.*",
    "clip.positional_embedding",
    "clip.ln_final.*",
    "clip.text_projection",
)
CLASS_BUFFERS = ("complete_text_embeddings", "token_prefix", "token_suffix")
"""Last parts of the authors' keys that follow from a list of classes and are not carried over."""


@METHODS.register_module("vifi")
class ViFiCLIP(Method):
    """ViFi-CLIP: full fine-tuning of CLIP on averaged frames. Rasheed et al., CVPR 2023."""

    trains: tuple[str, ...] = ("clip.*",)

    def stages(self, target: Target) -> list[Stage]:
        """One stage: fine-tuning (Table 1 of the paper names the variants)."""
        return [Stage("fine-tune", trains=self.trains, frozen=(TOKENS,))]

    def load_published(self, checkpoint: Mapping[str, Any]) -> LoadReport:
        """Load the authors' file: `model` -> `module.image_encoder.*`, `module.text_encoder.*`.

        Buffers that depend on the class list are dropped; the token table stays CLIP's.
        """
        renamed = {to_open_clip(key): value for key, value in published(checkpoint).items()}
        return load_strict(
            self.clip, renamed, "ViFi-CLIP checkpoint", may_miss=("token_embedding.weight",)
        )

    def published_state(self) -> dict[str, Tensor]:
        """The weights in the authors' layout, without `module.` and without the token table."""
        names = {
            k: to_published(k) for k in self.clip.state_dict() if not k.startswith("token_emb")
        }
        return {names[k]: v for k, v in self.clip.state_dict().items() if k in names}


@METHODS.register_module("vifi-image")
class ViFiImage(ViFiCLIP):
    """ViFi-CLIP, image encoder only (the logit scale stays frozen)."""

    trains = ("clip.visual.*",)


@METHODS.register_module("vifi-text")
class ViFiText(ViFiCLIP):
    """ViFi-CLIP, text encoder only (the logit scale stays frozen)."""

    trains = _TEXT


def published(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of the authors' file under their names, without those that follow from the class list."""
    state = unwrap(checkpoint)
    return {k: v for k, v in state.items() if k.rpartition(".")[2] not in CLASS_BUFFERS}


def to_open_clip(key: str) -> str:
    """A key of the published layout as open_clip names it.

    Raises:
        WeightsError: the key belongs to neither encoder.
    """
    if key == "logit_scale":
        return key
    for prefix, mine in (("image_encoder.", "visual."), ("text_encoder.", "")):
        if key.startswith(prefix):
            return mine + key.removeprefix(prefix)
    if key.startswith("prompt_learner."):
        raise WeightsError(
            f"ViFi-CLIP checkpoint has the key {key!r}: it holds learned prompts, which the method "
            "vifi-prompt takes"
        )
    raise WeightsError(
        f"ViFi-CLIP checkpoint has the key {key!r}, which is neither image_encoder.*, "
        "text_encoder.* nor logit_scale: it is the checkpoint of another method"
    )


def to_published(key: str) -> str:
    """A key of open_clip's CLIP as the published layout names it."""
    if key == "logit_scale":
        return key
    if key.startswith("visual."):
        return "image_encoder." + key.removeprefix("visual.")
    return "text_encoder." + key
