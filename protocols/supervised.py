"""Fully supervised: train on all videos of the classes that are tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import shapes
from .lists import VideoList
from .metric import Metric
from .published import DEFAULTS, Published, folders
from .split import Data, Plan, Split

# 4 clips of 3 crops, softmax scores averaged
MANY_VIEWS = {"frames": 16, "clips": 4, "crops": 3, "merge": "scores"}


@dataclass(frozen=True)
class SupervisedShapes(shapes.ShapesProtocol):
    """All 48 training clips of each of the 24 classes of the few-shot protocol."""

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """The whole training list and the validation set."""
        test = shapes.split("few-val", data)
        tests = (Split("test", test.classes, test.samples),)
        train = shapes.split("few-train", data)
        return Plan(variant, tests, train, source=shapes.split("source", data))

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Nothing beyond the one split."""
        return []


def _published(
    id: str, summary: str, training: VideoList, test: VideoList, paper: str, clean: str = ""
) -> Published:
    return Published(
        id=id,
        summary=summary,
        family="full",
        dataset=test.dataset,
        metric="top-1 and top-5 (%)",
        primary="top1",
        paper=paper,
        defaults={**DEFAULTS, "views": MANY_VIEWS},
        datasets=folders([test]),
        coverage=0.9,
        tests=(test,),
        training=training,
        clean=clean,
    )


FULL_SHAPES = SupervisedShapes(
    id="full-shapes",
    summary="fully supervised Shapes: 48 clips of each of 24 classes, tested on 2 clips a video",
    family="full",
    dataset="shapes",
    metric="top-1 and top-5 (%)",
    primary="top1",
    defaults={**shapes.DEFAULTS, "views": {"frames": 8, "clips": 2, "crops": 1, "merge": "scores"}},
)
FULL_K400 = _published(
    "full-k400",
    "fully supervised Kinetics-400 by ViFi-CLIP's lists, 4 clips of 3 crops",
    VideoList("train", "k400", "vifi-clip/k400/train"),
    VideoList("val", "k400", "vifi-clip/k400/val"),
    "Rasheed et al., CVPR 2023 (ViFi-CLIP), fully supervised",
)
FULL_K400_CLEAN = _published(
    "full-k400-clean",
    "fully supervised Kinetics-400 by the official tables, 4 clips of 3 crops",
    VideoList("train", "k400", "train"),
    VideoList("val", "k400", "val"),
    "",
    "full-k400 has the 19,877 validation clips that were left on one disk; this one has all 19,906",
)
