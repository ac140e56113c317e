"""The interface that every method fulfils."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from mmengine.registry import Registry
from torch import Tensor, nn

from .backbone import Backbone
from .checkpoint import LoadReport
from .outputs import Devices, Features, NotRows, checked_features, checked_scores

__all__ = [
    "METHODS",
    "Batch",
    "Features",
    "Method",
    "Stage",
    "Target",
    "called",
    "devices_of",
    "scores_of",
]

METHODS = Registry("method")

Target = Literal["classes", "labels", "captions"]


@dataclass
class Batch:
    """One training batch.

    Attributes:
        frames: float [B, T, 3, H, W], normalised.
        texts: the prompts (already templated) of the K classes that the targets refer to; with
            several templates K * P of them, class by class. In a `paired` batch: text i of video i.
        targets: float [B, K]. Rows sum to 1 (smoothed or mixed labels are possible), unless
            `multilabel`; the identity in a `paired` batch.
        ids: names of the B videos, for messages.
        templates: P, how many texts a class has.
        paired: whether text i belongs to video i (captions) instead of classes shared by all.
        multilabel: whether targets are 0/1 marks, any number in a row.
        descriptions: B longer texts on the videos, where the data have them ("" where one is missing).
        images: float [B, 1, 3, H, W], the middle frames; captions: their B captions.
    """

    frames: Tensor
    texts: list[str]
    targets: Tensor
    ids: list[str] = field(default_factory=list)
    templates: int = 1
    paired: bool = False
    multilabel: bool = False
    descriptions: list[str] | None = None
    images: Tensor | None = None
    captions: list[str] | None = None

    @property
    def shares(self) -> Tensor:
        """Targets as rows that sum to 1: of several marks in a row each has an equal share."""
        if not self.multilabel:
            return self.targets
        return self.targets / self.targets.sum(-1, keepdim=True).clamp(min=1)


@dataclass(frozen=True)
class Stage:
    """One training stage: which parameters learn, by shell patterns over their names, from what.

    Attributes:
        data: "target": the protocol's training list; "source": the source set of its world (Kinetics-400
            in the papers), or the training list where the protocol names no source.
        texts: "classes": prompts of the class names; "captions": one caption a video (`Batch.paired`);
            "omnisource": captions, middle frames and their captions.
        replaceable: left out where the run starts from a checkpoint.
        same_as: id of a method whose one stage this repeats exactly, so that both share the training.
    """

    name: str
    trains: tuple[str, ...]
    frozen: tuple[str, ...] = ()
    data: Literal["target", "source"] = "target"
    texts: Literal["classes", "captions", "omnisource"] = "classes"
    replaceable: bool = False
    same_as: str | None = None

    def names(self, model: nn.Module) -> list[str]:
        """Names of the parameters that learn, in the model's order."""

        def among(name: str, patterns: tuple[str, ...]) -> bool:
            return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

        every = (name for name, _ in model.named_parameters())
        return [name for name in every if among(name, self.trains) and not among(name, self.frozen)]

    def apply(self, model: nn.Module) -> list[str]:
        """Set `requires_grad` of every parameter: true for those that learn. Returns their names."""
        learning = self.names(model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in set(learning))
        return learning


class Method(nn.Module):
    """A way of adapting CLIP to video. See docs/methods for each; `backbone.clip` is open_clip's module.

    Subclasses override what differs from plain CLIP with averaged frames.
    """

    version = "1"

    def __init__(self, backbone: Backbone | None, **options: Any):
        super().__init__()
        self.options = options
        self._original: dict[str, Tensor] = {}
        if backbone is not None:
            self.clip = backbone.clip
            self.backbone = backbone

    def keep_original(self) -> None:
        """Remember the backbone's weights as they are now, for `original`; further calls do nothing."""
        if not self._original:
            state = self.clip.state_dict() if hasattr(self, "clip") else {}
            self._original = {f"clip.{k}": v.detach().clone() for k, v in state.items()}

    def original(self) -> dict[str, Tensor]:
        """CLIP's own weights under this module's parameter names, on its device."""
        if not self._original:
            raise RuntimeError("keep_original() was not called before the weights changed")
        for name, value in self._original.items():
            if value.device != self.device:
                self._original[name] = value.to(self.device)
        return self._original

    def enter(self, stage: Stage | None) -> None:
        """Called before a stage trains, and with None when training is over."""

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

    def encode_classes(self, texts: Sequence[str], templates: int = 1) -> Features:
        """Features of K classes from K * P texts, class by class -> [K, D].

        One template: the features as they are. Several: unit features are averaged over the templates
        and made unit again (Radford et al., 2021, section 3.1.4).

        Raises:
            NotRows: several templates, and features that are no plain rows.
        """
        features = self.encode_text(texts)
        if templates == 1:
            return features
        if not isinstance(features, Tensor):
            raise NotRows(
                f"{called(self)} gives several text features a class and cannot average "
                f"{templates} templates; give one with --prompt"
            )
        what = f"text features of {called(self)}"
        checked_features(features, what, len(texts), "texts", devices_of(self))
        rows = F.normalize(features, dim=-1).unflatten(0, (-1, templates))
        return F.normalize(rows.mean(1), dim=-1)

    def scores(self, video: Features, text: Features) -> Tensor:
        """Scores of B videos for N texts: logit scale times cosine, [B, N].

        Raises:
            NotRows: features that are no plain rows; such a method has scores of its own.
        """
        if not isinstance(video, Tensor) or not isinstance(text, Tensor):
            raise NotRows(f"{called(self)} gives dicts of features and must define scores()")
        if video.shape[-1] != text.shape[-1]:
            raise NotRows(
                f"video features of {called(self)} are {list(video.shape)} and its text features "
                f"{list(text.shape)}: rows of one length are wanted, or scores() of its own"
            )
        scores: Tensor = self.clip.logit_scale.exp() * video @ text.T
        return scores

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Mean soft-target cross-entropy over the class prompts: {"loss": scalar, logged scalars}.

        Pairs: the mean of the cross-entropies over texts and over videos. Several marks in a row share
        the target.

        Raises:
            OutputError: features or scores of another shape, which would spread to the right one.
        """
        text, targets = self.encode_classes(batch.texts, batch.templates), batch.shares
        logits = scores_of(self, self.encode_video(batch.frames), text, *targets.shape)
        loss = -(targets * logits.log_softmax(-1)).sum(-1).mean()
        if batch.paired:
            loss = (loss - (targets * logits.log_softmax(0)).sum(0).mean()) / 2
        hits = (logits.argmax(-1) == targets.argmax(-1)).float().mean()
        return {"loss": loss, "top1": 100 * hits.detach()}

    def cosines(self, scores: Tensor) -> Tensor | None:
        """Scores [B, N] as cosines, for the dual softmax of retrieval; None if they are made otherwise."""
        if not hasattr(self, "clip"):
            return scores
        cosines: Tensor = scores / self.clip.logit_scale.exp()
        return cosines

    def stages(self, target: Target) -> list[Stage]:
        """Training stages in order; none: the method is not trained.

        Args:
            target: what videos are scored against: one of the "classes", any number of "labels", or
                "captions", each video's own among those of all.
        """
        return []

    def facts(self) -> dict[str, Any]:
        """What decides results beside options and backbone, such as digests of further frozen weights."""
        return {}

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


def called(method: nn.Module | type[nn.Module]) -> str:
    """What messages call a method or its class: by the id it is registered under, else by its name."""
    own = method if isinstance(method, type) else type(method)
    ids = [id for id, cls in METHODS.module_dict.items() if cls is own]
    return f"method {ids[0] if ids else own.__name__}"


def devices_of(method: nn.Module) -> Devices:
    """Where features and scores may be: with the parameters; anywhere if there are none."""
    first = next(method.parameters(), None)
    return () if first is None else (first.device,)


def scores_of(
    method: Method,
    video: Features,
    text: Features,
    videos: int,
    texts: int,
    nouns: tuple[str, str] = ("videos", "classes"),
) -> Tensor:
    """A method's scores of B videos for N texts, [B, N]: features and scores of other shapes are refused.

    Args:
        videos, texts: B and N. nouns: what they are, for the message.

    Raises:
        OutputError: what came and what is wanted.
    """
    who, where = called(method), devices_of(method)
    checked_features(video, f"video features of {who}", videos, nouns[0], where)
    checked_features(text, f"text features of {who}", texts, nouns[1], where)
    scores = method.scores(video, text)
    return checked_scores(scores, f"scores of {who}", (videos, texts), nouns, where)
