"""The Shapes world as real mp4 files in a cache: written once, checked at every use, self-healing.

A file is sealed: its last box, of the type `free` that every reader skips, holds a digest of the
rest of the file and of the clip's address. So one read (0.1 ms a file) tells a whole file from one
that was cut short, emptied, damaged, misplaced or made by an older recipe, and there is no list
beside the files that could disagree with them or that processes would have to share.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ..cache import cache_root
from .render import render
from .splits import SPLITS, ShapesClip, clip
from .splits import size as split_size
from .world import FPS, FRAMES, SIZE, WORLD_VERSION

RECIPE = 1  # of the encoding; raise it when the bytes of a file change, and caches renew themselves
_MARK = b"vclipbench"
_DIGEST = 16  # bytes
_SEAL = 8 + len(_MARK) + _DIGEST
_STALE = 3600.0  # seconds after which a temporary file belongs to nobody

# Every frame is coded alone and at one quality, so a clip played backwards decodes to exactly the
# same frames backwards; predicted frames would tell the order of frames by their blur. And
# cpu-independent: x264 otherwise picks fast routines whose results differ between processors.
_X264 = {
    "preset": "veryfast",
    "qp": "18",
    "flags": "+bitexact",
    "x264-params": "keyint=1:bframes=0:threads=1:cpu-independent=1",
}


class CacheError(Exception):
    """The cache cannot be written; the message is one sentence for the user."""

    exit_code = 1


@dataclass(frozen=True)
class ClipFinding:
    """Something wrong with one file of the cache."""

    path: Path
    problem: str
    remedy: str


def video_path(
    split: str, index: int, seed: int = 0, size: int = SIZE, root: Path | None = None
) -> Path:
    """Where the file of clip `index` of a split belongs under the cache folder, existing or not."""
    world = f"shapes-v{WORLD_VERSION}-{size}px"
    return (root or cache_root()) / world / f"seed{seed}" / split / f"{index:05d}.mp4"


def clip_path(clip: ShapesClip, root: Path | None = None, size: int = SIZE) -> Path:
    """Where the file of a clip belongs under the cache folder `root`, existing or not."""
    return video_path(clip.split, clip.index, clip.seed, size, root)


def ensure(
    clips: Sequence[ShapesClip],
    root: Path | None = None,
    size: int = SIZE,
    progress: Callable[[int], None] | None = None,
) -> list[Path]:
    """Write the missing and the damaged files of `clips`; the path of every clip, in order.

    Any number of processes may do this at once: a file is complete or absent, and equal whoever
    wrote it. A cache that is already complete may be read-only.

    Args:
        clips: the clips wanted.
        root: the cache folder (default: `cache_root()`).
        size: height and width in pixels, even.
        progress: called with the number of clips finished since its last call.

    Raises:
        CacheError: the folder cannot be written or the disk is full.
        ValueError: `size` is odd.
    """
    root = root or cache_root()
    paths = [clip_path(c, root, size) for c in clips]
    for folder in {path.parent for path in paths}:
        remove_temporaries(folder)
    missing = [n for n, path in enumerate(paths) if not _sealed(path, _address(clips[n], size))]
    report = progress or (lambda _: None)
    if len(missing) < len(paths):
        report(len(paths) - len(missing))
    # Processes that start together share the work when each goes through it in its own order.
    # Not a process pool: for the 10 to 20 seconds it saves once, a script without a main guard
    # would fail.
    random.SystemRandom().shuffle(missing)
    for n in missing:
        address = _address(clips[n], size)
        if not _sealed(paths[n], address):
            video = encode(render(clips[n].scene, size), FPS)
            _write(paths[n], video + _seal(video, address))
        report(1)
    return paths


def encode(frames: NDArray[np.uint8], fps: int) -> bytes:
    """Encode RGB frames, uint8 [T, H, W, 3], as an H.264 mp4 file.

    Equal frames give equal bytes on every machine with the same PyAV: the colour conversion is
    integer arithmetic, and the file holds no dates.

    Raises:
        ValueError: not such an array, or H or W is odd.
        CacheError: this PyAV cannot encode H.264.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or not len(frames) or frames.dtype != np.uint8:
        raise ValueError(f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {frames.shape}")
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(f"height and width must be even, not {height} x {width}")
    if "libx264" not in av.codecs_available:
        raise CacheError("this PyAV cannot encode H.264; install the one from PyPI: pip install av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=fps, options=_X264)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for planes in _yuv420(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return file.getvalue()


def write_video(frames: NDArray[np.uint8], path: Path, fps: int) -> None:
    """Write RGB frames, uint8 [T, H, W, 3], as an H.264 mp4 file, wholly or not at all.

    Raises:
        ValueError: not such an array, or H or W is odd.
        CacheError: the file cannot be written.
    """
    _write(path, encode(frames, fps))


def read_video(path: Path) -> NDArray[np.uint8]:
    """All frames of a file in RGB: uint8 [T, H, W, 3].

    Raises:
        av.FFmpegError: no such file, or it is no video. ValueError, IndexError: no frames in it.
    """
    convert = VideoReformatter().reformat  # one for all frames: a new one each starts new threads
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"  # threads cost more than they save here
        frames = container.decode(video=0)
        return np.stack([convert(frame, format="rgb24").to_ndarray() for frame in frames])


def check(
    root: Path | None = None, seed: int = 0, size: int = SIZE, splits: Sequence[str] = SPLITS
) -> list[ClipFinding]:
    """What is wrong with the files of the given splits: missing, damaged, or not decodable here."""
    findings = []
    for split in splits:
        for index in range(split_size(split)):
            found = _check(clip(split, index, seed), root or cache_root(), size)
            findings += [found] if found else []
    return findings


def remove_temporaries(folder: Path, age: float = _STALE) -> int:
    """Delete what killed processes left half-written more than `age` seconds ago; how many."""
    removed = 0
    with suppress(OSError):  # no such folder, or a read-only cache: nothing of ours to clean
        for name in [n for n in os.listdir(folder) if n.startswith(".") and n.endswith(".tmp")]:
            with suppress(OSError):
                if time.time() - (folder / name).stat().st_mtime > age:
                    (folder / name).unlink()
                    removed += 1
    return removed


def _check(clip: ShapesClip, root: Path, size: int) -> ClipFinding | None:
    path = clip_path(clip, root, size)
    renewed = "the next run that needs it writes it anew"
    if not path.exists():
        return ClipFinding(path, "missing", renewed)
    if not _sealed(path, _address(clip, size)):
        return ClipFinding(path, f"damaged or cut short ({path.stat().st_size} bytes)", renewed)
    try:
        shape = read_video(path).shape
    except (av.FFmpegError, ValueError, IndexError) as error:
        return ClipFinding(path, f"cannot be decoded: {error}", "reinstall PyAV: pip install av")
    if shape != (FRAMES, size, size, 3):
        return ClipFinding(path, f"decodes to {shape}", "reinstall PyAV: pip install av")
    return None


def _yuv420(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Planes of BT.601, limited range, uint8 [T, H * 3 / 2, W]; chroma is the mean of 2 x 2."""
    count, height, width = frames.shape[:3]
    rgb = frames.astype(np.int32)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = 16 + ((16829 * red + 33039 * green + 6416 * blue + (1 << 15)) >> 16)
    four = rgb[:, ::2, ::2] + rgb[:, 1::2, ::2] + rgb[:, ::2, 1::2] + rgb[:, 1::2, 1::2]
    red, green, blue = four[..., 0], four[..., 1], four[..., 2]
    first = 128 + ((-9714 * red - 19070 * green + 28784 * blue + (1 << 17)) >> 18)
    second = 128 + ((28784 * red - 24103 * green - 4681 * blue + (1 << 17)) >> 18)
    planes = [plane.reshape(count, -1) for plane in (luma, first, second)]
    return np.concatenate(planes, 1).astype(np.uint8).reshape(count, height * 3 // 2, width)


def _address(clip: ShapesClip, size: int) -> bytes:
    """What the file must show: with the scene in it, a change of the splits makes old files stale."""
    place = f"shapes/{WORLD_VERSION}/{RECIPE}/{size}px/{clip.seed}/{clip.id}"
    return f"{place}/{clip.scene!r}".encode()


def _seal(video: bytes, address: bytes) -> bytes:
    """The box that ends a file of the cache."""
    digest = hashlib.blake2b(video, digest_size=_DIGEST, key=hashlib.sha256(address).digest())
    return _SEAL.to_bytes(4, "big") + b"free" + _MARK + digest.digest()


def _sealed(path: Path, address: bytes) -> bool:
    """Whether the file is there, whole, and the one that belongs at the address."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return content[-_SEAL:] == _seal(content[:-_SEAL], address)


def _write(path: Path, content: bytes) -> None:
    """Write a file wholly or not at all.

    It is not synchronised to the disk: what a power cut spoils, the seal shows.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "free some space, or " if full else ""
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CacheError(
            f"cannot write {path}: {reason}; {advice}set VCLIPBENCH_CACHE to another folder"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
