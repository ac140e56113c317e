"""How a list of videos becomes optimiser steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.schema import Train


@dataclass(frozen=True)
class Steps:
    """How a list of videos becomes optimiser steps.

    Attributes:
        videos: usable videos. batch: videos of one optimiser step (global). micro: of one group in it.
        per_epoch: optimiser steps of an epoch. total: of the training.
    """

    videos: int
    batch: int
    micro: int
    per_epoch: int
    total: int

    @property
    def accumulate(self) -> int:
        """Groups of one optimiser step."""
        return self.batch // self.micro

    @property
    def groups(self) -> int:
        """Groups of the training."""
        return self.total * self.accumulate

    @classmethod
    def of(
        cls,
        videos: int,
        epochs: int,
        batch_size: int,
        micro_batch: int | None,
        last_batch: str = "drop",
    ) -> Steps:
        """Plan the steps; a list shorter than a batch makes one smaller batch.

        Args:
            last_batch: what becomes of the videos of an epoch that fill no batch: "drop", or "keep", a
                smaller batch; there are then as many steps as full batches would have needed.
        """
        batch = min(batch_size, videos)
        micro = min(micro_batch or batch, batch)
        while batch % micro:
            micro -= 1
        if last_batch == "keep":
            return cls(videos, batch, micro, -(-videos // batch), -(-epochs * videos // batch))
        return cls(videos, batch, micro, videos // batch, epochs * (videos // batch))

    def place(self, group: int) -> tuple[int, range]:
        """Epoch of a group, and its places in the order of that epoch."""
        step, part = divmod(group, self.accumulate)
        epoch, at = divmod(step, self.per_epoch)
        start = at * self.batch + part * self.micro
        return epoch, range(start, min(start + self.micro, self.videos))


def steps_of(videos: int, train: Train) -> Steps:
    """The optimiser steps of a recipe on a list of so many videos."""
    return Steps.of(videos, train.epochs, train.batch_size, train.micro_batch, train.last_batch)
