"""MixUp and CutMix: drawn in one place, mixed in another."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch import Tensor
from vclipbench.bench.train.mixing import Mix, draw, mix

BOTH = (0.8, 1.0)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def batch(videos: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    frames = torch.randn(videos, 2, 3, 12, 10, generator=rng)
    return frames, torch.rand(videos, 5, generator=rng)


def at_once(
    frames: Tensor, targets: Tensor, mixup: float, cutmix: float, rng: np.random.RandomState
) -> tuple[Tensor, Tensor]:
    """The definition in one piece, with the draws in their order."""
    order = torch.from_numpy(rng.permutation(len(frames)))
    use_cutmix = cutmix > 0 and (not mixup or rng.rand() < 0.5)
    share = rng.beta(cutmix, cutmix) if use_cutmix else rng.beta(mixup, mixup)
    if not use_cutmix:
        mixed = share * frames + (1 - share) * frames[order]
        return mixed, share * targets + (1 - share) * targets[order]
    height, width = frames.shape[-2:]
    half_h = int(height * (1 - share) ** 0.5) // 2
    half_w = int(width * (1 - share) ** 0.5) // 2
    y, x = rng.randint(height), rng.randint(width)
    inside = torch.zeros(height, width, dtype=torch.bool)
    inside[max(y - half_h, 0) : y + half_h, max(x - half_w, 0) : x + half_w] = True
    share = 1 - int(inside.sum()) / (height * width)
    return torch.where(inside, frames[order], frames), share * targets + (1 - share) * targets[
        order
    ]


@pytest.mark.parametrize(("mixup", "cutmix"), [BOTH, (0.8, 0), (0, 1.0)])
def test_drawing_and_mixing_apart_is_mixing_at_once(mixup: float, cutmix: float) -> None:
    kinds = set()
    for seed in range(40):
        frames, targets = batch(seed=seed)
        before = frames.clone(), targets.clone()
        rngs = [np.random.RandomState(seed) for _ in range(3)]
        drawn = pickle.loads(pickle.dumps(draw(4, 12, 10, mixup, cutmix, rngs[0])))
        expected = at_once(frames, targets, mixup, cutmix, rngs[1])
        for found in (drawn.apply(frames, targets), mix(frames, targets, mixup, cutmix, rngs[2])):
            assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
            assert found[0].dtype == torch.float32
        for device in DEVICES[1:]:
            there = drawn.apply(frames.to(device), targets)
            assert torch.allclose(there[0].cpu(), expected[0], rtol=0, atol=1e-6)
            assert torch.equal(there[1], expected[1])
        assert len({rng.rand() for rng in rngs}) == 1, "the same draws"
        assert torch.equal(frames, before[0])
        assert torch.equal(targets, before[1])
        kinds.add(drawn.box is None)
    assert kinds == ({True, False} if mixup and cutmix else {bool(mixup)})


def test_a_draw_is_plain_numbers() -> None:
    for seed in range(20):
        drawn = draw(4, 12, 10, *BOTH, np.random.RandomState(seed))
        assert drawn is not None
        values = [*drawn.order, *(drawn.box or ())]
        assert {type(value) for value in values} == {int}
        assert type(drawn.share) is float
        assert sorted(drawn.order) == [0, 1, 2, 3]


def test_nothing_is_mixed_where_both_are_off_or_there_is_one_video() -> None:
    rng = np.random.RandomState(0)
    assert draw(4, 12, 10, 0, 0, rng) is None
    assert draw(1, 12, 10, *BOTH, rng) is None
    assert rng.rand() == np.random.RandomState(0).rand(), "nothing was drawn"
    frames, targets = batch()
    assert mix(frames, targets, 0, 0, rng) == (frames, targets)


def test_worked_numbers() -> None:
    frames = torch.arange(2.0).view(2, 1, 1, 1, 1).expand(2, 1, 3, 4, 4)
    targets = torch.eye(2)
    mixed, shares = Mix((1, 0), 0.75).apply(frames, targets)
    assert mixed[0].unique().tolist() == [0.25]
    assert shares.tolist() == [[0.75, 0.25], [0.25, 0.75]]
    mixed, _ = Mix((1, 0), 14 / 16, (0, 2, 3, 4)).apply(frames, targets)
    assert mixed[0, 0, 0].tolist() == [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("frames", [torch.zeros(3, 2, 3, 4, 4), torch.zeros(2, 2, 3, 4, 4).byte()])
def test_wrong_frames_are_named(frames: Tensor) -> None:
    with pytest.raises(ValueError, match=r"^frames must be 2 clips of floats, not torch\."):
        Mix((1, 0), 0.5).apply(frames, torch.eye(2))
