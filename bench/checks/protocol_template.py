"""The protocol my-protocol: train on ROOT/train, test on ROOT/test, each <class name>/<video>."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.folder import read_folder
from vclipbench.protocols.base import Data, Metric, Plan, Protocol, ProtocolError, Sample, Split
from vclipbench.protocols.published import DEFAULTS


@dataclass(frozen=True)
class MyProtocol(Protocol):
    """All videos of both folders; the same classes in both."""

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """The lists of one run. Nothing is decoded here; what is drawn, is drawn from the seed."""
        if data.root is None:
            raise ProtocolError(f"protocol {self.id} needs --data: a folder with train and test")
        train, test = (_split(name, data.root / name) for name in ("train", "test"))
        if odd := sorted(set(train.classes) ^ set(test.classes)):
            raise ProtocolError(f"{data.root}: class {odd[0]!r} is not in both train and test")
        return Plan(variant, evaluate=(test,), train=train)

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Numbers over several tested lists; there is one, which has top1 and top5."""
        return []


def _split(name: str, folder: Path) -> Split:
    """A list of the videos in a folder; an id names one video in all lists, so the list's name is in it."""
    try:
        listing = read_folder(folder)
    except DatasetError as error:
        raise ProtocolError(str(error)) from None
    classes = tuple(raw.replace("_", " ") for raw in listing.classes)  # as prompts want them
    samples = tuple(Sample(f"{name}/{item.id}", item.path, item.label) for item in listing.items)
    return Split(name, classes, samples)


MY_PROTOCOL = MyProtocol(
    id="my-protocol",
    summary="your own videos: trained on ROOT/train, tested on ROOT/test",
    family="full",  # zs, b2n, fs, full, ret or ml: decides recipes and columns
    dataset="folder",
    metric="top-1 and top-5 (%)",
    primary="top1",  # the headline
    version="1",  # raise it when results change: runs of other versions stay apart
    needs_root=True,
    defaults={**DEFAULTS, "views": {"frames": 16, "clips": 1, "crops": 1}},
)
