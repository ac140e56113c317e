"""The interface that every method fulfils."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from mmengine.registry import Registry
from torch import Tensor, nn

from .backbone import Backbone
from .batch import Batch
from .checkpoint import LoadReport
from .outputs import Devices, Features, NotRows, checked_features, checked_scores
from .parts import Couples, Named, Pass, whole_loss

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
    runs_again = True
    """Whether activations of CLIP's blocks may be computed again on the way back, to save memory. With
    `passes` at other weights only if `run_block` runs them, which holds the weights of the pass."""

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
        """The loss of a batch: {"loss": scalar, logged scalars}, its parts put together.

        The parts are `encode_rows`, `encode_shared` and `objective`, and where they are not enough
        `narrow`, `passes`, `begin`, `begin_step` and `end_step`. A method that overrides `loss` instead is
        trained by it as it is: group by group, with nothing that saves memory or repeated work.

        Raises:
            OutputError: features or scores of another shape, which would spread to the right one.
        """
        return whole_loss(self, batch)

    def encode_rows(self, batch: Batch) -> Named:
        """Features of which row i belongs to video i: "video", of captions also "text"."""
        rows = {"video": self.encode_video(batch.frames)}
        return rows | {"text": self.encode_text(batch.texts)} if batch.paired else rows

    def encode_shared(self, batch: Batch) -> Named:
        """Features that all videos are compared to: "text" of the classes; nothing of captions.

        They are made once for all groups of a step that have the same `texts`.
        """
        if batch.paired:
            return {}
        return {"text": self.encode_classes(batch.texts, batch.templates)}

    def objective(self, features: Named, batch: Batch) -> dict[str, Tensor]:
        """The loss on features of a batch: {"loss": scalar, logged scalars}.

        Mean soft-target cross-entropy over the class prompts. Pairs: the mean of the cross-entropies over
        texts and over videos. Several marks in a row share the target.

        Args:
            features: those of `encode_rows` and of `encode_shared`.
            batch: its frames are not to be used: they may be those of other videos, or of none.
        """
        targets = batch.shares
        logits = scores_of(self, features["video"], features["text"], *targets.shape)
        loss = -(targets * logits.log_softmax(-1)).sum(-1).mean()
        if batch.paired:
            loss = (loss - (targets * logits.log_softmax(0)).sum(0).mean()) / 2
        hits = (logits.argmax(-1) == targets.argmax(-1)).float().mean()
        return {"loss": loss, "top1": 100 * hits.detach()}

    def couples(self, batch: Batch) -> Couples:
        """What the videos of a batch have to do with each other in `objective`.

        "nothing": it is a mean over videos, which may be taken in pieces; "group": it needs all videos of
        the batch at once, as contrastive losses do. With an objective of its own a method is taken to
        couple its group, unless it says otherwise.
        """
        own = type(self).objective is not Method.objective
        return "group" if batch.paired or own else "nothing"

    def narrow(self, batch: Batch) -> Batch:
        """The batch with only those texts, and their targets, that its loss looks at."""
        return batch

    def passes(self, batch: Batch) -> Sequence[Pass]:
        """At which weights the objective is reckoned.

        What is drawn for a group is drawn here or in `narrow`: before them torch's generator is set to a
        function of the run's seed and the group's number.
        """
        return (Pass(),)

    def begin(self, batch: Batch) -> None:
        """Called with the first group before anything is trained, on one device: others get its weights."""

    def begin_step(self, batch: Batch) -> None:
        """Called before the first forward pass of an optimiser step, on every device."""

    def end_step(self, batch: Batch) -> None:
        """Called behind the last backward pass of a step, before the optimiser's, on every device."""

    def forward(self, name: str, *args: Any) -> Any:
        """Call a function of this object by name, so that other weights can be put under it."""
        return getattr(self, name)(*args)

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
