"""Few-shot: K clips of each class, tested on other clips of the same classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import shapes
from .base import Data, Metric, Plan, Split


@dataclass(frozen=True)
class FewShotShapes(shapes.ShapesProtocol):
    """K = 2, 4, 8, 16 clips of each of 24 classes; the seed of the run draws nested lists."""

    shots: tuple[int, ...] = (2, 4, 8, 16)

    @property
    def variants(self) -> tuple[str, ...]:
        """k2, k4, k8, k16."""
        return tuple(f"k{k}" for k in self.shots)

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """The K-shot list of the seed and the validation set."""
        from ..datasets.shapes.splits import few_shot

        k = int(variant.removeprefix("k"))
        train = shapes.split("few-train", data, few_shot("few-train", k, seed))
        test = shapes.split("few-val", data)
        tests = (Split("test", test.classes, test.samples),)
        return Plan(variant, tests, train, k, source=shapes.split("source", data))

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Nothing beyond the one split; tables put the K side by side."""
        return []


FS_SHAPES = FewShotShapes(
    id="fs-shapes",
    summary="few-shot on Shapes: K = 2, 4, 8, 16 clips of each of 24 classes",
    family="fs",
    dataset="shapes",
    metric="top-1 and top-5 (%) for each K",
    primary="top1",
    defaults=shapes.DEFAULTS,
)
