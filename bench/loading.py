"""Data loaders whose results do not depend on the number of workers."""

from __future__ import annotations

import atexit
import multiprocessing
from collections.abc import Iterator
from typing import Any, Literal, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from .errors import RunFailed
from .stopping import leave_to_parent

T = TypeVar("T")


def on_bad(word: str) -> Literal["fail", "salvage"]:
    """The reader's word; leaving a video out is the caller's work."""
    return "salvage" if word == "salvage" else "fail"


def batches(data: DataLoader[T]) -> Iterator[T]:
    """The batches of a loader.

    Raises:
        RunFailed: a worker was ended from outside, or there is no room for what workers hand over.
    """
    try:
        yield from data
    except (RuntimeError, OSError) as error:
        if (sentence := _of_workers(str(error))) is None:
            raise
        raise RunFailed(sentence) from None


def _of_workers(message: str) -> str | None:
    """What to do about an error of PyTorch's workers; None for any other error."""
    if "DataLoader worker" in message and "shared memory" not in message:
        return (
            "a process that reads videos was ended from outside (often for want of memory); fewer of them "
            "need less, as with --set data.workers=1; the same command goes on from there"
        )
    if any(word in message for word in ("shared memory", "/dev/shm", "torch_shm", "</torch_")):
        return (
            "there is no room left in /dev/shm, through which the processes that read videos hand them "
            "over; enlarge it (docker run --shm-size=8g), or use --set data.workers=0, which needs none"
        )
    return None


def _begin_worker(_: int) -> None:
    """Workers decode on one thread; the model has the others. Signals are the parent's business."""
    torch.set_num_threads(1)
    leave_to_parent()


def _end_workers() -> None:
    """End workers that are still busy when the command leaves: they pass over its signals."""
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()


def loader(
    dataset: Dataset[Any], workers: int, sampler: Sampler[int] | None = None, **more: Any
) -> DataLoader[Any]:
    """A loader whose results do not depend on the number of workers."""
    import cv2

    # here and not in the workers: a forked one waits for ever for the pool of threads it has not got
    cv2.setNumThreads(1)
    atexit.unregister(_end_workers)
    atexit.register(_end_workers)  # last in, first out: before multiprocessing waits for them
    return DataLoader(
        dataset,
        sampler=sampler,
        num_workers=workers,
        worker_init_fn=_begin_worker,
        prefetch_factor=4 if workers else None,
        generator=torch.Generator(),  # its own: starting an iterator must not move the global stream
        **more,
    )
