"""`--devices N`: the same command in N processes of this machine, one a device."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType

from ..errors import UserError
from ..ranks import PARENT
from ..stopping import SIGNALS

_GRACE = 30.0  # seconds that the others have to notice that one has failed
_KILL = 10.0  # further seconds before they are killed
_MODULE = f"{__name__.split('.')[0]}.bench.cli"


def check_devices(number: int, device: str) -> None:
    """Refuse more GPUs than there are.

    Raises:
        UserError: saying how many there are.
    """
    if number == 1 or device == "cpu":
        return
    import torch

    there = torch.cuda.device_count()
    if there == 0 and device == "auto":
        return
    if there < number:
        raise UserError(
            f"--devices {number}: there {'is' if there == 1 else 'are'} {there} GPU"
            f"{'' if there == 1 else 's'} here; give at most so many, or --device cpu"
        )


def launch(number: int, argv: Sequence[str]) -> int:
    """Run the command in so many processes, pass on signals, and give the exit code.

    That of the first one to fail; the others are then told to end, and made to.
    """
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(signum: int, frame: FrameType | None) -> None:
        for child in children:
            if child.poll() is None:
                child.send_signal(signum)

    with ExitStack() as stack:
        for signum in SIGNALS:
            stack.callback(signal.signal, signum, signal.signal(signum, pass_on))
        port = _free_port()
        for rank in range(number):
            children.append(_start(rank, number, port, argv))
        return _watch(children)


def _start(rank: int, number: int, port: int, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    env = {**os.environ, PARENT: str(os.getpid()), "RANK": str(rank), "LOCAL_RANK": str(rank)}
    env |= {"WORLD_SIZE": str(number), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    env.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // number)))
    # in a session of its own: Ctrl-C reaches this process, which passes it on once
    return subprocess.Popen([sys.executable, "-m", _MODULE, *argv], env=env, start_new_session=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _watch(children: Sequence[subprocess.Popen[bytes]]) -> int:
    while True:
        codes = [child.poll() for child in children]
        failed = next((code for code in codes if code), None)
        if failed is not None:
            _end(children)
            return failed if failed > 0 else 128 - failed
        if all(code == 0 for code in codes):
            return 0
        time.sleep(0.05)


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for processes to end by themselves, then ask them, then make them."""
    steps: list[tuple[float, Callable[[subprocess.Popen[bytes]], None]]] = [
        (_GRACE, subprocess.Popen.terminate),
        (_KILL, subprocess.Popen.kill),
    ]
    for seconds, act in steps:
        deadline = time.monotonic() + seconds
        while any(child.poll() is None for child in children) and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in children:
            if child.poll() is None:
                act(child)
    for child in children:
        child.wait()
