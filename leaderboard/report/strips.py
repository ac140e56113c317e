"""Small strips of frames as data URIs, as many as a budget of bytes allows."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..record.record import Record

Frames = Callable[[Record, str, str], NDArray[np.uint8] | None]

SHOWN = 5  # frames of a strip: motion and its direction show from the first to the last
HEIGHT = 56  # pixels
GAP = 2
QUALITY = 60  # of the JPEG, 1 to 95


def strips(
    clips: Iterable[tuple[str, Record, str, str]], frames: Frames, budget: int
) -> dict[str, str]:
    """Key -> data URI of (key, record, split, id), in this order, until `budget` bytes are used.

    What `frames` has no frames of is left out. The first strip that does not fit ends the search.
    """
    made: dict[str, str] = {}
    for key, record, split, item in clips:
        if key in made:
            continue
        clip = frames(record, split, item)
        if clip is None or not len(clip):
            continue
        uri = strip(clip)
        budget -= len(uri) + len(key)
        if budget < 0:
            break
        made[key] = uri
    return made


def strip(clip: NDArray[np.uint8]) -> str:
    """Evenly chosen frames of [T, H, W, 3] (RGB) side by side, as the data URI of a JPEG.

    The frames are the centres of equal segments. Equal frames give equal bytes with one version of
    Pillow. Raises ValueError for arrays of another form.
    """
    if clip.ndim != 4 or clip.shape[3] != 3 or clip.dtype != np.uint8 or not clip.size:
        raise ValueError(f"frames must be uint8 [T, H, W, 3], not {clip.dtype} {clip.shape}")
    count = min(SHOWN, len(clip))
    chosen = [clip[(2 * k + 1) * len(clip) // (2 * count)] for k in range(count)]
    width = max(1, round(HEIGHT * clip.shape[2] / clip.shape[1]))
    sheet = Image.new("RGB", (count * (width + GAP) - GAP, HEIGHT), (255, 255, 255))
    for place, frame in enumerate(chosen):
        small = Image.fromarray(frame).resize((width, HEIGHT), Image.Resampling.LANCZOS)
        sheet.paste(small, (place * (width + GAP), 0))
    return "data:image/jpeg;base64," + base64.b64encode(_jpeg(sheet)).decode()


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
