"""What a method trains on at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


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
