"""The gradient of one optimiser step, in whatever pieces its videos go through the networks.

A step has k groups of videos; its loss is the mean of theirs. What a group is belongs to the recipe: mixing
permutes in it, chance is drawn for it, contrastive losses find their negatives in it. How many videos go
through a network at once, and on which of several devices, changes nothing but rounding:

- where videos have nothing to do with each other they go in pieces of `at_once`, whatever their groups;
- groups that fit are fused, and each has its own objective on its rows of the features;
- a group that does not fit, or is spread over devices, goes twice: first without gradient, for the gradient
  of the objective on its features, then piece by piece with it (Gao et al., 2021, "Scaling Deep Contrastive
  Learning Batch Size under Memory Limited Setup");
- class texts are encoded once a step: their gradient collects at their features, in which it is linear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...methods.base import Batch, Method, called
from ...methods.outputs import checked_loss
from ...methods.parts import (
    Named,
    Pass,
    Weights,
    call,
    cut,
    leaves,
    logged_of,
    merged,
    rebuilt,
)
from ..plugin_errors import at_work

if TYPE_CHECKING:
    from ..ranks import Ranks

Piece = tuple["Group", int, int]
"""Videos of a group, from ... to, among those that this process has."""


@dataclass
class Group:
    """One group of a step.

    Attributes:
        number: in the training. weight: share of its loss in the step's. own: videos of this process.
        batch: its videos; frames and images only of its own (of the first one where it has none).
    """

    number: int
    batch: Batch
    weight: float
    own: range
    passes: Sequence[Pass] = ()
    shared: Shared = field(default_factory=lambda: Shared({}))

    @property
    def size(self) -> int:
        """Videos of the group, on all devices."""
        return len(self.batch.ids)

    @property
    def whole(self) -> bool:
        """Whether this process has all its videos."""
        return len(self.own) == self.size


class Shared:
    """Features that all videos of a step are compared to.

    Used once they stay in the graph; used several times their gradient collects at a copy, and goes through
    the text encoder once, in `backward`.
    """

    def __init__(self, features: Named, several: bool = False):
        self.features = features
        self.learn = any(t.requires_grad for t in leaves(features))
        self.copy: list[Tensor] = []
        if self.learn and several:
            self.copy = [t.detach().requires_grad_(t.requires_grad) for t in leaves(features)]

    def named(self) -> Named:
        """What an objective takes."""
        return rebuilt(self.features, self.copy) if self.copy else self.features

    def backward(self) -> None:
        """Through the text encoder, with what has collected."""
        if self.copy:
            pairs = zip(leaves(self.features), self.copy, strict=True)
            _backward((feature, copy.grad) for feature, copy in pairs)


class Engine:
    """Collects the gradients of a step in the parameters of a method.

    Args:
        method: whose parameters that require gradients learn.
        seed: of the run; chance is a function of it and of the number of the group.
        at_once: videos in one forward pass; None: a group.
        ranks: the processes that share the step.
        context: made around every forward pass (autocast).
        scaled: a loss as the backward pass takes it (loss scaling of half precision).
    """

    def __init__(
        self,
        method: Method,
        seed: int,
        at_once: int | None,
        ranks: Ranks,
        context: Callable[[], AbstractContextManager[Any]],
        scaled: Callable[[Tensor], Tensor] = lambda loss: loss,
    ):
        self.method, self.seed, self.at_once, self.ranks = method, seed, at_once, ranks
        self.context, self.scaled = context, scaled
        self.kept: dict[tuple[str, ...], Named] = {}  # of text encoders that do not learn
        self.largest = 1  # videos of a group so far
        self.logged: dict[str, Tensor] = {}
        self.losses: list[tuple[list[str], Tensor]] = []  # videos, and their loss

    @property
    def in_parts(self) -> bool:
        """Whether the loss is said in parts; a `loss` of its own is taken group by group."""
        return type(self.method).loss is Method.loss

    def gradients(self, groups: Sequence[Group]) -> dict[str, Tensor]:
        """Add the gradients of a step to the parameters, summed over all processes.

        Args:
            groups: those of which this process has videos, in order, on its device.

        Returns:
            The step's loss and what else is logged: this process's share of it, scalars.
        """
        self.logged, self.losses = {}, []
        self.largest = max([self.largest, *(len(group.own) for group in groups)])
        if self.in_parts:
            self._in_parts(groups)
        else:
            for group in groups:
                self._by_its_own_loss(group)
        if self.ranks.size > 1:
            learning = [p for p in self.method.parameters() if p.requires_grad]
            for parameter in learning:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            self.ranks.add([p.grad for p in learning if p.grad is not None])
        return self.logged

    def _by_its_own_loss(self, group: Group) -> None:
        self._draw(group.number)
        with self.context(), self._at_work(group.batch.ids):
            what = f"the loss of {called(self.method)}"
            result = checked_loss(self.method.loss(group.batch), what)
        self._log(result, group.weight, Pass(), True, group.batch.ids)
        self._run_back(group.weight * result["loss"])

    def _in_parts(self, groups: Sequence[Group]) -> None:
        first = groups[0].batch
        self.method.begin_step(first)
        for group in groups:
            self._draw(group.number)
            group.batch = self.method.narrow(group.batch)
            group.passes = self.method.passes(group.batch)
        self._share(groups)
        for number in range(len(groups[0].passes)):
            fused = all(group.passes[number].at is None for group in groups)
            for some in _same_texts(groups) if fused else [[group] for group in groups]:
                self._pass(some, number)
        for shared in {id(group.shared): group.shared for group in groups}.values():
            shared.backward()
        self.method.end_step(first)

    def _share(self, groups: Sequence[Group]) -> None:
        """Encode the texts of each set of classes once."""
        for some in _same_texts(groups):
            key = (str(some[0].batch.templates), *some[0].batch.texts)
            several = len(some) > 1 or len(some[0].passes) > 1 or not self._at_one_go(some[0])
            if key in self.kept:
                shared = Shared(self.kept[key])
            else:
                with self.context(), self._at_work(some[0].batch.ids):
                    shared = Shared(self.method.encode_shared(some[0].batch), several)
                if shared.features and not shared.learn:
                    self.kept = {key: shared.features}
            for group in some:
                group.shared = shared

    def _pass(self, groups: Sequence[Group], number: int) -> None:
        """One reckoning of the objective over groups that have the same texts and weights."""
        own = groups[0].passes[number].at
        weights = own() if own else None
        if self.method.couples(groups[0].batch) == "nothing":
            pieces = list(self._pieces(groups))
            with _collecting(weights, len(pieces) > 1) as at:
                for some in pieces:
                    self._free(some, number, at)
            return
        if all(self._at_one_go(group) for group in groups):
            for run in self._runs(groups):
                self._coupled(run, number, weights)
            return
        for group in groups:
            with _collecting(weights, True) as at:
                self._twice(group, number, at)

    def _at_one_go(self, group: Group) -> bool:
        return group.whole and (self.at_once is None or group.size <= self.at_once)

    def _pieces(self, groups: Sequence[Group]) -> Iterator[list[Piece]]:
        """Videos that go at once, of groups whose videos have nothing to do with each other."""
        if self.at_once is None:
            yield from ([(group, 0, len(group.own))] for group in groups if len(group.own))
            return
        some: list[Piece] = []
        room = self.at_once
        for group in groups:
            at = 0
            while at < len(group.own):
                upto = min(len(group.own), at + room)
                some.append((group, at, upto))
                room -= upto - at
                at = upto
                if not room:
                    yield some
                    some, room = [], self.at_once
        if some:
            yield some

    def _runs(self, groups: Sequence[Group]) -> Iterator[list[Group]]:
        """Whole groups that go at once."""
        most = 1 if self.at_once is None else max(1, self.at_once // groups[0].size)
        for start in range(0, len(groups), most):
            yield list(groups[start : start + most])

    def _free(self, pieces: Sequence[Piece], number: int, at: Weights | None) -> None:
        """Pieces of which each video counts alone."""
        batch = merged([cut(_own(group), lo, hi) for group, lo, hi in pieces])
        weight = sum(group.weight * (hi - lo) / group.size for group, lo, hi in pieces)
        group = pieces[0][0]
        rows = self._rows(batch, at, (group.number, number, pieces[0][1]))
        result = self._objective(rows, group, batch, at)
        self._log(result, weight, group.passes[number], not number, batch.ids)
        self._run_back(group.passes[number].weight * weight * result["loss"])

    def _coupled(self, groups: Sequence[Group], number: int, at: Weights | None) -> None:
        """Whole groups through the network at once, each with its own objective."""
        batch = merged([group.batch for group in groups])
        rows = self._rows(batch, at, (groups[0].number, number, 0))
        total: Tensor | None = None
        start = 0
        for group in groups:
            own = rebuilt(rows, [t[start : start + group.size] for t in leaves(rows)])
            start += group.size
            result = self._objective(own if len(groups) > 1 else rows, group, group.batch, at)
            self._log(result, group.weight, group.passes[number], not number, group.batch.ids)
            loss = group.passes[number].weight * group.weight * result["loss"]
            total = loss if total is None else total + loss
        assert total is not None
        self._run_back(total)

    def _twice(self, group: Group, number: int, at: Weights | None) -> None:
        """A group in pieces, or on several devices, whose objective needs all its videos."""
        step = self.at_once or max(1, len(group.own))
        starts = range(0, len(group.own), step)
        own_batch = _own(group)

        def rows_of(start: int) -> Named:
            piece = cut(own_batch, start, min(start + step, max(1, len(group.own))))
            return self._rows(piece, at, (group.number, number, start))

        with torch.no_grad():
            parts = [rows_of(start) for start in starts or (0,)]
        own = [torch.cat(ts)[: len(group.own)] for ts in zip(*map(leaves, parts), strict=True)]
        if group.whole:
            every = own
        else:
            sizes = [len(part) for part in spread(group.size, self.ranks.size)]
            every = [self.ranks.rows(tensor, sizes) for tensor in own]
        every = [t.requires_grad_(t.is_floating_point()) for t in every]
        result = self._objective(rebuilt(parts[0], every), group, group.batch, at)
        loss = self.scaled(group.passes[number].weight * group.weight * result["loss"])
        if group.whole or self.ranks.first:
            self._log(result, group.weight, group.passes[number], not number, group.batch.ids)
            loss.backward()
            gradients = [t.grad for t in every]
        else:  # what the objective itself has learned counts once
            learn = [t for t in every if t.requires_grad]
            given = iter(torch.autograd.grad(loss, learn, allow_unused=True))
            gradients = [next(given) if t.requires_grad else None for t in every]
        for start in starts:
            lo = group.own.start + start
            hi = min(lo + step, group.own.stop)
            _backward(
                (tensor, None if gradient is None else gradient[lo:hi])
                for tensor, gradient in zip(leaves(rows_of(start)), gradients, strict=True)
            )

    def _rows(self, batch: Batch, at: Weights | None, place: tuple[int, ...]) -> Named:
        self._draw(*place)
        with self.context(), self._at_work(batch.ids):
            rows: Named = call(self.method, at, "encode_rows", batch)
        return rows

    def _objective(
        self, rows: Named, group: Group, batch: Batch, at: Weights | None
    ) -> dict[str, Tensor]:
        with self.context(), self._at_work(batch.ids):
            features = {**group.shared.named(), **rows}
            result = call(self.method, at, "objective", features, batch)
            return checked_loss(result, f"the loss of {called(self.method)}")

    def _run_back(self, loss: Tensor) -> None:
        self.scaled(loss).backward()

    def _log(
        self, result: dict[str, Tensor], weight: float, one: Pass, first: bool, ids: list[str]
    ) -> None:
        loss = result["loss"].detach()
        self.losses.append((ids, loss))
        values = logged_of(one, result, first) | {"loss": one.weight * loss}
        for name, value in values.items():
            share = weight * value.to(loss.device).float()
            self.logged[name] = self.logged[name] + share if name in self.logged else share

    def _draw(self, *place: int) -> None:
        """Make what is drawn next a function of the place, whichever process draws it."""
        torch.manual_seed(seed_of(self.seed, *place))

    def _at_work(self, ids: list[str]) -> at_work:
        return at_work(self.method, "loss", ids)


class _collecting:
    """Weights that are used several times: their gradient collects at copies, and goes on once."""

    def __init__(self, weights: Weights | None, several: bool):
        self.weights = weights
        self.copies = weights
        if weights is not None and several:
            self.copies = {k: v.detach().requires_grad_() for k, v in weights.items()}

    def __enter__(self) -> Weights | None:
        return self.copies

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self.weights is not None and self.copies is not self.weights:
            assert self.copies is not None
            _backward((self.weights[k], copy.grad) for k, copy in self.copies.items())


def _backward(pairs: Iterable[tuple[Tensor, Tensor | None]]) -> None:
    """Backward from tensors with their gradients, as far as there are any."""
    some = [(t, g) for t, g in pairs if g is not None and t.requires_grad]
    if some:
        torch.autograd.backward([t for t, _ in some], [g for _, g in some])


def spread(videos: int, processes: int) -> list[range]:
    """Which videos of a group each process has: parts in order, as equal as can be."""
    parts, start = [], 0
    for number in range(processes):
        size = videos // processes + (number < videos % processes)
        parts.append(range(start, start + size))
        start += size
    return parts


def seed_of(seed: int, *place: int) -> int:
    """A seed for torch that is a function of the run's seed and a place in its training."""
    words = " ".join(map(str, (seed, *place))).encode()
    return int.from_bytes(hashlib.sha256(words).digest()[:8], "big") >> 1


def _own(group: Group) -> Batch:
    """The videos of a group that this process has; where it has none the first one, for its shape."""
    if group.whole:
        return group.batch
    own = group.own or range(1)
    return cut(group.batch, own.start, own.stop, frames=False)


def _same_texts(groups: Sequence[Group]) -> list[list[Group]]:
    """Groups by the classes that they are compared to; each group of captions alone has its own."""
    by: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        key = () if group.batch.paired else tuple(group.batch.texts)
        by.setdefault(key, []).append(group)
    return list(by.values())
