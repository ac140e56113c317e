"""Base-to-novel: few-shot training on base classes, evaluation on base and on novel classes.

Candidates are only the classes of the half that is evaluated (ViFi-CLIP, section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import shapes
from .base import ProtocolError
from .lists import VideoList
from .metric import Metric
from .published import DEFAULTS, Published, folders
from .split import Data, Plan, Split


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
        from .metrics import harmonic_metric

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


@dataclass(frozen=True)
class BaseToNovel(Published):
    """16 videos of each base class by one of three lists; the seed of the run says which.

    Attributes:
        training: a {} in its name stands for the seed; or it is drawn from, `shots` videos a class.
    """

    shots: int = 16
    seeds: tuple[int, ...] = (1, 2, 3)

    def target_list(self, variant: str, seed: int) -> VideoList:
        """List or draw number `seed`."""
        if seed not in self.seeds:
            raise ProtocolError(
                f"{self.id} has three training lists: --seed {', '.join(map(str, self.seeds))}, not {seed}"
            )
        assert self.training is not None
        name, part = self.training.name.format(seed), self.training.part.format(seed)
        return replace(self.training, name=name, part=part, draw=seed)

    def shots_of(self, variant: str) -> int:
        """16."""
        return self.shots

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Harmonic mean of base and novel top-1."""
        from .metrics import harmonic_metric

        return [harmonic_metric(metrics, "top1", ("base", "novel"))]


def _published(dataset: str, title: str, coverage: float = 1.0, drawn: bool = False) -> BaseToNovel:
    lists = f"vifi-clip/{dataset}"
    tests = (
        VideoList("base", dataset, f"{lists}/base-test"),
        VideoList("novel", dataset, f"{lists}/novel-test"),
    )
    training = VideoList("base-few16-{}", dataset, f"{lists}/base-few16-{{}}")
    if drawn:
        training = VideoList("base-draw16-{}", dataset, f"{lists}/base-train", shots=16)
    how = "three lists without a common video" if drawn else "ViFi-CLIP's three lists"
    return BaseToNovel(
        id=f"b2n-{dataset}-clean" if drawn else f"b2n-{dataset}",
        summary=f"base-to-novel {title}: 16 videos of each base class, {how}",
        family="b2n",
        dataset=dataset,
        metric="top-1 and top-5 (%) on base and novel, harmonic mean per seed, then averaged",
        primary="hm",
        paper="" if drawn else "Rasheed et al., CVPR 2023 (ViFi-CLIP), base-to-novel",
        defaults={**DEFAULTS, "seeds": [1, 2, 3]},
        datasets=folders(tests),
        coverage=coverage,
        tests=tests,
        training=training,
        clean=f"the three training lists of b2n-{dataset} have videos in common, so its three runs are not "
        "independent; this one draws three lists without a common video from the base training list"
        if drawn
        else "",
    )


B2N_K400 = _published("k400", "Kinetics-400", coverage=0.9)
B2N_HMDB51 = _published("hmdb51", "HMDB51")
B2N_UCF101 = _published("ucf101", "UCF101")
B2N_SSV2 = _published("ssv2", "Something-Something v2")
B2N_HMDB51_CLEAN = _published("hmdb51", "HMDB51", drawn=True)
B2N_UCF101_CLEAN = _published("ucf101", "UCF101", drawn=True)
B2N_SSV2_CLEAN = _published("ssv2", "Something-Something v2", drawn=True)
