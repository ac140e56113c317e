"""What the protocols on published datasets share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .base import Protocol, ProtocolError
from .lists import VideoList, named_list, read_list
from .metric import Metric
from .split import Data, Plan, Split

# the large set that methods are trained on before, or instead of, a protocol's own list
KINETICS = VideoList("k400-train", "k400", "train")
PHOTO = ("a photo of a {}.",)
DEFAULTS: dict[str, Any] = {
    "views": {"frames": 8, "clips": 1, "crops": 1},
    "prompts": list(PHOTO),
    "backbone": {"name": "ViT-B-16-quickgelu", "pretrained": "openai"},
}
CAPTIONS: dict[str, Any] = {**DEFAULTS, "prompts": ["{}"]}


@dataclass(frozen=True)
class Published(Protocol):
    """A protocol by lists of published files.

    Attributes:
        tests: the evaluation lists.
        training: the protocol's own training list; None where only the source is trained on.
        source: the large training set; a run may name another.
    """

    tests: tuple[VideoList, ...] = ()
    training: VideoList | None = None
    source: VideoList = KINETICS

    def target_list(self, variant: str, seed: int) -> VideoList | None:
        """The training list of a variant and seed.

        Raises:
            ProtocolError: there is none for this seed.
        """
        return self.training

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """Read the lists that are wanted."""
        evaluate = tuple(read_list(wanted, data) for wanted in self.tests)
        _check_distinct(evaluate)
        target = self.target_list(variant, seed)
        needs = set(data.needs)
        if target is None and needs:
            needs = {"source"}
        source = self._source(data) if "source" in needs else None
        if target is None:
            return Plan(variant, evaluate, train=source)
        train = read_list(target, data) if data.needs else None
        return Plan(variant, evaluate, train=train, k_shot=self.shots_of(variant), source=source)

    def shots_of(self, variant: str) -> int | None:
        """K of few-shot training, None of other training."""
        return None

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Mean top-1 over the lists, where there are several."""
        from .metrics import mean_metric

        return [mean_metric(metrics, "top1")] if len(self.tests) > 1 else []

    def _source(self, data: Data) -> Split:
        if data.train_list is None:
            return read_list(self.source, data)
        name = data.train_list.replace("/", "-")
        return read_list(named_list(data.train_list, name), data)


def folders(tests: Sequence[VideoList]) -> tuple[str, ...]:
    """The folders that evaluation on these lists takes, the dataset's own first."""
    return tuple(dict.fromkeys(id for wanted in tests for id in wanted.needs))


def _check_distinct(splits: Sequence[Split]) -> None:
    for split in splits:
        if not split.samples:
            raise ProtocolError(f"the list {split.name} of {split.dataset} has no videos")


def numbered(
    wanted: VideoList, parts: str, numbers: Sequence[int] = (1, 2, 3)
) -> tuple[VideoList, ...]:
    """The same list in several numbered versions; names and parts hold a {}."""
    return tuple(replace(wanted, name=wanted.name.format(n), part=parts.format(n)) for n in numbers)
