"""How many videos fit through a network at once on a GPU: tried, remembered, halved where they do not.

On a processor that is a group: there a process that takes too much is ended, and cannot try again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from ...datasets.cache import cache_root
from ..errors import RunFailed
from ..terminal import warn

if TYPE_CHECKING:
    from ...methods.base import Method
    from .engine import Engine

T = TypeVar("T")
NAME = "forward_videos.json"


def key_of(method: Method, frames: int, size: int, precision: str) -> str:
    """What decides how many videos fit: the device, the model, what learns, and the clips."""
    device = method.device
    name, memory = "cpu", 0
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        name, memory = about.name, about.total_memory >> 20
    every = sum(p.numel() for p in method.parameters())
    learn = sum(p.numel() for p in method.parameters() if p.requires_grad)
    words = (name, memory, type(method).__name__, every, learn, frames, size, precision)
    return " ".join(map(str, words))


def known() -> dict[str, int]:
    """What was found before; nothing where that cannot be read."""
    with suppress(OSError, ValueError):
        content = json.loads((cache_root() / NAME).read_text())
        return {k: n for k, n in content.items() if type(n) is int and n > 0}
    return {}


def remember(key: str, number: int) -> None:
    """Keep what fits for the next training, where the disk lets us."""
    path = cache_root() / NAME
    temporary = path.with_name(f"{NAME}.{os.getpid()}.tmp")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(known() | {key: number}, indent=1, sort_keys=True))
        os.replace(temporary, path)


class Fit:
    """Takes steps with as many videos at once as fit.

    Args:
        engine: whose `at_once` is set. given: what the user says; None: find it.
        most: videos of a step on this process, with which to begin. key: see `key_of`.
    """

    def __init__(self, engine: Engine, given: int | None, most: int, key: str):
        self.engine, self.given, self.key = engine, given, key
        self.checkpointing = False
        engine.at_once = given
        if given is None and engine.method.device.type == "cuda":
            engine.at_once = known().get(key, most)

    def step(self, gradients: Callable[[], T]) -> T:
        """Do a step; where memory is short, again with half as many videos at once.

        Raises:
            RunFailed: one video does not fit.
        """
        while True:
            try:
                return gradients()
            except torch.OutOfMemoryError:
                self.engine.method.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            self._less()

    def _less(self) -> None:
        engine = self.engine
        if engine.ranks.size > 1:  # the others wait for its features or its gradient
            raise RunFailed(
                f"{self._now()} at once do not fit into the memory of device "
                f"{engine.ranks.rank}; give a smaller --forward-videos"
            )
        if engine.at_once is None:
            engine.at_once = engine.largest
        if engine.at_once > 1:
            engine.at_once //= 2
            warn(f"memory is short: {self._now()} at once from here on (the result is the same)")
            remember(self.key, engine.at_once)
        elif not self.checkpointing and (clip := _checkpointed(engine.method)):
            clip.set_grad_checkpointing(True)
            self.checkpointing = True
            warn(
                "memory is short: activations are computed again on the way back (the same result)"
            )
        else:
            raise RunFailed(
                "one video does not fit into the memory of the device; a smaller backbone, fewer frames "
                "(--set views.frames) or --set train.precision=bf16 need less, and are another run"
            )

    def _now(self) -> str:
        number = self.engine.at_once or self.engine.largest
        return f"{number} video{'s' * (number > 1)}"


def _checkpointed(method: Method) -> Any:
    """The CLIP whose activations can be made again; None if there is none."""
    clip = getattr(method, "clip", None) if method.runs_again else None
    return clip if hasattr(clip, "set_grad_checkpointing") else None
