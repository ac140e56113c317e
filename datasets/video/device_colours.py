"""Colours with Pillow's arithmetic on the device that has the pixels, bit for bit `Colours.apply`.

A whole batch is changed at once: of all frames those are taken together that do the same change at the same
place of their order. The hue goes through two tables of all 2^24 colours, which Pillow itself fills once
(128 MiB on the device); everything else is whole numbers, or a product and a sum in 32 bits as in Pillow.
It is for GPUs: on a CPU it takes longer than Pillow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .colours import Colours, Step

_CHANGES = ("brightness", "contrast", "saturation", "hue")


def change_colours(clips: Tensor, drawn: Sequence[Colours]) -> Tensor:
    """What `Colours.apply` makes of each clip.

    Args:
        clips: uint8 [B, T, H, W, 3], as `Augment.geometric` leaves them, on any device.
        drawn: of each clip, by `Augment.draw_colours`.

    Returns:
        uint8 [B, T, H, W, 3] on the same device; those given stay as they are.

    Raises:
        ValueError: clips are something else or of another number, or a change with another arithmetic.
    """
    _check(clips, drawn)
    changed = clips.clone(memory_format=torch.contiguous_format)
    frames = changed.flatten(0, 1)  # a view: what is written there is written in `changed`
    rows = [row for one in drawn for row in _rows(one, clips.shape[1])]
    for place in range(max(map(len, rows), default=0)):
        for name in _CHANGES:
            here = [n for n, row in enumerate(rows) if len(row) > place and row[place][0] == name]
            if here:
                which = torch.tensor(here, device=clips.device)
                amounts = [rows[n][place][1] for n in here]
                frames[which] = _change(name, frames[which], amounts)
    if without := [n for n, one in enumerate(drawn) if one.grey]:
        which = torch.tensor(without, device=clips.device)
        changed[which] = _luma(changed[which]).expand(-1, -1, -1, -1, 3)
    return changed


def _check(clips: Tensor, drawn: Sequence[Colours]) -> None:
    if clips.dtype != torch.uint8 or clips.ndim != 5 or clips.shape[-1] != 3:
        raise ValueError(
            f"clips must be uint8 [B, T, H, W, 3], not {clips.dtype} {list(clips.shape)}"
        )
    if len(clips) != len(drawn):
        raise ValueError(f"{len(drawn)} drawn colours do not go with {len(clips)} clips")
    for one in drawn:
        if (one.steps or one.grey) and one.arithmetic != "pil":
            raise ValueError(f"on a device the arithmetic must be pil, not {one.arithmetic!r}")


def _rows(one: Colours, frames: int) -> tuple[tuple[Step, ...], ...]:
    """The steps of each frame of a clip."""
    if len(one.steps) not in (0, 1, frames):
        raise ValueError(f"{len(one.steps)} rows of steps do not go with {frames} frames")
    return one.steps if len(one.steps) == frames else (one.steps or ((),)) * frames


def _change(name: str, frames: Tensor, amounts: list[float]) -> Tensor:
    """One change of uint8 [N, H, W, 3], each frame by its own amount."""
    if name == "hue":
        return _turn(frames, amounts)
    if name == "brightness":
        base = torch.zeros_like(frames[:, :1, :1, :1])
    elif name == "saturation":
        base = _luma(frames)
    else:
        total, pixels = _luma(frames).flatten(1).sum(dim=1), frames[0, ..., 0].numel()
        base = ((2 * total + pixels) // (2 * pixels)).view(-1, 1, 1, 1)  # rounded, halves up
    return _blend(base, frames, amounts)


def _blend(base: Tensor, frames: Tensor, factors: list[float]) -> Tensor:
    """base + factor * (frames - base), cut to whole levels, each step rounded to 32 bits."""
    factor = torch.tensor(factors, dtype=torch.float32, device=frames.device).view(-1, 1, 1, 1)
    start = base.float()
    mixed = start + factor * (frames.float() - start)
    return mixed.clamp_(0, 255).to(torch.uint8)


def _luma(frames: Tensor) -> Tensor:
    """Pillow's: uint8 [..., 3] -> uint8 [..., 1]."""
    red, green, blue = (frames[..., channel : channel + 1].int() for channel in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).to(torch.uint8)


def _turn(frames: Tensor, turns: list[float]) -> Tensor:
    """Add to the 8-bit hue, which wraps around; see `colours`."""
    to_hsv, to_rgb = _tables(frames.device)
    shifts = [int(turn * 255) << 16 for turn in turns]
    shift = torch.tensor(shifts, dtype=torch.int32, device=frames.device).view(-1, 1, 1)
    codes = to_hsv.index_select(0, _code(frames).flatten()).view(frames.shape[:-1])
    codes = (codes + shift) & 0xFFFFFF  # the hue has the uppermost of three bytes
    codes = to_rgb.index_select(0, codes.flatten()).view(codes.shape)
    return torch.stack([codes >> 16, codes >> 8, codes], dim=-1).bitwise_and_(255).to(torch.uint8)


def _code(colours: Tensor) -> Tensor:
    """Three bytes as one number: uint8 [..., 3] -> int32 [...]."""
    first, second, third = (colours[..., channel].int() for channel in range(3))
    return (first << 16) + (second << 8) + third


@lru_cache(maxsize=4)
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    """HSV of every RGB colour and RGB of every HSV colour, by Pillow: int32 [2^24] each."""
    level = np.arange(256, dtype=np.uint8)
    channels = np.empty((256, 256, 256, 3), np.uint8)
    channels[..., 0], channels[..., 1], channels[..., 2] = (
        level[:, None, None],
        level[:, None],
        level,
    )
    tables = []
    for source, target in (("RGB", "HSV"), ("HSV", "RGB")):
        image = Image.frombytes(source, (4096, 4096), channels.tobytes())
        values = torch.from_numpy(np.array(image.convert(target))).to(device)
        tables.append(_code(values).flatten())
    return tables[0], tables[1]
