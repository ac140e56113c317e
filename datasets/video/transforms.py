"""From frames to what a network takes: resize, crop, augment, normalise, a whole clip at a time.

Frames are uint8 [T, H, W, 3] RGB as a reader gives them, results float32 [..., T, 3, R, R]. What
is random is drawn once per clip and used for all its frames.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pixels import (
    Frames,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    check_frames,
    grey,
    resize,
    resize_floats,
    resize_short_side,
)

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
        _require(whole, "size", self.size, "a whole number of pixels, at least 1")
        enough = isinstance(self.resize, int) and self.resize >= self.size
        need = f"None or a whole number of at least size ({self.size})"
        _require(enough or self.resize is None, "resize", self.resize, need)
        known = self.interpolation in ("bilinear", "bicubic")
        _require(known, "interpolation", self.interpolation, '"bilinear" or "bicubic"')
        _require(self.crops in (1, 3), "crops", self.crops, "1 or 3")
        _require(len(self.mean) == 3, "mean", self.mean, "three numbers")
        positive = len(self.std) == 3 and min(self.std) > 0
        _require(positive, "std", self.std, "three numbers above 0")
        known = self.pipeline in PIPELINES
        _require(known, "pipeline", self.pipeline, f"one of {', '.join(PIPELINES)}")
        need = f"1 with the pipeline {self.pipeline}"
        _require(self.crops == 1 or not self._square, "crops", self.crops, need)

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

    def evaluate(self, frames: Frames) -> NDArray[np.float32]:
        """The views of a clip, without randomness.

        Args:
            frames: uint8 [T, H, W, 3].

        Returns:
            float32 [crops, T, 3, R, R].

        Raises:
            ValueError: if frames are something else.
        """
        size = self.size
        if self.pipeline == "opencv":
            scaled = resize_short_side(frames, self._short, self.interpolation)
            corners = self._corners(*scaled.shape[1:3])
            views = [self.normalise(scaled[:, y : y + size, x : x + size]) for y, x in corners]
        else:
            floats = self.scale(frames, self._short)
            corners = self._corners(*floats.shape[2:])
            views = [floats[..., y : y + size, x : x + size] for y, x in corners]
        return np.stack(views)

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
        for c, table in enumerate(_normalised(self.mean, self.std)):
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


@dataclass(frozen=True)
class Augment:
    """The random changes of training: those of ViFi-CLIP, with one exception, and Open-VCLIP's crop.

    The exception: the reference draws the colour jitter anew for every frame of a clip, which
    adds a flicker that no video has. Here it is drawn once, unless `jitter_per_frame`.

    Attributes:
        multiscale: sizes of the random crop as shares of the short side, see `multiscale_crop`;
            empty: the centre crop of evaluation.
        short_side: least and most pixels of the short side, drawn evenly and rounded, and then
            a random crop of the input's size, as Open-VCLIP trains; instead of `multiscale`.
            Empty: not this way.
        flip: probability of mirroring left and right.
        jitter: probability of changing the colours.
        brightness: factors are drawn from 1 - this ... 1 + this (not below 0).
        contrast: likewise.
        saturation: likewise.
        hue: shifts are drawn from -this ... this, in turns of the colour circle.
        grey: probability of three equal channels.
        jitter_per_frame: draw the colour factors for every frame, as the reference does.
    """

    multiscale: tuple[float, ...] = (1, 0.875, 0.75, 0.66)
    short_side: tuple[int, ...] = ()
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    grey: float = 0.2
    jitter_per_frame: bool = False

    def __post_init__(self) -> None:
        for name in ("multiscale", "short_side"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        shares = all(0 < share <= 1 for share in self.multiscale)
        _require(shares, "multiscale", self.multiscale, "shares above 0, up to 1")
        sides = self.short_side
        ordered = len(sides) == 2 and 1 <= sides[0] <= sides[1]
        need = "empty, or least and most pixels, in this order"
        _require(ordered or not sides, "short_side", sides, need)
        for name in ("flip", "jitter", "grey"):
            value = getattr(self, name)
            _require(0 <= value <= 1, name, value, "a probability from 0 to 1")
        for name in ("brightness", "contrast", "saturation"):
            value = getattr(self, name)
            _require(value >= 0, name, value, "0 or more")
        _require(0 <= self.hue <= 0.5, "hue", self.hue, "from 0 to 0.5 turns")

    def apply(
        self, frames: Frames, preprocess: Preprocess, rng: np.random.RandomState
    ) -> NDArray[np.float32]:
        """One random view of a clip.

        Without OpenCV's pipeline colours change first, on the frames as they are.

        Args:
            frames: uint8 [T, H, W, 3].
            preprocess: its pipeline, short side, size, interpolation, mean and std are used.
            rng: the source of every draw.

        Returns:
            float32 [T, 3, R, R].

        Raises:
            ValueError: if frames are something else, or see `check`.
        """
        self.check(preprocess)
        size, how = preprocess.size, preprocess.interpolation
        short = preprocess.short_side
        if self.short_side:
            least, most = self.short_side
            short = round(rng.uniform(least, most))
        if preprocess.pipeline != "opencv":
            check_frames(frames)
            floats = preprocess.scale(self._colours(frames, rng), short)
            x, y, w, h = self._box(floats.shape[2:], preprocess, rng)
            floats = preprocess.resize_floats(floats[..., y : y + h, x : x + w], size, size)
            if rng.random_sample() < self.flip:
                floats = floats[..., ::-1]
            return np.ascontiguousarray(floats)
        frames = resize_short_side(frames, short, how)
        x, y, w, h = self._box(frames.shape[1:3], preprocess, rng)
        frames = resize(frames[:, y : y + h, x : x + w], size, size, how)
        if rng.random_sample() < self.flip:
            frames = frames[:, :, ::-1]
        return preprocess.normalise(self._colours(np.ascontiguousarray(frames), rng))

    def check(self, preprocess: Preprocess) -> None:
        """Raise ValueError if the random short side may be too short for the crop."""
        sides, least = self.short_side, f"at least the input's size ({preprocess.size})"
        _require(not sides or sides[0] >= preprocess.size, "short_side", sides, least)

    def _box(
        self, shape: tuple[int, ...], preprocess: Preprocess, rng: np.random.RandomState
    ) -> tuple[int, int, int, int]:
        """x, y, width and height of the crop of a clip of this height and width, in pixels."""
        size, (height, width) = preprocess.size, shape
        if self.short_side:  # as the reference draws: never the last place
            y, x = (rng.randint(0, max(side - size, 1)) for side in (height, width))
            return x, y, size, size
        if self.multiscale:
            return multiscale_crop(width, height, size, self.multiscale, rng)
        y, x = preprocess.centre(height, width)
        return x, y, size, size

    def _colours(self, frames: Frames, rng: np.random.RandomState) -> Frames:
        """Colour jitter and loss of colour, each with its probability."""
        if rng.random_sample() < self.jitter:
            if self.jitter_per_frame:
                frames = np.concatenate([self._jitter(frame[None], rng) for frame in frames])
            else:
                frames = self._jitter(frames, rng)
        if rng.random_sample() < self.grey:
            frames = np.repeat(grey(frames)[..., None], 3, axis=-1)
        return frames

    def describe(self) -> dict[str, Any]:
        """The settings as JSON-able values: part of a run's identity."""
        return asdict(self) | {
            "multiscale": list(self.multiscale),
            "short_side": list(self.short_side),
        }

    def _jitter(self, frames: Frames, rng: np.random.RandomState) -> Frames:
        """The four colour changes in random order, each with one random factor."""
        for change in rng.permutation(4):
            name = ("brightness", "contrast", "saturation", "hue")[change]
            spread = getattr(self, name)
            draw = rng.uniform(-spread, spread)
            if spread and name == "hue":
                frames = adjust_hue(frames, draw)
            elif spread:
                adjust = (adjust_brightness, adjust_contrast, adjust_saturation)[change]
                frames = adjust(frames, max(1 + draw, 0.0))
        return frames


def multiscale_crop(
    width: int, height: int, size: int, scales: tuple[float, ...], rng: np.random.RandomState
) -> tuple[int, int, int, int]:
    """A random crop of random shape, as ViFi-CLIP has it from mmaction2.

    Sides are the shares `scales` of the short side; width and height may be neighbours in that
    list, not further apart, and a side within 2 pixels of `size` becomes `size`. The crop lies in
    a corner or at the centre of a grid of 4 steps.

    Returns:
        x, y, width and height of the crop, in pixels.
    """
    sides = [int(min(width, height) * scale) for scale in scales]
    sides = [size if abs(side - size) <= 2 else max(side, 1) for side in sides]
    n = len(sides)
    pairs = [(w, h) for w in range(n) for h in range(n) if abs(w - h) <= 1]
    pair = pairs[rng.randint(len(pairs))]
    w, h = sides[pair[0]], sides[pair[1]]
    across, down = ((0, 0), (4, 0), (0, 4), (4, 4), (2, 2))[rng.randint(5)]
    return across * ((width - w) // 4), down * ((height - h) // 4), w, h


@lru_cache(maxsize=16)
def _normalised(mean: tuple[float, ...], std: tuple[float, ...]) -> NDArray[np.float32]:
    """float32 [3, 256]: what each level of each channel becomes."""
    levels = np.arange(256, dtype=np.float64) / 255
    normalised: NDArray[np.float32] = (
        (levels - np.array(mean)[:, None]) / np.array(std)[:, None]
    ).astype(np.float32)
    return normalised


def _require(right: object, name: str, value: object, what: str) -> None:
    """Raise ValueError naming the setting, unless it is right."""
    if not right:
        raise ValueError(f"{name} must be {what}, not {value!r}")
