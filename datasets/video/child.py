"""Readers that may hang or crash (decord, torchcodec), run in a child process with a time limit.

decord is known to hang inside its C code, where nothing in the same process can stop it. So each
process that reads videos (a data loader worker, say) keeps one child of its own, which is started
at the first video, answers one request at a time, and is started anew after a time limit or
crash. The child is this very file run as a script, by `subprocess`, because the workers of a data
loader are daemonic and may not have `multiprocessing` children.

A request is one line of JSON. The answer is one line of JSON, followed by the bytes of the frames.
The time limit is the child's own alarm clock, whose signal the kernel turns into its death
whatever code is running, and which also works if the parent is gone by then.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]


class ChildError(Exception):
    """The child could not read the video; the message says why."""


class ReaderMissing(ImportError):
    """The reader, or a library that it needs, is not installed; the message says what to do."""

    exit_code = 2


class Child:
    """The child process of one parent process; threads of the parent take turns."""

    def __init__(self) -> None:
        self.cpu_seconds = 0.0  # spent on requests, all children together
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, request: dict[str, Any]) -> Frames:
        """Have the child answer a request of `_answer` -> uint8 [n, H, W, 3].

        Raises:
            TimeoutError: if it takes longer than request["seconds"].
            ReaderMissing: if the reader cannot be imported.
            ChildError: if the video cannot be read, or the child died on it.
        """
        with self._lock:
            process = self._started()
            try:
                answer, frames = _talk(process, request)
            except BaseException as error:  # also Ctrl-C: what it would still send is stale
                self._stop()
                if not isinstance(error, (OSError, EOFError)):
                    raise
                alarm = -getattr(signal, "SIGALRM", 0)
                if alarm and process.returncode == alarm:
                    raise TimeoutError from None
                code = process.returncode
                raise ChildError(f"{request['reader']} crashed on it (exit {code})") from None
            self.cpu_seconds += answer.get("cpu", 0.0)
        if "missing" in answer:
            raise ReaderMissing(answer["missing"])
        if "error" in answer:
            raise ChildError(answer["error"])
        return frames

    @property
    def pid(self) -> int | None:
        """The id of the child process, None while there is none."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        """End the child; the next `read` starts another."""
        with self._lock:
            self._stop()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            # -P: neither this folder nor the working directory may hide installed packages.
            command = [sys.executable, "-P", os.path.abspath(__file__)]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()  # the end of its input: it leaves, unless it is busy
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


_CHILDREN: dict[int, Child] = {}


def own_child() -> Child:
    """The child of this process. A forked process gets its own and never touches its parent's."""
    return _CHILDREN.setdefault(os.getpid(), Child())


atexit.register(lambda: own_child().close())


def _talk(
    process: subprocess.Popen[bytes], request: dict[str, Any]
) -> tuple[dict[str, Any], Frames]:
    """Send a request and take the answer; OSError or EOFError if the child dies meanwhile."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    answer: dict[str, Any] = json.loads(line)
    frames = np.empty(answer.get("shape", (0,)), np.uint8)
    into = process.stdout.readinto  # type: ignore[attr-defined]  # typeshed: IO has no readinto
    if frames.size and into(frames.data.cast("B")) != frames.nbytes:
        raise EOFError
    return answer, frames


# ---- from here on: the child ----


def _decord(request: dict[str, Any]) -> Frames:
    """Frames by decord 0.6, one thread. It counts hidden frames too and repeats others for them."""
    import decord

    reader = decord.VideoReader(request["path"], ctx=decord.cpu(0), num_threads=1)
    if len(reader) != request["count"]:
        raise ChildError(
            f"decord counts {len(reader)} frames where the file shows {request['count']} and would "
            "repeat frames (an edit list does this); read it with --reader pyav"
        )
    indices = request["wanted"]
    if not request["open_gop"]:
        batch: Frames = reader.get_batch(indices).asnumpy()
        return batch
    # Here its random access is wrong by a frame, reading on is right (both tried, 0.6.0).
    todo, frames = set(indices), list[Frames]()
    for number in range(indices[-1] + 1):
        frame = reader.next()
        if number in todo:
            frames.append(frame.asnumpy())
    return np.stack(frames)


def _torchcodec(request: dict[str, Any]) -> Frames:
    """Frames by torchcodec, one thread, exact mode: the approximate one miscounts (0.17)."""
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(
        request["path"],
        stream_index=request["stream"],
        dimension_order="NHWC",
        num_ffmpeg_threads=1,
        seek_mode="exact",
    )
    if len(decoder) != request["count"]:
        raise ChildError(
            f"torchcodec counts {len(decoder)} frames where the file shows {request['count']}; "
            "read it with --reader pyav"
        )
    frames: Frames = decoder.get_frames_at(indices=request["wanted"]).data.numpy()
    return frames


_READ: dict[str, Callable[[dict[str, Any]], Frames]] = {
    "decord": _decord,
    "torchcodec": _torchcodec,
}


def _import(reader: str) -> None:
    """Import a reader before the clock starts: the first import may take seconds."""
    if reader == "decord":
        import decord  # noqa: F401
    else:
        import torchcodec.decoders  # noqa: F401


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], Frames | None]:
    """Serve one request: reader, path, stream, count, open_gop, wanted (ascending), seconds."""
    reader = request["reader"]
    try:
        _import(reader)
        _set_alarm(request["seconds"])
        frames = np.ascontiguousarray(_READ[reader](request), dtype=np.uint8)
        return {"shape": frames.shape}, frames
    except ChildError as error:
        return {"error": str(error)}, None
    except Exception as error:
        # decord puts the time and the place in its source before each part of its message
        text = re.sub(r"\[[\d:]+\] \S+ ", "", " ".join(str(error).split()))[:200]
        if isinstance(error, ImportError) or "libtorchcodec" in text:
            extra = ", and FFmpeg libraries on the system" if reader == "torchcodec" else ""
            return {
                "missing": f"{reader} does not load ({text}): pip install {reader}{extra}"
            }, None
        hint = "read it with --reader pyav, which tells what is wrong, or leave it out"
        return {"error": f"{reader} fails on it ({text}); {hint}"}, None
    finally:
        _set_alarm(0)


def _set_alarm(seconds: float) -> None:
    """Have the kernel end this process in so many seconds; 0: no more. (Not on Windows.)"""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the parent closes its end."""
    for line in requests:
        before = time.process_time()
        answer, frames = _answer(json.loads(line))
        answer["cpu"] = time.process_time() - before
        answers.write(json.dumps(answer).encode("ascii") + b"\n")
        if frames is not None:
            answers.write(frames.data.cast("B"))
        answers.flush()


def _main() -> None:
    # The answers get the pipe for themselves: what libraries print must not come between.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # dispositions are inherited
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
