"""ViFi-CLIP "bridge and prompt": fine-tune on a large set, freeze, learn prompts on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import Backbone
from .base import METHODS, Features, Stage, Target
from .blocks import frame_tokens, require_vit
from .checkpoint import LoadReport, WeightsError, load_strict
from .vifi import TOKENS, ViFiCLIP, published, to_open_clip

_VIFI_WORDS = "a photo of a"
_PROMPTS = ("text_context", "text_deep.*", "vision_prompt", "vision_deep.*")
_DEEP = {
    "image_encoder.transformer.resblocks.": "vision_deep.",
    "text_encoder.transformer.resblocks.": "text_deep.",
}


@METHODS.register_module("vifi-prompt")
class ViFiPrompt(ViFiCLIP):
    """ViFi-CLIP bridge and prompt. Rasheed et al., CVPR 2023, on low-data regimes.

    Attributes:
        text_context: [n_t, text width], in the places 1 ... n_t of every text, before layer 0.
        text_deep: one [n_t, text width] for each of the layers 1 ... text_depth - 1.
        vision_prompt: [n_v, vision width], behind the patches of every frame, or None.
        vision_deep: one [n_v, vision width] for each of the layers 1 ... vision_depth - 1.
        prefix: the words whose places the text prompts take ("X X X ..." for prompts drawn at random).
    """

    vision_prompt: nn.Parameter | None

    def __init__(self, backbone: Backbone, **options: Any):
        """Add prompts to a CLIP: `vision_prompts`, `text_prompts`, `*_depth`, `context_init`.

        A depth beyond the layers of the encoder means all of them. Prompts are drawn from N(0, 0.02²);
        up to 4 text prompts start from the tokens of `context_init` instead, if it is given.

        Raises:
            ValueError: an option out of its range, or a backbone without a ViT.
        """
        super().__init__(backbone, **options)
        n_v, n_t, d_v, d_t = _checked(options)
        require_vit(self.clip, "vifi-prompt")
        clip, words = self.clip, " ".join(options["context_init"].replace("_", " ").split())
        self._bridge_prefix, self._prompting = words, True
        tokens = self._word_tokens(words, n_t) if words and n_t <= 4 else None
        self.prefix = " ".join(["X"] * n_t) if tokens is None else words
        if max(n_t, 0 if tokens is None else len(tokens)) > clip.context_length - 3:
            raise ValueError(
                f"the text prompts (text_prompts={n_t}, context_init={words!r}) leave no room for "
                f"class names in the {clip.context_length} tokens of this CLIP"
            )
        where = clip.positional_embedding.device
        width, layers = clip.positional_embedding.shape[1], len(clip.transformer.resblocks)
        self.text_context = nn.Parameter(self._first_context(tokens, n_t, width, where))
        self.text_deep = _drawn(min(d_t, layers) - 1, n_t, width, where)
        width, layers = clip.visual.conv1.out_channels, len(clip.visual.transformer.resblocks)
        first = _drawn(min(d_v, 1), n_v, width, where)
        self.register_parameter("vision_prompt", first[0] if d_v else None)
        self.vision_deep = _drawn(min(d_v, layers) - 1, n_v, width, where)

    def _word_tokens(self, words: str, n_t: int) -> Tensor:
        """Token ids of the words, at least `n_t`."""
        ids: Tensor = self.backbone.tokenizer([words])[0]
        ids = ids[1 : int(ids.argmax())]
        if len(ids) < n_t:
            raise ValueError(
                f"option context_init={words!r} has {len(ids)} tokens, fewer than the option "
                f"text_prompts={n_t}: the prompts would take the places of the class names"
            )
        return ids

    def _first_context(
        self, tokens: Tensor | None, n_t: int, width: int, where: torch.device
    ) -> Tensor:
        """Embeddings of the first `n_t` tokens, or N(0, 0.02²); rounded to float16 as by the authors."""
        if tokens is not None:
            table = self.clip.token_embedding.weight.detach()
            context: Tensor = table[tokens[:n_t].to(where)].half().float()
            return context
        return torch.empty(n_t, width, dtype=torch.float16, device=where).normal_(std=0.02).float()

    def stages(self, target: Target) -> list[Stage]:
        """The bridge (`vifi` on the source set, without prompts), then prompts with CLIP frozen.

        With words of one's own in `context_init` the bridge is no training of `vifi`, and not shared.
        """
        bridge = Stage(
            "bridge",
            trains=self.trains,
            frozen=(TOKENS,),
            data="source",
            replaceable=True,
            same_as="vifi" if self._bridge_prefix in ("", _VIFI_WORDS) else None,
        )
        return [bridge, Stage("prompt", trains=_PROMPTS)]

    def enter(self, stage: Stage | None) -> None:
        """During the bridge there are no prompts: the method computes what `vifi` does."""
        self._prompting = stage is None or stage.name != "bridge"

    def encode_video(self, frames: Tensor) -> Features:
        """Features of clips, float [B, T, 3, H, W], normalised -> unit rows [B, D]."""
        prompt = self.vision_prompt
        if not self._prompting or prompt is None:
            return super().encode_video(frames)
        b, t = frames.shape[:2]
        features = self._frame_features(frames.flatten(0, 1), prompt)
        return F.normalize(features.view(b, t, -1).mean(1), dim=-1)

    def _frame_features(self, frames: Tensor, prompt: Tensor) -> Tensor:
        """Frames [N, 3, H, W] with the prompt [n_v, width] -> projected features [N, D], not unit."""
        visual = self.clip.visual
        x = frame_tokens(visual, frames)
        x = visual.ln_pre(torch.cat([x, _rows(prompt, x)], dim=1))
        for layer, block in enumerate(visual.transformer.resblocks):
            if 0 < layer <= len(self.vision_deep):
                x = torch.cat([x[:, : -len(prompt)], _rows(self.vision_deep[layer - 1], x)], dim=1)
            x = block(x)
        features: Tensor = visual.ln_post(x[:, 0]) @ visual.proj
        return features

    def encode_text(self, texts: Sequence[str]) -> Features:
        """Features of N texts -> unit rows [N, D].

        Args:
            texts: "archery.", from the template "{}."; `prefix` is put before a text that does not begin
                with it, and an underscore becomes a space. During the bridge `context_init` is put
                before the text, which then is what `vifi` gets.
        """
        if not self._prompting:
            return super().encode_text([_after(self._bridge_prefix, text) for text in texts])
        named = [_after(self.prefix, text.replace("_", " ")) for text in texts]
        return F.normalize(self._text_features(self.backbone.tokenize(named)), dim=-1)

    def _text_features(self, tokens: Tensor) -> Tensor:
        """Prompted texts, token ids [N, L] -> projected features [N, D], not normalised."""
        clip, length = self.clip, tokens.shape[1]
        mask = clip.attn_mask[:length, :length]
        x = _placed(clip.token_embedding(tokens), self.text_context)
        x = x + clip.positional_embedding[:length]
        for layer, block in enumerate(clip.transformer.resblocks):
            if 0 < layer <= len(self.text_deep):
                x = _placed(x, self.text_deep[layer - 1])
            x = block(x, attn_mask=mask)
        x = x[torch.arange(len(tokens), device=x.device), tokens.argmax(1)]
        features: Tensor = clip.ln_final(x) @ clip.text_projection
        return features

    def load_published(self, checkpoint: Mapping[str, Any]) -> LoadReport:
        """Load the authors' file: of this method, or of plain ViFi-CLIP (the bridge).

        From a plain file the prompts stay as they are and are named in `missing_keys`, to be trained.

        Raises:
            WeightsError: keys that do not fit, prompts of other numbers or depths, or only some of them.
        """
        state, own = published(checkpoint), self.state_dict()
        renamed = {to_own(key): value for key, value in state.items()}
        prompts = {k: v for k, v in renamed.items() if not k.startswith("clip.")}
        may_miss = [TOKENS]
        if prompts:
            self._check_prompts(prompts)
        else:
            may_miss += [key for key in own if not key.startswith("clip.")]
        what = "ViFi-CLIP checkpoint"
        report = load_strict(self, renamed, what, may_miss=tuple(may_miss))
        report.missing_keys = [key.removeprefix("clip.") for key in report.missing_keys]
        return report

    def _check_prompts(self, prompts: Mapping[str, Tensor]) -> None:
        """Compare the prompts of a file with the options."""
        held: dict[str, int] = {}
        for side, first in (("text", "text_context"), ("vision", "vision_prompt")):
            deep = [key for key in prompts if key.startswith(f"{side}_deep.")]
            numbered = [f"{side}_deep.{i}" for i in range(len(deep))]
            missing = [k for k in ([first] if deep or side == "text" else []) if k not in prompts]
            missing += [key for key in numbered if key not in prompts]
            if missing:
                raise WeightsError(
                    "ViFi-CLIP checkpoint holds only a part of the learned prompts, keys missing: "
                    + ", ".join(to_published(key) for key in missing)
                )
            if first in prompts:
                held[f"{side}_prompts"] = prompts[first].shape[:1].numel()
            held[f"{side}_depth"] = len(deep) + (first in prompts)
        mine = {
            "text_prompts": len(self.text_context),
            "text_depth": 1 + len(self.text_deep),
            "vision_depth": 0 if self.vision_prompt is None else 1 + len(self.vision_deep),
        }
        if self.vision_prompt is not None:
            mine["vision_prompts"] = len(self.vision_prompt)
        other = sorted(k for k, v in held.items() if mine.get(k, v) != v)
        if other:
            raise WeightsError(
                "ViFi-CLIP checkpoint has other prompts than this method; it fits the options "
                + ", ".join(f"{key}={held[key]}" for key in sorted(held))
            )

    def published_state(self) -> dict[str, Tensor]:
        """The weights in the authors' layout, without `module.` and without the token table."""
        own = {k: v for k, v in self.state_dict().items() if not k.startswith("clip.")}
        return {**super().published_state(), **{to_published(k): v for k, v in own.items()}}


def _checked(options: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """vision_prompts, text_prompts, vision_depth, text_depth within their ranges."""
    some = int(options["vision_depth"] != 0)
    least = {"vision_prompts": some, "text_prompts": 1, "vision_depth": 0, "text_depth": 1}
    for name, bound in least.items():
        value = options[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < bound:
            hint = " (vision_depth=0 leaves them out)" if name == "vision_prompts" else ""
            raise ValueError(
                f"option {name} is {value!r}, it must be a whole number of at least {bound}{hint}"
            )
    if not isinstance(options["context_init"], str):
        raise ValueError(f"option context_init is {options['context_init']!r}, it must be a text")
    n_v, n_t, d_v, d_t = (int(options[name]) for name in least)
    return n_v, n_t, d_v, d_t


def _drawn(number: int, prompts: int, width: int, where: torch.device) -> nn.ParameterList:
    """`number` prompts [prompts, width] from N(0, 0.02²)."""
    empty = (torch.empty(prompts, width, device=where) for _ in range(number))
    return nn.ParameterList([nn.Parameter(e.normal_(std=0.02)) for e in empty])


def _rows(prompt: Tensor, x: Tensor) -> Tensor:
    """A prompt [n, width] for every row of x [N, L, width], in its type: [N, n, width]."""
    return prompt.to(x.dtype).expand(len(x), -1, -1)


def _placed(x: Tensor, prompt: Tensor) -> Tensor:
    """x [N, L, width] with the prompt [n, width] in the places 1 ... n."""
    return torch.cat([x[:, :1], _rows(prompt, x), x[:, 1 + len(prompt) :]], dim=1)


def _after(prefix: str, text: str) -> str:
    """The text behind the prefix, which is not put there twice."""
    return text if not prefix or text.startswith(f"{prefix} ") else f"{prefix} {text}"


def to_own(key: str) -> str:
    """A key of the authors' file as this module names it."""
    if key == "prompt_learner.ctx":
        return "text_context"
    if key == "image_encoder.VPT":
        return "vision_prompt"
    for theirs, mine in _DEEP.items():
        layer = key.removeprefix(theirs).removesuffix(".VPT_shallow")
        if key == f"{theirs}{layer}.VPT_shallow" and layer.isdigit():
            return f"{mine}{int(layer) - 1}"
    return f"clip.{to_open_clip(key)}"


def to_published(key: str) -> str:
    """The name of a prompt of this module in the authors' file."""
    if key == "text_context":
        return "prompt_learner.ctx"
    if key == "vision_prompt":
        return "image_encoder.VPT"
    theirs = next(theirs for theirs, mine in _DEEP.items() if key.startswith(mine))
    return f"{theirs}{int(key.rpartition('.')[2]) + 1}.VPT_shallow"
