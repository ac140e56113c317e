"""The default reader: PyAV. Also the packet scan that the other readers are checked against.

A file is opened, all packets of the chosen video stream are taken from it without decoding, and
the frames are then decoded from those packets. The packets tell what headers get wrong: how many
frames are shown (an edit list hides some, Matroska states no number), whether the file is cut
off (`length` says it where no index does), and where the key frames lie. They stay in memory while
the file is open; that is the compressed size of the stream. Measurements behind the rules: docs of
the test clips, PyAV 18.1.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ..files import kind_of, open_regular
from .error import Deadline, VideoError
from .length import cut_short
from .sampling import Timing

LINEAR_SECONDS = 20.0
"""Shorter videos are decoded in order; jumping to key frames pays only above."""

_MAJOR = int(av.__version__.split(".")[0])
# PyAV 17 brought threaded colour conversion, on by default; before, there was one thread.
_ONE_THREAD: dict[str, Any] = {"threads": 1} if _MAJOR >= 17 else {}
# Titles in other encodings than UTF-8 must not make a video unreadable; from 19 on they do not.
_METADATA: dict[str, Any] = {"metadata_errors": "replace"} if _MAJOR < 19 else {}
_AV_ERRORS = (av.FFmpegError, OSError)
_COPY_AGAIN = "copy or download it again"
_OR_SALVAGE = f"{_COPY_AGAIN}, or salvage what decodes"


class _Damage(Exception):
    """What the decoder met; becomes a VideoError or is skipped, by the caller's choice."""


@dataclass
class OpenVideo:
    """An open video: one stream of one file, its packets, and how to decode them.

    Attributes:
        path: the file, as it was given.
        stream: the video stream chosen; `stream.index` counts all streams of the file.
        packets: all its non-empty packets in stored order, hidden ones (edit lists) included.
        count: frames that the file shows, by its packets.
        container: FFmpeg's names of the file format.
        truncation: what shows that the file is cut off or has broken packets, or None.
        damaged: set once a salvaging decode has met damage.
    """

    path: str
    stream: av.VideoStream
    packets: list[av.Packet[Any]]
    count: int
    container: str
    truncation: str | None
    deadline: Deadline
    damaged: bool = False
    _reformatter: VideoReformatter = field(default_factory=VideoReformatter)

    @property
    def open_gop(self) -> bool:
        """Whether frames stored after a key frame are shown before it and need an older one."""
        key: int | None = None
        for packet in self.packets:
            if packet.pts is not None and packet.is_keyframe:
                key = packet.pts
            elif packet.pts is not None and key is not None and packet.pts < key:
                return True
        return False

    def timing(self) -> Timing:
        """What the stream says about time.

        Raises:
            VideoError: if it states no frame rate.
        """
        rate, duration = self.stream.average_rate or self.stream.guessed_rate, self.stream.duration
        if not rate:
            raise VideoError(self.path, "it states no frame rate; convert it, for example to MP4")
        return Timing(float(rate), duration / self.count if duration else None)

    def require_whole(self) -> None:
        """Raise VideoError if the scan found the file cut off or a packet broken."""
        if self.truncation:
            raise VideoError(self.path, f"{self.truncation}; {_OR_SALVAGE}")

    def frames(self, indices: list[int]) -> dict[int, NDArray[np.uint8]]:
        """Decode the frames `indices` (sorted, no repeats) -> index: uint8 [H, W, 3].

        Raises:
            VideoError: on any damage up to the last of them.
        """
        times = self._times()
        if times and indices:
            images = self._by_key_frames(indices, times)
            if images is not None:
                return images
        return self._in_order(indices)

    def salvage(self, indices: list[int]) -> dict[int, NDArray[np.uint8]]:
        """As `frames`, but damage is skipped; the indices count the frames that decode."""
        return self._in_order(indices, salvage=True)

    def salvageable(self) -> int:
        """Decode everything and count the frames that come out, whatever is damaged."""
        count = sum(1 for _ in self._decode(salvage=True))
        self.damaged = self.damaged or self.truncation is not None or count != self.count
        return count

    def _times(self) -> list[int]:
        """Presentation times of the frames shown, sorted; [] if they must be read in order."""
        times = [p.pts for p in self.packets if not p.is_discard and p.pts is not None]
        if len(set(times)) < self.count or "avi" in self.container.split(","):
            return []
        times.sort()
        seconds = (times[-1] - times[0]) * float(self.stream.time_base or 0)
        return times if seconds >= LINEAR_SECONDS else []

    def _in_order(self, indices: list[int], salvage: bool = False) -> dict[int, NDArray[np.uint8]]:
        """Frame i is the i-th that comes out of the decoder."""
        images: dict[int, NDArray[np.uint8]] = {}
        todo, number = set(indices), -1
        try:
            for number, frame in enumerate(self._decode(salvage=salvage)):
                if number in todo:
                    images[number] = self._rgb(frame)
                    if len(images) == len(todo):
                        return images
            raise _Damage(f"only {number + 1} of its {self.count} frames can be decoded")
        except _Damage as error:
            raise VideoError(self.path, f"{error}; {_OR_SALVAGE}") from error.__cause__

    def _by_key_frames(
        self, indices: list[int], times: list[int]
    ) -> dict[int, NDArray[np.uint8]] | None:
        """As `_in_order`, leaving out what lies before a key frame that lies before the target.

        Every frame decoded must be the next by time. If one is not, or on damage (which may lie
        in frames that need what was left out), the answer is None: read in order instead.
        """
        rank = {pts: i for i, pts in enumerate(times)}
        keys = sorted(
            (rank[packet.pts], place)
            for place, packet in enumerate(self.packets)
            if packet.is_keyframe and not packet.is_discard and packet.pts is not None
        )
        images: dict[int, NDArray[np.uint8]] = {}
        position, frames = 0, self._decode()
        try:
            for target in indices:
                nearest = bisect_right(keys, (target, len(self.packets))) - 1
                if nearest >= 0 and keys[nearest][0] > position:
                    position = keys[nearest][0]
                    frames = self._decode(keys[nearest][1])
                for frame in frames:
                    if frame.pts != times[position]:
                        return None
                    position += 1
                    if position > target:
                        images[target] = self._rgb(frame)
                        break
        except _Damage:
            return None
        return images if len(images) == len(indices) else None

    def _decode(self, start: int = 0, salvage: bool = False) -> Iterator[av.VideoFrame]:
        """Decode from packet `start` on; damage is skipped if `salvage`, else raises _Damage."""
        context = self.stream.codec_context
        context.flush_buffers()
        for place, packet in enumerate(chain(self.packets[start:], [None]), start + 1):
            self.deadline.check()
            try:
                frames = context.decode(packet)
                # The decoder hides some damage behind copies of other frames, and says so here.
                hidden = any(frame.is_corrupt for frame in frames)
                cause: Exception | None = None
            except _AV_ERRORS as error:
                frames, hidden, cause = [], True, error
            if hidden and not salvage:
                last = len(self.packets)  # frames may come out behind it
                raise _Damage(f"packet {min(place, last)} of {last} is damaged") from cause
            self.damaged = self.damaged or hidden
            yield from frames

    def _rgb(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """A frame as it is shown: uint8 [H, W, 3], turned by the file's display matrix."""
        # One reformatter for all frames: each has its own megabytes of state in FFmpeg 8.
        image = self._reformatter.reformat(frame, format="rgb24", **_ONE_THREAD).to_ndarray()
        return np.rot90(image, k=(round(frame.rotation) // 90) % 4)


@contextmanager
def open_video(path: str | os.PathLike[str], timeout: float) -> Iterator[OpenVideo]:
    """Open a video and scan its packets; closes it at the end.

    Args:
        path: a file.
        timeout: seconds for the opening and all decoding. PyAV is stopped between packets.

    Raises:
        VideoError: if it is no video file, has no video stream, no frames, or time runs out.
    """
    path = os.fspath(path)
    deadline = Deadline.after(path, timeout)
    _check_file(path)
    try:
        # An absolute path cannot be taken for a URL ("http:", "concat:").
        container = av.open(os.path.abspath(path), **_METADATA)
    except _AV_ERRORS as error:
        raise VideoError(path, _why_not_opened(path, error)) from error
    with container:
        stream = _largest_stream(path, container)
        context = stream.codec_context
        context.thread_count = 1
        context.thread_type = "NONE"
        packets = []
        try:
            for packet in container.demux(stream):
                deadline.check()
                if packet.size:
                    packets.append(packet)
        except _AV_ERRORS as error:
            truncation: str | None = f"it breaks off after {len(packets)} packets ({error})"
        else:
            truncation = _truncation(path, container, stream, packets)
        count = sum(not packet.is_discard for packet in packets)
        if not count:
            raise VideoError(path, f"its video stream holds no frames; {_COPY_AGAIN}")
        format_name = container.format.name
        yield OpenVideo(path, stream, packets, count, format_name, truncation, deadline)


def few_frames(path: str | os.PathLike[str], wanted: int) -> int | None:
    """Number of frames of a video that has fewer than `wanted`; reads no further than these.

    Returns:
        None if it has enough, and for what is no video, which reading it will say.
    """
    path = os.fspath(path)
    try:
        _check_file(path)
        with av.open(os.path.abspath(path), **_METADATA) as container:
            packets = container.demux(_largest_stream(path, container))
            shown = (packet for packet in packets if packet.size and not packet.is_discard)
            number = sum(1 for _ in islice(shown, wanted))
    except (*_AV_ERRORS, VideoError):
        return None
    return number if number < wanted else None


def _check_file(path: str) -> None:
    """Raise VideoError for what is no file with something in it."""
    if (kind := kind_of(path)) == "a folder":
        raise VideoError(path, "it is a directory; give the path of a video file")
    if kind not in ("", "a file"):  # a pipe would wait for ever, and a device has no end
        raise VideoError(path, f"it is {kind}; give the path of a video file")
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        hint = "check the data root and the names in the list"
        raise VideoError(path, f"there is no such file; {hint}") from None
    except (OSError, ValueError) as error:
        raise VideoError(path, f"the file cannot be reached ({error})") from error
    if size == 0:
        raise VideoError(path, f"the file is empty (0 bytes); {_COPY_AGAIN}")


def _why_not_opened(path: str, error: Exception) -> str:
    """A reason for a file that FFmpeg does not open."""
    if isinstance(error, PermissionError):
        return "there is no permission to read it; change the owner or the mode of the file"
    try:
        with open_regular(path) as file:
            head = file.read(8)
    except OSError as again:
        return f"the file cannot be read ({again})"
    if head[4:8] == b"ftyp":
        return f"it is an MP4 without an index (no moov box), so it was cut off; {_COPY_AGAIN}"
    message = getattr(error, "strerror", None) or str(error)
    return f"FFmpeg does not take it for a video ({message}); {_COPY_AGAIN}"


def _largest_stream(path: str, container: av.container.InputContainer) -> av.VideoStream:
    """The video stream with the largest picture, the first of equals; cover images do not count."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise VideoError(path, "it has no video stream (sound only?); give a file with pictures")
    readable = [stream for stream in streams if stream.codec_context is not None]
    if not readable:
        raise VideoError(path, "FFmpeg has no decoder for it; convert it, for example to H.264")
    return max(readable, key=lambda s: s.codec_context.width * s.codec_context.height)


def _truncation(
    path: str,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    packets: list[av.Packet[Any]],
) -> str | None:
    """What shows that the end of the file is missing or a packet is broken, or None."""
    # An MP4 lists every packet up front (the index of other formats holds key frames only).
    entries = getattr(stream, "index_entries", ()) if "mp4" in container.format.name else ()
    if len(entries) > len(packets):
        return f"it is cut off: its index lists {len(entries)} packets, {len(packets)} are there"
    broken = [place for place, packet in enumerate(packets, 1) if packet.is_corrupt]
    if broken:
        return f"packet {broken[0]} of {len(packets)} is cut off or damaged"
    return cut_short(path, container, stream, packets)
