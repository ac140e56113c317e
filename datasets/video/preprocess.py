"""From frames to what a network takes, without randomness: resize, crop, normalise, a clip at a time.

Frames are uint8 [T, H, W, 3] RGB as a reader gives them, results float32 [..., T, 3, R, R]. Where
pixels stay 8-bit until they are normalised, a process that decodes can hand over a quarter of the
bytes (`Preprocess.views`), and the device makes floats of them (`Preprocess.to_floats`).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .pixels import Frames, check_frames, resize_floats, resize_short_side
from .settings import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# pipeline -> how PyTorch resizes in it; OpenCV's is not among them
TORCH_PIPELINES = {
    "bilinear-float": ("bilinear", False),
    "bicubic-square": ("bicubic", False),
    "bicubic-square-antialias": ("bicubic", True),
}
PIPELINES = ("opencv", *TORCH_PIPELINES)


@dataclass(frozen=True)
class Preprocess:
    """How frames become the input of a network.

    Attributes:
        size: R, side of the square that the network sees, in pixels.
        resize: short side before a centre crop, in pixels; None: `size`. With three crops, which
            cover the long side, the short side is always `size` (as in the references).
        interpolation: "bilinear": OpenCV's, without antialiasing, as mmcv has it; "bicubic":
            Pillow's, antialiased and bit-equal to it, as CLIP has it.
        crops: 1: the centre; 3: the first, the last and the middle of the long side, in the
            order of ViFi-CLIP.
        mean: of each channel, on a scale from 0 to 1.
        std: likewise.
        pipeline: "opencv": the above, on 8-bit frames. The others resize normalised floats by
            PyTorch, each in its own way, whatever `interpolation` says. "bilinear-float": bilinear
            without antialiasing, the long side and crop offsets rounded as in Open-VCLIP's code,
            three crops in the order first, middle, last. "bicubic-square": bicubic without
            antialiasing and without clamping, both sides to `size`, so that the aspect ratio is
            lost, as CLIP-ViP's code does with the torchvision of its Dockerfile; one crop, and
            `resize` has no effect. "bicubic-square-antialias": the same code with a torchvision of today.
    """

    size: int = 224
    resize: int | None = 256
    interpolation: str = "bilinear"
    crops: int = 1
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    pipeline: str = "opencv"

    def __post_init__(self) -> None:
        for name in ("mean", "std"):  # a list, as JSON and YAML have it, is fine
            object.__setattr__(self, name, tuple(getattr(self, name)))
        whole = isinstance(self.size, int) and self.size >= 1
        require(whole, "size", self.size, "a whole number of pixels, at least 1")
        enough = isinstance(self.resize, int) and self.resize >= self.size
        need = f"None or a whole number of at least size ({self.size})"
        require(enough or self.resize is None, "resize", self.resize, need)
        known = self.interpolation in ("bilinear", "bicubic")
        require(known, "interpolation", self.interpolation, '"bilinear" or "bicubic"')
        require(self.crops in (1, 3), "crops", self.crops, "1 or 3")
        require(len(self.mean) == 3, "mean", self.mean, "three numbers")
        positive = len(self.std) == 3 and min(self.std) > 0
        require(positive, "std", self.std, "three numbers above 0")
        known = self.pipeline in PIPELINES
        require(known, "pipeline", self.pipeline, f"one of {', '.join(PIPELINES)}")
        need = f"1 with the pipeline {self.pipeline}"
        require(self.crops == 1 or not self._square, "crops", self.crops, need)

    @property
    def _square(self) -> bool:
        """Whether frames are made square by scaling."""
        return self.pipeline.startswith("bicubic-square")

    @property
    def short_side(self) -> int:
        """The short side before the crop, in pixels, unless three crops are made."""
        return self.size if self._square else self.resize or self.size

    @property
    def _short(self) -> int:
        """The short side before the crops of evaluation."""
        return self.size if self.crops == 3 else self.short_side

    @property
    def hands_over(self) -> Literal["uint8", "float32"]:
        """What `views` and `Augment.view` give: pixels as they are, or normalised floats.

        Only with OpenCV's pipeline is normalising the last thing that happens; the others resize
        what they have normalised.
        """
        return "uint8" if self.pipeline == "opencv" else "float32"

    def evaluate(self, frames: Frames) -> NDArray[np.float32]:
        """The views of a clip, without randomness, normalised.

        Args:
            frames: uint8 [T, H, W, 3].

        Returns:
            float32 [crops, T, 3, R, R].

        Raises:
            ValueError: if frames are something else.
        """
        return self.floats(self.views(frames))

    def views(self, frames: Frames) -> NDArray[np.uint8] | NDArray[np.float32]:
        """The views of a clip for `to_floats`, without randomness.

        Args:
            frames: uint8 [T, H, W, 3].

        Returns:
            As `hands_over` says: uint8 [crops, T, R, R, 3], or float32 [crops, T, 3, R, R] that
            are normalised; C-contiguous.

        Raises:
            ValueError: if frames are something else.
        """
        size = self.size
        if self.hands_over == "uint8":
            scaled = resize_short_side(frames, self._short, self.interpolation)
            corners = self._corners(*scaled.shape[1:3])
            return np.stack([scaled[:, y : y + size, x : x + size] for y, x in corners])
        floats = self.scale(frames, self._short)
        corners = self._corners(*floats.shape[2:])
        return np.stack([floats[..., y : y + size, x : x + size] for y, x in corners])

    def to_floats(self, pixels: Tensor) -> Tensor:
        """What `views` or `Augment.view` gave, as the input of a network, on the device where it is.

        Bit for bit what `evaluate` and `Augment.apply` give: every level is looked up in one table.

        Args:
            pixels: uint8 [..., R, R, 3], or float32 [..., 3, R, R], which are normalised already and
                come back as they are.

        Returns:
            float32 [..., 3, R, R] on the same device.

        Raises:
            ValueError: if pixels are something else.
        """
        import torch

        if pixels.dtype == torch.float32:
            return pixels
        if pixels.dtype != torch.uint8 or pixels.ndim < 3 or pixels.shape[-1] != 3:
            raise ValueError(
                "pixels must be uint8 [..., R, R, 3] or float32 [..., 3, R, R], "
                f"not {pixels.dtype} {list(pixels.shape)}"
            )
        if pixels.device.type == "cpu":  # numpy looks up five times as fast there
            return torch.from_numpy(self.floats(pixels.numpy()))
        return _look_up(pixels, _table_on(self.mean, self.std, pixels.device))

    def floats(self, pixels: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """As `to_floats`, of an array."""
        if pixels.dtype != np.uint8:
            return pixels.astype(np.float32, copy=False)
        clip = pixels.astype(np.uint8, copy=False).reshape(-1, *pixels.shape[-3:])
        return self.normalise(clip).reshape(*pixels.shape[:-3], 3, *pixels.shape[-3:-1])

    def _corners(self, height: int, width: int) -> list[tuple[int, int]]:
        """y and x of each crop of a clip of this size."""
        if self.crops == 1:
            return [self.centre(height, width)]
        room = max(height, width) - self.size
        step = room // 2
        opencv = self.pipeline == "opencv"
        offsets = (0, 2 * step, step) if opencv else (0, (room + 1) // 2, room)
        return [(0, x) for x in offsets] if width >= height else [(y, 0) for y in offsets]

    def centre(self, height: int, width: int) -> tuple[int, int]:
        """y and x of the centre crop; Open-VCLIP rounds halves up, the others down."""
        up = self.pipeline == "bilinear-float"
        return (height - self.size + up) // 2, (width - self.size + up) // 2

    def scale(self, frames: Frames, short: int) -> NDArray[np.float32]:
        """Normalise and resize a clip in a pipeline other than "opencv".

        Args:
            frames: uint8 [T, H, W, 3].
            short: short side afterwards, in pixels; the CLIP-ViP pipelines scale both to it.

        Returns:
            float32 [T, 3, H', W'].

        Raises:
            ValueError: if frames are something else.
        """
        check_frames(frames)
        height, width = frames.shape[1:3]
        if self._square:
            height = width = short
        elif min(height, width) != short:  # rounded as the authors' code does
            tall, wide = height > width, width > height
            height, width = (
                math.floor(height / width * short) if tall else short,
                math.floor(width / height * short) if wide else short,
            )
        return self.resize_floats(self.normalise(frames), height, width)

    def resize_floats(
        self, frames: NDArray[np.float32], height: int, width: int
    ) -> NDArray[np.float32]:
        """Resize float32 [T, 3, H, W] as a pipeline other than "opencv" does."""
        return resize_floats(frames, height, width, *TORCH_PIPELINES[self.pipeline])

    def normalise(self, frames: Frames) -> NDArray[np.float32]:
        """(v / 255 - mean) / std: uint8 [T, H, W, 3] -> float32 [T, 3, H, W], C-contiguous."""
        result = np.empty((len(frames), 3, *frames.shape[1:3]), np.float32)
        for c, table in enumerate(_levels(self.mean, self.std)):
            result[:, c] = table[frames[..., c]]
        return result

    def describe(self) -> dict[str, Any]:
        """The settings as JSON-able values, equal for equal effects: part of a run's identity."""
        how, _ = TORCH_PIPELINES.get(self.pipeline, (self.interpolation, None))
        return asdict(self) | {
            "resize": self._short,
            "interpolation": how,
            "mean": list(self.mean),
            "std": list(self.std),
        }


@lru_cache(maxsize=16)
def _levels(mean: tuple[float, ...], std: tuple[float, ...]) -> NDArray[np.float32]:
    """float32 [3, 256]: what each level of each channel becomes."""
    levels = np.arange(256, dtype=np.float64) / 255
    normalised: NDArray[np.float32] = (
        (levels - np.array(mean)[:, None]) / np.array(std)[:, None]
    ).astype(np.float32)
    return normalised


@lru_cache(maxsize=16)
def _table_on(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> torch.Tensor:
    """The table of `_levels` on a device, channel after channel: float32 [768]."""
    import torch

    return torch.from_numpy(_levels(mean, std)).flatten().to(device)


def _look_up(pixels: Tensor, table: Tensor) -> Tensor:
    """uint8 [..., H, W, 3] -> float32 [..., 3, H, W] by a table of 256 levels for each channel.

    32-bit places: they take no more room than the result.
    """
    import torch

    places = pixels.movedim(-1, -3).contiguous().int()
    places += 256 * torch.arange(3, dtype=torch.int32, device=pixels.device).view(3, 1, 1)
    return table.index_select(0, places.flatten()).view(places.shape)
