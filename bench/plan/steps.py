"""How a list of videos becomes optimiser steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Steps:
    """How a list of videos becomes optimiser steps.

    Attributes:
        videos: usable videos. batch: videos of one optimiser step (global). micro: of one forward pass.
        per_epoch: optimiser steps of an epoch (an incomplete batch is dropped). total: of the training.
    """

    videos: int
    batch: int
    micro: int
    per_epoch: int
    total: int

    @property
    def accumulate(self) -> int:
        """Micro-batches of one optimiser step."""
        return self.batch // self.micro

    @classmethod
    def of(cls, videos: int, epochs: int, batch_size: int, micro_batch: int | None) -> Steps:
        """Plan the steps; a list shorter than a batch makes one smaller batch."""
        batch = min(batch_size, videos)
        micro = min(micro_batch or batch, batch)
        while batch % micro:
            micro -= 1
        return cls(videos, batch, micro, videos // batch, epochs * (videos // batch))
