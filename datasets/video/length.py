"""A file that ends before its header says: Matroska, WebM, AVI and FLV list no packets up front.

A header alone is not trusted, as recorders and cutters leave wrong ones. A file counts as cut off where its
pictures end well before the stated duration, and besides: Matroska, WebM and AVI state more bytes than
are there; of FLV no other stream, such as a longer sound, goes on to the end. (MP4 has an index, which
`pyav` compares; MPEG and WMV state nothing that FFmpeg would keep once they are cut.)
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import av

from ..files import open_regular

SHARE, SECONDS = 0.1, 1.0
"""What may lack at the end: a tenth of the stated duration, and at least a second."""
_HEAD = 1 << 16  # bytes in which the header of a Matroska file ends
_SEGMENT = 0x18538067


def cut_short(
    path: str,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    packets: Iterable[av.Packet[Any]],
) -> str | None:
    """What shows that an open file is cut off, in words; None for whole ones, and where nothing is stated.

    Args:
        packets: all of the stream.

    Source: the element Segment of Matroska (RFC 9559), the chunk RIFF of AVI.
    """
    stated = (container.duration or 0) / av.time_base
    end = _end(packets) - (container.start_time or 0) / av.time_base
    if stated - end <= max(SECONDS, SHARE * stated):
        return None
    names = container.format.name.split(",")
    if "matroska" in names or "avi" in names:
        cut = _stated_size(path) > os.path.getsize(path)
    else:
        cut = "flv" in names and stated - _last_end(path) > SECONDS
    return f"it is cut off: it ends after {end:.1f} of {stated:.1f} s" if cut else None


def _end(packets: Iterable[av.Packet[Any]]) -> float:
    """When the last of some packets ends, in seconds."""
    ends = [
        ((p.pts if p.pts is not None else p.dts or 0) + (p.duration or 0)) * float(p.time_base or 0)
        for p in packets
    ]
    return max(ends, default=0.0)


def _last_end(path: str) -> float:
    """When the last packet of any stream ends."""
    with av.open(os.path.abspath(path)) as container:
        start = (container.start_time or 0) / av.time_base
        return _end(packet for packet in container.demux() if packet.size) - start


def _stated_size(path: str) -> int:
    """Bytes that a file has by its own header; 0 where it does not say, or cannot be understood."""
    with open_regular(path) as file:
        head = file.read(_HEAD)
    if head[:4] == b"RIFF":
        return 8 + int.from_bytes(head[4:8], "little")
    try:
        return _segment_end(head)
    except IndexError:
        return 0


def _segment_end(head: bytes) -> int:
    """Where the Segment behind the EBML header ends; 0 for one of unknown size. IndexError: too short."""
    _, place = _number(head, 0, marked=True)
    size, place = _number(head, place)
    name, place = _number(head, place + size, marked=True)
    if name != _SEGMENT:
        return 0
    before = place
    size, place = _number(head, place)
    unknown = size == (1 << 7 * (place - before)) - 1
    return 0 if unknown else place + size


def _number(data: bytes, place: int, marked: bool = False) -> tuple[int, int]:
    """A number of variable length, and the place behind it; `marked`: keep the bit that tells how long."""
    first = data[place]
    length = 9 - first.bit_length()
    if length > 8:
        raise IndexError("no such number")
    value = first if marked else first & ((1 << (8 - length)) - 1)
    for byte in (data[place + n] for n in range(1, length)):
        value = value << 8 | byte
    return value, place + length
