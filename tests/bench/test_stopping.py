"""Signals as one request to stop, and workers that pass over them."""

import os
import signal
import subprocess
import sys
import time

import pytest
from vclipbench.bench import stopping
from vclipbench.leaderboard import load_records

TINY = ("--set", "data.limit=8", "--set", "views.frames=2", "--set", "train.batch_size=4")
RUN = (
    sys.executable,
    "-m",
    "vclipbench.bench.cli",
    "run",
    "--protocol",
    "b2n-shapes",
    "--out",
    "o",
)


def test_the_first_asks_the_second_stops():
    asked = []
    before = signal.getsignal(signal.SIGTERM)
    with stopping.asking(asked.append):
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked == [signal.SIGTERM]
        with pytest.raises(stopping.Stopped) as stop:
            os.kill(os.getpid(), signal.SIGUSR2)
    assert str(stop.value) == "stopped by SIGUSR2"
    assert signal.getsignal(signal.SIGTERM) is before
    assert stopping.exit_code() == 128 + signal.SIGUSR2


def started(where, *words):
    process = subprocess.Popen(
        [*RUN, *words], cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return process


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "name",
    ["SIGTERM", *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGUSR2", "SIGINT"))],
)
def test_training_stops_between_steps_and_goes_on(shapes_cache, tmp_path, name):
    words = ("--method", "vifi", *TINY, "--set", "train.epochs=60", "--set", "data.workers=1")
    process = started(tmp_path, *words)
    wait_for(lambda: any(f.stat().st_size for f in tmp_path.glob("o/trainings/*/log.csv")), process)
    process.send_signal(getattr(signal, name))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    by = "" if name == "SIGINT" else f" by {name}"
    assert f"steps{by}; the same command goes on from there" in out
    (record,) = load_records(tmp_path / "o")
    assert record.status == "partial"
    assert list(tmp_path.glob("o/trainings/*/last.pth"))
    done = subprocess.run([*RUN, *words], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = load_records(tmp_path / "o")
    assert record.status == "done"


def test_a_stop_during_scoring_leaves_a_partial_record(shapes_cache, tmp_path):
    process = started(tmp_path, "--method", "clip", "--set", "data.workers=1")
    wait_for(lambda: list(tmp_path.glob("o/features/*.sqlite")), process)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped by SIGTERM; the same command goes on from there" in out
    assert [r.status for r in load_records(tmp_path / "o")] == ["partial"]
