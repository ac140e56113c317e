"""Zero-shot: train on a source set (or not at all), evaluate on classes that were never trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import shapes
from .audit import same_as_kinetics
from .base import Protocol, ProtocolError
from .lists import VideoList
from .metric import Metric
from .published import DEFAULTS, Published, folders, numbered
from .split import Data, Outcome, Plan, Sample, Split


@dataclass(frozen=True)
class ZeroShotShapes(shapes.ShapesProtocol):
    """Three draws of 24 unseen combinations of colour, shape and motion."""

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """Train on the source set, evaluate on the three draws."""
        tests = tuple(shapes.split(f"zs{k}-val", data) for k in (1, 2, 3))
        return Plan(variant, evaluate=tests, train=shapes.split("source", data))

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Mean top-1 over the three draws."""
        from .metrics import mean_metric

        return [mean_metric(metrics, "top1")]


@dataclass(frozen=True)
class ZeroShotFolder(Protocol):
    """A user's own videos; nothing is trained."""

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """Every video of the folder or CSV, with its folder or label as the class."""
        from ..datasets.errors import DatasetError
        from ..datasets.folder import read_own

        if data.root is None:
            raise ProtocolError(
                f"protocol {self.id} needs --data: a folder ROOT/<class name>/<video>, or a CSV with "
                "the columns path,label"
            )
        try:
            listing = read_own(data.root)
        except DatasetError as error:
            raise ProtocolError(str(error)) from None
        names = tuple(name.replace("_", " ") for name in listing.classes)
        if len(set(names)) < len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ProtocolError(f"two classes of {data.root} have the same name {twice[0]!r}")
        samples = tuple(Sample(item.id, item.path, item.label) for item in listing.items)
        return Plan(variant, evaluate=(Split("all", names, samples),), notes=listing.notes)

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Nothing beyond the one split."""
        return []


ZS_SHAPES = ZeroShotShapes(
    id="zs-shapes",
    summary="zero-shot on Shapes: three draws of 24 unseen combinations after a source training set",
    family="zs",
    dataset="shapes",
    metric="top-1 and top-5 (%) on each draw, mean of the three",
    primary="top1_mean",
    defaults=shapes.DEFAULTS,
)
ZS_FOLDER = ZeroShotFolder(
    id="zs-folder",
    summary="zero-shot on your own videos: ROOT/<class name>/<video>, or a CSV path,label",
    family="zs",
    dataset="folder",
    metric="top-1 and top-5 (%)",
    primary="top1",
    needs_root=True,
    defaults={
        "views": {"frames": 8, "clips": 1, "crops": 1},
        "prompts": ["a photo of a {}."],
        "backbone": {"name": "ViT-B-16-quickgelu", "pretrained": "openai"},
    },
)


@dataclass(frozen=True)
class ZeroShot(Published):
    """Zero-shot on published lists, after training on Kinetics-400 or none."""

    def measure(self, outcome: Outcome, tie_rule: str = "pessimistic") -> list[Metric]:
        """Also top-1 over the classes that are activities of Kinetics-400, and over the others.

        `top1_same` counts the videos of the classes judged the same activity as one of Kinetics-400,
        `top1_rest` those of the others; candidates are all classes in both.
        """
        import numpy as np

        from .metrics import among

        metrics = super().measure(outcome, tie_rule)
        same = np.isin(outcome.target, same_as_kinetics(self.dataset, outcome.split.raw))
        if same.all() or not same.any():
            return metrics
        halves = (("top1_same", same), ("top1_rest", ~same))
        return [*metrics, *(among(metrics[0], name, part) for name, part in halves)]


def _published(id: str, summary: str, *tests: VideoList, paper: str, **more: Any) -> ZeroShot:
    mean = len(tests) > 1
    return ZeroShot(
        id=id,
        summary=summary,
        family="zs",
        dataset=tests[0].dataset,
        metric="top-1 and top-5 (%)" + (f", mean of the {len(tests)} lists" if mean else ""),
        primary="top1_mean" if mean else "top1",
        paper=paper,
        defaults=DEFAULTS,
        datasets=folders(tests),
        tests=tests,
        **more,
    )


def _halves(dataset: str, part: str) -> tuple[VideoList, ...]:
    return tuple(VideoList(f"half{k}", dataset, part, half=k) for k in range(10))


_VIFI = "Rasheed et al., CVPR 2023 (ViFi-CLIP), zero-shot"
_OPEN = "Weng et al., ICML 2023 (Open-VCLIP), zero-shot"
# YouTube loses videos: every copy of Kinetics is smaller than its tables
_KINETICS_COVERAGE = 0.9

ZS_UCF101 = _published(
    "zs-ucf101",
    "zero-shot UCF101: the three official test splits",
    *numbered(VideoList("split{}", "ucf101", ""), "test{}"),
    paper=_VIFI,
)
ZS_UCF101_FULL = _published(
    "zs-ucf101-full",
    "zero-shot UCF101: all 13,320 videos (EP2 of the literature)",
    VideoList("all", "ucf101", "all"),
    paper=_OPEN,
)
ZS_UCF101_HALVES = _published(
    "zs-ucf101-halves",
    "zero-shot UCF101: ten random halves of the classes, all their videos",
    *_halves("ucf101", "all"),
    paper=_OPEN,
)
ZS_HMDB51 = _published(
    "zs-hmdb51",
    "zero-shot HMDB51: the three official test splits",
    *numbered(VideoList("split{}", "hmdb51", ""), "test{}"),
    paper=_VIFI,
)
ZS_HMDB51_FULL = _published(
    "zs-hmdb51-full",
    "zero-shot HMDB51: the 5,100 videos that split 1 uses, which Open-VCLIP calls all",
    VideoList("used1", "hmdb51", "used1"),
    paper=_OPEN,
)
ZS_HMDB51_ALL = _published(
    "zs-hmdb51-all",
    "zero-shot HMDB51: all 6,766 videos",
    VideoList("all", "hmdb51", "all"),
    paper="",
    clean="zs-hmdb51-full leaves 1,666 videos out, those that split 1 does not use; this one has all",
)
ZS_HMDB51_HALVES = _published(
    "zs-hmdb51-halves",
    "zero-shot HMDB51: ten random halves of the classes, the videos that split 1 uses",
    *_halves("hmdb51", "used1"),
    paper=_OPEN,
)
ZS_K600 = _published(
    "zs-k600",
    "zero-shot Kinetics-600: three draws of 160 of the 220 new classes, Open-VCLIP's validation clips",
    *numbered(VideoList("draw{}", "k600", ""), "open-vclip/k600/draw{}"),
    paper=_OPEN,
    coverage=_KINETICS_COVERAGE,
)
ZS_K600_CLEAN = _published(
    "zs-k600-clean",
    "zero-shot Kinetics-600: the same three draws, all official validation clips",
    *(VideoList(f"draw{k}", "k600", "val", like=f"open-vclip/k600/draw{k}") for k in (1, 2, 3)),
    paper="",
    coverage=_KINETICS_COVERAGE,
    clean="zs-k600 has what was left on one disk (7,276, 7,226 and 7,261 clips); this one has all 8,000 "
    "official validation clips of each draw",
)
ZS_K600_TEST = _published(
    "zs-k600-test",
    "zero-shot Kinetics-600: the same three draws, ViFi-CLIP's clips of the official test set",
    *numbered(VideoList("draw{}", "k600", ""), "vifi-clip/k600/draw{}"),
    paper=_VIFI,
    coverage=_KINETICS_COVERAGE,
)
