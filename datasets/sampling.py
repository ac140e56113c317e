"""Which frames of a video are looked at: indices from a frame count, in exact integer arithmetic.

Every function takes `count`, the frames the video has, and gives int64 indices in [0, count).
Indices may repeat (videos shorter than the clip); none are assumed distinct. All randomness
comes from a generator made by `sample_rng`, so it depends on the video, the seed and the epoch,
never on how many workers read the data or in which order.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def segment_centres(count: int, frames: int) -> Indices:
    """The middle frame of each of `frames` equal segments: floor(i*N/T + N/(2T)).

    Args:
        count: N, frames in the video.
        frames: T, frames wanted.

    Returns:
        int64 [T], never decreasing.

    Raises:
        ValueError: if a number is below 1.

    The deterministic rule of ViFi-CLIP (and of mmaction2, from where it comes).
    """
    return temporal_views(count, frames, 1)[0]


def segment_random(count: int, frames: int, rng: np.random.RandomState) -> Indices:
    """One random frame of each of `frames` segments: the training rule of ViFi-CLIP.

    With s = floor(N/T) >= 1 the i-th index is i*s + a draw from [0, s), so the last N - T*s
    frames are never drawn. A video shorter than the clip (s = 0) gives round(i*N/T) mod N, half
    to even, without a draw; if N <= T/2 its last index wraps to frame 0, as in the reference.

    Args:
        count: N, frames in the video.
        frames: T, frames wanted.
        rng: the source of the T draws, see `sample_rng`.

    Returns:
        int64 [T].

    Raises:
        ValueError: if a number is below 1.
    """
    _check(count=count, frames=frames)
    step = count // frames
    i = np.arange(frames, dtype=np.int64)
    if step:
        return i * step + rng.randint(0, step, size=frames)
    whole, rest = np.divmod(i * count, frames)
    up = (2 * rest > frames) | ((2 * rest == frames) & (whole % 2 == 1))
    return (whole + up) % count


def strided(
    count: int, frames: int, stride: int, rng: np.random.RandomState | None = None
) -> Indices:
    """`frames` frames that lie `stride` apart: one short stretch of the video.

    The stretch is in the middle, or anywhere with equal chance if `rng` is given. In a video too
    short for it the stretch starts at frame 0 and what would lie behind the end is the last frame.

    Args:
        count: N, frames in the video.
        frames: T, frames wanted.
        stride: distance between two of them, in frames.
        rng: the source of the one draw; None for the middle.

    Returns:
        int64 [T], never decreasing.

    Raises:
        ValueError: if a number is below 1.
    """
    _check(count=count, frames=frames, stride=stride)
    room = max(count - ((frames - 1) * stride + 1), 0)  # the greatest start
    start = room // 2 if rng is None else int(rng.randint(0, room + 1))
    return np.minimum(start + stride * np.arange(frames, dtype=np.int64), count - 1)


def temporal_views(count: int, frames: int, clips: int) -> Indices:
    """Several clips of one video, shifted against each other, without randomness.

    Clip v of V takes the frame at the fraction (v + 1/2)/V of each of the T segments:
    floor((i + (v + 1/2)/V) * N/T). One clip is `segment_centres`.

    Args:
        count: N, frames in the video.
        frames: T, frames of one clip.
        clips: V, clips of the video.

    Returns:
        int64 [V, T].

    Raises:
        ValueError: if a number is below 1.
    """
    _check(count=count, frames=frames, clips=clips)
    i = np.arange(frames, dtype=np.int64)
    v = np.arange(clips, dtype=np.int64)[:, None]
    return (2 * clips * i + 2 * v + 1) * count // (2 * clips * frames)


def sample_rng(seed: int, *address: str | int) -> np.random.RandomState:
    """The random generator of one decision: a function of the seed and the address alone.

    Args:
        seed: the seed of the run.
        address: what the decision is about, such as video id, epoch and purpose. Text and
            numbers are told apart, and so are ("a", "b") and ("ab",).

    Raises:
        ValueError: if a part is neither text nor a whole number.
    """
    parts: list[str | int] = []
    for part in (seed, *address):
        if isinstance(part, bool) or not isinstance(part, (str, int, np.integer)):
            raise ValueError(
                f"a part of a random address must be text or a whole number, not {part!r}"
            )
        parts.append(part if isinstance(part, str) else int(part))
    digest = hashlib.sha256(json.dumps(parts).encode("ascii")).digest()
    return np.random.RandomState(np.frombuffer(digest, dtype="<u4").astype(np.uint32))


def _check(**numbers: int) -> None:
    """Every number is a whole number of at least 1, or ValueError names the one that is not."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
