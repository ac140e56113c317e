"""Open-VCLIP and Open-VCLIP++: CLIP whose frames attend to their neighbours, kept close to CLIP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import Backbone
from .base import METHODS, Batch, Features, Method, Stage, Target
from .blocks import frame_tokens, heads, joined, require_vit, run_block
from .checkpoint import LoadReport, WeightsError, load_strict, unwrap
from .parts import Couples, Named, Pass

_TRAINS = ("clip.visual.*", "clip.logit_scale")
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")  # entries of OpenAI's archives
_PREFIX = "model."
_TEXTS_AT_ONCE = 1024
_DESCRIPTIONS_KEPT = 300_000  # more than Kinetics-400 has videos; 512 floats each are 0.6 GB


@METHODS.register_module("open-vclip")
class OpenVCLIP(Method):
    """Open-VCLIP: neighbour-frame attention, trained with interpolated weights. Weng et al., ICML 2023.

    The CLIP that the method is built on is the far end of the interpolation, whatever is loaded later.
    """

    def __init__(self, backbone: Backbone, **options: Any):
        super().__init__(backbone, **options)
        _check(options)
        require_vit(self.clip, "Open-VCLIP")
        if options["interpolation_weight"] > 0:
            self.keep_original()
        self._text_weights: tuple[tuple[int, int], ...] = ()
        self._classes: tuple[list[str], int, Tensor] | None = None
        self._descriptions: dict[str, Tensor] = {}

    def encode_frames(self, frames: Tensor) -> Tensor:
        """Features of the frames of clips, float [B, T, 3, H, W] -> [B, T, D], not normalised.

        Raises:
            ValueError: clips of another length than the option `frames`.
        """
        b, t = frames.shape[:2]
        if self.options["frames"] not in (None, t):
            raise ValueError(
                f"open-vclip was built for clips of frames={self.options['frames']} and got {t}; "
                "leave the option out to take clips of any length"
            )
        visual = self.clip.visual
        x = visual.ln_pre(frame_tokens(visual, frames.flatten(0, 1))).unflatten(0, (b, t))
        for block in visual.transformer.resblocks:
            x = run_block(block, x, self._attend, visual.transformer.grad_checkpointing)
        features: Tensor = visual.ln_post(x[:, :, 0]) @ visual.proj
        return features

    def _attend(self, attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
        return neighbour_attention(attention, x, self.options["missing_neighbours"] == "mask")

    def encode_video(self, frames: Tensor) -> Tensor:
        """Means of the unit frame features of clips, float [B, T, 3, H, W] -> [B, D].

        The mean is not made unit again, so that scores are means of the frames' scores.
        """
        return F.normalize(self.encode_frames(frames), dim=-1).mean(1)

    def scores(self, video: Features, text: Features) -> Tensor:
        """Means over the frames of logit scale times cosine: the rows of `video` are no unit rows."""
        return super().scores(video, text)

    def passes(self, batch: Batch) -> Sequence[Pass]:
        """The objective at the weights W, and at a random point V between W and CLIP's weights C.

        V = alpha C + (1 - alpha) W, alpha ~ U(interpolation_low, interpolation_high); the loss is
        L(W) + interpolation_weight * L(V). Its gradient is g(W) + interpolation_weight * g(V), as in
        the authors' code, or with `chain_rule` what it is by calculus: g(V) times (1 - alpha).

        Logged of the second pass: "interpolated", L(V), and "alpha".
        """
        weight = self.options["interpolation_weight"]
        if weight == 0:
            return (Pass(),)
        low, high = self.options["interpolation_low"], self.options["interpolation_high"]
        alpha = low + (high - low) * torch.rand(()).item()
        at = partial(self._interpolated, alpha)
        return Pass(), Pass(weight, at, "interpolated", {"alpha": alpha})

    def encode_shared(self, batch: Batch) -> Named:
        """What the frozen text encoder gives for the classes, the same in both passes: "text" [K, D]."""
        return {"text": self._class_rows(batch)}

    def couples(self, batch: Batch) -> Couples:
        """Nothing: videos meet classes only."""
        return "nothing"

    def _interpolated(self, alpha: float) -> dict[str, Tensor]:
        """The weights V by name. The text encoder is left out: its features are CLIP's in both passes."""
        original, weights = self.original(), {}
        for name, own in self.named_parameters():
            if not (name.startswith("clip.visual.") or name == "clip.logit_scale"):
                continue
            if self.options["chain_rule"]:
                weights[name] = torch.lerp(own, original[name], alpha)
            else:  # the step towards C is a constant, so that dV/dW is 1
                weights[name] = own + alpha * (original[name] - own.detach())
        return weights

    def _class_rows(self, batch: Batch) -> Tensor:
        """Class features [K, D] in float32, kept for as long as the texts stay the same."""
        self._forget_old_text()
        if self._classes is None or self._classes[:2] != (batch.texts, batch.templates):
            step = batch.templates * max(1, _TEXTS_AT_ONCE // batch.templates)
            starts = range(0, len(batch.texts), step)
            parts = [batch.texts[i : i + step] for i in starts]
            with _constant(self.device):
                rows = torch.cat([self._unit_rows(part, batch.templates) for part in parts])
            self._classes = list(batch.texts), batch.templates, rows
        return self._classes[2]

    def _unit_rows(self, texts: Sequence[str], templates: int = 1) -> Tensor:
        rows = self.encode_classes(texts, templates)
        assert isinstance(rows, Tensor)
        return rows

    def _forget_old_text(self) -> None:
        """Drop kept text features if the text encoder was loaded or moved since they were made."""
        now = tuple(
            (p.data_ptr(), p._version)
            for name, p in self.clip.named_parameters()
            if not name.startswith("visual.") and name != "logit_scale"
        )
        if now != self._text_weights:
            self._text_weights, self._classes, self._descriptions = now, None, {}

    def stages(self, target: Target) -> list[Stage]:
        """One stage: image encoder and logit scale, on class names, for retrieval those of the source."""
        data: Literal["target", "source"] = "source" if target == "captions" else "target"
        return [Stage("fine-tune", trains=_TRAINS, data=data)]

    def load_published(self, checkpoint: Mapping[str, Any]) -> LoadReport:
        """Load the authors' file: `model_state` -> `model.` or `module.model.` + OpenAI's CLIP key.

        Raises:
            WeightsError: keys that do not fit, or none with `model.`: that would be CLIP itself.
        """
        found = unwrap(checkpoint)
        if found and not any(k.startswith(_PREFIX) for k in found):
            raise WeightsError(
                "Open-VCLIP checkpoint has no keys that begin with 'model.' "
                f"(it has {next(iter(found))}, ...): it is the checkpoint of another method, or plain CLIP"
            )
        state = {k.removeprefix(_PREFIX): v for k, v in found.items()}
        state = {k: v for k, v in state.items() if k not in _NOT_WEIGHTS}
        return load_strict(self.clip, state, "Open-VCLIP checkpoint")

    def published_state(self) -> dict[str, Tensor]:
        """The weights in the authors' layout: what `model_state` holds."""
        return {f"{_PREFIX}{k}": v for k, v in self.clip.state_dict().items()}


@METHODS.register_module("open-vclip++")
class OpenVCLIPPlus(OpenVCLIP):
    """Open-VCLIP++: Open-VCLIP that also aligns videos with descriptions. Wu et al., arXiv 2310.05010.

    The paper's alignment loss was not published as code; the one here is ours.
    """

    def __init__(self, backbone: Backbone, **options: Any):
        super().__init__(backbone, **options)
        _require_number("alignment_weight", options["alignment_weight"], 0, float("inf"))

    def encode_rows(self, batch: Batch) -> Named:
        """Also "descriptions", unit rows [B, D], zero where there is none; constants.

        Raises:
            ValueError: the batch has no descriptions.
        """
        if batch.descriptions is None:
            raise ValueError(
                "open-vclip++ learns from descriptions of the training videos and got none; "
                "set data.descriptions to a file made by scripts/describe_videos.py"
            )
        texts = [text.strip() for text in batch.descriptions]
        self._forget_old_text()
        rows = self._description_rows(texts).to(self.device)
        return {**super().encode_rows(batch), "descriptions": rows}

    def objective(self, features: Named, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy + alignment_weight * InfoNCE between videos and their descriptions."""
        result = super().objective(features, batch)
        video, described = features["video"], features["descriptions"]
        assert isinstance(video, Tensor)
        assert isinstance(described, Tensor)
        scale = self.clip.logit_scale.exp()
        alignment = info_nce(F.normalize(video, dim=-1), described, scale)
        return result | {
            "loss": result["loss"] + self.options["alignment_weight"] * alignment,
            "alignment": alignment.detach(),
        }

    def couples(self, batch: Batch) -> Couples:
        """The group: each video is told from the other ones by its description."""
        return "group"

    def _description_rows(self, texts: list[str]) -> Tensor:
        kept = self._descriptions
        new = [t for t in dict.fromkeys(texts) if t and t not in kept]
        fresh: dict[str, Tensor] = {}
        if new:
            with _constant(self.device):
                fresh = dict(zip(new, self._unit_rows(new).cpu(), strict=True))
        if len(kept) + len(fresh) <= _DESCRIPTIONS_KEPT:
            kept.update(fresh)
        # a row of zeros is of the others' kind of numbers, also where there are no others
        table = self.clip.text_projection
        zero = torch.zeros(table.shape[1], dtype=table.dtype)
        return torch.stack([(fresh[t] if t in fresh else kept[t]) if t else zero for t in texts])


def neighbour_attention(attention: nn.MultiheadAttention, x: Tensor, mask: bool = False) -> Tensor:
    """Attention of the tokens of each frame to those of the frames before and after it, and its own.

    Args:
        attention: CLIP's own attention.
        x: [B, T, N, width].
        mask: what a missing neighbour of the first and of the last frame is. False: N zero keys with
            zero values that stay in the softmax, as in the authors' code; True: left out.

    Returns:
        [B, T, N, width].
    """
    b, t, n, _ = x.shape
    q, k, v = heads(attention, x)
    allowed = None
    if mask:
        there = F.pad(x.new_ones(t, dtype=torch.bool), (1, 1)).unfold(0, 3, 1)
        allowed = there.repeat_interleave(n, dim=1)[:, None, None]
    q = q.transpose(0, 1).flatten(1, 2)
    out = F.scaled_dot_product_attention(q, _windows(k), _windows(v), attn_mask=allowed)
    return joined(attention, out.unflatten(1, (b, -1)).transpose(0, 1))


def _windows(x: Tensor) -> Tensor:
    """Three frames around each frame, zeros beyond the ends: [B, T, h, N, d] -> [T, B * h, 3N, d]."""
    attended: Tensor = _Windows.apply(F.pad(x.transpose(1, 2), (0, 0, 0, 0, 1, 1)).flatten(0, 1))
    return attended


class _Windows(torch.autograd.Function):
    """Overlapping windows of three frames as a view: [B * h, T + 2, N, d] -> [T, B * h, 3N, d].

    Time comes first because clips and heads together have one stride then, which the fused attention
    takes without a copy. The backward pass adds three slices; that of `unfold` is slower.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows, frames, n, d = x.shape
        return x.as_strided((frames - 2, rows, 3 * n, d), (n * d, frames * n * d, d, 1))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        parts = gradients[0].unflatten(2, (3, -1)).transpose(0, 1).unbind(2)
        rows, frames, n, d = parts[0].shape
        total: Tensor = parts[0].new_zeros(rows, frames + 2, n, d)
        for i, part in enumerate(parts):
            total[:, i : i + frames] += part
        return total


def info_nce(video: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE between unit rows [B, D] of videos and of their texts: mean of both directions.

    Videos whose text row is zero are left out; with fewer than two others the loss is 0. That is done by
    masks, since a device is waited for where the number of rows depends on values.
    """
    described = text.any(-1)
    logits = scale * video @ text.T
    left_out = torch.finfo(
        logits.dtype
    ).min  # not infinity, of which a whole row would have no gradient
    logits = logits.masked_fill(~(described[:, None] & described), left_out)
    pairs = torch.arange(len(logits), device=logits.device).where(described, -1)

    number = described.sum().clamp(min=1)

    def towards(scores: Tensor) -> Tensor:
        return F.cross_entropy(scores, pairs, ignore_index=-1, reduction="sum") / number

    return (towards(logits) + towards(logits.T)) / 2


@contextmanager
def _constant(device: torch.device) -> Iterator[None]:
    """Text features are float32 constants: no gradient, no autocast, fit for later backward passes."""
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(device.type, enabled=False):
        yield


def _check(options: Mapping[str, Any]) -> None:
    frames = options["frames"]
    if frames is not None and (
        isinstance(frames, bool) or not isinstance(frames, int) or frames < 1
    ):
        raise ValueError(
            f"option frames must be a whole number of at least 1, or null, not {frames!r}"
        )
    if options["missing_neighbours"] not in ("zero", "mask"):
        raise ValueError(
            f"option missing_neighbours must be zero or mask, not {options['missing_neighbours']!r}"
        )
    _require_number("interpolation_low", options["interpolation_low"], 0, 1)
    _require_number(
        "interpolation_high", options["interpolation_high"], options["interpolation_low"], 1
    )
    _require_number("interpolation_weight", options["interpolation_weight"], 0, float("inf"))
    if not isinstance(options["chain_rule"], bool):
        raise ValueError(f"option chain_rule must be true or false, not {options['chain_rule']!r}")


def _require_number(name: str, value: Any, least: float, most: float) -> None:
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not right or not least <= value <= most:
        limits = f"from {least:g} to {most:g}" if most < float("inf") else f"of at least {least:g}"
        raise ValueError(f"option {name} must be a number {limits}, not {value!r}")
