"""What exists in the Shapes world, and how a scene is drawn by lot.

A scene is a pure function of (seed, split, index): every random number comes from NumPy's frozen
legacy generator, seeded with a digest of that address.

Opposite motions (left/right, growing/shrinking, ...) are exact time reversals of each other in
distribution: every pose is a function of the signed time ``s`` in [-1, 1] that is symmetric about 0.
With 24 frames, the 8 (or 16) centres of equal segments are symmetric too, so the *set* of sampled
frames says nothing about direction; only their order does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

WORLD_VERSION = 1
FRAMES = 24
SIZE = 64
FPS = 12

SHAPES = ("circle", "square", "triangle", "star", "cross", "heart", "moon", "arrow")
COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 165, 50),
    "blue": (45, 75, 235),
    "yellow": (240, 225, 40),
    "purple": (125, 35, 175),
    "orange": (245, 140, 20),
    "white": (245, 245, 245),
    "pink": (250, 145, 200),
}
BACKGROUNDS = ("plain", "striped", "checkered", "dotted")
MOTIONS = (
    "moving left",
    "moving right",
    "moving up",
    "moving down",
    "growing",
    "shrinking",
    "spinning clockwise",
    "spinning counterclockwise",
    "blinking",
    "bouncing",
    "circling clockwise",
    "circling counterclockwise",
    "shaking",
    "standing still",
)
OPPOSITE = {
    "moving left": "moving right",
    "moving up": "moving down",
    "growing": "shrinking",
    "spinning clockwise": "spinning counterclockwise",
    "circling clockwise": "circling counterclockwise",
}
OPPOSITE |= {b: a for a, b in OPPOSITE.items()}
PEBBLE = "pebble"  # a small grey distractor, never named in a label


@dataclass(frozen=True)
class Thing:
    """One object: what it is, how it moves, and the lots drawn for it (fractions of the frame)."""

    shape: str
    colour: str
    motion: str
    x: float
    y: float
    radius: float
    angle: float  # degrees
    reach: float  # amplitude of the motion
    phase: float  # in [0, 1)
    period: float  # frames, for blinking and shaking
    tint: tuple[int, int, int]

    @property
    def noun(self) -> str:
        """Colour and shape."""
        return f"{self.colour} {self.shape}"

    @property
    def label(self) -> str:
        """Noun and motion, as a phrase."""
        return f"a {self.noun} {self.motion}"


@dataclass(frozen=True)
class Scene:
    """Everything that determines the pixels of a clip."""

    things: tuple[Thing, ...]
    pebbles: tuple[Thing, ...]
    background: str
    levels: tuple[int, int]  # grey levels of the background pattern
    pitch: int  # of the pattern, in 1/64 of the frame
    offset: int
    noise: int  # amplitude in grey levels
    noise_seed: int

    @property
    def label(self) -> str:
        """The phrase of the first, labelled object."""
        return self.things[0].label


def lots(seed: int, split: str, index: int) -> np.random.RandomState:
    """The random stream of clip `index` of `split`: equal on every machine and NumPy version."""
    address = f"shapes/{WORLD_VERSION}/{seed}/{split}/{index}"
    words = np.frombuffer(hashlib.sha256(address.encode()).digest(), dtype="<u4")
    return np.random.RandomState(words)


def can(shape: str, motion: str) -> bool:
    """Whether the motion could be seen: a circle that spins looks the same."""
    return not (shape == "circle" and motion.startswith("spinning"))


def _uniform(rng: np.random.RandomState, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 6)


def _tint(rng: np.random.RandomState, rgb: Sequence[int], spread: int) -> tuple[int, int, int]:
    drawn = [int(min(255, max(0, c + rng.randint(-spread, spread + 1)))) for c in rgb]
    return drawn[0], drawn[1], drawn[2]


def _reach(rng: np.random.RandomState, motion: str) -> float:
    if motion in ("growing", "shrinking"):
        return _uniform(rng, 0.34, 0.44)  # of the radius, both ways
    if motion.startswith("spinning"):
        return _uniform(rng, 80, 110)  # degrees to either side
    if motion == "shaking":
        return _uniform(rng, 0.03, 0.05)
    if motion.startswith("circling"):
        return _uniform(rng, 0.17, 0.22)
    return _uniform(rng, 0.17, 0.24)


def draw_thing(
    rng: np.random.RandomState, shape: str, colour: str, motion: str, crowd: int = 1
) -> Thing:
    """Draw place, size, speed and tint of a named object; `crowd` objects share the frame."""
    radius = _uniform(rng, 0.17, 0.26) if crowd == 1 else _uniform(rng, 0.13, 0.18)
    reach = _reach(rng, motion)
    moves = not motion.startswith(("growing", "shrinking", "spinning", "blinking"))
    spread_x = spread_y = 0.5 - radius - 0.02
    if motion in ("growing", "shrinking"):
        spread_x = spread_y = 0.5 - radius * (1 + reach)
    elif moves and motion not in ("standing still", "shaking"):
        spread_x -= 0 if motion in ("moving up", "moving down", "bouncing") else reach
        spread_y -= 0 if motion in ("moving left", "moving right") else reach
    spread_x, spread_y = max(spread_x, 0.02), max(spread_y, 0.02)
    return Thing(
        shape=shape,
        colour=colour,
        motion=motion,
        x=_uniform(rng, 0.5 - spread_x, 0.5 + spread_x),
        y=_uniform(rng, 0.5 - spread_y, 0.5 + spread_y),
        radius=radius,
        angle=_uniform(rng, 0, 360) if motion.startswith("spinning") else _uniform(rng, -20, 20),
        reach=reach,
        phase=_uniform(rng, 0, 1),
        period=_uniform(rng, 7, 10) if motion == "blinking" else 2.0,
        tint=_tint(rng, COLOURS[colour], 12),
    )


def draw_pebble(rng: np.random.RandomState) -> Thing:
    """A small grey distractor with a motion of its own."""
    grey = int(rng.randint(95, 150))
    motion = MOTIONS[rng.randint(len(MOTIONS))]
    shape = SHAPES[rng.randint(1, len(SHAPES))]
    thing = draw_thing(rng, shape, "white", motion)
    radius = _uniform(rng, 0.035, 0.06)
    return replace(thing, radius=radius, colour=PEBBLE, tint=_tint(rng, (grey,) * 3, 6))


def _apart(a: Thing, b: Thing) -> bool:
    return (a.x - b.x) ** 2 + (a.y - b.y) ** 2 > (0.75 * (a.radius + b.radius)) ** 2


def draw_scene(
    rng: np.random.RandomState, labels: Sequence[tuple[str, str, str]], pebbles: int | None = None
) -> Scene:
    """Draw a scene that shows the given (colour, shape, motion) triples, the first one labelled."""
    things: list[Thing] = []
    for colour, shape, motion in labels:
        for _ in range(20):
            thing = draw_thing(rng, shape, colour, motion, len(labels))
            if all(_apart(thing, other) for other in things):
                break
        things.append(thing)
    number = int(rng.randint(0, 3)) if pebbles is None else pebbles
    base = int(rng.randint(25, 95))
    return Scene(
        things=tuple(things),
        pebbles=tuple(draw_pebble(rng) for _ in range(number)),
        background=BACKGROUNDS[rng.randint(len(BACKGROUNDS))],
        levels=(base, base + int(rng.randint(22, 34))),
        pitch=int(rng.randint(6, 11)),
        offset=int(rng.randint(0, 16)),
        noise=int(rng.randint(2, 9)),
        noise_seed=int(rng.randint(2**31 - 1)),
    )
