"""Open-vocabulary multi-label: train on the base labels, score base, novel and all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import shapes
from .lists import VideoList
from .metric import Metric
from .published import DEFAULTS, Published, folders
from .split import Data, Plan

_METRIC = (
    "mAP over all, base and novel labels and its harmonic mean (hm); micro AP, F1 at 0.5 and at the best "
    "threshold, calibration error"
)


@dataclass(frozen=True)
class MultiLabelShapes(shapes.ShapesProtocol):
    """640 clips with one to three objects to train on, 640 to test; every second label is novel."""

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """Base labels to train on; all labels to test, the novel ones marked."""
        from ..datasets.shapes.splits import multilabel_names

        names = multilabel_names()
        novel = tuple(n for n, name in enumerate(names) if name in multilabel_names("novel"))
        base = tuple(name for n, name in enumerate(names) if n not in novel)
        test = replace(shapes.scenes("ml-test", data, names), name="test", novel=novel)
        train = shapes.scenes("ml-train", data, base)
        source = shapes.split("source", data)
        return Plan(variant, (test,), train, source=source)

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Nothing: base and novel are of one split."""
        return []


_CHARADES = VideoList("test", "charades", "test", kind="labels", novel=3, labelled=True)

ML_SHAPES = MultiLabelShapes(
    id="ml-shapes",
    summary="multi-label Shapes: shapes, colours, motions of one to three objects; every second is novel",
    family="ml",
    dataset="shapes",
    metric=_METRIC,
    primary="hm",
    defaults={**shapes.DEFAULTS, "prompts": ["a video of {}."]},
)
ML_CHARADES = Published(
    id="ml-charades",
    summary="multi-label Charades: 157 actions, every third one novel; test videos without any left out",
    family="ml",
    dataset="charades",
    metric=_METRIC,
    primary="hm",
    paper="task of arXiv 2407.09073; which labels are novel is our rule: every third class id",
    defaults=DEFAULTS,
    datasets=folders([_CHARADES]),
    tests=(_CHARADES,),
    training=replace(_CHARADES, name="train", part="train", keep="base"),
)
