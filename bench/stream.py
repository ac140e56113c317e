"""The training stream: micro-batch number -> data, a pure function of (list, recipe, seed)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ..datasets.sampling import FrameSampler, Timing, sample_rng
from ..datasets.transforms import Augment, Preprocess
from ..datasets.video import VideoError, read_clip
from ..protocols.base import Sample
from .mixing import mix
from .schema import RunConfig

if TYPE_CHECKING:
    from .stages import StagePlan


@dataclass(frozen=True)
class Steps:
    """How a list of videos becomes optimiser steps.

    Attributes:
        videos: usable videos. batch: videos of one optimiser step (global). micro: of one forward pass.
        per_epoch: optimiser steps of an epoch (an incomplete batch is dropped). total: of the training.
    """

    videos: int
    batch: int
    micro: int
    per_epoch: int
    total: int

    @property
    def accumulate(self) -> int:
        """Micro-batches of one optimiser step."""
        return self.batch // self.micro

    @classmethod
    def of(cls, videos: int, epochs: int, batch_size: int, micro_batch: int | None) -> Steps:
        """Plan the steps; a list shorter than a batch makes one smaller batch."""
        batch = min(batch_size, videos)
        micro = min(micro_batch or batch, batch)
        while batch % micro:
            micro -= 1
        return cls(videos, batch, micro, videos // batch, epochs * (videos // batch))


@dataclass(frozen=True)
class _WithMiddle(FrameSampler):
    """The frames of a clip, then the middle frame of the video."""

    def __call__(self, count: int, timing: Timing | None = None) -> np.ndarray:
        return np.append(super().__call__(count, timing), count // 2)


class TrainStream(Dataset):
    """Item i is micro-batch i of a stage, whichever worker makes it, and in whatever order."""

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
        train = planned.train
        self.steps = Steps.of(len(self.samples), train.epochs, train.batch_size, train.micro_batch)

    def __len__(self) -> int:
        return self.steps.total * self.steps.accumulate

    def samples_of(self, number: int) -> tuple[int, list[Sample]]:
        """Epoch and videos of micro-batch `number`."""
        step, part = divmod(number, self.steps.accumulate)
        epoch, place = divmod(step, self.steps.per_epoch)
        order = sample_rng(self.seed, "order", epoch).permutation(len(self.samples))
        start = place * self.steps.batch + part * self.steps.micro
        return epoch, [self.samples[i] for i in order[start : start + self.steps.micro]]

    def __getitem__(self, number: int) -> dict[str, Any]:
        epoch, samples = self.samples_of(number)
        try:
            frames = torch.stack([self._read(sample, epoch) for sample in samples])
        except VideoError as error:  # as data: an exception would leave a worker as a traceback
            return {"error": str(error)}
        item: dict[str, Any] = {"frames": frames, "ids": [s.id for s in samples]}
        if self.planned.stage.texts == "omnisource":
            item |= {"frames": frames[:, :-1], "images": frames[:, -1:]}
            item["captions"] = [s.frame_caption for s in samples]
        if any(s.description for s in samples):
            item["descriptions"] = [s.description for s in samples]
        if self.planned.stage.texts == "classes":
            return item | self._labels(item["frames"], samples, number)
        texts = [self._caption(sample, epoch) for sample in samples]
        return item | {"texts": texts, "targets": torch.eye(len(samples))}

    def _labels(self, frames: torch.Tensor, samples: list[Sample], number: int) -> dict[str, Any]:
        """Smoothed targets over the classes, mixed with the frames if the recipe says so.

        Marks of labels, any number in a row, are neither smoothed nor mixed.
        """
        train, k = self.train, len(self.planned.split.classes)
        if self.planned.split.kind == "labels":
            marks = torch.zeros(len(samples), k)
            for row, sample in enumerate(samples):
                marks[row, list(sample.labels)] = 1
            return {"frames": frames, "targets": marks, "multilabel": True}
        targets = torch.full((len(samples), k), train.label_smoothing / k)
        rows = torch.arange(len(samples))
        targets[rows, [s.label for s in samples]] += 1 - train.label_smoothing
        rng = sample_rng(self.seed, "mix", number)
        frames, targets = mix(frames, targets, train.mixup, train.cutmix, rng)
        return {"frames": frames, "targets": targets}

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
            on_bad=_on_bad(data.on_bad_video),
        )
        return torch.from_numpy(self.augment.apply(clip.frames, self.preprocess, rng))


def _on_bad(word: str) -> Literal["fail", "salvage"]:
    """The reader's word; leaving a video out is the caller's work."""
    return "salvage" if word == "salvage" else "fail"


class FromStep(Sampler[int]):
    """0, 1, 2, ... from `start`: the position to resume at."""

    def __init__(self, length: int):
        self.length, self.start = length, 0

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.length))

    def __len__(self) -> int:
        return self.length - self.start


class EvalViews(Dataset):
    """Item i is video i with all its views: float [V, T, 3, R, R], or the error that it gave."""

    def __init__(self, samples: Sequence[Sample], config: RunConfig, preprocess: Preprocess):
        self.samples, self.config, self.preprocess = list(samples), config, preprocess

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, number: int) -> dict[str, Any]:
        data, views, path = self.config.data, self.config.views, self.samples[number].path
        assert path is not None  # videos without a file are not scored
        try:
            clip = read_clip(
                path,
                FrameSampler(views.sampling, views.frames, views.clips),
                reader=data.reader,
                on_bad=_on_bad(data.on_bad_video),
            )
        except VideoError as error:
            return {"number": number, "error": str(error)}
        crops = self.preprocess.evaluate(clip.frames)
        shape = (crops.shape[0] * views.clips, views.frames, *crops.shape[2:])
        return {
            "number": number,
            "views": torch.from_numpy(crops.reshape(shape)),
            "indices": clip.indices.tolist(),
            "damaged": clip.damaged,
        }


def single_thread(_: int) -> None:
    """Workers decode on one thread; the model has the others."""
    torch.set_num_threads(1)


def loader(
    dataset: Dataset, workers: int, sampler: Sampler[int] | None = None, **more: Any
) -> DataLoader:
    """A loader whose results do not depend on the number of workers."""
    import cv2

    # here and not in the workers: a forked one waits for ever for the pool of threads it has not got
    cv2.setNumThreads(1)
    return DataLoader(
        dataset,
        sampler=sampler,
        num_workers=workers,
        worker_init_fn=single_thread,
        prefetch_factor=4 if workers else None,
        generator=torch.Generator(),  # its own: starting an iterator must not move the global stream
        **more,
    )
