"""Training through mmengine's Runner: one stage of a method on one list of videos."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner

from ...methods.base import Batch, called
from ...methods.outputs import checked_loss
from ..errors import RunFailed, UserError
from ..loading import batches, loader
from ..plugin_errors import at_work
from ..stopping import Stopped, asking
from .optimiser import build_optimiser
from .schedule import FactorLR
from .stream import FromStep

if TYPE_CHECKING:
    from ...methods.base import Method
    from .stream import TrainStream

LAST = "last.pth"
LOGS = "log"


class TrainingDiverged(RunFailed):
    """A loss that is not finite."""


class _Trainable(BaseModel):  # type: ignore[misc]
    """What mmengine trains: the method's loss on a batch of the stream."""

    def __init__(self, method: Method, texts: list[str], templates: int):
        super().__init__()
        self.method, self.texts, self.templates = method, texts, templates

    def init_weights(self) -> None:
        """Weights come from the backbone."""

    def forward(self, mode: str = "loss", **data: Any) -> dict[str, torch.Tensor]:
        data.setdefault("texts", self.texts)
        paired = data["texts"] is not self.texts
        templates = 1 if paired else self.templates
        batch = Batch(**data, paired=paired, templates=templates)
        with at_work(self.method, "loss", batch.ids):
            losses = checked_loss(self.method.loss(batch), f"the loss of {called(self.method)}")
        if not bool(torch.isfinite(losses["loss"])):
            raise TrainingDiverged(
                f"the loss is {losses['loss'].item()} on the batch with videos "
                f"{', '.join(batch.ids[:4])}{', ...' if len(batch.ids) > 4 else ''}; "
                "the last good checkpoint is kept; a smaller train.lr usually helps"
            )
        return losses

    def parse_losses(
        self, losses: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Train on "loss" alone, log all: mmengine would add whatever has "loss" in its name."""
        means = {name: value.float().mean() for name, value in losses.items() if name != "loss"}
        total = losses["loss"].mean()
        return total, {"loss": total, **means}


class _Runner(Runner):  # type: ignore[misc]
    """mmengine's runner, on the device where the method is: left alone it takes a GPU if there is one."""

    def wrap_model(self, model_wrapper_cfg: Any, model: torch.nn.Module) -> torch.nn.Module:
        """The model as it is: one process trains."""
        return model

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Go on from a checkpoint, which is read to the CPU first; mmengine prints where it lies."""
        with contextlib.redirect_stdout(io.StringIO()):
            super().resume(filename, *args, **{**kwargs, "map_location": "cpu"})


@LOOPS.register_module(name="StreamLoop", force=True)
class StreamLoop(IterBasedTrainLoop):  # type: ignore[misc]
    """Iterations of the stream, from the one to resume at; stops cleanly between steps on Ctrl-C."""

    def __init__(self, runner: Runner, dataloader: Any, max_iters: int):
        # not the parent's, which starts the workers at once and at the wrong place
        BaseLoop.__init__(self, runner, dataloader)
        self._max_iters, self._max_epochs = max_iters, 1
        self._epoch = self._iter = 0
        self.stop_training = False

    def run(self) -> Any:
        """Train to the end, or until `stop_training`."""
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        self.dataloader.sampler.start = self._iter
        self.runner.model.train()
        for data in batches(self.dataloader):
            if "error" in data:
                raise RunFailed(f"{data['error']} (--on-bad-video skip leaves such videos out)")
            self.run_iter(data)
            if self.stop_training:
                break
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model


class Resumable(Hook):  # type: ignore[misc]
    """Writes `last.pth` every so many seconds, between optimiser steps, with all random states."""

    priority = "VERY_LOW"

    def __init__(self, folder: Path, every: float, accumulate: int):
        self.folder, self.every, self.accumulate = folder, every, accumulate
        self.written = time.monotonic()
        self.asked_to_stop = 0  # by which signal

    def after_train_iter(self, runner: Runner, batch_idx: int, **_: Any) -> None:
        """Save if it is time, or if the user asked to stop."""
        if (batch_idx + 1) % self.accumulate:
            return
        late = time.monotonic() - self.written >= self.every
        if (late or self.asked_to_stop) and is_main_process():
            self.save(runner)
        runner.train_loop.stop_training = bool(self.asked_to_stop)

    def stop(self, number: int) -> None:
        """Save and end after the step in progress; `number` is the signal that asks for it."""
        self.asked_to_stop = number

    def save(self, runner: Runner) -> None:
        """Write beside and rename, so that a kill leaves the old file or the new one."""
        name = f"{LAST}.{os.getpid()}.tmp"
        try:
            runner.save_checkpoint(str(self.folder), name, by_epoch=False)
            os.replace(self.folder / name, self.folder / LAST)
        except (OSError, RuntimeError) as error:
            (self.folder / name).unlink(missing_ok=True)
            raise UserError(f"cannot write the checkpoint in {self.folder}: {error}") from None
        self.written = time.monotonic()

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

    def __init__(self, tell: Callable[[int, dict[str, float]], None], accumulate: int):
        self.tell, self.accumulate = tell, accumulate

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Pass on the step and the logged scalars."""
        if (batch_idx + 1) % self.accumulate == 0:
            values = {k: float(torch.as_tensor(v).detach()) for k, v in (outputs or {}).items()}
            self.tell((batch_idx + 1) // self.accumulate, values)


def train_stage(
    method: Method,
    stream: TrainStream,
    texts: list[str],
    folder: Path,
    tell: Callable[[int, dict[str, float]], None],
) -> None:
    """Train the parameters that require gradients, in place; resume if `folder` holds `last.pth`.

    Raises:
        Stopped: by a signal; the state is saved and a new call goes on from there.
        TrainingDiverged: a loss that is not finite; VideoError: a video that cannot be read.
    """
    train, steps = stream.train, stream.steps
    if train.precision == "amp" and method.device.type == "cpu":
        raise RunFailed("train.precision=amp needs a GPU; use fp32 on the CPU")
    keeper = Resumable(folder, train.checkpoint_every, steps.accumulate)
    optimiser = build_optimiser(method, train)
    wrapper_class = AmpOptimWrapper if train.precision == "amp" else OptimWrapper
    wrapper = wrapper_class(
        optimizer=optimiser,
        accumulative_counts=steps.accumulate,
        clip_grad={"max_norm": train.grad_clip} if train.grad_clip else None,
    )
    warmup = round(train.warmup_epochs * steps.per_epoch)
    if train.warmup_share is not None:
        warmup = int(train.warmup_share * steps.total)
    hooks: list[Hook] = [keeper, StepReport(tell, steps.accumulate)]
    if train.average_from is not None:
        per_epoch = steps.per_epoch * steps.accumulate
        hooks.insert(0, Averaging(method, train.average_from, per_epoch))
    schedule = FactorLR(
        optimiser, train.schedule, steps.total, warmup, train.min_lr_ratio, steps.accumulate
    )
    resuming = (folder / LAST).is_file()
    runner = _Runner(
        model=_Trainable(method, texts, len(stream.planned.templates)),
        work_dir=str(folder / LOGS),
        train_dataloader=loader(
            stream, stream.config.data.workers, FromStep(len(stream)), batch_size=None
        ),
        train_cfg={"type": "StreamLoop", "max_iters": len(stream)},
        optim_wrapper=wrapper,
        param_scheduler=schedule,
        default_hooks={"logger": None, "timer": None, "checkpoint": None, "sampler_seed": None},
        custom_hooks=hooks,
        load_from=str(folder / LAST) if resuming else None,
        resume=resuming,
        log_level=logging.ERROR,
        randomness={"seed": stream.seed},
        default_scope="mmengine",
        experiment_name=f"train-{folder.name}-{time.time_ns()}",
    )
    with asking(keeper.stop), warnings.catch_warnings():
        # the schedule is asked after every micro-batch, the optimiser steps after several
        warnings.filterwarnings("ignore", message="Detected call of `scheduler.step")
        try:
            runner.train()
        except TrainingDiverged:
            raise
        except RunFailed:  # a video or a worker, before its batch changed anything
            if runner.iter % steps.accumulate == 0:
                keeper.save(runner)
            raise
    if keeper.asked_to_stop and runner.iter < len(stream):
        done = runner.iter // steps.accumulate
        raise Stopped(keeper.asked_to_stop, f"training stopped after {done} steps")
