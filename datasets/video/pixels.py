"""Pixels of a whole clip: sizes and colours, without randomness.

uint8 [T, H, W, 3] to uint8: sizes follow mmcv (OpenCV's bilinear) or Pillow (bicubic), colours
follow torchvision. float32 [T, 3, H, W] to float32: sizes follow PyTorch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]


def resize_short_side(frames: Frames, short: int, interpolation: str) -> Frames:
    """Scale a clip so that its short side is `short`, sides int(side * scale + 0.5) as in mmcv.

    Raises:
        ValueError: if frames are not uint8 [T, H, W, 3] with something in them.
    """
    check_frames(frames)
    height, width = frames.shape[1:3]
    scale = short / min(height, width)
    return resize(frames, int(height * scale + 0.5), int(width * scale + 0.5), interpolation)


def resize(frames: Frames, height: int, width: int, interpolation: str) -> Frames:
    """Scale a clip to a size: uint8 [T, H, W, 3] -> uint8 [T, height, width, 3]."""
    if frames.shape[1:3] == (height, width):
        return frames
    if interpolation == "bilinear":
        scaled = [cv2.resize(f, (width, height), interpolation=cv2.INTER_LINEAR) for f in frames]
        return np.stack(scaled).astype(np.uint8, copy=False)
    return np.stack([_bicubic(_bicubic(f, width, axis=1), height, axis=0) for f in frames])


def check_frames(frames: Frames) -> None:
    """Raise ValueError if frames are not uint8 [T, H, W, 3] with something in them."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise ValueError(
            f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {list(frames.shape)}"
        )


def resize_floats(
    frames: NDArray[np.float32], height: int, width: int, interpolation: str, antialias: bool
) -> NDArray[np.float32]:
    """Scale float32 [T, C, H, W] to a size by PyTorch, with half-pixel centres, without clamping.

    Args:
        frames: the clip.
        height: wanted, in pixels.
        width: likewise.
        interpolation: "bilinear" or "bicubic".
        antialias: widen the filter when shrinking.
    """
    if frames.shape[2:] == (height, width):
        return frames
    import torch

    return torch.nn.functional.interpolate(
        torch.from_numpy(np.ascontiguousarray(frames)),
        size=(height, width),
        mode=interpolation,
        align_corners=False,
        antialias=antialias,
    ).numpy()


def adjust_brightness(frames: Frames, factor: float) -> Frames:
    """Multiply: the definition of torchvision, as are the next three."""
    return _table(np.arange(256) * factor)[frames]


def adjust_contrast(frames: Frames, factor: float) -> Frames:
    """Blend with the mean grey of each frame."""
    means = grey(frames).mean(axis=(1, 2))
    tables = [_table(np.arange(256) * factor + mean * (1 - factor)) for mean in means]
    return np.stack([table[frame] for table, frame in zip(tables, frames, strict=True)])


def adjust_saturation(frames: Frames, factor: float) -> Frames:
    """Blend with the grey of each pixel."""
    luma = np.repeat(grey(frames)[..., None], 3, axis=-1)
    blend = cv2.addWeighted(_tall(frames), factor, _tall(luma), 1 - factor, 0)
    return blend.reshape(frames.shape).astype(np.uint8, copy=False)


def adjust_hue(frames: Frames, shift: float) -> Frames:
    """Turn the colour circle by `shift` turns."""
    hsv = cv2.cvtColor(_tall(frames).astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * shift) % 360  # OpenCV counts degrees
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    levels: Frames = np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8).reshape(frames.shape)
    return levels


def grey(frames: Frames) -> Frames:
    """Luma of a clip: uint8 [T, H, W]."""
    luma = cv2.cvtColor(_tall(frames), cv2.COLOR_RGB2GRAY)
    return luma.reshape(frames.shape[:3]).astype(np.uint8, copy=False)


def _tall(frames: Frames) -> Frames:
    """The frames of a clip as one image, below each other: [T*H, W, 3], for OpenCV."""
    return frames.reshape(-1, *frames.shape[2:])


def _table(values: NDArray[np.floating[Any]]) -> Frames:
    """New values of the 256 levels as a look-up table; cut, not rounded, as torchvision does."""
    levels: Frames = np.clip(values, 0, 255).astype(np.uint8)
    return levels


_BITS = 22  # of the fraction of Pillow's integer weights for 8-bit images


@lru_cache(maxsize=256)
def _bicubic_taps(source: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Which source pixels make up each target pixel, and their integer weights: [taps, target].

    Cubic convolution with a = -0.5, widened by the scale when shrinking: Pillow's definition.
    """
    scale = source / target
    wide = max(scale, 1.0)
    centre = (np.arange(target) + 0.5) * scale
    first = np.maximum((centre - 2 * wide + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + 2 * wide + 0.5).astype(np.int64), source)
    place = first + np.arange(int(np.ceil(2 * wide)) * 2 + 1)[:, None]
    x = np.abs((place - centre + 0.5) / wide)
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    weight = np.where(x < 1, near, np.where(x < 2, far, 0.0)) * (place < last)
    weight = weight / weight.sum(axis=0)
    whole = np.trunc(weight * (1 << _BITS) + np.where(weight < 0, -0.5, 0.5)).astype(np.int32)
    return np.minimum(place, source - 1), whole


def _bicubic(image: Frames, target: int, axis: int) -> Frames:
    """Scale one axis of an image as Pillow does, with rounding to 8 bits after it."""
    if image.shape[axis] == target:
        return image
    shape = [1, 1, 1]
    shape[axis] = target
    total: NDArray[np.int32] = np.full(1, 1 << (_BITS - 1), np.int32)
    for place, weight in zip(*_bicubic_taps(image.shape[axis], target), strict=True):
        total = total + image.take(place, axis=axis) * weight.reshape(shape)
    levels: Frames = np.clip(total >> _BITS, 0, 255).astype(np.uint8)
    return levels
