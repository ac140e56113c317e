"""The training stream: group number -> data, a pure function of (list, recipe, seed)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ...datasets.video.read import VideoError, read_clip
from ...datasets.video.sampling import FrameSampler, Timing, sample_rng
from ...datasets.video.transforms import Augment
from ..loading import on_bad
from ..plan.steps import steps_of
from .mixing import draw

if TYPE_CHECKING:
    from ...datasets.video.transforms import Preprocess
    from ...protocols.split import Sample
    from ..config.schema import RunConfig
    from ..plan.stages import StagePlan


@dataclass(frozen=True)
class _WithMiddle(FrameSampler):
    """The frames of a clip, then the middle frame of the video."""

    def __call__(self, count: int, timing: Timing | None = None) -> np.ndarray:
        return np.append(super().__call__(count, timing), count // 2)


class TrainStream(Dataset[dict[str, Any]]):
    """Item i is group i of a stage, whichever worker makes it, and in whatever order.

    Attributes:
        own: size of a group -> which of its videos this process has; the frames of others are left out.
    """

    def __init__(
        self,
        planned: StagePlan,
        samples: Sequence[Sample],
        config: RunConfig,
        preprocess: Preprocess,
        seed: int,
    ):
        self.planned, self.samples, self.config, self.seed = planned, list(samples), config, seed
        self.preprocess, self.train = preprocess, planned.train
        self.augment = Augment(**planned.train.augment.model_dump())
        self.steps = steps_of(len(self.samples), planned.train)
        self.own: Callable[[int], range] = range

    def __len__(self) -> int:
        return self.steps.groups

    def samples_of(self, number: int) -> tuple[int, list[Sample]]:
        """Epoch and videos of group `number`."""
        epoch, places = self.steps.place(number)
        order = sample_rng(self.seed, "order", epoch).permutation(len(self.samples))
        return epoch, [self.samples[i] for i in order[places.start : places.stop]]

    @property
    def mixes(self) -> bool:
        """Whether videos of a group are mixed with each other."""
        return bool(self.train.mixup or self.train.cutmix) and self.planned.split.kind != "labels"

    def __getitem__(self, number: int) -> dict[str, Any]:
        epoch, samples = self.samples_of(number)
        own = self.own(len(samples)) or range(1)  # one for its shape, where a process has none
        read = samples if self.mixes else samples[own.start : own.stop]
        try:
            frames = torch.stack([self._read(sample, epoch) for sample in read])
        except VideoError as error:  # as data: an exception would leave a worker as a traceback
            return {"error": str(error)}
        item: dict[str, Any] = {"frames": frames, "ids": [s.id for s in samples]}
        if self.planned.stage.texts == "omnisource":
            item |= {"frames": frames[:, :-1], "images": frames[:, -1:]}
            item["captions"] = [s.frame_caption for s in samples]
        if any(s.description for s in samples):
            item["descriptions"] = [s.description for s in samples]
        if self.planned.stage.texts == "classes":
            return item | self._labels(samples, number)
        texts = [self._caption(sample, epoch) for sample in samples]
        return item | {"texts": texts, "targets": torch.eye(len(samples))}

    def _labels(self, samples: list[Sample], number: int) -> dict[str, Any]:
        """Smoothed targets over the classes, and how to mix them with the frames if the recipe says so.

        Marks of labels, any number in a row, are neither smoothed nor mixed.
        """
        train, k = self.train, len(self.planned.split.classes)
        if self.planned.split.kind == "labels":
            marks = torch.zeros(len(samples), k)
            for row, sample in enumerate(samples):
                marks[row, list(sample.labels)] = 1
            return {"targets": marks, "multilabel": True}
        targets = torch.full((len(samples), k), train.label_smoothing / k)
        rows = torch.arange(len(samples))
        targets[rows, [s.label for s in samples]] += 1 - train.label_smoothing
        if not self.mixes:
            return {"targets": targets}
        side, rng = self.preprocess.size, sample_rng(self.seed, "mix", number)
        return {
            "targets": targets,
            "mix": draw(len(samples), side, side, train.mixup, train.cutmix, rng),
        }

    def _caption(self, sample: Sample, epoch: int) -> str:
        """One caption of the video, drawn anew in every epoch."""
        rng = sample_rng(self.seed, "caption", sample.id, epoch)
        return sample.captions[rng.randint(len(sample.captions))]

    def _read(self, sample: Sample, epoch: int) -> torch.Tensor:
        rng = sample_rng(self.seed, "clip", sample.id, epoch)
        data, frames = self.config.data, self.config.views.frames
        sampler = _WithMiddle if self.planned.stage.texts == "omnisource" else FrameSampler
        assert sample.path is not None  # videos without a file are in no training list
        clip = read_clip(
            sample.path,
            sampler(self.train.sampling, frames, rng=rng),
            reader=data.reader,
            on_bad=on_bad(data.on_bad_video),
        )
        return torch.from_numpy(self.augment.view(clip.frames, self.preprocess, rng))
