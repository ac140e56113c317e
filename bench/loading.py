"""Data loaders whose results do not depend on the number of workers."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch.utils.data import DataLoader, Dataset, Sampler


def on_bad(word: str) -> Literal["fail", "salvage"]:
    """The reader's word; leaving a video out is the caller's work."""
    return "salvage" if word == "salvage" else "fail"


def single_thread(_: int) -> None:
    """Workers decode on one thread; the model has the others."""
    torch.set_num_threads(1)


def loader(
    dataset: Dataset[Any], workers: int, sampler: Sampler[int] | None = None, **more: Any
) -> DataLoader[Any]:
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
