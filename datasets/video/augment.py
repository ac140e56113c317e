"""The random changes of a training clip; what is random is drawn once and used for all its frames."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .colours import ARITHMETIC, Colours, Step
from .pixels import Frames, check_frames, resize, resize_short_side
from .preprocess import Preprocess
from .settings import require


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
        arithmetic: of the colours, see `Colours`: "float", or "pil", bit for bit that of the
            reference.
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
    arithmetic: str = "float"

    def __post_init__(self) -> None:
        for name in ("multiscale", "short_side"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        shares = all(0 < share <= 1 for share in self.multiscale)
        require(shares, "multiscale", self.multiscale, "shares above 0, up to 1")
        sides = self.short_side
        ordered = len(sides) == 2 and 1 <= sides[0] <= sides[1]
        need = "empty, or least and most pixels, in this order"
        require(ordered or not sides, "short_side", sides, need)
        for name in ("flip", "jitter", "grey"):
            value = getattr(self, name)
            require(0 <= value <= 1, name, value, "a probability from 0 to 1")
        for name in ("brightness", "contrast", "saturation"):
            value = getattr(self, name)
            require(value >= 0, name, value, "0 or more")
        require(0 <= self.hue <= 0.5, "hue", self.hue, "from 0 to 0.5 turns")
        known = self.arithmetic in ARITHMETIC
        require(known, "arithmetic", self.arithmetic, f"one of {', '.join(ARITHMETIC)}")

    def apply(
        self, frames: Frames, preprocess: Preprocess, rng: np.random.RandomState
    ) -> NDArray[np.float32]:
        """One random view of a clip, normalised.

        Args:
            frames: uint8 [T, H, W, 3].
            preprocess: its pipeline, short side, size, interpolation, mean and std are used.
            rng: the source of every draw.

        Returns:
            float32 [T, 3, R, R].

        Raises:
            ValueError: if frames are something else, or see `check`.
        """
        return preprocess.floats(self.view(frames, preprocess, rng))

    def view(
        self, frames: Frames, preprocess: Preprocess, rng: np.random.RandomState
    ) -> NDArray[np.uint8] | NDArray[np.float32]:
        """One random view of a clip for `Preprocess.to_floats`.

        Without OpenCV's pipeline colours change first, on the frames as they are.

        Args:
            frames: uint8 [T, H, W, 3].
            preprocess: its pipeline, short side, size, interpolation, mean and std are used.
            rng: the source of every draw, the same as in `apply`.

        Returns:
            As `preprocess.hands_over` says: uint8 [T, R, R, 3], or float32 [T, 3, R, R] that are
            normalised; C-contiguous.

        Raises:
            ValueError: if frames are something else, or see `check`.
        """
        if preprocess.hands_over == "uint8":
            shown = self.geometric(frames, preprocess, rng)
            return self.draw_colours(len(shown), rng).apply(shown)
        short = self._short(preprocess, rng)
        check_frames(frames)
        floats = preprocess.scale(self.draw_colours(len(frames), rng).apply(frames), short)
        x, y, w, h = self._box(floats.shape[2:], preprocess, rng)
        size = preprocess.size
        floats = preprocess.resize_floats(floats[..., y : y + h, x : x + w], size, size)
        if rng.random_sample() < self.flip:
            floats = floats[..., ::-1]
        return np.ascontiguousarray(floats)

    def geometric(
        self, frames: Frames, preprocess: Preprocess, rng: np.random.RandomState
    ) -> Frames:
        """Resize, crop and mirror a clip with OpenCV's pipeline, and leave its colours.

        `draw_colours` with the same generator has the rest of a view.

        Args:
            frames: uint8 [T, H, W, 3].
            preprocess: its pipeline, short side, size and interpolation are used.
            rng: the source of every draw.

        Returns:
            uint8 [T, R, R, 3], C-contiguous.

        Raises:
            ValueError: if frames are something else, another pipeline, or see `check`.
        """
        need = "opencv where colours come after the geometry"
        require(preprocess.hands_over == "uint8", "pipeline", preprocess.pipeline, need)
        size, how = preprocess.size, preprocess.interpolation
        frames = resize_short_side(frames, self._short(preprocess, rng), how)
        x, y, w, h = self._box(frames.shape[1:3], preprocess, rng)
        frames = resize(frames[:, y : y + h, x : x + w], size, size, how)
        if rng.random_sample() < self.flip:
            frames = frames[:, :, ::-1]
        return np.ascontiguousarray(frames)

    def _short(self, preprocess: Preprocess, rng: np.random.RandomState) -> int:
        """The short side before the crop, in pixels."""
        self.check(preprocess)
        if not self.short_side:
            return preprocess.short_side
        least, most = self.short_side
        return round(rng.uniform(least, most))

    def check(self, preprocess: Preprocess) -> None:
        """Raise ValueError if the random short side may be too short for the crop."""
        sides, least = self.short_side, f"at least the input's size ({preprocess.size})"
        require(not sides or sides[0] >= preprocess.size, "short_side", sides, least)

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

    def draw_colours(self, frames: int, rng: np.random.RandomState) -> Colours:
        """Colour jitter and loss of colour, each with its probability, for so many frames."""
        steps: list[tuple[Step, ...]] = []
        if rng.random_sample() < self.jitter:
            rows = frames if self.jitter_per_frame else 1
            steps = [self._draw_jitter(rng) for _ in range(rows)]
        return Colours(tuple(steps), bool(rng.random_sample() < self.grey), self.arithmetic)

    def _draw_jitter(self, rng: np.random.RandomState) -> tuple[Step, ...]:
        """The four colour changes in random order, each with one random amount."""
        steps: list[Step] = []
        for change in rng.permutation(4):
            name = ("brightness", "contrast", "saturation", "hue")[change]
            spread = getattr(self, name)
            draw = float(rng.uniform(-spread, spread))
            if spread:
                steps.append((name, draw if name == "hue" else max(1 + draw, 0.0)))
        return tuple(steps)

    def describe(self) -> dict[str, Any]:
        """The settings as JSON-able values, without an arithmetic that is "float" (as before)."""
        said = asdict(self) | {
            "multiscale": list(self.multiscale),
            "short_side": list(self.short_side),
        }
        if self.arithmetic == "float":
            del said["arithmetic"]
        return said


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
