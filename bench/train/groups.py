"""Which groups of a step a process has, and the loop's items as batches on its device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Sampler

from ...methods.base import Batch
from ...methods.parts import moved
from ..plan.steps import Steps
from ..ranks import ALONE, Ranks
from .engine import Group, spread


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
class Texts:
    """What the groups of a stage are compared to, where their items bring no captions.

    Attributes:
        texts: prompts of the classes, class by class. templates: how many a class has.
    """

    texts: list[str]
    templates: int

    def batch(self, item: Mapping[str, Any], device: torch.device) -> Batch:
        """An item of the stream as a batch on a device."""
        paired = "texts" in item
        words = {} if paired else {"texts": self.texts, "templates": self.templates}
        return moved(Batch(**{**item, **words}, paired=paired), device)


def groups_of(
    items: Sequence[Mapping[str, Any]],
    numbers: Sequence[int],
    texts: Texts,
    share: Share,
    device: torch.device,
) -> list[Group]:
    """The items of one step as groups."""
    weight = 1 / share.steps.accumulate
    groups = []
    for item, number in zip(items, numbers, strict=True):
        batch = texts.batch(item, device)
        groups.append(Group(number, batch, weight, share.own(len(batch.ids))))
    return groups
