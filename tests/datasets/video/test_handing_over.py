"""8-bit pixels that become floats elsewhere are, bit for bit, the floats that are made at once."""

from __future__ import annotations

import pickle
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from golden import FILL, load
from vclipbench.datasets.video.augment import Augment
from vclipbench.datasets.video.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PIPELINES,
    Preprocess,
    _look_up,
    _table_on,
)

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def clip(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (3, height, width, 3)).astype(np.uint8)


def looked_up(preprocess: Preprocess, pixels: np.ndarray) -> np.ndarray:
    """As `to_floats` does it on a device other than the CPU."""
    table = _table_on(preprocess.mean, preprocess.std, torch.device("cpu"))
    return _look_up(torch.from_numpy(pixels), table).numpy()


def check(preprocess: Preprocess, pixels: np.ndarray, expected: np.ndarray) -> None:
    """What was handed over, both ways, against what is made at once."""
    for device in DEVICES[1:]:
        there = preprocess.to_floats(torch.from_numpy(pixels).to(device))
        assert (there.cpu().numpy() == expected).all()
    floats = preprocess.to_floats(torch.from_numpy(pixels)).numpy()
    assert floats.dtype == np.float32
    assert floats.flags["C_CONTIGUOUS"]
    assert floats.shape == expected.shape
    assert (floats == expected).all()
    assert str(pixels.dtype) == preprocess.hands_over
    if preprocess.hands_over == "uint8":
        assert pixels.flags["C_CONTIGUOUS"]
        assert pixels.nbytes * 4 == expected.nbytes
        assert (looked_up(preprocess, pixels) == expected).all()
        exact = (np.moveaxis(pixels, -1, -3) / 255 - _column(preprocess.mean)) / _column(
            preprocess.std
        )
        assert np.abs(exact - floats).max() < 1e-6


def _column(values: tuple[float, ...]) -> np.ndarray:
    return np.array(values).reshape(3, 1, 1)


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_views_of_evaluation(pipeline: str, interpolation: str) -> None:
    for crops in (1, 3) if not pipeline.startswith("bicubic-square") else (1,):
        for shape in ((60, 81), (81, 60), (32, 32)):
            preprocess = Preprocess(32, 40, interpolation, crops, pipeline=pipeline)
            frames = clip(*shape)
            check(preprocess, preprocess.views(frames), preprocess.evaluate(frames))


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"jitter": 1, "jitter_per_frame": True, "arithmetic": "pil"},
        {"multiscale": (), "short_side": (32, 44)},
    ],
)
def test_views_of_training(pipeline: str, change: dict[str, Any]) -> None:
    preprocess = Preprocess(32, 40, mean=IMAGENET_MEAN, std=IMAGENET_STD, pipeline=pipeline)
    augment = Augment(**change)
    for seed in range(6):
        frames, rngs = clip(60, 81, seed), [np.random.RandomState(seed) for _ in range(2)]
        view = augment.view(frames, preprocess, rngs[0])
        check(preprocess, view, augment.apply(frames, preprocess, rngs[1]))
        assert rngs[0].random_sample() == rngs[1].random_sample(), "the same draws"


@pytest.mark.parametrize("name", ["landscape", "portrait", "small"])
def test_golden_pixels_of_open_vclip(name: str) -> None:
    described, stored = load("open_vclip/transform")
    crc = zlib.crc32(f"{described['seed']}:input/{name}".encode()) & 0xFFFFFFFF
    shape = described["inputs"][name]["shape"]
    frames = np.random.RandomState(crc).randint(0, 256, size=shape).astype(np.uint8)
    preprocess = Preprocess(size=described["size"], resize=None, pipeline="bilinear-float")
    floats = preprocess.to_floats(torch.from_numpy(preprocess.views(frames)))
    assert np.abs(floats[0].numpy() - stored[name]).max() < 2e-6


@pytest.mark.parametrize("pipeline", ["bicubic-square", "bicubic-square-antialias"])
def test_golden_pixels_of_clip_vip(pipeline: str) -> None:
    described, stored = load("clip_vip/protocol")
    shape = tuple(described["transform"]["shape"])
    noise = FILL.clip_input(described["seed"], shape, "transform")
    frames = np.clip(noise * 64 + 128, 0, 255).astype(np.uint8)
    size = described["transform"]["input_res"][0]
    preprocess = Preprocess(size=size, resize=None, pipeline=pipeline)
    floats = preprocess.to_floats(torch.from_numpy(preprocess.views(frames)))
    expected = stored[f"transform/antialias_{pipeline.endswith('antialias')}"]
    assert np.abs(floats[0].numpy() - expected).max() < 4e-6


def test_every_level_of_every_channel_is_that_of_normalise() -> None:
    preprocess = Preprocess(mean=IMAGENET_MEAN, std=IMAGENET_STD)
    levels = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 16, 16, 3)
    check(preprocess, levels, preprocess.normalise(levels))


def test_a_batch_of_clips_at_once() -> None:
    preprocess = Preprocess(size=32, resize=None)
    views = np.stack([preprocess.views(clip(40, 50, seed)) for seed in range(2)])
    assert views.shape == (2, 1, 3, 32, 32, 3)
    floats = np.stack([preprocess.evaluate(clip(40, 50, seed)) for seed in range(2)])
    check(preprocess, views, floats)


def test_colours_that_were_drawn_can_be_handed_over() -> None:
    frames, preprocess = clip(60, 81), Preprocess(size=32, resize=36)
    augment = Augment(jitter=1, jitter_per_frame=True)
    rng = np.random.RandomState(3)
    plain, colours = augment.geometric(frames, preprocess, rng), augment.draw_colours(3, rng)
    kept = pickle.loads(pickle.dumps(colours))
    assert kept == colours
    view = augment.view(frames, preprocess, np.random.RandomState(3))
    assert (kept.apply(plain) == view).all()


def test_wrong_pixels_are_named() -> None:
    for pixels in (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 8, 8, 3).double()):
        with pytest.raises(
            ValueError, match=r"^pixels must be uint8 \[\.\.\., R, R, 3\] or float32"
        ):
            Preprocess().to_floats(pixels)
    need = r"^pipeline must be opencv where colours come after the geometry, not 'bilinear-float'$"
    with pytest.raises(ValueError, match=need):
        Augment().geometric(
            clip(8, 8), Preprocess(4, 4, pipeline="bilinear-float"), np.random.RandomState(0)
        )
