"""The gradient of a step is the one of the whole loss, in whatever pieces it is computed."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import pytest
import torch
from training_cases import CASES, VIDEOS, Case, group, make
from vclipbench.bench.ranks import ALONE
from vclipbench.bench.train.engine import Engine, Group, seed_of


def by_hand(case: Case, method, groups: int) -> dict[str, torch.Tensor]:
    """The gradients as a plain loop has them: the loss of each group, whole, one after the other."""
    for number in range(groups):
        torch.manual_seed(seed_of(1, number))
        (method.loss(group(case, number))["loss"] / groups).backward()
    return gradients(method)


def gradients(method) -> dict[str, torch.Tensor]:
    return {n: p.grad for n, p in method.named_parameters() if p.grad is not None}


def engine_of(method, at_once) -> Engine:
    return Engine(method, 1, at_once, ALONE, nullcontext)


def by_engine(case: Case, method, groups: int, at_once: int | None) -> dict[str, torch.Tensor]:
    every = range(VIDEOS)
    some = [Group(n, group(case, n), 1 / groups, every) for n in range(groups)]
    engine_of(method, at_once).gradients(some)
    return gradients(method)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert any(bool(value.any()) for value in one.values())
    scale = max(float(value.abs().max()) for value in one.values())
    for name, value in one.items():
        allowed = 1e-9 * max(float(value.abs().max()), 1e-3 * scale)
        assert float((value - other[name]).abs().max()) <= allowed, name


# one of each kind of loss; all of them are among the slow tests
FEW = ("vifi", "vifi-captions", "open-vclip", "open-vclip++", "clip-vip-omnisource", "llm-weight")
QUICK = {1: (3,), 4: (None, 8)}  # groups of a step -> videos at once
ALL = {1: (1, 3), 2: (1, 3, 8), 4: (None, 3, 100)}


def check(case: Case, ways: dict[int, tuple[int | None, ...]]) -> None:
    method = make(case)
    method.begin(group(case, 0))
    for groups, sizes in ways.items():
        wanted = by_hand(case, copy.deepcopy(method), groups)
        for at_once in sizes:
            same(wanted, by_engine(case, copy.deepcopy(method), groups, at_once))


@pytest.mark.parametrize("case", [c for c in CASES if c.name in FEW], ids=lambda case: case.name)
def test_gradients_do_not_depend_on_how_they_are_computed(case):
    check(case, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradients_in_every_way(case):
    check(case, ALL)


class OwnLoss(type(make(CASES[0]))):
    """A plugin that says its loss in one piece."""

    def loss(self, batch):
        rows = self.encode_video(batch.frames)
        return {"loss": (rows @ self.encode_text(batch.texts).T * batch.targets).var()}


def test_a_loss_of_its_own_is_taken_group_by_group():
    method = make(CASES[0])
    method.__class__ = OwnLoss
    engine = engine_of(method, 1)
    assert not engine.in_parts
    same(by_hand(CASES[0], copy.deepcopy(method), 2), by_engine(CASES[0], method, 2, 1))


@pytest.mark.parametrize(("name", "encodings"), [("vifi", 3), ("vifi-image", 1)])
def test_texts_are_encoded_once_a_step_and_frozen_ones_once(name, encodings, monkeypatch):
    method = make(Case(name, name))
    calls = []
    encode = type(method).encode_text
    monkeypatch.setattr(
        type(method), "encode_text", lambda self, texts: calls.append(1) or encode(self, texts)
    )
    engine = engine_of(method, None)
    for _ in range(3):
        engine.gradients([Group(n, group(CASES[0], n), 0.25, range(VIDEOS)) for n in range(4)])
    assert len(calls) == encodings
