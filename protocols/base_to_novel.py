"""Base-to-novel: few-shot training on base classes, evaluation on base and on novel classes.

Candidates are only the classes of the half that is evaluated (ViFi-CLIP, section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import shapes
from .base import Data, Metric, Plan, Split
from .metrics import harmonic_metric


@dataclass(frozen=True)
class BaseToNovelShapes(shapes.ShapesProtocol):
    """16 clips of each of 24 base classes; the seed of the run draws the list."""

    shots: int = 16

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """Few-shot list of the seed, then the base and novel validation sets."""
        from ..datasets.shapes.splits import few_shot

        train = shapes.split("base-train", data, few_shot("base-train", self.shots, seed))
        base, novel = shapes.split("base-val", data), shapes.split("novel-val", data)
        tests = (
            Split("base", base.classes, base.samples),
            Split("novel", novel.classes, novel.samples),
        )
        source = shapes.split("source", data)
        return Plan(variant, evaluate=tests, train=train, k_shot=self.shots, source=source)

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Harmonic mean of base and novel top-1."""
        return [harmonic_metric(metrics, "top1", ("base", "novel"))]


B2N_SHAPES = BaseToNovelShapes(
    id="b2n-shapes",
    summary="base-to-novel on Shapes: 16 shots of 24 base classes, tested on base and on 24 novel ones",
    family="b2n",
    dataset="shapes",
    metric="top-1 and top-5 (%) on base and novel, harmonic mean per seed, then averaged",
    primary="hm",
    defaults=shapes.DEFAULTS,
)
