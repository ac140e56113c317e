"""What happens between the steps of a training: checkpoints, averages of weights, reports."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..errors import UserError

if TYPE_CHECKING:
    from ...methods.base import Method
    from ..ranks import Ranks

LAST = "last.pth"


class Resumable(Hook):  # type: ignore[misc]
    """Writes `last.pth` every so many seconds, between optimiser steps, with all random states."""

    priority = "VERY_LOW"

    def __init__(self, folder: Path, every: float, ranks: Ranks):
        self.folder, self.every, self.ranks = folder, every, ranks
        self.written = time.monotonic()
        self.asked_to_stop = 0  # by which signal

    def after_train_iter(self, runner: Runner, batch_idx: int, **_: Any) -> None:
        """Save if it is time, or if somebody asked a process to stop; then all do."""
        due = time.monotonic() - self.written >= self.every
        asked, late = divmod(self.ranks.highest(2 * self.asked_to_stop + due), 2)
        self.asked_to_stop = asked
        if late or asked:
            runner.model.check()
            self.save(runner)
        runner.train_loop.stop_training = bool(asked)

    def stop(self, number: int) -> None:
        """Save and end after the step in progress; `number` is the signal that asks for it."""
        self.asked_to_stop = number

    def save(self, runner: Runner) -> None:
        """Write beside and rename, so that a kill leaves the old file or the new one."""
        self.written = time.monotonic()
        if not self.ranks.first:
            return
        name = f"{LAST}.{os.getpid()}.tmp"
        try:
            runner.save_checkpoint(str(self.folder), name, by_epoch=False)
            os.replace(self.folder / name, self.folder / LAST)
        except (OSError, RuntimeError) as error:
            (self.folder / name).unlink(missing_ok=True)
            raise UserError(f"cannot write the checkpoint in {self.folder}: {error}") from None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Add the random states, which mmengine does not keep, and drop its log buffers.

        The buffers are classes that `weights_only=True` refuses; our log is a file of its own.
        """
        checkpoint["message_hub"] = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}
        numpy_state: tuple[Any, ...] = np.random.get_state()  # type: ignore[assignment]
        checkpoint["random_states"] = {
            "python": random.getstate(),
            "numpy": [
                numpy_state[0],
                torch.from_numpy(numpy_state[1].astype(np.int64)),
                *numpy_state[2:],
            ],
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Put the random states back."""
        state = checkpoint["random_states"]
        random.setstate(state["python"])
        name, keys, *rest = state["numpy"]
        np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
        torch.set_rng_state(state["torch"].cpu())
        if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])


class Averaging(Hook):  # type: ignore[misc]
    """Averages the weights at the end of the epochs from `first` on (Open-VCLIP's weight averaging)."""

    def __init__(self, method: Method, first: int, per_epoch: int):
        self.method, self.first, self.per_epoch = method, first, per_epoch
        self.count = 0
        self.sums: dict[str, torch.Tensor] = {}

    def _learning(self) -> dict[str, torch.nn.Parameter]:
        return {n: p for n, p in self.method.named_parameters() if p.requires_grad}

    def after_train_iter(self, runner: Runner, batch_idx: int, **_: Any) -> None:
        """Add the weights if an epoch ends here."""
        epoch, rest = divmod(batch_idx + 1, self.per_epoch)
        if rest or epoch < self.first:
            return
        for name, parameter in self._learning().items():
            value = parameter.detach().double()
            self.sums[name] = self.sums[name] + value if self.count else value
        self.count += 1

    def after_train(self, runner: Runner) -> None:
        """Put the averages in place, if training came to its end."""
        if runner.iter < runner.max_iters:
            return
        for name, parameter in self._learning().items():
            parameter.data.copy_(self.sums[name] / self.count)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Keep the sums for a resumed training."""
        checkpoint["averaging"] = {"count": self.count, "sums": self.sums}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Go on with the sums so far."""
        self.count = checkpoint["averaging"]["count"]
        sums = checkpoint["averaging"]["sums"]
        self.sums = {name: value.to(self.method.device) for name, value in sums.items()}


class StepReport(Hook):  # type: ignore[misc]
    """Tells the caller how far training is."""

    def __init__(self, tell: Callable[[int, dict[str, float]], None], ranks: Ranks):
        self.tell, self.ranks = tell, ranks

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Pass on the step, and the logged scalars where they are read."""
        if not runner.model.reads(batch_idx + 1):
            self.tell(batch_idx + 1, {})
            return
        own = {name: float(value) for name, value in outputs.items()}
        parts = self.ranks.gather(own)
        names = dict.fromkeys(name for part in parts for name in part)
        values = {name: sum(part.get(name, 0.0) for part in parts) for name in names}
        self.tell(batch_idx + 1, values)
