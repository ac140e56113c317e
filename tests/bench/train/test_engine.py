"""The gradient of a step is the one of the whole loss, in whatever pieces it is computed."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from vclipbench.bench.ranks import ALONE
from vclipbench.bench.train.engine import Engine, Group, seed_of
from vclipbench.methods.base import Batch
from vclipbench.methods.build import build_method
from vclipbench.methods.language_model import SHAPES_LM

VIDEOS, FRAMES, SIZE = 4, 2, 16
TINY = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 2},
}
NAMES = ["a star", "a red disc", "a square that turns", "nothing"]


@dataclass(frozen=True)
class Case:
    name: str
    method: str
    kind: str = "classes"
    options: tuple = ()


CASES = [
    Case("vifi", "vifi"),
    Case("vifi-captions", "vifi", "captions"),
    Case("vifi-labels", "vifi", "labels"),
    Case("vifi-image", "vifi-image"),
    Case("vifi-text", "vifi-text"),
    Case("vifi-prompt", "vifi-prompt"),
    Case("open-vclip", "open-vclip"),
    Case("open-vclip-chain", "open-vclip", options=(("chain_rule", True),)),
    Case("open-vclip++", "open-vclip++", "described"),
    Case("clip-vip", "clip-vip"),
    Case("clip-vip-captions", "clip-vip", "captions"),
    Case("clip-vip-omnisource", "clip-vip", "omnisource"),
    Case("llm-labels", "llm-multilabel", "labels"),
    Case("llm-sampled", "llm-multilabel", "labels", (("label_samples", 3),)),
    Case("llm-captions", "llm-multilabel", "captions"),
    Case("llm-feature", "llm-multilabel", "classes", (("regulariser", "feature"),)),
    Case(
        "llm-weight",
        "llm-multilabel",
        "labels",
        (("regulariser", "weight"), ("finetune_vision", True)),
    ),
]


def make(case: Case):
    torch.manual_seed(0)
    more = {"language_model": SHAPES_LM} if case.method == "llm-multilabel" else {}
    method = build_method(case.method, TINY, **more, **dict(case.options))
    target = {"captions": "captions", "labels": "labels"}.get(case.kind, "classes")
    method.stages(target)[-1].apply(method)
    method = method.double().train()
    method._original = {name: value.double() for name, value in method._original.items()}
    for module in method.modules():
        if case.method == "llm-multilabel" and hasattr(module, "language_model"):
            in_double(module.language_model.model)
    with torch.no_grad():  # away from CLIP, where some gradients are zero
        for parameter in method.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01 * torch.randn_like(parameter))
    return method


def in_double(model) -> None:
    """Norms of the language model in the numbers they are given, which transformers takes to float32."""
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            norm = partial(F.rms_norm, weight=module.weight, eps=module.variance_epsilon)
            module.forward = lambda x, norm=norm: norm(x, x.shape[-1:])


def group(case: Case, number: int) -> Batch:
    drawn = torch.Generator().manual_seed(100 + number)
    frames = torch.randn(VIDEOS, FRAMES, 3, SIZE, SIZE, generator=drawn, dtype=torch.float64)
    ids = [f"{number}-{n}" for n in range(VIDEOS)]
    words = [f"{NAMES[(n + number) % 4]} number {n}" for n in range(VIDEOS)]
    if case.kind == "captions":
        eye = torch.eye(VIDEOS, dtype=torch.float64)
        return Batch(frames, words, eye, ids, paired=True)
    if case.kind == "omnisource":
        images = torch.randn(VIDEOS, 1, 3, SIZE, SIZE, generator=drawn, dtype=torch.float64)
        eye = torch.eye(VIDEOS, dtype=torch.float64)
        more = {"images": images, "captions": [f"still of {word}" for word in words]}
        return Batch(frames, words, eye, ids, paired=True, **more)
    if case.kind == "labels":
        marks = (torch.rand(VIDEOS, len(NAMES), generator=drawn) > 0.6).double()
        marks[0, 0] = 1
        return Batch(frames, list(NAMES), marks, ids, multilabel=True)
    targets = torch.rand(VIDEOS, len(NAMES), generator=drawn, dtype=torch.float64)
    targets /= targets.sum(-1, keepdim=True)
    more = {"descriptions": [*words[:-1], ""]} if case.kind == "described" else {}
    return Batch(frames, list(NAMES), targets, ids, **more)


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


QUICK = {1: (3,), 4: (None, 8)}  # groups of a step -> videos at once
ALL = {1: (None, 1, 3, 4, 100), 2: (None, 1, 3, 4, 8), 4: (None, 1, 3, 4, 8, 100)}


def check(case: Case, ways: dict[int, tuple[int | None, ...]]) -> None:
    method = make(case)
    method.begin(group(case, 0))
    for groups, sizes in ways.items():
        wanted = by_hand(case, copy.deepcopy(method), groups)
        for at_once in sizes:
            same(wanted, by_engine(case, copy.deepcopy(method), groups, at_once))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
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


def test_texts_are_encoded_once_a_step_and_frozen_ones_once(monkeypatch):
    for name, per_step in (("vifi", 1), ("vifi-image", 0)):
        method = make(Case(name, name))
        calls = []
        encode = type(method).encode_text
        monkeypatch.setattr(
            type(method),
            "encode_text",
            lambda self, t, e=encode: calls.append(len(t)) or e(self, t),
        )
        engine = engine_of(method, None)
        for _ in range(3):
            engine.gradients([Group(n, group(CASES[0], n), 0.25, range(VIDEOS)) for n in range(4)])
        assert len(calls) == 1 + 2 * per_step
        monkeypatch.undo()
