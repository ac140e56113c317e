"""Sessions in a process that goes on living: they change nothing of it."""

import os

import torch
from vclipbench.bench.config.resolve import resolve_config
from vclipbench.bench.environment import environment
from vclipbench.bench.run.session import Session


def test_a_session_leaves_the_process_as_it_is(tmp_path, shapes_cache):
    before = dict(os.environ)
    session = Session(resolve_config("clip", "b2n-shapes"), tmp_path, "cpu", "missing", ())
    assert session.device() == torch.device("cpu")
    assert dict(os.environ) == before


def test_gpus_that_a_run_does_not_use_are_not_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    found = environment(torch.device("cpu"))
    assert (found["gpu_model"], found["gpu_count"], found["driver"]) == (None, 0, None)
