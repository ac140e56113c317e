"""One run in several processes: the numbers of one, stopped and gone on with any number, one record."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from vclipbench.bench.errors import UserError
from vclipbench.bench.ranks import Ranks
from vclipbench.bench.run import launch
from vclipbench.leaderboard import load_records

BENCH = (sys.executable, "-m", "vclipbench.bench.cli")
SMALL = (
    *("--device", "cpu", "--set", "data.limit=7", "--set", "data.workers=0"),
    *("--set", "views.frames=2", "--set", "train.checkpoint_every=1"),
)
EPOCHS = ("--set", "train.epochs=2")
GROUPS = ("--set", "train.batch_size=6", "--set", "train.micro_batch=2")


def bench(where: Path, *words: object, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [*BENCH, *map(str, words)]
    return subprocess.run(line, cwd=where, env=env, capture_output=True, text=True, timeout=timeout)


def run(where: Path, out: str, method: str, protocol: str, *more: object):
    words = ("run", "--method", method, "--protocol", protocol, *SMALL, "--out", out, *more)
    done = bench(where, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = load_records(where / out)
    assert record.status == "done"
    (file,) = (where / out).glob("*-shapes/*/*/predictions.npz")
    return record, np.load(file)


def same(one, other) -> None:
    (first, arrays), (second, others) = one, other
    assert first.run_id == second.run_id
    assert set(arrays.files) == set(others.files)
    for name in arrays.files:
        if arrays[name].dtype.kind == "f":
            np.testing.assert_allclose(arrays[name], others[name], rtol=2e-5, atol=2e-4)
        else:
            assert (arrays[name] == others[name]).all(), name


def test_two_processes_give_the_numbers_of_one(shapes_cache, tmp_path):
    words = ("vifi", "b2n-shapes", *GROUPS, *EPOCHS)
    alone = run(tmp_path, "one", *words)
    same(alone, run(tmp_path, "two", *words, "--devices", 2))
    same(alone, run(tmp_path, "pieces", *words, "--forward-videos", 1))


CASES = [
    ("vifi", "zs-shapes", GROUPS),
    ("open-vclip++", "b2n-shapes", GROUPS),
    ("clip-vip", "ret-shapes", ()),
    ("llm-multilabel", "ml-shapes", GROUPS),
    ("random", "zs-shapes", ()),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "protocol", "more"), CASES)
def test_any_number_of_processes_gives_the_numbers_of_one(
    shapes_cache, tmp_path, method, protocol, more
):
    more = (*more, *EPOCHS)
    alone = run(tmp_path, "one", method, protocol, *more)
    for devices in (2, 3):
        same(alone, run(tmp_path, f"r{devices}", method, protocol, *more, "--devices", devices))


@pytest.mark.slow
@pytest.mark.parametrize("later", [1, 3])
def test_stopped_on_two_it_goes_on_on_others(shapes_cache, tmp_path, later):
    words = ("vifi", "b2n-shapes", *GROUPS, "--set", "train.epochs=40")
    whole = run(tmp_path, "whole", *words)
    line = [*BENCH, "run", "--method", words[0], "--protocol", words[1], *SMALL, "--out", "o"]
    line += [*map(str, words[2:]), "--devices", "2"]
    process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not list(tmp_path.glob("o/trainings/*/last.pth")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "by SIGTERM; the same command goes on from there" in out
    (record,) = load_records(tmp_path / "o")
    assert record.status == "partial"
    same(whole, run(tmp_path, "o", *words, "--devices", later))


FAILING = '''
import os
from vclipbench.methods.base import METHODS
from vclipbench.methods.vifi import ViFiCLIP


@METHODS.register_module("failing")
class Failing(ViFiCLIP):
    """Fails on one of its devices."""

    card = {"summary": "fails"}

    def encode_rows(self, batch):
        if os.environ.get("RANK") == "1":
            raise ValueError("this device is tired")
        return super().encode_rows(batch)
'''


@pytest.mark.slow
def test_a_process_that_fails_says_why_and_the_others_stop(shapes_cache, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    words = ("run", "--method", "failing", "--plugin", "failing.py", "--protocol", "b2n-shapes")
    start = time.monotonic()
    done = bench(tmp_path, *words, *SMALL, *GROUPS, *EPOCHS, "--out", "o", "--devices", 2)
    assert time.monotonic() - start < 100
    assert done.returncode == 1
    assert "method failing failed in loss" in done.stderr
    assert "this device is tired" in done.stderr
    (record,) = load_records(tmp_path / "o")
    assert record.status == "failed"
    assert "process 1: method failing failed in loss" in record.error.message


def test_options_that_cannot_be(tmp_path, monkeypatch):
    for words, sentence in (
        (("--forward-videos", "0"), "--forward-videos is auto or a number of videos of at least 1"),
        (("--forward-videos", "many"), "not 'many'"),
    ):
        done = bench(tmp_path, "run", "--method", "vifi", "--protocol", "b2n-shapes", *words)
        assert done.returncode == 2
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(UserError, match="--devices 4: there are 2 GPUs here"):
        launch.check_devices(4, "auto")
    launch.check_devices(2, "cuda")
    launch.check_devices(4, "cpu")
    assert list(tmp_path.iterdir()) == []


def test_processes_that_differ_are_named(monkeypatch):
    monkeypatch.setattr(Ranks, "gather", lambda self, value: ["a1", "a1", "b2"])
    with pytest.raises(UserError, match="process 2 of this run has the code b2, process 0 has a1"):
        Ranks(0, 3).agree("the code", "a1")


def test_a_port_in_use_is_said(tmp_path):
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        env = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
        env |= {"MASTER_PORT": str(one.getsockname()[1]), **os.environ}
        words = ("run", "--method", "random", "--protocol", "zs-shapes", "--device", "cpu")
        done = subprocess.run(
            [*BENCH, *words], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 2
    assert "the port is in use; set another MASTER_PORT" in done.stderr
    assert list(tmp_path.iterdir()) == []
