"""A contact sheet: what clips of the Shapes world look like, read back from their files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .splits import ShapesClip, classes
from .store import ensure, read_video
from .world import FRAMES, SIZE

_CELL = 112  # pixels a frame is at least enlarged to
_GAP = 3
_TEXT = 260  # pixels for the label
_HEAD = 30
_DPI = 100


def contact_sheet(
    clips: Sequence[ShapesClip],
    out: Path,
    frames: int = 8,
    size: int = SIZE,
    root: Path | None = None,
) -> None:
    """Write a PNG with one row per clip: its class name or caption, then `frames` frames in order.

    The frames are the centres of equal segments, read back from the mp4 files of the cache.

    Args:
        clips: what to show, at least one.
        out: the PNG file.
        frames: frames per clip, 1 to 24.
        size: height and width of the videos in pixels.
        root: the cache folder (default: `cache_root()`).

    Raises:
        ValueError: no clips, or a number of frames that the clips do not have.
        CacheError: the cache cannot be written. OSError: `out` cannot be written.
    """
    if not clips or not 1 <= frames <= FRAMES:
        raise ValueError(f"a sheet needs a clip and 1 to {FRAMES} frames, not {frames}")
    shown = [(2 * k + 1) * FRAMES // (2 * frames) for k in range(frames)]
    scale = -(-_CELL // size)
    rows = [_strip(read_video(path)[shown], scale) for path in ensure(clips, root, size)]
    _draw(np.concatenate(rows), [_label(c) for c in clips], shown, size * scale + _GAP, out)


def _label(clip: ShapesClip) -> str:
    return clip.caption if clip.label is None else classes(clip.split)[clip.label]


def _strip(frames: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Frames [T, H, W, 3] enlarged and side by side, a white gap right of and below each."""
    large = frames.repeat(scale, 1).repeat(scale, 2)
    framed = np.pad(large, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
    return np.concatenate(list(framed), 1)


def _draw(
    mosaic: NDArray[np.uint8], labels: list[str], shown: list[int], pitch: int, out: Path
) -> None:
    """Set the texts beside the mosaic; `pitch` is the distance of rows and of columns in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here: it is slow to import
    from matplotlib.figure import Figure

    width, height = _TEXT + mosaic.shape[1], _HEAD + mosaic.shape[0]
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    figure.figimage(mosaic, xo=_TEXT, yo=0, origin="upper")
    # a font that comes with matplotlib
    style: dict[str, Any] = {"family": "DejaVu Sans", "color": "#222222", "va": "center"}
    for row, label in enumerate(labels):
        y = 1 - (_HEAD + (row + 0.5) * pitch) / height
        text = textwrap.fill(label, 27)
        figure.text((_TEXT - 14) / width, y, text, ha="right", fontsize=11, **style)
    for column, frame in enumerate(shown):
        x = (_TEXT + column * pitch + (pitch - _GAP) / 2) / width
        name = f"frame {frame + 1}"
        figure.text(x, 1 - _HEAD / 2 / height, name, ha="center", fontsize=9, **style)
    # no version of matplotlib in the file, so that equal pictures are equal files
    canvas.print_png(str(out), metadata={"Software": None})
