"""The contrastive losses of CLIP-ViP's code, on features of one batch.

Row i of every feature belongs to video i. A is a matrix of scores with videos as rows, and
CE(A) = mean_i [logsumexp_j A_ij - A_ii]. N(a, b) = CE(A) + CE(A^T) with A = scale a b^T: the sum of
both directions, where CLIP takes their mean. Source: the authors' code (microsoft/XPretrain,
CLIP-ViP/src/optimization/loss.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sources:
    """Unit features of one batch, and what the losses take beside them.

    Attributes:
        video, text: [n, D], clips and their subtitles or captions; for "mil_nce" the texts are
            [n K, D], K of a video one after the other.
        scale: scalar, the exponential of the logit scale.
        image, caption: [n, D], middle frames and their captions.
        temperature: of "nce" and "mil_nce", in place of the scale.
        margin: of the triplet losses.
        hard_negatives: how many negatives "hard_negatives" looks at.
    """

    video: Tensor
    text: Tensor
    scale: Tensor
    image: Tensor | None = None
    caption: Tensor | None = None
    temperature: float = 0.05
    margin: float = 0.2
    hard_negatives: int = 3

    def nce(self, a: str, b: str) -> Tensor:
        """N(a, b) of two sources by name."""
        return _both(self.scores(a, b))

    def scores(self, a: str, b: str) -> Tensor:
        """Scaled similarities [n, n] of two sources by name."""
        scores: Tensor = self.scale * getattr(self, a) @ getattr(self, b).T
        return scores


def _diagonal(scores: Tensor) -> Tensor:
    return torch.eye(len(scores), dtype=torch.bool, device=scores.device)


def _towards(scores: Tensor) -> Tensor:
    """CE: every row against the columns, the diagonal is right."""
    return -scores.log_softmax(1).diagonal().mean()


def _both(scores: Tensor) -> Tensor:
    return _towards(scores) + _towards(scores.T)


def _dual_softmax(s: Sources) -> Tensor:
    scores = s.scores("video", "text")
    return _towards(scores * scores.softmax(0)) + _towards(scores.T * scores.T.softmax(0))


def _joint(s: Sources) -> Tensor:
    """One matrix of 2n rows: clips and images against subtitles and captions."""
    assert s.image is not None
    assert s.caption is not None
    visual, text = torch.cat([s.video, s.image]), torch.cat([s.text, s.caption])
    return _both(s.scale * visual @ text.T)


def _vsc(s: Sources) -> Tensor:
    """Both texts of a video are right; from the video, neither is a negative of the other."""
    a, g = s.scores("video", "text"), s.scores("video", "caption")
    own = _diagonal(a)
    others_a, others_g = (x.masked_fill(own, -torch.inf) for x in (a, g))
    to_text = torch.cat([a, others_g], 1).logsumexp(1) - a.diagonal()
    to_caption = torch.cat([others_a, g], 1).logsumexp(1) - g.diagonal()
    return _towards(a.T) + _towards(g.T) + to_text.mean() + to_caption.mean()


def _mil_nce(s: Sources) -> Tensor:
    """Several texts a video, all of them right: their summed share (Miech et al., 2020)."""
    n = len(s.video)
    scores = (s.video @ s.text.T / s.temperature).unflatten(1, (n, -1))  # [video, video of text, K]
    own = _diagonal(scores)
    columns = scores.transpose(0, 1).masked_fill(own[..., None], -torch.inf)
    everything = torch.cat([scores, columns], 1).flatten(1).logsumexp(1)
    right = (
        scores.diagonal().T.contiguous()
    )  # not `scores[own]`, for whose shape a device is waited for
    loss: Tensor = (everything - right.logsumexp(1)).mean()
    return loss


def _hard_negatives(s: Sources) -> Tensor:
    scores = s.video @ s.text.T
    count = min(s.hard_negatives, len(scores) - 1)

    def towards(x: Tensor) -> Tensor:
        hardest = x.masked_fill(_diagonal(x), -torch.inf).topk(count, dim=1).values
        right = x.diagonal()
        return (torch.cat([right[:, None], hardest], 1).logsumexp(1) - right).mean()

    return towards(scores) + towards(scores.T)


def _triplet(s: Sources, order: bool = False, hardest: bool = False) -> Tensor:
    """Hinge over all wrong pairs (or the worst of each row and column), summed over the batch."""
    scores = (
        -(s.text[None] - s.video[:, None]).clamp(min=0).norm(dim=-1)
        if order
        else s.video @ s.text.T
    )
    own, right = _diagonal(scores), scores.diagonal()
    rows = (s.margin + scores - right[:, None]).clamp(min=0).masked_fill(own, 0)
    columns = (s.margin + scores - right[None]).clamp(min=0).masked_fill(own, 0)
    if hardest:
        return rows.amax(1).sum() + columns.amax(0).sum()
    return rows.sum() + columns.sum()


LOSSES: dict[str, Callable[[Sources], Tensor]] = {
    "vs": lambda s: s.nce("video", "text"),
    "vs_dsl": _dual_softmax,
    "vf_sc": _joint,
    "vs_fc": lambda s: s.nce("video", "text") + s.nce("image", "caption"),
    "vs_vc": lambda s: s.nce("video", "text") + s.nce("video", "caption"),
    "vs_vc_fc": lambda s: (
        s.nce("video", "text") + s.nce("video", "caption") + s.nce("image", "caption")
    ),
    "vsc": _vsc,
    "vsc_fc": lambda s: _vsc(s) + s.nce("image", "caption"),
    "nce": lambda s: _both(s.video @ s.text.T / s.temperature),
    "mil_nce": _mil_nce,
    "hard_negatives": _hard_negatives,
    "triplet": _triplet,
    "triplet_hardest": lambda s: _triplet(s, hardest=True),
    "triplet_order": lambda s: _triplet(s, order=True),
    "triplet_order_hardest": lambda s: _triplet(s, order=True, hardest=True),
}
"""Losses by name: v clips, s subtitles, f middle frames, c their captions."""

WITH_IMAGES = ("vf_sc", "vs_fc", "vs_vc_fc", "vsc_fc")
WITH_CAPTIONS = (*WITH_IMAGES, "vs_vc", "vsc")
