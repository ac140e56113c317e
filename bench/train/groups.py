"""Which groups of a step a process has, and the loop's items as batches on its device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler

from ...methods.base import Batch
from ...methods.parts import moved
from ..plan.steps import Steps
from ..ranks import ALONE, Ranks
from .engine import Group, spread
from .mixing import Mix

if TYPE_CHECKING:
    from ...datasets.video.preprocess import Preprocess


@dataclass(frozen=True)
class How:
    """How a training is computed, which changes nothing but rounding, and is in no identity.

    Attributes:
        at_once: videos in one forward pass; None: those of a group. ranks: processes that share each step.
    """

    at_once: int | None = None
    ranks: Ranks = ALONE


@dataclass(frozen=True)
class Share:
    """The part of every step that a process has.

    With as many groups as processes, or more, each has whole groups; with fewer each has a part of the
    videos of every group. A loss that is not in parts takes whole groups; some processes then have none.
    """

    steps: Steps
    ranks: Ranks
    in_parts: bool = True

    @property
    def divided(self) -> bool:
        """Whether groups are divided between processes."""
        return self.in_parts and self.steps.accumulate < self.ranks.size

    def groups(self, step: int) -> range:
        """Numbers of the groups of a step of which this process has videos."""
        first, k = step * self.steps.accumulate, self.steps.accumulate
        if self.divided:
            return range(first, first + k)
        return range(first + self.ranks.rank, first + k, self.ranks.size)

    def own(self, size: int) -> range:
        """Which of the videos of a group of this size this process has."""
        return spread(size, self.ranks.size)[self.ranks.rank] if self.divided else range(size)


class FromStep(Sampler[int]):
    """Numbers of this process's groups, in order, from optimiser step `start` on."""

    def __init__(self, share: Share):
        self.share, self.start = share, 0

    def __iter__(self) -> Iterator[int]:
        for step in range(self.start, self.share.steps.total):
            yield from self.share.groups(step)

    def __len__(self) -> int:
        return sum(len(self.share.groups(n)) for n in range(self.start, self.share.steps.total))


@dataclass(frozen=True)
class Maker:
    """Makes batches of the stream's items, on the device: floats of 8-bit pixels, mixed videos, texts.

    Attributes:
        texts: prompts of the classes, class by class, where items bring no captions. templates: how many a
            class has. preprocess: makes floats. share: of this process. device: where batches are.
    """

    texts: list[str]
    templates: int
    preprocess: Preprocess
    share: Share
    device: torch.device

    def batch(self, item: Mapping[str, Any]) -> Batch:
        """An item of the stream as a batch."""
        given = dict(item)
        mix: Mix | None = given.pop("mix", None)
        for name in ("frames", "images"):
            if name in given:
                pixels = given[name].to(self.device, non_blocking=True)
                given[name] = self.preprocess.to_floats(pixels)
        paired = "texts" in given
        words = {} if paired else {"texts": self.texts, "templates": self.templates}
        batch = moved(Batch(**{**given, **words}, paired=paired), self.device)
        if mix is None:
            return batch
        frames, targets = mix.apply(batch.frames, batch.targets)
        own = self.share.own(len(batch.ids)) or range(1)
        return replace(batch, frames=frames[own.start : own.stop], targets=targets)

    def groups(self, items: Sequence[Mapping[str, Any]], numbers: Sequence[int]) -> list[Group]:
        """The items of one step as groups."""
        weight = 1 / self.share.steps.accumulate
        groups = []
        for item, number in zip(items, numbers, strict=True):
            batch = self.batch(item)
            groups.append(Group(number, batch, weight, self.share.own(len(batch.ids))))
        return groups
