"""A change of a clip's colours that was drawn: plain numbers, and what they do to frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance

from .pixels import (
    Frames,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    grey,
)

ARITHMETIC = ("float", "pil")

Step = tuple[str, float]
"""brightness, contrast or saturation with a factor of at least 0; or hue with turns from -0.5 to 0.5."""


@dataclass(frozen=True)
class Colours:
    """How the colours of a clip change.

    Attributes:
        steps: changes in their order: one row for all frames, or one row for each; empty: none.
        grey: whether the channels become equal at last.
        arithmetic: "float": torchvision's of tensors, with the hue in floats. "pil": torchvision's
            of Pillow's 8-bit images, bit for bit, with the hue in 255 steps.
    """

    steps: tuple[tuple[Step, ...], ...] = ()
    grey: bool = False
    arithmetic: str = "float"

    def apply(self, frames: Frames) -> Frames:
        """Change a clip: uint8 [T, H, W, 3] to the same.

        Raises:
            ValueError: if there are rows for another number of frames.
        """
        if len(self.steps) not in (0, 1, len(frames)):
            raise ValueError(f"{len(self.steps)} rows of steps do not go with {len(frames)} frames")
        change = _pil if self.arithmetic == "pil" else _float
        if len(self.steps) == 1:
            frames = change(frames, self.steps[0])
        elif self.steps:
            rows = zip(frames, self.steps, strict=True)
            frames = np.concatenate([change(frame[None], row) for frame, row in rows])
        if self.grey:
            luma = _pil_grey(frames) if self.arithmetic == "pil" else grey(frames)
            frames = np.repeat(luma[..., None], 3, axis=-1)
        return frames


def _float(frames: Frames, steps: tuple[Step, ...]) -> Frames:
    """The steps of all frames, with the arithmetic "float"."""
    for name, amount in steps:
        frames = _FLOAT[name](frames, amount)
    return frames


def _pil(frames: Frames, steps: tuple[Step, ...]) -> Frames:
    """The steps of all frames, with the arithmetic "pil"."""
    changed = np.empty(frames.shape, np.uint8)
    for target, frame in zip(changed, frames, strict=True):
        image = Image.fromarray(frame)
        for name, amount in steps:
            image = _PIL[name](image, amount)
        target[:] = image
    return changed


def _pil_grey(frames: Frames) -> Frames:
    """Luma as Pillow rounds it: uint8 [T, H, W]."""
    return np.stack([np.asarray(Image.fromarray(frame).convert("L")) for frame in frames])


def _turn(image: Image.Image, turns: float) -> Image.Image:
    """Add to the 8-bit hue, which wraps around; a part of a step is cut off, towards 0."""
    shift, same = int(turns * 255), list(range(256))
    turned = [(level + shift) % 256 for level in same]
    return image.convert("HSV").point(turned + same + same).convert("RGB")


_FLOAT: dict[str, Callable[[Frames, float], Frames]] = {
    "brightness": adjust_brightness,
    "contrast": adjust_contrast,
    "saturation": adjust_saturation,
    "hue": adjust_hue,
}
_PIL: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "brightness": lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
    "contrast": lambda image, factor: ImageEnhance.Contrast(image).enhance(factor),
    "saturation": lambda image, factor: ImageEnhance.Color(image).enhance(factor),
    "hue": _turn,
}
