"""The training stream: micro-batch number -> data, a pure function of (list, recipe, seed)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ..datasets.sampling import sample_rng, segment_random
from ..datasets.transforms import Augment, Preprocess
from ..datasets.video import VideoError, read_clip
from ..protocols.base import Sample, Split
from .mixing import mix
from .schema import RunConfig


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


class TrainStream(Dataset):
    """Item i is micro-batch i of the training, whichever worker makes it, and in whatever order."""

    def __init__(
        self,
        split: Split,
        samples: Sequence[Sample],
        config: RunConfig,
        preprocess: Preprocess,
        seed: int,
    ):
        assert config.train is not None
        self.split, self.samples, self.config, self.seed = split, list(samples), config, seed
        self.preprocess = preprocess
        self.augment = Augment(**config.train.augment.model_dump())
        train = config.train
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
        train = self.config.train
        assert train is not None
        try:
            frames = torch.stack([self._read(sample, epoch) for sample in samples])
        except VideoError as error:  # as data: an exception would leave a worker as a traceback
            return {"error": str(error)}
        k, smooth = len(self.split.classes), train.label_smoothing
        targets = torch.full((len(samples), k), smooth / k)
        targets[torch.arange(len(samples)), [s.label for s in samples]] += 1 - smooth
        rng = sample_rng(self.seed, "mix", number)
        frames, targets = mix(frames, targets, train.mixup, train.cutmix, rng)
        return {"frames": frames, "targets": targets, "ids": [s.id for s in samples]}

    def _read(self, sample: Sample, epoch: int) -> torch.Tensor:
        rng = sample_rng(self.seed, "clip", sample.id, epoch)
        data = self.config.data
        clip = read_clip(
            sample.path,
            lambda count: segment_random(count, self.config.views.frames, rng),
            reader=data.reader,
            on_bad="salvage" if data.on_bad_video == "salvage" else "fail",
        )
        return torch.from_numpy(self.augment.apply(clip.frames, self.preprocess, rng))


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
        from ..datasets.sampling import temporal_views

        data, views = self.config.data, self.config.views
        wanted: list[np.ndarray] = []

        def sample(count: int) -> np.ndarray:
            wanted.append(temporal_views(count, views.frames, views.clips))
            return wanted[-1].reshape(-1)

        on_bad = "salvage" if data.on_bad_video == "salvage" else "fail"
        try:
            clip = read_clip(self.samples[number].path, sample, reader=data.reader, on_bad=on_bad)
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
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def loader(
    dataset: Dataset, workers: int, sampler: Sampler[int] | None = None, **more: Any
) -> DataLoader:
    """A loader whose results do not depend on the number of workers."""
    return DataLoader(
        dataset,
        sampler=sampler,
        num_workers=workers,
        worker_init_fn=single_thread,
        prefetch_factor=4 if workers else None,
        generator=torch.Generator(),  # its own: starting an iterator must not move the global stream
        **more,
    )
