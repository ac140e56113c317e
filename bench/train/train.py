"""Training through mmengine's Runner: one stage of a method on one list of videos."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner

from ...methods.base import Method
from ..errors import RunFailed
from ..loading import batches, loader
from ..ranks import RankLost
from ..stopping import Stopped, asking
from .engine import Engine, seed_of
from .fitting import Fit, key_of
from .groups import FromStep, How, Maker, Share
from .hooks import LAST, Averaging, Resumable, StepReport
from .optimiser import build_optimiser
from .schedule import schedule_of

if TYPE_CHECKING:
    from ..config.schema import Train
    from .stream import TrainStream

LOGS = "log"
READ_EVERY = 20  # steps between looks at values that are on a GPU
Context = Callable[[], AbstractContextManager[Any]]


class TrainingDiverged(RunFailed):
    """A loss that is not finite."""


class _Trainable(BaseModel):  # type: ignore[misc]
    """What mmengine trains: one iteration is one optimiser step."""

    def __init__(self, engine: Engine, maker: Maker, fit: Fit):
        super().__init__()
        self.fit = fit
        self.method, self.engine, self.maker = engine.method, engine, maker
        self.share = maker.share
        self.step = 0
        self._unread: list[tuple[int, list[str], torch.Tensor]] = []

    def init_weights(self) -> None:
        """Weights come from the backbone."""

    def forward(self, *_: Any, **__: Any) -> Any:
        """Not called: a step is `train_step`."""
        raise NotImplementedError

    def train_step(self, data: list[dict[str, Any]], optim_wrapper: Any) -> dict[str, torch.Tensor]:
        """One step of the optimiser on the items of this process: what is to be logged."""
        numbers = self.share.groups(self.step)
        logged = self.fit.step(lambda: self.engine.gradients(self.maker.groups(data, numbers)))
        self._unread += [(self.step + 1, ids, loss) for ids, loss in self.engine.losses]
        if self.reads(self.step + 1):
            self.check()
        optim_wrapper.step()
        optim_wrapper.zero_grad()
        self.step += 1
        return logged

    def reads(self, step: int) -> bool:
        """Whether values are read behind a step: on a GPU, which would be waited for, not every time."""
        return self.method.device.type == "cpu" or step % READ_EVERY == 0

    def check(self) -> None:
        """Look at the losses since the last look.

        Raises:
            TrainingDiverged: one of them, on any process, is not finite.
        """
        values = torch.stack([loss for _, _, loss in self._unread]).tolist() if self._unread else []
        pairs = zip(self._unread, values, strict=True)
        bad = next(((step, ids, v) for (step, ids, _), v in pairs if not math.isfinite(v)), None)
        self._unread = []
        words = next((w for w in self.share.ranks.gather(_diverged(bad) if bad else "") if w), "")
        if words:
            raise TrainingDiverged(words)


def _diverged(bad: tuple[int, list[str], float]) -> str:
    step, ids, value = bad
    return (
        f"the loss is {value} in step {step} on the batch with videos "
        f"{', '.join(ids[:4])}{', ...' if len(ids) > 4 else ''}; "
        "the last good checkpoint is kept; a smaller train.lr usually helps"
    )


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
        self.waited = 0.0  # seconds for videos

    def run(self) -> Any:
        """Train to the end, or until `stop_training`."""
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        self.dataloader.sampler.start = self.runner.model.step = self._iter
        self.runner.model.train()
        for items in self._steps():
            self.run_iter(items)
            if self.stop_training:
                break
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model

    def _steps(self) -> Iterator[list[dict[str, Any]]]:
        """The items of each step, of this process's groups."""
        share = self.dataloader.sampler.share
        given = batches(self.dataloader)
        for step in range(self._iter, self._max_iters):
            start = time.perf_counter()
            items = [next(given) for _ in share.groups(step)]
            self.waited += time.perf_counter() - start
            yield [_readable(item) for item in items]


def _readable(item: dict[str, Any]) -> dict[str, Any]:
    """An item of the stream, if all its videos could be read."""
    if "error" in item:
        raise RunFailed(f"{item['error']} (--on-bad-video skip leaves such videos out)")
    return item


def train_stage(
    method: Method,
    stream: TrainStream,
    texts: list[str],
    folder: Path,
    tell: Callable[[int, dict[str, float]], None],
    how: How | None = None,
) -> float:
    """Train the parameters that require gradients, in place; resume if `folder` holds `last.pth`.

    Args:
        how: what changes no result: videos in a forward pass, processes.

    Returns:
        Seconds that were spent waiting for videos.

    Raises:
        Stopped: by a signal; the state is saved and a new call goes on from there.
        TrainingDiverged: a loss that is not finite; VideoError: a video that cannot be read.
    """
    how = how or How()
    train, steps, ranks = stream.train, stream.steps, how.ranks
    wrapper, context, scaled = _precision(method, train)
    engine = Engine(method, stream.seed, how.at_once, ranks, context, scaled)
    share = Share(steps, ranks, engine.in_parts)
    most = steps.micro * len(share.groups(0)) if not share.divided else steps.micro
    key = key_of(method, stream.config.views.frames, stream.preprocess.size, train.precision)
    fit = Fit(engine, how.at_once, max(1, most), key)
    stream.own = share.own
    keeper = Resumable(folder, train.checkpoint_every, ranks)
    hooks: list[Hook] = [keeper, StepReport(tell, ranks)]
    if train.average_from is not None:
        hooks.insert(0, Averaging(method, train.average_from, steps.per_epoch))
    templates = len(stream.planned.templates)
    maker = Maker(texts, templates, stream.preprocess, share, method.device)
    runner = _runner(_Trainable(engine, maker, fit), stream, folder, wrapper, hooks)
    if not (folder / LAST).is_file():
        _begin(method, stream, maker, context)
    with asking(keeper.stop), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `scheduler.step")
        try:
            runner.train()
        except (TrainingDiverged, RankLost):
            raise
        except RunFailed:  # a video or a worker, before its batch changed anything
            keeper.save(runner)
            raise
    if keeper.asked_to_stop and runner.iter < steps.total:
        raise Stopped(keeper.asked_to_stop, f"training stopped after {runner.iter} steps")
    return float(runner.train_loop.waited)


def _runner(
    model: _Trainable, stream: TrainStream, folder: Path, wrapper: OptimWrapper, hooks: list[Hook]
) -> _Runner:
    """mmengine's runner over the stream, which goes on from `last.pth` where it is there."""
    train, steps = stream.train, stream.steps
    resuming = (folder / LAST).is_file()
    return _Runner(
        model=model,
        work_dir=str(folder / LOGS),
        train_dataloader=loader(
            stream,
            stream.config.data.workers,
            FromStep(model.share),
            batch_size=None,
            pin_memory=model.method.device.type == "cuda",
        ),
        train_cfg={"type": "StreamLoop", "max_iters": steps.total},
        optim_wrapper=wrapper,
        param_scheduler=schedule_of(wrapper.optimizer, train, steps),
        default_hooks={"logger": None, "timer": None, "checkpoint": None, "sampler_seed": None},
        custom_hooks=hooks,
        load_from=str(folder / LAST) if resuming else None,
        resume=resuming,
        log_level=logging.ERROR,
        randomness={"seed": stream.seed},
        default_scope="mmengine",
        experiment_name=f"train-{folder.name}-{time.time_ns()}",
    )


def _begin(method: Method, stream: TrainStream, maker: Maker, context: Context) -> None:
    """What a method does once with the first group, on the first process; all start from its weights."""
    ranks = maker.share.ranks
    if type(method).begin is not Method.begin and ranks.first:
        own, stream.own = stream.own, range
        item = _readable(stream[0])
        stream.own = own
        torch.manual_seed(seed_of(stream.seed, 0))
        with context():
            method.begin(maker.batch(item))
    ranks.first_ones([p.data for p in method.parameters() if p.requires_grad])


def _precision(
    method: Method, train: Train
) -> tuple[OptimWrapper, Context, Callable[[torch.Tensor], torch.Tensor]]:
    """mmengine's optimiser, the context of a forward pass, and what scales a loss."""
    device = method.device.type
    if train.precision == "amp" and device == "cpu":
        raise RunFailed("train.precision=amp needs a GPU; use fp32 or bf16 on the CPU")
    clip = {"max_norm": train.grad_clip} if train.grad_clip else None
    optimiser = build_optimiser(method, train)
    if train.precision == "amp":
        wrapper = AmpOptimWrapper(optimizer=optimiser, clip_grad=clip)
        half = partial(torch.autocast, device, torch.float16)
        return wrapper, half, wrapper.loss_scaler.scale
    wrapper = OptimWrapper(optimizer=optimiser, clip_grad=clip)
    if train.precision == "bf16":
        return wrapper, partial(torch.autocast, device, torch.bfloat16), _same
    return wrapper, nullcontext, _same


def _same(loss: torch.Tensor) -> torch.Tensor:
    return loss
