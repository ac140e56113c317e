"""Methods with random weights, groups of random videos, and two ways to take a step on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from vclipbench.bench.config.schema import Train
from vclipbench.bench.ranks import ALONE
from vclipbench.bench.train.engine import Engine, Group
from vclipbench.bench.train.optimiser import build_optimiser
from vclipbench.methods import BUILTIN, Batch, build_method
from vclipbench.methods.base import Method, Target

from .setting import Shape

TARGETS: dict[str, Target] = {"clip-vip": "captions", "llm-multilabel": "labels"}
TEMPORAL = {"open-vclip", "open-vclip++", "clip-vip", "llm-multilabel"}
METHODS = [name for name in BUILTIN if name != "random"]  # random reads pixels on the CPU
Context = Callable[[], AbstractContextManager[Any]]
LR = 1e-7  # the weights stay what they are, and the loss finite


@dataclass
class Case:
    """A method, and what it learns from.

    Attributes:
        target: see `Method.stages`. size: side of its input in pixels.
    """

    name: str
    method: Method
    target: Target

    @property
    def size(self) -> int:
        """Side of its input in pixels."""
        return int(self.method.backbone.image_size)

    @property
    def trains(self) -> bool:
        """Whether it has a stage."""
        return bool(self.method.stages(self.target))


def made(name: str, backbone: str | dict[str, Any], device: torch.device) -> Case:
    """A method on the device, in its last stage."""
    torch.manual_seed(0)
    options = {"language_model": "shapes-lm"} if name == "llm-multilabel" else {}
    method = build_method(name, backbone, "none", **options).to(device)
    case = Case(name, method, TARGETS.get(name, "classes"))
    for stage in method.stages(case.target)[-1:]:
        method.enter(stage)
        stage.apply(method)
    method.train()
    return case


def clips(case: Case, videos: int, frames: int) -> torch.Tensor:
    """Random clips on the device of the method."""
    return torch.randn(videos, frames, 3, case.size, case.size, device=case.method.device)


def groups_of(case: Case, frames: int, shape: Shape) -> list[Group]:
    """A step: groups that share classes, or captions as one group, since a batch is contrasted whole."""
    sizes = [shape.videos] * shape.groups
    sizes = [sum(sizes)] if case.target == "captions" else sizes
    number = shape.classes
    words = [f"a thing number {k} that moves about" for k in range(max(number, *sizes, 2))]
    groups = []
    for n, size in enumerate(sizes):
        batch = _batch(case, clips(case, size, frames), words, number)
        groups.append(Group(n, batch, 1 / len(sizes), range(size)))
    return groups


def _batch(case: Case, frames: torch.Tensor, words: list[str], classes: int) -> Batch:
    number, device = len(frames), frames.device
    ids = [str(n) for n in range(number)]
    if case.target == "captions":
        return Batch(frames, words[:number], torch.eye(number, device=device), ids, paired=True)
    targets = torch.eye(classes, device=device)[torch.arange(number, device=device) % classes]
    texts = [f"a photo of {word}." for word in words[:classes]]
    labels = case.target == "labels"
    return Batch(frames, texts, targets, ids, multilabel=labels, descriptions=words[:number])


class Step:
    """An optimiser step as `bench run` takes it: the engine's gradients, and the recipe's optimiser."""

    def __init__(self, case: Case, context: Context, at_once: int | None = None):
        engine = Engine(case.method, 1, at_once, ALONE, context)
        self.engine, self.optimiser = engine, build_optimiser(case.method, Train(lr=LR))

    def __call__(self, groups: Sequence[Group]) -> None:
        """Take it."""
        self.engine.gradients(groups)
        self._update()

    def one_by_one(self, groups: Sequence[Group]) -> None:
        """The same with the texts of each group encoded anew."""
        for group in groups:
            self.engine.gradients([group])
        self._update()

    def _update(self) -> None:
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


class PlainLoop:
    """A step as a loop is written straight away.

    The whole loss of each group and its backward pass, texts anew each time at all positions of the
    context, the value of the loss read, torch's AdamW.
    """

    def __init__(self, case: Case, context: Context):
        self.case, self.context = case, context
        learning = [p for p in case.method.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(learning, lr=LR)

    def __call__(self, groups: Sequence[Group]) -> None:
        """Take it."""
        with _all_positions(self.case.method):
            for group in groups:
                with self.context():
                    loss = self.case.method.loss(group.batch)["loss"] / len(groups)
                loss.backward()
                loss.item()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


@contextmanager
def _all_positions(method: Method) -> Iterator[None]:
    """Texts are not cut behind the longest one."""
    backbone = method.backbone
    backbone.token_ids = lambda texts: backbone.tokenizer(list(texts))  # type: ignore[method-assign]
    try:
        yield
    finally:
        del backbone.token_ids


def plain_encoder(case: Case, frames: torch.Tensor) -> Callable[[], torch.Tensor]:
    """CLIP's own image encoder on the same frames."""
    return partial(case.method.clip.visual, frames.flatten(0, 1))


@contextmanager
def all_learn(module: torch.nn.Module) -> Iterator[None]:
    """Every parameter requires a gradient; what they have is dropped at the end."""
    before = [p.requires_grad for p in module.parameters()]
    module.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, flag in zip(module.parameters(), before, strict=True):
            parameter.grad = None
            parameter.requires_grad_(flag)
