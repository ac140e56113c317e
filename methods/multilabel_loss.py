"""Losses over (video, label) pairs, and the sample of labels that they are computed on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def asymmetric_loss(
    logits: Tensor,
    targets: Tensor,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Tensor:
    """Asymmetric loss, mean over pairs. Ridnik et al., ICCV 2021, equations 4 to 7.

    L = -y (1 - p)^g+ log p - (1 - y) q^g- log(1 - q) with p = sigmoid(logits), q = max(p - margin, 0).

    Args:
        logits, targets: float [B, K]; targets in [0, 1].
    """
    p = logits.sigmoid()
    shifted = (p - margin).clamp(min=0)
    present = (1 - p) ** gamma_positive * F.logsigmoid(logits)
    # without a margin log(1 - p) must not be taken of a rounded 0
    rest = F.logsigmoid(-logits) if margin == 0 else torch.log1p(-shifted)
    absent = shifted**gamma_negative * rest
    return -(targets * present + (1 - targets) * absent).mean()


def label_sample(targets: Tensor, size: int) -> Tensor:
    """Rows of the labels that a step looks at: those of the batch, and drawn others up to `size`.

    The draw uses torch's global generator, which a resumed training restores.

    Args:
        targets: float [B, K], above 0 where a label is given.
        size: how many labels if the batch itself has no more; all K if there are no more than that.

    Returns:
        int64 [at most K], rising, on the CPU.
    """
    given = (targets > 0).any(0).cpu()
    others = (~given).nonzero().flatten()
    wanted = max(size - int(given.sum()), 0)
    drawn = others if wanted >= len(others) else others[torch.randperm(len(others))[:wanted]]
    return torch.cat((given.nonzero().flatten(), drawn)).sort().values
