"""Splits of the embedded world in the form that protocols use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .base import Progress, Protocol
from .split import Data, Sample, Split, digest

# The world has one seed; the seed of a run draws training lists and everything random in training.
WORLD_SEED = 0
SIZE = 64  # side of the protocols' clips, in pixels
DEFAULTS: dict[str, Any] = {
    "data": {"size": SIZE},
    "views": {"frames": 8, "clips": 1, "crops": 1},
    "preprocess": {"size": 64, "resize": 64, "interpolation": "bilinear", "normalise": "clip"},
    "backbone": {"name": "shapes-tiny", "pretrained": "shapes-tiny"},
    "prompts": ["a photo of a {}."],
    # on a CPU larger batches are slower: their activations leave the cache
    "eval": {"batch_size": 8},
    # a mirrored clip has another label here, and colours are labels
    "train": {"augment": {"multiscale": [], "flip": 0.0, "jitter": 0.0, "grey": 0.0}},
}


def split(name: str, data: Data, indices: Sequence[int] | None = None) -> Split:
    """A class split of the world, or the part of it that `indices` name."""
    from ..datasets.cache import cache_root
    from ..datasets.shapes import splits as world
    from ..datasets.shapes.store import video_path

    root = cache_root()  # once: where it is takes longer to find out than the rest of a path
    classes = world.classes(name)
    chosen = range(world.size(name)) if indices is None else indices
    samples = tuple(
        Sample(
            id=f"{name}/{i:05d}",
            path=video_path(name, i, WORLD_SEED, data.size, root),
            label=i % len(classes),
        )
        for i in chosen
    )
    return Split(name, classes, samples)


def scenes(name: str, data: Data, labels: Sequence[str] = ()) -> Split:
    """A split of clips with several objects; those of `labels` that a clip shows are its labels.

    Clips that show none of them are left out.
    """
    from ..datasets.cache import cache_root
    from ..datasets.shapes import splits as world
    from ..datasets.shapes.store import video_path

    root = cache_root()
    samples = []
    for index in range(world.size(name)):
        shown = world.clip(name, index, WORLD_SEED).attributes if labels else ()
        rows = tuple(n for n, label in enumerate(labels) if label in shown)
        if rows or not labels:
            path = video_path(name, index, WORLD_SEED, data.size, root)
            samples.append(Sample(f"{name}/{index:05d}", path, labels=rows))
    kind: Literal["classes", "labels"] = "labels" if labels else "classes"
    return Split(name, tuple(labels), tuple(samples), kind=kind)


@dataclass(frozen=True)
class ShapesProtocol(Protocol):
    """A protocol on the embedded world, which writes the videos that a run needs."""

    def annotate(self, split: Split, data: Data) -> Split:
        """Captions of the clips and of their middle frames, and descriptions."""
        return replace(split, samples=tuple(_annotated(s) for s in split.samples))

    def digest(
        self,
        data: Data,
        prompts: Sequence[str] | None = None,
        views: Mapping[str, Any] | None = None,
    ) -> str:
        """As for every protocol; clips of another size are other videos under the same ids."""
        usual = super().digest(data, prompts, views)
        return usual if data.size == SIZE else digest([usual, data.size])

    def prepare(
        self, splits: Sequence[Split], data: Data, progress: Progress | None = None
    ) -> None:
        """Write the clips that are not there yet."""
        from ..datasets.shapes import splits as world
        from ..datasets.shapes.store import ensure

        clips = []
        for part in splits:
            for sample in part.samples:
                name, _, index = sample.id.partition("/")
                clips.append(world.clip(name, int(index), WORLD_SEED))
        ensure(clips, size=data.size, progress=progress)


def _annotated(sample: Sample) -> Sample:
    from ..datasets.shapes import splits as world
    from ..datasets.shapes.text import still_caption
    from ..datasets.shapes.world import FRAMES, lots

    name, _, index = sample.id.partition("/")
    clip = world.clip(name, int(index), WORLD_SEED)
    drawn = lots(WORLD_SEED, f"{name}/still-caption", int(index))
    return replace(
        sample,
        captions=(clip.caption,),
        frame_caption=still_caption(clip.scene, FRAMES // 2, drawn),
        description=clip.description,
    )
