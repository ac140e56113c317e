"""Which frames of a video are looked at: indices from a frame count, in exact integer arithmetic.

Every function takes `count`, the frames the video has, and gives int64 indices in [0, count).
Indices may repeat (videos shorter than the clip); none are assumed distinct. All randomness
comes from a generator made by `sample_rng`, so it depends on the video, the seed and the epoch,
never on how many workers read the data or in which order.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

RULES = ("segments", "stride-pyav", "stride-torchvision", "linspace")


@dataclass(frozen=True)
class Timing:
    """What a video file says about time.

    Attributes:
        rate: frames per second, the average over the stream.
        ticks: stated duration of a frame in units of the stream's clock: 1 in AVI, hundreds in
            MP4; None if the stream states no duration (Matroska, WebM).
    """

    rate: float
    ticks: float | None


@dataclass(frozen=True)
class FrameSampler:
    """A rule of `frame_indices` as `read_clip` takes it: count -> int64 [clips * frames].

    Attributes:
        rule: one of RULES.
        frames: T, frames of one clip.
        clips: clips of the video.
        rng: the source of training's draws; None: evaluation.
    """

    rule: str
    frames: int
    clips: int = 1
    rng: np.random.RandomState | None = None

    @property
    def wants_timing(self) -> bool:
        """Whether the rule depends on the frame rate: `read_clip` then gives the Timing too."""
        return self.rule.startswith("stride-")

    def __call__(self, count: int, timing: Timing | None = None) -> Indices:
        """The indices of all clips, one clip behind the other."""
        return frame_indices(
            self.rule, count, self.frames, self.clips, timing=timing, rng=self.rng
        ).reshape(-1)


def frame_indices(
    rule: str,
    count: int,
    frames: int,
    clips: int = 1,
    *,
    timing: Timing | None = None,
    rng: np.random.RandomState | None = None,
) -> Indices:
    """Frames by the name of a rule; with `rng` at random as in training, else as in evaluation.

    - "segments": `segment_random`, `temporal_views` (ViFi-CLIP);
    - "stride-pyav": `open_vclip` with PyAV's rule, as Kinetics and UCF-101 are read;
    - "stride-torchvision": `open_vclip` with torchvision's rule, as HMDB-51 is read;
    - "linspace": `clip_vip`.

    Args:
        rule: one of RULES.
        count: N, frames in the video.
        frames: T, frames of one clip.
        clips: V, clips of the video. In training each is drawn on its own.
        timing: of the video; the stride rules need it.
        rng: the source of the draws, see `sample_rng`; None: evaluation.

    Returns:
        int64 [V, T].

    Raises:
        ValueError: for an unknown rule, a number below 1, a missing timing, or several clips in
            evaluation by "linspace", which knows only one.
    """
    _check(count=count, frames=frames, clips=clips)
    if rule not in RULES:
        raise ValueError(f"unknown sampling rule {rule!r}, known are {', '.join(RULES)}")
    if rule == "segments":
        if rng is None:
            return temporal_views(count, frames, clips)
        return np.stack([segment_random(count, frames, rng) for _ in range(clips)])
    if rule == "linspace":
        if rng is None and clips > 1:
            raise ValueError(f"the rule linspace has one clip in evaluation, not {clips}")
        return np.stack([clip_vip(count, frames, rng) for _ in range(clips)])
    if timing is None:
        raise ValueError(f"the rule {rule} needs the timing of the video")
    ticks = timing.ticks if rule == "stride-pyav" else None
    rows = [open_vclip(count, frames, v, clips, timing.rate, ticks, rng) for v in range(clips)]
    return np.stack(rows)


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
    view: NDArray[np.int64] = temporal_views(count, frames, 1)[0]
    return view


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
    shifted: NDArray[np.int64] = (whole + up) % count
    return shifted


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


def clip_vip(count: int, frames: int, rng: np.random.RandomState | None = None) -> Indices:
    """Frames at equal distances from the first to the last one, cut to whole numbers.

    In training both ends move inwards by up to N // (T - 1) frames, drawn independently, so in a
    video shorter than the clip they may cross. The reference divides by zero for T = 1, which is
    the middle frame here, and leaves the video for T = 2, where indices are cut to it here.

    Args:
        count: N, frames in the video.
        frames: T, frames wanted.
        rng: the source of the two draws; None: evaluation.

    Returns:
        int64 [T].

    Raises:
        ValueError: if a number is below 1.

    Source: the authors' code (microsoft/XPretrain, CLIP-ViP/src/datasets/
    dataset_video_retrieval.py).
    """
    _check(count=count, frames=frames)
    first, last = 0, count - 1
    if rng is not None:
        if frames == 1:
            return np.array([count // 2], np.int64)
        room = int(count / (frames - 1))
        first, last = rng.randint(0, room + 1), rng.randint(last - room, last + 1)
    return np.clip(np.linspace(first, last, frames).astype(np.int64), 0, count - 1)


STRIDE, STRIDE_RATE = 16, 30  # of Open-VCLIP: a frame out of 16, of a video at 30 per second


def open_vclip(
    count: int,
    frames: int,
    clip: int,
    clips: int,
    rate: float,
    ticks: float | None,
    rng: np.random.RandomState | None = None,
) -> Indices:
    """One clip of Open-VCLIP: T frames nominally 16 apart at 30 frames per second.

    With `ticks` (its PyAV reader) a stretch of ceil(16 (T - 1) rate / 30) frames is read, and one
    frame more, from the real number `start` on: clip / clips of what is left over, or anywhere in
    training. T points are spread over 16 T rate / 30 frames from the first frame read, so the
    last ones stick to its end. Without `ticks` (its torchvision reader, and PyAV where a stream
    states no duration) the points are spread over the same length in the whole video; clips start
    at 0 and at whole multiples up to the end, a single one in the middle.

    Args:
        count: N, frames in the video.
        frames: T, frames wanted.
        clip: which clip, from 0; unused in training.
        clips: clips of the video.
        rate: frames per second.
        ticks: duration of a frame in units of the stream's clock, to which both ends of the
            stretch are cut; None for the second rule.
        rng: the source of the one draw; None: evaluation.

    Returns:
        int64 [T].

    Source: the authors' code (wengzejia1/Open-VCLIP, slowfast/datasets/decoder.py), where the
    option USE_OFFSET_SAMPLING reaches the second rule only.
    """
    span = STRIDE * frames / STRIDE_RATE * rate
    stretch = span
    if ticks is not None:
        stretch = max(1.0, math.ceil(STRIDE * (frames - 1) / STRIDE_RATE * rate))
    room = max(count - stretch, 0)
    if rng is not None:
        start = rng.uniform(0, room)
    elif ticks is not None:
        start = room * clip / clips
    else:
        start = math.floor(room / 2) if clips == 1 else clip * math.floor(room / (clips - 1))
    first, read = 0, count
    if ticks is not None:
        first, last = _between(start, start + stretch - 1, Fraction(ticks))
        first, last = min(first, count - 1), min(last + 1, count - 1)
        start, read = 0.0, last - first + 1
    points = _linspace(start, start + span - 1, frames)
    return first + np.clip(points, 0, read - 1).astype(np.int64)


def _between(start: float, end: float, ticks: Fraction) -> tuple[int, int]:
    """First and last frame i with int(start * ticks) <= floor(i * ticks) <= int(end * ticks).

    If there is none, the frames on both sides of the gap: the last is the one before the first.
    """
    first = math.ceil(int(start * ticks) / ticks)
    return first, math.ceil((int(end * ticks) + 1) / ticks) - 1


def _linspace(start: float, end: float, number: int) -> NDArray[np.float32]:
    """As torch.linspace has it, in single precision and from both ends: whole numbers matter."""
    if number == 1:
        return np.array([start], np.float32)
    low, high, i = np.float32(start), np.float32(end), np.arange(number)
    step = (high - low) / np.float32(number - 1)
    rising, falling = i.astype(np.float32), (number - 1 - i).astype(np.float32)
    return np.where(i < number // 2, low + step * rising, high - step * falling)


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
