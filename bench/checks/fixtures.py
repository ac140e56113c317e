"""A method under check: builds of it, noise to feed it, and how its results are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..config.resolve import Resolved, resolve_config
from ..registry import card

if TYPE_CHECKING:
    from torch import Tensor

    from ...methods.base import Features, Method


VIDEOS, SEED = 4, 1
TOLERANCE = 1e-4  # of the largest value: other batch shapes round differently
TEXTS = (
    "a photo of a red star moving left.",
    "a photo of a blue circle.",
    "a photo of a green square that grows and turns while it moves.",
)
LONG_TEXT = "a photo of " + "a red star and " * 60 + "a blue circle."
_SMALL = (
    "data.limit=8",
    "data.workers=0",
    "train.epochs=1",
    "train.batch_size=4",
    "train.micro_batch=null",
    "train.checkpoint_every=3600",
)


class Unmet(Exception):
    """A requirement that does not hold; one line that says what was seen."""


class NotApplicable(Exception):
    """A requirement that does not apply: (verdict, reason)."""


@dataclass
class Trial:
    """A short training of a fresh build: who learned, and what went wrong."""

    method: Method
    protocol: str
    learned: set[str]
    faults: list[str]


@dataclass
class Subject:
    """The method under check.

    Attributes:
        plugins: files. protocols: ids that it is run through; the first gives its settings.
        trains: whether a protocol family has a stage. trials: short trainings that came to their end,
            one for each set of stages and options. configs: by protocol.
    """

    name: str
    plugins: tuple[str, ...]
    protocols: tuple[str, ...]
    file: str = ""
    trains: bool = False
    trials: dict[Any, Trial] = field(default_factory=dict)
    configs: dict[str, Resolved] = field(default_factory=dict)

    def config(self, protocol_id: str) -> Resolved:
        """Its settings under a protocol, cut down to a few videos and two steps."""
        if protocol_id not in self.configs:
            self.configs[protocol_id] = self._small(protocol_id)
        return self.configs[protocol_id]

    def _small(self, protocol_id: str) -> Resolved:
        whole = resolve_config(self.name, protocol_id, plugins=self.plugins).config
        small = list(_SMALL)
        if whole.train.average_from is not None:
            small.append("train.average_from=1")
        for stage, changes in whole.stages.items():
            cut = {"epochs": 1, "batch_size": 4, "micro_batch": "null", "average_from": 1}
            small += [f"stages.{stage}.{k}={v}" for k, v in cut.items() if k in changes]
        return resolve_config(self.name, protocol_id, overrides=small, plugins=self.plugins)

    def fresh(self, protocol_id: str | None = None) -> Method:
        """A new build from the seed, in evaluation mode."""
        import torch

        from ...methods.build import build_method

        config = self.config(protocol_id or self.protocols[0]).config
        needs = card(self.name, self.plugins).backbone
        torch.manual_seed(SEED)
        return build_method(
            self.name,
            config.backbone.name if needs else None,
            (config.backbone.pretrained or "none") if needs else None,
            **config.options,
        )

    @cached_property
    def method(self) -> Method:
        """The build that the checks without training share."""
        return self.fresh()

    def build(self) -> str:
        """Build it once."""
        import inspect

        from ...methods.build import method_class

        self.file = inspect.getfile(method_class(self.name))
        number = sum(p.numel() for p in self.method.parameters())
        return f"{number:,} parameters"

    @cached_property
    def frames(self) -> Tensor:
        """Clips of noise, float [4, T, 3, R, R]."""
        import torch

        config = self.config(self.protocols[0]).config
        backbone = getattr(self.method, "backbone", None)
        size = config.preprocess.size or (backbone.image_size if backbone else 224)
        shape = (VIDEOS, config.views.frames, 3, size, size)
        return torch.randn(shape, generator=torch.Generator().manual_seed(SEED))

    def video(self, frames: Tensor | None = None, method: Method | None = None) -> Features:
        """Features of clips, without gradients."""
        import torch

        frames = self.frames if frames is None else frames  # made outside of inference mode
        with torch.inference_mode():
            return (method or self.method).encode_video(frames)

    def text(self, texts: Sequence[str] = TEXTS, method: Method | None = None) -> Features:
        """Features of texts, without gradients."""
        import torch

        with torch.inference_mode():
            return (method or self.method).encode_text(list(texts))

    def scores(self, video: Features, text: Features, method: Method | None = None) -> Tensor:
        """Scores of clips for texts, without gradients."""
        import torch

        with torch.inference_mode():
            return (method or self.method).scores(video, text)


def parts(features: Features) -> dict[str, Tensor]:
    """The tensors of features by name; a plain tensor has the name "".

    Raises:
        Unmet: features are neither a tensor nor a dict of tensors.
    """
    from torch import Tensor

    if isinstance(features, Tensor):
        return {"": features}
    if isinstance(features, dict) and all(isinstance(v, Tensor) for v in features.values()):
        return features
    raise Unmet(f"features are a {type(features).__name__}, not a tensor or a dict of tensors")


def rows(features: Features, start: int, stop: int) -> Features:
    """Some videos (or texts), as the harness slices features."""
    cut = {name: value[start:stop] for name, value in parts(features).items()}
    return cut if isinstance(features, dict) else cut[""]


def agree(a: Features, b: Features, what: str) -> None:
    """Compare two results of one computation.

    Raises:
        Unmet: `what` differs by more than rounding.
    """
    pairs = zip(parts(a).values(), parts(b).values(), strict=True)
    worst = max(_far(x.float(), y.float()) for x, y in pairs)
    if not worst <= TOLERANCE:
        size = "shapes differ" if worst == float("inf") else f"they differ by {worst:.1e}"
        raise Unmet(f"{what}: {size}")


def _far(a: Tensor, b: Tensor) -> float:
    """Largest difference as a share of the largest value; infinite for other shapes."""
    if a.shape != b.shape:
        return float("inf")
    return float((a - b).abs().max() / a.abs().max().clamp_min(1e-12)) if a.numel() else 0.0


def named(names: Sequence[str]) -> str:
    """The first three names and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
