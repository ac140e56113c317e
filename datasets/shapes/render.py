"""From a scene to pixels. Integer arithmetic after the poses, so every machine draws the same."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .world import FRAMES, SIZE, Scene, Thing

SUPER = 4  # samples per pixel and side
_SHIFT = 4  # fractional bits of vertex coordinates

Pose = tuple[float, float, float, float, bool]  # x, y, radius, angle (degrees), visible


def pose(thing: Thing, frame: int, frames: int = FRAMES) -> Pose:
    """Where the thing is at `frame`: a function of s = -1 ... 1, odd motions mirrored by s -> -s."""
    s = 2 * frame / (frames - 1) - 1 if frames > 1 else 0.0
    x, y, radius, angle, visible = thing.x, thing.y, thing.radius, thing.angle, True
    match thing.motion:
        case "moving left":
            x -= thing.reach * s
        case "moving right":
            x += thing.reach * s
        case "moving up":
            y -= thing.reach * s
        case "moving down":
            y += thing.reach * s
        case "growing":
            radius *= 1 + thing.reach * s
        case "shrinking":
            radius *= 1 - thing.reach * s
        case "spinning clockwise":
            angle += thing.reach * s
        case "spinning counterclockwise":
            angle -= thing.reach * s
        case "circling clockwise" | "circling counterclockwise":
            turn = math.pi * (s if thing.motion.endswith(" clockwise") else -s)
            x += thing.reach * math.cos(turn + 2 * math.pi * thing.phase)
            y += thing.reach * math.sin(turn + 2 * math.pi * thing.phase)
        case "bouncing":
            y += thing.reach * (1 - 2 * abs(math.sin(1.5 * math.pi * s + math.pi * thing.phase)))
        case "blinking":
            visible = (frame / thing.period + thing.phase) % 1 < 0.5
        case "shaking":
            x += thing.reach * (1 if frame % 2 else -1)
    return x, y, radius, angle, visible


# Vertices in units of the radius, y pointing down
_STRAIGHT: dict[str, list[tuple[float, float]]] = {
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0, -1.1), (1.05, 0.8), (-1.05, 0.8)],
    "cross": [
        *[(-0.34, -1.05), (0.34, -1.05), (0.34, -0.34), (1.05, -0.34), (1.05, 0.34), (0.34, 0.34)],
        *[
            (0.34, 1.05),
            (-0.34, 1.05),
            (-0.34, 0.34),
            (-1.05, 0.34),
            (-1.05, -0.34),
            (-0.34, -0.34),
        ],
    ],
    "arrow": [
        *[(0, -1.2), (0.95, -0.1), (0.36, -0.1), (0.36, 1.1)],
        *[(-0.36, 1.1), (-0.36, -0.1), (-0.95, -0.1)],
    ],
}


def _heart(t: float) -> tuple[float, float]:
    drop = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
    return 1.08 * math.sin(t) ** 3, -drop / 15


def _outline(shape: str) -> list[tuple[float, float]]:
    """Vertices of the shape in units of its radius, y pointing down."""
    if shape in _STRAIGHT:
        return _STRAIGHT[shape]
    turn = 2 * math.pi
    match shape:
        case "circle":
            return [(math.cos(turn * k / 40), math.sin(turn * k / 40)) for k in range(40)]
        case "star":
            radii = [1.2 if k % 2 == 0 else 0.48 for k in range(10)]
            return [
                (r * math.sin(turn * k / 10), -r * math.cos(turn * k / 10))
                for k, r in enumerate(radii)
            ]
        case "heart":
            return [_heart(turn * k / 40) for k in range(40)]
        case "moon":
            outer = [math.radians(50 + 260 * k / 30) for k in range(31)]
            inner = [math.radians(290 - 220 * k / 30) for k in range(31)]
            return [(1.1 * math.cos(a) + 0.2, 1.1 * math.sin(a)) for a in outer] + [
                (0.78 * math.cos(a) + 0.65, 0.9 * math.sin(a)) for a in inner
            ]
    raise ValueError(f"no outline for shape {shape!r}")


_OUTLINES: dict[str, NDArray[np.float64]] = {}


def _coverage(thing: Thing, at: Pose, size: int) -> tuple[slice, slice, NDArray[np.int32]] | None:
    """Rows, columns and share (0 ... SUPER**2) of the pixels that the thing covers; None: outside."""
    x, y, radius, angle, _ = at
    outline = _OUTLINES.setdefault(thing.shape, np.array(_outline(thing.shape)))
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    px = (x + radius * (cos * outline[:, 0] - sin * outline[:, 1])) * size
    py = (y + radius * (sin * outline[:, 0] + cos * outline[:, 1])) * size
    x0, x1 = max(0, math.floor(px.min()) - 1), min(size, math.ceil(px.max()) + 2)
    y0, y1 = max(0, math.floor(py.min()) - 1), min(size, math.ceil(py.max()) + 2)
    if x0 >= x1 or y0 >= y1:
        return None
    scaled = np.stack([px - x0, py - y0], 1) * (SUPER << _SHIFT)
    canvas = np.zeros(((y1 - y0) * SUPER, (x1 - x0) * SUPER), np.uint8)
    points = np.rint(np.round(scaled, 3)).astype(np.int32)
    cv2.fillPoly(canvas, [points], (1,), lineType=cv2.LINE_8, shift=_SHIFT)
    cover = canvas.reshape(y1 - y0, SUPER, x1 - x0, SUPER).sum((1, 3), dtype=np.int32)
    return slice(y0, y1), slice(x0, x1), cover


def _backdrop(scene: Scene, size: int) -> NDArray[np.int32]:
    """The still background: int32 [size, size, 3]."""
    row, column = np.mgrid[:size, :size] * SIZE // size + scene.offset
    pitch = scene.pitch
    match scene.background:
        case "striped":
            pattern = (column // (pitch // 2)) % 2
        case "checkered":
            pattern = (row // pitch + column // pitch) % 2
        case "dotted":
            r, c = row % pitch - pitch // 2, column % pitch - pitch // 2
            pattern = (r * r + c * c <= max(2, pitch * pitch // 16)).astype(np.int64)
        case _:
            pattern = np.zeros_like(row)
    grey = np.where(pattern == 1, scene.levels[1], scene.levels[0])
    return np.repeat(grey[..., None], 3, 2).astype(np.int32)


def render_frame(
    scene: Scene, frame: int, size: int, backdrop: NDArray[np.int32]
) -> NDArray[np.int32]:
    """One frame without noise: int32 [size, size, 3]."""
    image = backdrop.copy()
    for thing in (*scene.pebbles, *reversed(scene.things)):
        at = pose(thing, frame)
        drawn = _coverage(thing, at, size) if at[4] else None
        if drawn is None:
            continue
        rows, columns, cover = drawn[0], drawn[1], drawn[2][..., None]
        under = image[rows, columns] * (SUPER**2 - cover)
        image[rows, columns] = (under + np.array(thing.tint, np.int32) * cover) // SUPER**2
    return image


def render(scene: Scene, size: int = SIZE, frames: list[int] | None = None) -> NDArray[np.uint8]:
    """Draw the clip (or some of its frames): uint8 [T, size, size, 3], RGB."""
    wanted = range(FRAMES) if frames is None else frames
    backdrop = _backdrop(scene, size)
    clip = [_noisy(render_frame(scene, t, size, backdrop), scene, t) for t in wanted]
    return np.stack(clip)


def _noisy(image: NDArray[np.int32], scene: Scene, frame: int) -> NDArray[np.uint8]:
    rng = np.random.RandomState(scene.noise_seed + frame)
    noise = rng.randint(-scene.noise, scene.noise + 1, (*image.shape[:2], 1))
    noisy: NDArray[np.uint8] = np.clip(image + noise, 0, 255).astype(np.uint8)
    return noisy
