"""Reading frames of a video file: one function, three readers, one error.

`pyav` is the default: maintained, brings its own FFmpeg, and reads every file that the others
read. `decord` matches the reference implementations; `torchcodec` is optional. At native size the
three give the same pixels on 8-bit video (on 10-bit video they differ by 2 to 3 levels), so the
reader is named in a result but does not change it. A reader is never kept: files are opened
inside a call and closed in it, which makes the functions safe in worker processes, forked or not.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .child import ChildError, ReaderMissing, own_child
from .error import VideoError, out_of_time
from .pyav import OpenVideo, open_video

__all__ = ["READERS", "Clip", "VideoError", "count_frames", "read_clip", "reader_version"]

READERS = ("pyav", "decord", "torchcodec")
ON_BAD = ("fail", "salvage")

FrameChooser = Callable[..., Sequence[int] | NDArray[np.integer[Any]]]


@dataclass(frozen=True)
class Clip:
    """Frames of one video.

    Attributes:
        frames: uint8 [T, H, W, 3], RGB at native size, turned upright.
        indices: int64 [T], the frame numbers as `sample` gave them.
        count: frames in the video (in salvage: frames that decode).
        stream: which stream of the file was read, counting all its streams from 0.
        damaged: True if something was damaged and skipped or patched (only in salvage).
    """

    frames: NDArray[np.uint8]
    indices: NDArray[np.int64]
    count: int
    stream: int
    damaged: bool


def read_clip(
    path: str | os.PathLike[str],
    sample: FrameChooser,
    reader: str = "pyav",
    on_bad: str = "fail",
    timeout: float = 60.0,
) -> Clip:
    """Read the frames of a video that `sample` chooses.

    Of several video streams the one with the largest picture is read.

    Args:
        path: a video file.
        sample: number of frames -> indices wanted, in any order, repeats allowed. If its
            attribute `wants_timing` is true it is called with the number and the video's Timing.
        reader: one of READERS. decord and torchcodec run in a child process, are checked
            against the packets of the file, and their time limit ends them wherever they are;
            PyAV is stopped between packets.
        on_bad: "fail": a file that is cut off, or any damage up to the last frame wanted, is an
            error; frames are never repeated in place of lost ones. "salvage" (pyav only): decode
            all that decodes, count that, and sample from it.
        timeout: seconds that the reading may take, for decord and torchcodec once for the scan
            and once for the decoding.

    Raises:
        VideoError: if the video cannot be read; says why and what to do.
        ImportError: if the reader is not installed.
        ValueError: for an argument, or indices outside the video.
    """
    _known("reader", reader, READERS)
    _known("on_bad", on_bad, ON_BAD)
    if not timeout > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    if reader == "pyav":
        return _read_here(path, sample, on_bad, timeout)
    if on_bad == "salvage":
        raise ValueError(f'on_bad="salvage" needs reader="pyav", not {reader!r}')
    return _read_by_child(path, sample, reader, timeout)


def count_frames(path: str | os.PathLike[str], reader: str = "pyav") -> int:
    """Count the frames of a video without decoding, in milliseconds.

    What counts is the packets that the file holds and shows, the same for every reader: headers
    state no number (Matroska, WebM) or a wrong one (edit lists). A file that is cut off has fewer
    packets; only `read_clip` finds damage.

    Raises:
        VideoError: if it is no video.
        ValueError: for an unknown reader.
    """
    _known("reader", reader, READERS)
    with open_video(path, timeout=60.0) as source:
        return source.count


def reader_version(reader: str) -> str:
    """Name and version of a reader, such as "pyav 18.1.0", for the record of a run.

    Raises:
        ImportError: if it is not installed.
        ValueError: for an unknown reader.
    """
    _known("reader", reader, READERS)
    _installed(reader)
    return f"{reader} {importlib.metadata.version('av' if reader == 'pyav' else reader)}"


def _read_here(
    path: str | os.PathLike[str], sample: FrameChooser, on_bad: str, timeout: float
) -> Clip:
    """As `read_clip`, by PyAV in this process."""
    with open_video(path, timeout) as source:
        if on_bad == "salvage":
            count, read = source.salvageable(), source.salvage
            if not count:
                raise VideoError(source.path, "not one of its frames can be decoded; leave it out")
        else:
            source.require_whole()
            count, read = source.count, source.frames
        indices = _indices(sample, count, source)
        found = read(np.unique(indices).tolist())
        frames = _stack(source, [found[i] for i in indices.tolist()])
        return Clip(frames, indices, count, source.stream.index, source.damaged)


def _read_by_child(
    path: str | os.PathLike[str], sample: FrameChooser, reader: str, timeout: float
) -> Clip:
    """As `read_clip`, by a reader that runs in the child process."""
    _installed(reader)
    with open_video(path, timeout) as source:
        source.require_whole()
        if reader == "torchcodec" and "avi" in source.container.split(","):
            raise VideoError(
                source.path,
                "torchcodec returns the frame before the one asked for in AVI files; "
                "read it with --reader pyav",
            )
        indices = _indices(sample, source.count, source)
        wanted, inverse = np.unique(indices, return_inverse=True)
        context = source.stream.codec_context
        sides = sorted((context.height, context.width))
        request = {
            "reader": reader,
            "path": os.path.abspath(path),
            "stream": source.stream.index,
            "count": source.count,
            "open_gop": source.open_gop,
            "wanted": wanted.tolist(),
            "seconds": timeout,
        }
    try:
        frames = own_child().read(request)
    except TimeoutError:
        raise out_of_time(path, timeout) from None
    except ChildError as error:
        raise VideoError(path, str(error)) from None
    if sorted(frames.shape[1:3]) != sides:
        got, want = "x".join(map(str, sorted(frames.shape[1:3]))), "x".join(map(str, sides))
        raise VideoError(
            path,
            f"{reader} gives frames of {got}, the video has {want}; read it with --reader pyav",
        )
    return Clip(frames[inverse], indices, request["count"], request["stream"], damaged=False)


def _indices(sample: FrameChooser, count: int, source: OpenVideo) -> NDArray[np.int64]:
    """Ask `sample` for indices and check them: int64 [T]."""
    more = (source.timing(),) if getattr(sample, "wants_timing", False) else ()
    given = np.asarray(sample(count, *more))
    if given.ndim != 1 or given.size == 0 or given.dtype.kind not in "iu":
        raise ValueError(f"sample must give a list of at least one whole number, not {given!r}")
    indices = given.astype(np.int64)
    if indices.min() < 0 or indices.max() >= count:
        raise ValueError(
            f"sample must give indices from 0 to {count - 1} for a video of {count} frames, "
            f"not {indices.min()} to {indices.max()}"
        )
    return indices


def _stack(source: OpenVideo, frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Frames of one size -> uint8 [n, H, W, 3]."""
    shapes = {frame.shape for frame in frames}
    if len(shapes) > 1:
        sizes = " and ".join(sorted(f"{shape[1]}x{shape[0]}" for shape in shapes))
        raise VideoError(source.path, f"its frames change size ({sizes}); convert it to one size")
    return np.stack(frames)


def _known(what: str, name: str, names: tuple[str, ...]) -> None:
    """Raise ValueError with the nearest match for a name that is not among `names`."""
    if name in names:
        return
    near = get_close_matches(str(name).lower(), names, n=1, cutoff=0.3)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown {what} {name!r}, known are {', '.join(names)}{hint}")


def _installed(reader: str) -> None:
    """Raise ImportError if the package of a reader is absent."""
    if importlib.util.find_spec("av" if reader == "pyav" else reader) is None:
        extra = ", and FFmpeg libraries on the system" if reader == "torchcodec" else ""
        raise ReaderMissing(
            f"the reader {reader} is not installed: pip install {reader}{extra}, "
            "or use --reader pyav"
        )
