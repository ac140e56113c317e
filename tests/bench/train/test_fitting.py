"""As many videos at once as fit: halved where memory is short, with the same gradient."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import pytest
import torch
from training_cases import CASES, VIDEOS, group, make
from vclipbench.bench.errors import RunFailed
from vclipbench.bench.ranks import ALONE, Ranks
from vclipbench.bench.train import fitting
from vclipbench.bench.train.engine import Engine, Group

BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setattr(fitting, "cache_root", lambda: tmp_path)
    return tmp_path


def short_of_memory(monkeypatch, method, most: int) -> list[int]:
    """Let the method run out of memory with more videos than `most` in a pass with gradient."""
    seen: list[int] = []
    encode = type(method).encode_rows

    def encode_rows(self, batch):
        seen.append(len(batch.frames))
        if torch.is_grad_enabled() and len(batch.frames) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(self, batch)

    monkeypatch.setattr(type(method), "encode_rows", encode_rows)
    return seen


def stepped(case, method, at_once, ranks=ALONE):
    engine = Engine(method, 1, at_once, ranks, nullcontext)
    fit = fitting.Fit(engine, at_once, 2 * VIDEOS, "key")

    def gradients():
        return engine.gradients([Group(n, group(case, n), 0.5, range(VIDEOS)) for n in (0, 1)])

    fit.step(gradients)
    return {n: p.grad for n, p in method.named_parameters() if p.grad is not None}, engine


@pytest.mark.parametrize("name", ["vifi", "clip-vip-captions"])
@pytest.mark.parametrize("at_once", [None, 8])
def test_memory_that_is_short_halves_and_changes_nothing(name, at_once, monkeypatch, capsys):
    case, method = BY_NAME[name], make(BY_NAME[name])
    wanted, _ = stepped(case, copy.deepcopy(method), None)
    short_of_memory(monkeypatch, method, 2)
    got, engine = stepped(case, method, at_once)
    assert engine.at_once == 2
    assert "2 videos at once from here on" in capsys.readouterr().err
    assert fitting.known() == {"key": 2}
    for key, value in wanted.items():
        torch.testing.assert_close(got[key], value, rtol=1e-9, atol=1e-12)


def test_one_video_that_does_not_fit_is_said(monkeypatch):
    case, method = BY_NAME["vifi"], make(BY_NAME["vifi"])
    short_of_memory(monkeypatch, method, 0)
    with pytest.raises(RunFailed, match="one video does not fit"):
        stepped(case, method, None)


def test_of_several_processes_one_says_what_to_give(monkeypatch):
    case, method = BY_NAME["vifi"], make(BY_NAME["vifi"])
    short_of_memory(monkeypatch, method, 1)
    with pytest.raises(RunFailed, match=r"4 videos at once .* device 1; give a smaller --forward"):
        stepped(case, method, None, Ranks(1, 2))


def test_what_is_remembered_may_be_anything(cache):
    (cache / fitting.NAME).write_text('{"a": 3, "b": "x", "c": -1, "d": true}')
    assert fitting.known() == {"a": 3}
    (cache / fitting.NAME).write_text("[1")
    assert fitting.known() == {}
    fitting.remember("key", 5)
    assert fitting.known() == {"key": 5}


@pytest.mark.parametrize("name", ["vifi", "open-vclip", "clip-vip"])
def test_activations_computed_again_change_nothing(name):
    case, method = BY_NAME[name], make(BY_NAME[name])
    wanted, _ = stepped(case, copy.deepcopy(method), None)
    method.clip.set_grad_checkpointing(True)
    got, _ = stepped(case, method, None)
    for key, value in wanted.items():
        torch.testing.assert_close(got[key], value, rtol=1e-9, atol=1e-12)
