"""MixUp and CutMix on whole clips: one draw for a micro-batch, as ViFi-CLIP does.

Who draws need not be who mixes: a draw is plain numbers, which a process that decodes can hand over with
8-bit pixels, for the device to mix once they are floats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Mix:
    """What happens to one micro-batch.

    Attributes:
        order: with which video each one is mixed; a permutation of 0 ... B - 1.
        share: of its own pixels, and of its own target, in each result; the rest is the other's.
        box: y0, y1, x0, x1 in pixels, what CutMix takes from the other in all frames; None: MixUp.
    """

    order: tuple[int, ...]
    share: float
    box: tuple[int, int, int, int] | None = None

    def apply(self, frames: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Mix on the devices where frames and targets are; the result is the same everywhere.

        Args:
            frames: float [B, T, 3, H, W], of the height and width that were drawn for.
            targets: float [B, K].

        Returns:
            Mixed frames and targets of the same shapes and types; those given stay as they are.

        Raises:
            ValueError: frames of another number, or not floats.
        """
        if len(frames) != len(self.order) or not frames.is_floating_point():
            raise ValueError(
                f"frames must be {len(self.order)} clips of floats, "
                f"not {frames.dtype} {list(frames.shape)}"
            )
        order = torch.tensor(self.order)
        there = order.to(frames.device)
        if self.box is not None:
            y0, y1, x0, x1 = self.box
            mixed = frames.clone()
            mixed[..., y0:y1, x0:x1] = frames[..., y0:y1, x0:x1][there]
        else:
            mixed = self.share * frames + (1 - self.share) * frames[there]
        other = targets[order.to(targets.device)]
        return mixed, self.share * targets + (1 - self.share) * other


def draw(
    videos: int, height: int, width: int, mixup: float, cutmix: float, rng: np.random.RandomState
) -> Mix | None:
    """Draw how a micro-batch is mixed with a permutation of itself.

    Args:
        videos: B.
        height: of the frames, in pixels.
        width: likewise.
        mixup: Beta parameter, 0 is off; with both on, each has probability one half.
        cutmix: likewise.
        rng: the only source of chance.

    Returns:
        None where nothing is mixed: both are off, or there is only one video. The share of CutMix is
        that of the clipped box (Yun et al., 2019, section 3).
    """
    if not (mixup or cutmix) or videos < 2:
        return None
    order = tuple(int(place) for place in rng.permutation(videos))
    use_cutmix = cutmix > 0 and (not mixup or rng.rand() < 0.5)
    if not use_cutmix:
        return Mix(order, float(rng.beta(mixup, mixup)))
    side = (1 - float(rng.beta(cutmix, cutmix))) ** 0.5
    box_h, box_w = int(height * side), int(width * side)
    y, x = int(rng.randint(height)), int(rng.randint(width))
    y0, y1 = max(0, y - box_h // 2), min(height, y + box_h // 2)
    x0, x1 = max(0, x - box_w // 2), min(width, x + box_w // 2)
    share = 1 - (y1 - y0) * (x1 - x0) / (height * width)
    return Mix(order, share, (y0, y1, x0, x1))


def mix(
    frames: Tensor, targets: Tensor, mixup: float, cutmix: float, rng: np.random.RandomState
) -> tuple[Tensor, Tensor]:
    """Draw and mix at once.

    Args:
        frames: float [B, T, 3, H, W]; targets: float [B, K].
        mixup, cutmix, rng: see `draw`.

    Returns:
        Mixed frames and targets of the same shapes, or those given where nothing is mixed.
    """
    height, width = frames.shape[-2:]
    drawn = draw(len(frames), height, width, mixup, cutmix, rng)
    return drawn.apply(frames, targets) if drawn else (frames, targets)
