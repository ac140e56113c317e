"""Zero-shot: train on a source set (or not at all), evaluate on classes that were never trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import shapes
from .base import Data, Metric, Plan, Protocol, ProtocolError, Sample, Split
from .metrics import mean_metric


@dataclass(frozen=True)
class ZeroShotShapes(shapes.ShapesProtocol):
    """Three draws of 24 unseen combinations of colour, shape and motion."""

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """Train on the source set, evaluate on the three draws."""
        tests = tuple(shapes.split(f"zs{k}-val", data) for k in (1, 2, 3))
        return Plan(variant, evaluate=tests, train=shapes.split("source", data))

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Mean top-1 over the three draws."""
        return [mean_metric(metrics, "top1")]


@dataclass(frozen=True)
class ZeroShotFolder(Protocol):
    """A user's own videos; nothing is trained."""

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """Every video of the folder or CSV, with its folder or label as the class."""
        from ..datasets.folder import DatasetError, read_csv, read_folder

        if data.root is None:
            raise ProtocolError(
                f"protocol {self.id} needs --data: a folder ROOT/<class name>/<video>, or a CSV with "
                "the columns path,label"
            )
        try:
            is_file = data.root.is_file() or data.root.suffix.lower() == ".csv"
            listing = read_csv(data.root, None) if is_file else read_folder(data.root)
        except DatasetError as error:
            raise ProtocolError(str(error)) from None
        names = tuple(name.replace("_", " ") for name in listing.classes)
        if len(set(names)) < len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ProtocolError(f"two classes of {data.root} have the same name {twice[0]!r}")
        samples = tuple(Sample(item.id, item.path, item.label) for item in listing.items)
        return Plan(variant, evaluate=(Split("all", names, samples),))

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
