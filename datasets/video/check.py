"""Decoding many videos once, each to its end, in processes that may die, hang or be stopped.

Every thread of `decode_all` has a child process of its own, this very module run with `-m`, which
decodes one video at a time: what kills or blocks the child is known to be that video, and the rest goes
on. (A pool of `multiprocessing` breaks as a whole when one of its processes dies.) A request is one
line of JSON, the path; the answer is one line of JSON, the reason, empty where all frames decode.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..files import open_regular
from ..shapes.store import CacheError
from .error import out_of_time
from .pyav import open_video
from .read import VideoError, read_clip, reader_version

SECONDS = 300.0  # for one video
GRACE = 20.0  # more, until the process is ended from outside
RULES = "rules 2"  # of what counts as whole; older verdicts know nothing of stated durations
LARGE = 1 << 28  # bytes of the frames of a video that a process may hold at once
_READY = "ready"

Progress = Callable[[int], None]
Stamp = tuple[str, int, int, str]


@dataclass(frozen=True)
class DecodeVerdict:
    """What came of decoding a video.

    Attributes:
        path: the file.
        reason: what is wrong and what to do, in the words of VideoError.reason; "" if nothing is.
        lasting: whether it follows from the content of the file; a process that died or was ended, or a
            file that could not be opened, may be otherwise next time.
    """

    path: Path
    reason: str
    lasting: bool = True


class VerdictFile:
    """Verdicts of earlier checks in a file of JSON lines: path, size, time of change, reader, reason.

    Each is added as soon as it is known, in one write, so that a check which is stopped loses nothing. A
    line that cannot be read (cut off by a full disk, say) is passed over. Of several the last counts.

    Attributes:
        path: the file; it and its folder are made by the first `add`.
    """

    def __init__(self, path: Path):
        """Read the file, if there is one.

        Raises:
            CacheError: it cannot be read.
        """
        self.path = path
        self._reader = f"{reader_version('pyav')}, {RULES}"
        self._known: dict[Stamp, str] = {}
        try:
            text = path.read_text("ascii", errors="replace") if path.exists() else ""
        except OSError as error:
            raise CacheError(f"cannot read {path}: {error.strerror}; remove it") from error
        self._whole = text.endswith("\n") or not text
        for line in text.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                key = (row["path"], row["size"], row["mtime_ns"], row["reader"])
                self._known[key] = str(row["reason"])

    def find(self, path: Path) -> DecodeVerdict | None:
        """The verdict on the file as it is now, by this version of the reader; None if there is none."""
        stamp = self.stamp(path)
        reason = None if stamp is None else self._known.get(stamp)
        return None if reason is None else DecodeVerdict(path, reason)

    def stamp(self, path: Path) -> Stamp | None:
        """What a verdict is kept under: path, size, time of change, reader; None if there is no file."""
        try:
            found = path.stat()
        except OSError:
            return None
        return os.path.abspath(path), found.st_size, found.st_mtime_ns, self._reader

    def add(self, verdict: DecodeVerdict, stamp: Stamp | None) -> None:
        """Keep a verdict, if it is lasting, under the stamp that the file had before it was decoded.

        Raises:
            CacheError: the file cannot be written.
        """
        if not verdict.lasting or stamp is None:
            return
        self._known[stamp] = verdict.reason
        names = ("path", "size", "mtime_ns", "reader", "reason")
        row = json.dumps(dict(zip(names, (*stamp, verdict.reason), strict=True)))
        start, self._whole = "" if self._whole else "\n", True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(f"{start}{row}\n".encode("ascii"))
        except OSError as error:
            raise CacheError(
                f"cannot write {self.path}: {error.strerror}; set VCLIPBENCH_CACHE to another folder"
            ) from error


def check_videos(
    paths: Sequence[Path],
    verdicts: VerdictFile,
    jobs: int = 1,
    progress: Progress | None = None,
    seconds: float = SECONDS,
) -> Generator[DecodeVerdict, None, None]:
    """Decode the videos that the file of verdicts does not know; a verdict on each, in any order.

    Args:
        paths: of video files.
        verdicts: of earlier checks; new ones are added to it.
        jobs: processes.
        progress: called with the number of videos done since its last call.
        seconds: that a video may take.

    Raises:
        CacheError: the file of verdicts cannot be written, or the processes cannot be started.
    """
    report = progress or (lambda _: None)
    earlier = {path: verdicts.find(path) for path in paths}
    kept = [verdict for verdict in earlier.values() if verdict is not None]
    report(len(kept))
    yield from kept
    stamps = {path: verdicts.stamp(path) for path, verdict in earlier.items() if verdict is None}
    with contextlib.closing(decode_all(list(stamps), jobs, seconds)) as decoded:
        for verdict in decoded:
            verdicts.add(verdict, stamps[verdict.path])
            report(1)
            yield verdict


def decode_all(
    paths: Sequence[Path], jobs: int = 1, seconds: float = SECONDS, grace: float = GRACE
) -> Generator[DecodeVerdict, None, None]:
    """Decode every video to its end; a verdict on each, in any order. Closing it ends the processes.

    Args:
        paths: of video files.
        jobs: processes.
        seconds: that a video may take.
        grace: seconds more after which a process that does not answer is ended.

    Raises:
        CacheError: a process cannot be started.
    """
    todo: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for path in paths:
        todo.put(path)
    answers: queue.SimpleQueue[DecodeVerdict | Exception] = queue.SimpleQueue()
    workers = [_Worker(todo, answers, seconds, grace) for _ in range(min(jobs, len(paths)))]
    try:
        for worker in workers:
            worker.start()
        for _ in paths:
            answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            yield answer
    finally:
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()


class _Worker(threading.Thread):
    """A thread that has its child process decode what is in the queue."""

    def __init__(
        self,
        todo: queue.SimpleQueue[Path],
        answers: queue.SimpleQueue[DecodeVerdict | Exception],
        seconds: float,
        grace: float,
    ):
        super().__init__(daemon=True)
        self._todo, self._answers = todo, answers
        self._seconds, self._grace = seconds, grace
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def run(self) -> None:
        with contextlib.suppress(queue.Empty):
            while not self._stopped:
                path = self._todo.get_nowait()
                try:
                    answer: DecodeVerdict | Exception = self._ask(path)
                except (OSError, EOFError, ValueError) as error:
                    answer = _not_started(str(error))
                except Exception as error:  # a bug here; silence would leave the check waiting
                    answer = error
                self._answers.put(answer)
        self.stop()

    def stop(self) -> None:
        """End the child, whatever it does, and start no other."""
        with self._lock:
            self._stopped = True
            self._end()

    def _ask(self, path: Path) -> DecodeVerdict:
        process = self._ready_child()
        overdue = threading.Event()
        limit = self._seconds + self._grace

        def give_up() -> None:
            overdue.set()
            process.kill()

        timer = threading.Timer(limit, give_up)
        timer.daemon = True
        timer.start()
        try:
            line = _talk(process, {"path": os.fspath(path), "seconds": self._seconds})
        except (OSError, ValueError):  # it is gone, or `stop` has closed its pipes
            line = b""
        finally:
            timer.cancel()
        if overdue.is_set() or not line.endswith(b"\n"):
            with self._lock:
                self._end()
        if line.endswith(b"\n"):
            answer = json.loads(line)
            return DecodeVerdict(path, answer["reason"], answer["lasting"])
        if overdue.is_set():
            reason = f"decoding it hung and was ended after {limit:g} s; copy or download it again"
        else:
            reason = (
                f"the process that decoded it died (exit {process.returncode}); copy or download it "
                "again, and if others die too give fewer --jobs: memory may be short"
            )
        return DecodeVerdict(path, reason, lasting=False)

    def _ready_child(self) -> subprocess.Popen[bytes]:
        """The child, after its first line.

        Raises:
            EOFError: it died before that. OSError: it cannot be started.
        """
        with self._lock:
            if self._stopped:
                raise EOFError("it was stopped")
            if self._process is not None:
                return self._process
            # -P: no folder that happens to be the working directory may hide installed packages
            command = [sys.executable, "-P", "-m", f"{__package__}.check"]
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
            self._process = process
        assert process.stdout is not None
        if process.stdout.readline().strip() != _READY.encode():
            raise EOFError(f"it ends with code {process.wait()}")
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    assert pipe is not None
                    pipe.close()


def _talk(process: subprocess.Popen[bytes], request: dict[str, Any]) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
    process.stdin.flush()
    return process.stdout.readline()


def _not_started(why: str) -> CacheError:
    return CacheError(
        f"the process that decodes videos does not start: {why}; "
        f"see why with: {sys.executable} -m {__package__}.check"
    )


# ---- from here on: the child ----


def _reason(path: str, seconds: float) -> tuple[str, bool]:
    """Why a video cannot be decoded to its end ("" if it can), and whether that lasts."""
    try:
        open_regular(path).close()
    except OSError as error:
        return f"it cannot be opened ({error.strerror}); mend the file or its permissions", False
    try:
        with open_video(path, seconds) as source:
            context = source.stream.codec_context
            if source.count * context.width * context.height * 3 > LARGE:
                source.require_whole()
                number = source.salvageable()  # keeps no frame
                if source.damaged:
                    return (
                        f"only {number} of its {source.count} frames decode undamaged; copy or "
                        "download it again, or salvage what decodes"
                    ), True
                return "", True
        read_clip(path, range, timeout=seconds)
    except VideoError as error:
        return error.reason, error.reason != out_of_time(path, seconds).reason
    except MemoryError:
        return "its frames do not fit into memory; give fewer --jobs", False
    return "", True


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the parent closes its end."""
    answers.write(f"{_READY}\n".encode())
    answers.flush()
    for line in requests:
        request = json.loads(line)
        reason, lasting = _reason(request["path"], request["seconds"])
        answers.write(json.dumps({"reason": reason, "lasting": lasting}).encode("ascii") + b"\n")
        answers.flush()


def _main() -> None:
    # The answers get the pipe for themselves: what libraries print must not come between.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
