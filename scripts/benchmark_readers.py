"""Time the video readers: CPU milliseconds to open a video, read k frames of it and close it.

    python scripts/benchmark_readers.py VIDEOS... --frames 8 16 --readers pyav decord

VIDEOS are files or folders (searched for every file that is a video). CPU time counts this
process and the child of decord and torchcodec, so it can be trusted on a busy machine; the least
of the repeats is shown, and in brackets its ratio to the first reader.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

from vclipbench.datasets.video.child import own_child
from vclipbench.datasets.video.read import (
    READERS,
    VideoError,
    count_frames,
    read_clip,
    reader_version,
)
from vclipbench.datasets.video.sampling import segment_centres


def videos(paths: list[Path]) -> Iterator[tuple[Path, int]]:
    """The videos among files and in folders, each with its number of frames."""
    for path in paths:
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            try:
                yield file, count_frames(file)
            except VideoError as error:
                if file == path:  # named by the user, so it is missed
                    print(error)


def cpu_ms(path: Path, reader: str, frames: int, repeats: int) -> float | None:
    """CPU time of reading `frames` frames, in ms, the least of `repeats`; None if it fails."""
    times = []
    for _ in range(repeats):
        before = time.process_time() + own_child().cpu_seconds
        try:
            read_clip(path, lambda count: segment_centres(count, frames), reader=reader)
        except VideoError:
            return None
        times.append(time.process_time() + own_child().cpu_seconds - before)
    return 1000 * min(times)


def installed(readers: list[str]) -> list[str]:
    """Print the versions of the readers; those that are there."""
    found = []
    for reader in readers:
        try:
            print(reader_version(reader))
            found.append(reader)
        except ImportError as error:
            print(error)
    return found


def main() -> None:
    """Print a table with one row per video and number of frames."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path, help="video files or folders")
    parser.add_argument("--frames", nargs="+", type=int, default=[8, 16], help="frames per clip")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    parser.add_argument("--repeats", type=int, default=3, help="readings, the least counts")
    arguments = parser.parse_args()
    readers = installed(arguments.readers)
    if not readers:
        raise SystemExit("none of these readers is installed")
    print(f"\n{'video':<32}{'of':>7}{'frames':>8}" + "".join(f"{name:>20}" for name in readers))
    for path, count in videos(arguments.videos):
        for frames in arguments.frames:
            times = [cpu_ms(path, reader, frames, arguments.repeats) for reader in readers]
            cells = ""
            for ms in times:
                ratio = f" ({ms / times[0]:.2f})" if ms and times[0] else ""
                cells += f"{'fails' if ms is None else f'{ms:.1f} ms{ratio}':>20}"
            print(f"{os.path.basename(path):<32.31}{count:>7}{frames:>8}{cells}", flush=True)


if __name__ == "__main__":
    main()
