"""Few-shot: K clips of each class, tested on other clips of the same classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import shapes
from .lists import VideoList
from .metric import Metric
from .published import DEFAULTS, Published, folders, numbered
from .split import Data, Plan, Split


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


@dataclass(frozen=True)
class FewShot(Published):
    """K = 2, 4, 8, 16 videos of each class by ViFi-CLIP's lists, one list for each K."""

    shots: tuple[int, ...] = (2, 4, 8, 16)

    @property
    def variants(self) -> tuple[str, ...]:
        """k2, k4, k8, k16."""
        return tuple(f"k{k}" for k in self.shots)

    def target_list(self, variant: str, seed: int) -> VideoList:
        """The list of K videos a class; the seed has no part in it."""
        k = self.shots_of(variant)
        return VideoList(f"few{k}", self.dataset, f"vifi-clip/{self.dataset}/few{k}")

    def shots_of(self, variant: str) -> int:
        """K."""
        return int(variant.removeprefix("k"))


def _published(dataset: str, title: str, *tests: VideoList, clean: str = "") -> FewShot:
    mean = len(tests) > 1
    where = "the three test splits" if mean else "test split 1" if clean else "the validation list"
    return FewShot(
        id=f"fs-{dataset}-clean" if clean else f"fs-{dataset}",
        summary=f"few-shot {title}: K = 2, 4, 8, 16 videos of each class, tested on {where}",
        family="fs",
        dataset=dataset,
        metric="top-1 and top-5 (%) for each K" + (", mean of the three splits" if mean else ""),
        primary="top1_mean" if mean else "top1",
        paper="Rasheed et al., CVPR 2023 (ViFi-CLIP), few-shot",
        defaults=DEFAULTS,
        datasets=folders(tests),
        tests=tests,
        clean=clean,
    )


def _splits(dataset: str) -> tuple[VideoList, ...]:
    return numbered(VideoList("split{}", dataset, ""), f"vifi-clip/{dataset}/test{{}}")


def _clean(dataset: str, two: int, three: int) -> str:
    return (
        f"the training lists of fs-{dataset} come from training split 1, and of their 16-shot videos "
        f"{two} are in test split 2 and {three} in test split 3; this one tests on split 1 only"
    )


FS_HMDB51 = _published("hmdb51", "HMDB51", *_splits("hmdb51"))
FS_UCF101 = _published("ucf101", "UCF101", *_splits("ucf101"))
FS_SSV2 = _published(
    "ssv2", "Something-Something v2", VideoList("test", "ssv2", "vifi-clip/ssv2/validation")
)
FS_HMDB51_CLEAN = _published(
    "hmdb51", "HMDB51", _splits("hmdb51")[0], clean=_clean("hmdb51", 233, 254)
)
FS_UCF101_CLEAN = _published(
    "ucf101", "UCF101", _splits("ucf101")[0], clean=_clean("ucf101", 627, 623)
)
