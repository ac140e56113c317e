"""Fixtures that several folders use."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import forked
import pytest

ROOT = Path(__file__).parents[1]
os.environ.setdefault("OMP_NUM_THREADS", "2")
# few tests that take long: begun first, so that no process of several is left alone with them
LONG = (
    "scripts/test_make_leaderboard.py",
    "test_fake_root.py",
    "commands/test_publish.py",
    "train/test_stages.py",
    "test_external_method.py",
    "test_external_protocol.py",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not str(item.path).endswith(LONG))


@pytest.fixture(scope="session")
def shapes_cache(tmp_path_factory):
    """A cache folder of the session, so that tests neither use nor fill the user's own."""
    folder = Path(tmp_path_factory.mktemp("cache"))
    before = os.environ.get("VCLIPBENCH_CACHE")
    os.environ["VCLIPBENCH_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["VCLIPBENCH_CACHE"]
    else:
        os.environ["VCLIPBENCH_CACHE"] = before


@pytest.fixture
def bench(shapes_cache, tmp_path, tmp_path_factory):
    """Run the command line in a process of its own, in a folder of its own."""

    def run(*arguments, cwd=tmp_path, check=None, env=None):
        if env is None:
            done = forked.run(arguments, cwd, tmp_path_factory.mktemp("output"))
        else:  # of another environment: with its own imports
            command = [sys.executable, "-m", "vclipbench.bench.cli", *map(str, arguments)]
            given = {"capture_output": True, "text": True, "timeout": 300}
            done = subprocess.run(command, cwd=cwd, env=env, **given)
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def quick(shapes_cache, tmp_path, monkeypatch):
    """The command line as `bench` runs it, but in this process: seconds faster, no plugins."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments, cwd=tmp_path, check=None):
        from vclipbench.bench import cli

        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        code = 0
        with (
            contextlib.chdir(cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code or 0
        done = subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    return run
