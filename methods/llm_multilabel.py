"""LLM-prompted open-vocabulary multi-label CLIP, re-implemented from the paper's description."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import shapes_tiny
from .backbone import Backbone
from .base import METHODS, Batch, Method, Stage, Target, scores_of
from .blocks import require_vit
from .checkpoint import WeightsError
from .language_model import SHAPES_LM, load_language_model
from .multilabel_loss import asymmetric_loss, label_sample
from .soft_attributes import SoftAttributes, attributed_text, full_stop
from .temporal_branch import branches, frame_features

_CHOICES = {
    "prompt_position": ("prefix", "suffix"),
    "regulariser": ("none", "feature", "weight"),
}
_LEAST = {
    **dict.fromkeys(("prefix", "queries", "prefix_sets", "temporal_size", "label_samples"), 1),
    "prompt_layers": 0,
}
_FLAGS = ("finetune_vision", "asymmetric")
_NUMBERS = (
    *("gamma_negative", "gamma_positive", "margin", "regulariser_weight"),
    *("interpolation_low", "interpolation_high"),
)
_TEXTS_AT_ONCE = 512  # labels of an evaluation that run through the language model together


@METHODS.register_module("llm-multilabel")
class LLMMultilabel(Method):
    """Open-vocabulary multi-label CLIP: soft attributes from a frozen LLM, and a temporal branch.

    "Open Vocabulary Multi-Label Video Classification", ECCV 2024, arXiv 2407.09073; no code was
    released, so what the paper leaves open is an option (docs/methods/llm-multilabel.md).

    Raises:
        ValueError: an option is out of its range (the sentence says what would be right), or the backbone
            has no ViT.
        WeightsError: no language model is named, or it cannot be loaded.
    """

    def __init__(self, backbone: Backbone, **options: Any):
        super().__init__(backbone, **options)
        require_vit(self.clip, "llm-multilabel")
        blocks = len(self.clip.visual.transformer.resblocks)
        _check(options, blocks, self.clip.context_length)
        model = load_language_model(_language_model(options["language_model"], backbone.name))
        self.attributes = SoftAttributes(
            model,
            self.clip,
            prefix=options["prefix"],
            queries=options["queries"],
            prefix_sets=options["prefix_sets"],
            layers=options["prompt_layers"],
            position=options["prompt_position"],
        )
        number = options["temporal_blocks"]
        number = blocks // 2 if number is None else number
        self.temporal = branches(self.clip.visual, number, options["temporal_size"])
        self.logit_scale = nn.Parameter(self.clip.logit_scale.detach().clone())  # -log(tau)
        self.bias = nn.Parameter(torch.tensor(_log_odds(options["label_prior"] or 0.05)))
        self._bias_at_start = float(self.bias.detach())
        if options["regulariser"] != "none":
            self.keep_original()

    @property
    def language_model_sha256(self) -> str:
        """Digest of the frozen language model's tensors, which the state dict does not hold."""
        return self.attributes.language_model.sha256

    def facts(self) -> dict[str, Any]:
        """Name and digest of the language model; of a folder only its last name, which may lie anywhere."""
        name = self.attributes.language_model.name
        name = Path(name).name if Path(name).is_dir() else name
        return {"language_model": name, "language_model_sha256": self.language_model_sha256}

    def stages(self, target: Target) -> list[Stage]:
        """One stage. The bias learns only from multi-label targets: in a softmax it cancels."""
        trains = ["attributes.*", "temporal.*", "logit_scale"]
        trains += ["bias"] if target == "labels" else []
        trains += ["clip.visual.transformer.*"] if self.options["finetune_vision"] else []
        return [Stage("fine-tune", trains=tuple(trains))]

    def forward(self, frames: Tensor) -> Tensor:
        """`encode_video`, as a call that other weights can be put under (`functional_call`)."""
        return self.encode_video(frames)

    def encode_video(self, frames: Tensor) -> Tensor:
        """Clips [B, T, 3, H, W] -> unit rows [B, D]: project, average over frames, normalise."""
        features = frame_features(self.clip.visual, self.temporal, frames)
        return F.normalize(features.mean(1), dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """N labels -> unit rows [N, D]; over several prefix sets averaged and made unit again."""
        texts = list(texts)
        if torch.is_grad_enabled():
            return self._encode_text(texts)
        parts = range(0, len(texts), _TEXTS_AT_ONCE)
        return torch.cat([self._encode_text(texts[i : i + _TEXTS_AT_ONCE]) for i in parts])

    def _encode_text(self, texts: list[str]) -> Tensor:
        attributes = self.attributes(texts)
        sets = len(attributes)
        features = attributed_text(self.backbone, texts * sets, attributes.flatten(0, 1))
        if sets == 1:
            return F.normalize(features, dim=-1)
        rows = F.normalize(features, dim=-1).unflatten(0, (sets, -1))
        return F.normalize(rows.mean(0), dim=-1)

    def scores(self, video: Any, text: Any) -> Tensor:
        """s / tau + b, [B, N]: log-odds of each label for each video; a softmax drops b."""
        scores: Tensor = self.logit_scale.exp() * video @ text.T + self.bias
        return scores

    def cosines(self, scores: Tensor) -> Tensor:
        """Scores without scale and bias."""
        return (scores - self.bias) / self.logit_scale.exp()

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Loss of the batch with the regulariser: {"loss": scalar, logged scalars}.

        Multi-label: binary cross-entropy or the asymmetric loss, mean over (video, label) pairs, on the
        labels that `label_sample` draws. Classes: cross-entropy with soft targets. Pairs: the mean of
        the cross-entropies over texts and over videos.
        """
        texts, targets = batch.texts, batch.targets
        if batch.multilabel:
            chosen = label_sample(targets, self.options["label_samples"])
            p = batch.templates
            texts = [text for k in chosen.tolist() for text in texts[k * p : (k + 1) * p]]
            targets = targets[:, chosen.to(targets.device)]
        text = self.encode_classes(texts, batch.templates)
        assert isinstance(text, Tensor)
        video = self.encode_video(batch.frames)
        if batch.multilabel:
            self._centre(video, text, batch.targets)
        loss, hits = self._task(video, text, targets, batch)
        logged = {} if hits is None else {"top1": 100 * hits}
        extra = self._regulariser(batch, texts, video, text, targets)
        if extra is not None:
            logged["regulariser"] = extra.detach()
            loss = loss + self.options["regulariser_weight"] * extra
        return {"loss": loss, **logged}

    def _task(
        self, video: Tensor, text: Tensor, targets: Tensor, batch: Batch
    ) -> tuple[Tensor, Tensor | None]:
        """The loss without regulariser, and the share of right first answers where there is one."""
        logits, o = scores_of(self, video, text, *targets.shape).float(), self.options
        if batch.multilabel:
            if not o["asymmetric"]:
                return F.binary_cross_entropy_with_logits(logits, targets), None
            gammas = o["gamma_positive"], o["gamma_negative"]
            return asymmetric_loss(logits, targets, *gammas, o["margin"]), None
        loss = -(targets * logits.log_softmax(-1)).sum(-1).mean()
        if batch.paired:
            loss = (loss - (targets * logits.log_softmax(0)).sum(0).mean()) / 2
        return loss, (logits.argmax(-1) == targets.argmax(-1)).float().mean().detach()

    @torch.no_grad()
    def _centre(self, video: Tensor, text: Tensor, targets: Tensor) -> None:
        """Set b once, at the first multi-label batch: the mean log-odds become those of the prior.

        Cosines of CLIP are far from zero for any pair, so the prior's log-odds alone would be no start.
        That b still has the value it was made with is the sign that nothing has trained it.
        """
        if float(self.bias) != self._bias_at_start:
            return
        prior = self.options["label_prior"] or float(targets.float().mean())
        mean = float((self.scores(video, text) - self.bias).mean())
        self.bias.fill_(_log_odds(min(max(prior, 1e-4), 0.5)) - mean)

    def _regulariser(
        self, batch: Batch, texts: list[str], video: Tensor, text: Tensor, targets: Tensor
    ) -> Tensor | None:
        kind = self.options["regulariser"]
        if kind == "feature":
            return self._feature_distance(batch, texts, video, text)
        if kind == "weight":
            low, high = self.options["interpolation_low"], self.options["interpolation_high"]
            share = low + (high - low) * float(torch.rand(()))
            mixed = self._interpolated(share)
            between = torch.func.functional_call(self, mixed, (batch.frames,))
            return self._task(between, text, targets, batch)[0]
        return None

    def _feature_distance(
        self, batch: Batch, texts: list[str], video: Tensor, text: Tensor
    ) -> Tensor:
        """1 - cos to CLIP's own features: its mean over the videos plus its mean over the labels."""
        with torch.no_grad():
            prefix = "clip.visual."
            own = {
                k.removeprefix(prefix): v
                for k, v in self.original().items()
                if k.startswith(prefix)
            }
            b, t = batch.frames.shape[:2]
            inputs = (batch.frames.flatten(0, 1),)
            frames = torch.func.functional_call(self.clip.visual, own, inputs)
            video0 = F.normalize(frames.view(b, t, -1).mean(1), dim=-1)
            text0 = self.backbone.text_features([full_stop(x) for x in texts])
            text0 = F.normalize(text0, dim=-1)
            if batch.templates > 1:
                text0 = F.normalize(text0.unflatten(0, (-1, batch.templates)).mean(1), dim=-1)
        return 2 - (video * video0).sum(-1).mean() - (text * text0).sum(-1).mean()

    def _interpolated(self, share: float) -> dict[str, Tensor]:
        """Weights share * CLIP + (1 - share) * own of the trained shared parameters.

        The offset is a constant, so a gradient at these weights arrives whole at the own ones, as in
        the authors' code of Open-VCLIP (tools/train_net.py).
        """
        original = self.original()
        return {
            name: own + share * (original[name] - own).detach()
            for name, own in self.named_parameters()
            if name.startswith("clip.") and own.requires_grad
        }


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _language_model(name: str | None, backbone: str) -> str:
    if name is None and backbone == shapes_tiny.NAME:
        return SHAPES_LM
    if not name:
        raise WeightsError(
            f"llm-multilabel on the backbone {backbone!r} needs options.language_model: the name or "
            f"the folder of a causal language model ({SHAPES_LM!r} is the one for {shapes_tiny.NAME})"
        )
    return name


def _check(o: dict[str, Any], blocks: int, context: int) -> None:
    """Refuse options out of their range."""
    for name, choices in _CHOICES.items():
        if o[name] not in choices:
            raise ValueError(f"options.{name} must be one of {', '.join(choices)}, not {o[name]!r}")
    for name, least in _LEAST.items():
        if type(o[name]) is not int or o[name] < least:
            raise ValueError(
                f"options.{name} must be a whole number of at least {least}, not {o[name]!r}"
            )
    for name in _FLAGS:
        if not isinstance(o[name], bool):
            raise ValueError(f"options.{name} must be true or false, not {o[name]!r}")
    for name in _NUMBERS:
        if isinstance(o[name], bool) or not isinstance(o[name], (int, float)):
            raise ValueError(f"options.{name} must be a number, not {o[name]!r}")
    if o["queries"] > context - 3:
        raise ValueError(
            f"options.queries must leave room for a label in CLIP's {context} tokens: "
            f"at most {context - 3}, not {o['queries']}"
        )
    if o["prompt_position"] == "suffix" and o["prefix_sets"] > 1:
        raise ValueError("options.prefix_sets must be 1 with options.prompt_position suffix")
    if o["regulariser"] == "weight" and not o["finetune_vision"]:
        raise ValueError(
            "options.regulariser weight needs options.finetune_vision, or no shared weight learns"
        )
    number = o["temporal_blocks"]
    if number is not None and (type(number) is not int or not 0 <= number <= blocks):
        raise ValueError(
            f"options.temporal_blocks must be null or a whole number from 0 to {blocks}, not {number!r}"
        )
    prior = o["label_prior"]
    if prior is not None and not (isinstance(prior, float) and 0 < prior < 1):
        raise ValueError(f"options.label_prior must be null or between 0 and 1, not {prior!r}")
    for name in ("gamma_negative", "gamma_positive"):  # between 0 and 1 its gradient has no limit
        if o[name] != 0 and not 1 <= o[name] < math.inf:
            raise ValueError(f"options.{name} must be 0 or at least 1, not {o[name]!r}")
    if not 0 <= o["regulariser_weight"] < math.inf:
        value = o["regulariser_weight"]
        raise ValueError(f"options.regulariser_weight must be at least 0, not {value!r}")
    if not 0 <= o["margin"] < 1:
        raise ValueError(f"options.margin must be at least 0 and below 1, not {o['margin']!r}")
    if not 0 <= o["interpolation_low"] <= o["interpolation_high"] <= 1:
        raise ValueError(
            "options.interpolation_low and interpolation_high must rise from 0 to 1, not "
            f"{o['interpolation_low']!r} and {o['interpolation_high']!r}"
        )
