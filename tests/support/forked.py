"""The command line in a process of its own, without the seconds that a new one needs for its imports."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

# forks come from a server that has imported these and done nothing else: no threads, no state
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["open_clip", "pandas", "scipy.stats", "vclipbench.bench.run.run"])


def start(arguments: Sequence[str], cwd: Path, files: Path) -> ForkServerProcess:
    """Start `bench` with these arguments in the folder `cwd`.

    It prints to `out.txt` and `err.txt` in the folder `files`.
    """
    words = list(map(str, arguments))
    process = _CONTEXT.Process(target=_bench, args=(words, cwd, dict(os.environ), files))
    process.start()
    return process


def run(
    arguments: Sequence[str], cwd: Path, files: Path, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """The same, and wait for its end.

    Raises:
        subprocess.TimeoutExpired: it took more than `timeout` seconds, and was killed.
    """
    process = start(arguments, cwd, files)
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise subprocess.TimeoutExpired(["bench", *arguments], timeout)
    printed = [(files / name).read_text("utf-8") for name in ("out.txt", "err.txt")]
    return subprocess.CompletedProcess(arguments, process.exitcode, *printed)


def _bench(arguments: Sequence[str], cwd: Path, environ: dict[str, str], files: Path) -> None:
    multiprocessing.set_start_method(None, force=True)  # the server's, which is not the default
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    sys.path.insert(0, str(cwd))  # as `python -m` does
    for name, stream in (("out.txt", sys.stdout), ("err.txt", sys.stderr)):
        with (files / name).open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    sys.argv = ["bench", *arguments]
    from vclipbench.bench import cli

    cli.main()
