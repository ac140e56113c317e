"""Seconds, memory and floating-point operations of a piece of work."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.utils.flop_counter import FlopCounterMode

Work = Callable[[], object]


def seconds_once(work: Work, device: torch.device) -> float:
    """Seconds from an idle device to an idle device; by CUDA's own events on a GPU."""
    if device.type != "cuda":
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    torch.cuda.synchronize(device)
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    work()
    last.record()
    torch.cuda.synchronize(device)
    return first.elapsed_time(last) / 1000


def in_turns(works: list[Work], rounds: int, device: torch.device) -> list[float]:
    """Median seconds of each, taken in turns, behind one round that does not count."""
    taken = [[seconds_once(work, device) for work in works] for _ in range(rounds + 1)]
    return [statistics.median(column) for column in zip(*taken[1:], strict=True)]


def peak_mib(work: Work, device: torch.device) -> float | None:
    """Peak of the memory that torch hands out while it works, MiB; None on a processor."""
    if device.type != "cuda":
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    work()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) / 2**20


def operations(work: Work) -> float:
    """Multiply-adds times two, counted by torch, forward and backward."""
    with countable(), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


@contextmanager
def countable() -> Iterator[None]:
    """Without the fused kernel of encoder layers, which the counter does not know."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
