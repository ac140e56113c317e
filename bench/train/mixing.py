"""MixUp and CutMix on whole clips: one draw for a micro-batch, as ViFi-CLIP does."""

from __future__ import annotations

import numpy as np
from torch import Tensor, from_numpy


def mix(
    frames: Tensor, targets: Tensor, mixup: float, cutmix: float, rng: np.random.RandomState
) -> tuple[Tensor, Tensor]:
    """Mix a batch with a permutation of itself.

    Args:
        frames: float [B, T, 3, H, W]; targets: float [B, K].
        mixup, cutmix: Beta parameters, 0 is off; with both on, each has probability one half.
        rng: the only source of chance.

    Returns:
        Mixed frames and targets of the same shapes. The box of CutMix is the same in all frames, and
        its share is computed from the clipped area (Yun et al., 2019, section 3).
    """
    if not (mixup or cutmix) or len(frames) < 2:
        return frames, targets
    order = from_numpy(rng.permutation(len(frames)))
    use_cutmix = cutmix > 0 and (not mixup or rng.rand() < 0.5)
    share = float(rng.beta(cutmix, cutmix) if use_cutmix else rng.beta(mixup, mixup))
    if use_cutmix:
        height, width = frames.shape[-2:]
        side = (1 - share) ** 0.5
        box_h, box_w = int(height * side), int(width * side)
        y, x = int(rng.randint(height)), int(rng.randint(width))
        y0, y1 = max(0, y - box_h // 2), min(height, y + box_h // 2)
        x0, x1 = max(0, x - box_w // 2), min(width, x + box_w // 2)
        frames = frames.clone()
        frames[..., y0:y1, x0:x1] = frames[order][..., y0:y1, x0:x1]
        share = 1 - (y1 - y0) * (x1 - x0) / (height * width)
    else:
        frames = share * frames + (1 - share) * frames[order]
    return frames, share * targets + (1 - share) * targets[order]
