"""CLIP-ViP: CLIP with video proxy tokens, which see all frames, and omnisource contrastive learning."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import Backbone
from .base import METHODS, Batch, Features, Method, Stage, Target
from .blocks import heads, joined, require_vit, run_block
from .checkpoint import LoadReport, WeightsError, load_strict, unwrap
from .clip_vip_losses import LOSSES, WITH_CAPTIONS, WITH_IMAGES, Sources
from .hf_clip import from_open_clip, to_open_clip
from .parts import Couples, Named

PREFIX = "clipmodel."
"""Stands before every key of the authors' file."""
NEW = {
    "vision_model.embeddings.added_cls": "added_proxies",
    "vision_model.embeddings.temporal_embedding": "temporal_embedding",
}
"""What the method adds to CLIP: the authors' key, behind the prefix -> parameter of `CLIPViP`."""
_LOG_SCALE_RANGE = (0.0, math.log(200))


@METHODS.register_module("clip-vip")
class CLIPViP(Method):
    """CLIP-ViP: video proxy tokens and omnisource learning. Xue et al., ICLR 2023.

    Symbols: B clips, T frames, L patches of a frame, M proxies (CLIP's class token and the added ones),
    W width of the image encoder.

    Raises:
        ValueError: an option out of its range (the message names it), or a backbone without a ViT.
    """

    def __init__(self, backbone: Backbone, **options: Any):
        super().__init__(backbone, **options)
        _check(options, self.clip.context_length)
        require_vit(self.clip, "CLIP-ViP")
        visual = self.clip.visual
        width, device = len(visual.class_embedding), visual.class_embedding.device
        with_proxies = options["pooling"] == "proxies"
        added = options["added_proxies"] if with_proxies else 0
        timed = with_proxies and options["temporal_embedding"]
        size = options["temporal_size"]
        self.added_proxies = (
            nn.Parameter(torch.randn(added, width, device=device)) if added else None
        )
        self.temporal_embedding = (
            nn.Parameter(torch.zeros(1, size, width, device=device)) if timed else None
        )
        if options["max_text_length"] is not None:
            self.clip.context_length = options["max_text_length"]
            backbone.tokenizer = copy.copy(backbone.tokenizer)
            backbone.tokenizer.context_length = options["max_text_length"]
        if options["logit_scale_init"] is not None:
            nn.init.constant_(self.clip.logit_scale, options["logit_scale_init"])

    def stages(self, target: Target) -> list[Stage]:
        """Post-pretraining on the source set, then fine-tuning; everything learns in both.

        Section 4 of the paper. Without proxies there is only the fine-tuning.
        """
        finetune = Stage(
            "finetune",
            trains=("*",),
            texts="captions" if target == "captions" else "classes",
        )
        if self.options["pooling"] == "mean":
            return [finetune]
        pretrain = Stage(
            "pretrain", trains=("*",), data="source", texts="omnisource", replaceable=True
        )
        return [pretrain, finetune]

    def encode_video(self, frames: Tensor) -> Tensor:
        """Features of clips or images (T = 1), float [B, T, 3, H, W], normalised -> unit rows [B, D].

        The last state of proxy 0, projected (section 3.2 of the paper). With pooling "mean" the mean of
        CLIP's unit frame features, made unit again.
        """
        if self.options["pooling"] == "mean":
            rows = F.normalize(self.clip.visual(frames.flatten(0, 1)), dim=-1)
            return F.normalize(rows.unflatten(0, frames.shape[:2]).mean(1), dim=-1)
        visual = self.clip.visual
        x = self._tokens(frames)

        def attend(attention: nn.MultiheadAttention, tokens: Tensor) -> Tensor:
            return proxy_attention(attention, tokens, frames.shape[1], self._proxies)

        for block in visual.transformer.resblocks:
            x = run_block(block, x, attend, visual.transformer.grad_checkpointing)
        return F.normalize(visual.ln_post(x[:, 0]) @ visual.proj, dim=-1)

    @property
    def _proxies(self) -> int:
        return 1 + (0 if self.added_proxies is None else len(self.added_proxies))

    def _tokens(self, frames: Tensor) -> Tensor:
        """Input of the first block, [B, M + T L, W]: proxies, then the patches frame by frame.

        All proxies have CLIP's position of the class token and no time.
        """
        visual, (b, t) = self.clip.visual, frames.shape[:2]
        patches = visual.conv1(frames.flatten(0, 1)).flatten(2).transpose(1, 2)
        position = visual.positional_embedding.to(patches.dtype)
        patches = patches.unflatten(0, (b, t)) + position[1:]
        if self.temporal_embedding is not None:
            patches = patches + temporal(self.temporal_embedding, t)[:, None].to(patches.dtype)
        proxies = visual.class_embedding[None]
        if self.added_proxies is not None:
            proxies = torch.cat([proxies, self.added_proxies])
        proxies = proxies.to(patches.dtype) + position[:1]
        tokens = torch.cat([proxies.expand(b, -1, -1), patches.flatten(1, 2)], dim=1)
        normed: Tensor = visual.ln_pre(tokens)
        return normed

    def encode_rows(self, batch: Batch) -> Named:
        """Features by video: "video", with captions "text" [B, texts of a video, D], "caption", "image".

        Raises:
            ValueError: the loss needs images and their captions, and the batch has none.
        """
        loss = self._loss_of(batch)
        if loss is None:
            return super().encode_rows(batch)
        texts, number = list(batch.texts), len(batch.frames)
        if loss in WITH_CAPTIONS:
            if batch.images is None or batch.captions is None:
                raise ValueError(
                    f"loss {loss!r} needs the middle frames and their captions, which this batch has not"
                )
            texts += batch.captions
        rows: dict[str, Features] = {"video": self.encode_video(batch.frames)}
        text = self.encode_text(texts)
        assert isinstance(text, Tensor)
        if loss in WITH_CAPTIONS:
            text, rows["caption"] = text[: len(text) - number], text[len(text) - number :]
        rows["text"] = text.unflatten(0, (number, -1))
        if loss in WITH_IMAGES and batch.images is not None:
            rows["image"] = self.encode_video(batch.images)
        return rows

    def objective(self, features: Named, batch: Batch) -> dict[str, Tensor]:
        """The pretraining loss with middle frames, the loss for captions in a paired batch.

        Batches of classes, for which the paper has no recipe, get the cross-entropy of `Method`.

        Returns:
            {"loss": scalar}; also "top1", how many clips of the batch found their text, percent.
        """
        loss = self._loss_of(batch)
        if loss is None:
            return super().objective(features, batch)
        rows = {name: part for name, part in features.items() if isinstance(part, Tensor)}
        text = rows.pop("text").flatten(0, 1)
        number = len(rows["video"])
        sources = Sources(
            text=text,
            scale=self.clip.logit_scale.exp(),
            temperature=self.options["temperature"],
            margin=self.options["margin"],
            hard_negatives=self.options["hard_negatives"],
            **rows,
        )
        own = torch.arange(number, device=text.device)
        found = (sources.video @ text.T).argmax(1) // (len(text) // number) == own
        return {"loss": LOSSES[loss](sources), "top1": 100 * found.float().mean()}

    def _loss_of(self, batch: Batch) -> str | None:
        """Name of the loss of a batch; None: classes."""
        name = "pretraining_loss" if batch.images is not None else "loss"
        return self.options[name] if batch.images is not None or batch.paired else None

    def couples(self, batch: Batch) -> Couples:
        """The group with captions: each clip is told from the others."""
        return "nothing" if self._loss_of(batch) is None else "group"

    def begin_step(self, batch: Batch) -> None:
        """In pretraining keep the logit scale in [0, ln 200] before the forward pass, as the authors do."""
        if batch.images is not None:
            self._limit_scale()

    def end_step(self, batch: Batch) -> None:
        """In other trainings keep the logit scale in [0, ln 200] after it."""
        if batch.images is None:
            self._limit_scale()

    @torch.no_grad()
    def _limit_scale(self) -> None:
        self.clip.logit_scale.clamp_(*_LOG_SCALE_RANGE)

    def load_published(self, checkpoint: Mapping[str, Any]) -> LoadReport:
        """Load the authors' file, or a training state of theirs (`model_state_dict`, in half precision).

        Raises:
            WeightsError: keys are missing (also the proxies and the temporal embedding: plain CLIP is no
                CLIP-ViP), left over, or of another shape.
        """
        state = {k.removeprefix(PREFIX): v for k, v in unwrap(checkpoint).items()}
        if not state:
            raise WeightsError("the CLIP-ViP checkpoint holds no tensors")
        renamed = {NEW[k]: v for k, v in state.items() if k in NEW}
        try:
            plain = to_open_clip({k: v for k, v in state.items() if k not in NEW})
        except WeightsError as error:
            raise WeightsError(f"CLIP-ViP checkpoint does not fit the model: {error}") from None
        renamed.update({f"clip.{k}": v for k, v in plain.items()})
        return load_strict(self, renamed, "CLIP-ViP checkpoint")

    def published_state(self) -> dict[str, Tensor]:
        """The weights in the authors' layout, with the prefix `clipmodel.`."""
        state = from_open_clip(self.clip.state_dict())
        own = self.state_dict()
        state.update({theirs: own[mine] for theirs, mine in NEW.items() if mine in own})
        return {f"{PREFIX}{key}": value for key, value in state.items()}


def proxy_attention(attention: nn.MultiheadAttention, x: Tensor, t: int, m: int) -> Tensor:
    """Attention in which proxies see everything, and patches the proxies and their own frame.

    Section 3.2 of the paper: two dense calls, one for the patches of all frames, one for the proxies.

    Args:
        x: [B, M + T L, W], the M proxies first. t: frames T. m: proxies M.

    Returns:
        [B, M + T L, W], after the output projection.
    """
    q, k, v = heads(attention, x)
    proxies = F.scaled_dot_product_attention(q[:, :, :m], k, v)
    queries = q[:, :, m:].unflatten(2, (t, -1)).flatten(1, 2)
    keys, values = (_with_proxies(z, t, m) for z in (k, v))
    patches = F.scaled_dot_product_attention(queries, keys, values)
    return joined(attention, torch.cat([proxies, patches.reshape(q[:, :, m:].shape)], dim=2))


def _with_proxies(z: Tensor, t: int, m: int) -> Tensor:
    """Keys or values [B, heads, M + T L, d] by frame, after the proxies: [B, heads T, M + L, d]."""
    shared = z[:, :, None, :m].expand(-1, -1, t, -1, -1)
    return torch.cat([shared, z[:, :, m:].unflatten(2, (t, -1))], dim=3).flatten(1, 2)


def temporal(embedding: Tensor, frames: int) -> Tensor:
    """Temporal embedding [1, S, W] for clips of T frames, [T, W]: linear between centres of frames."""
    if frames == embedding.shape[1]:
        return embedding[0]
    return F.interpolate(embedding.transpose(1, 2), size=frames, mode="linear")[0].T


def _check(options: Mapping[str, Any], context_length: int) -> None:
    """Raise ValueError for the first option that is out of its range."""
    names = tuple(LOSSES)
    choices = {
        "pooling": ("proxies", "mean"),
        "loss": tuple(name for name in names if name not in WITH_CAPTIONS),
        "pretraining_loss": names,
    }
    for name, known in choices.items():
        if options[name] not in known:
            raise ValueError(
                f"option {name} is {options[name]!r}, it must be one of {', '.join(known)}"
            )
    for name, least in (("added_proxies", 0), ("temporal_size", 1), ("hard_negatives", 1)):
        value = options[name]
        if not _whole(value) or value < least:
            raise ValueError(
                f"option {name} is {value!r}, it must be a whole number of at least {least}"
            )
    length = options["max_text_length"]
    if length is not None and not (_whole(length) and 2 < length <= context_length):
        raise ValueError(
            f"option max_text_length is {length!r}, it must be null or a whole number from 3 to "
            f"{context_length}, the context of this CLIP"
        )
    for name in ("temperature", "margin"):
        if not _number(options[name]) or options[name] <= 0:
            raise ValueError(
                f"option {name} is {options[name]!r}, it must be a number greater than 0"
            )
    start, timed = options["logit_scale_init"], options["temporal_embedding"]
    if start is not None and not _number(start):
        raise ValueError(f"option logit_scale_init is {start!r}, it must be null or a number")
    if not isinstance(timed, bool):
        raise ValueError(f"option temporal_embedding is {timed!r}, it must be true or false")


def _number(value: Any) -> bool:
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
