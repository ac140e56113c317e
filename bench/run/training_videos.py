"""Videos of a training: which of them can be read, and whether it had to wait for them."""

from __future__ import annotations

import math

from rich.progress import Progress

from ...datasets.video.read import VideoError, read_clip
from ...protocols.split import Sample
from ..config.schema import RunConfig
from ..errors import RunFailed
from ..terminal import console, progress_console

LONG = 60.0  # seconds of a training from which it is said what limits it


def say_what_limits(name: str, waited: float, took: float, config: RunConfig) -> None:
    """Say so where training waited for videos more than a fifth of its time, and what would help."""
    share = waited / took if took else 0.0
    if took < LONG or share < 0.2:
        return
    workers = config.data.workers
    more = max(workers + 1, math.ceil(workers / (1 - min(share, 0.9))))
    console.print(
        f"{name}: waited for videos {share:.0%} of its time; about data.workers={more} instead of "
        f"{workers} would end that, if there are cores for them"
    )


def readable(samples: list[Sample], reader: str, bar: Progress) -> list[Sample]:
    """The training videos that decode from end to end."""
    task = bar.add_task("checking videos", total=len(samples), note="")
    good = []
    for sample in samples:
        try:
            read_clip(sample.path or sample.id, range, reader=reader)
            good.append(sample)
        except VideoError as error:
            progress_console.print(f"left out of training: {error}")
        bar.advance(task)
    bar.remove_task(task)
    if not good:
        raise RunFailed("no training video can be read")
    return good
