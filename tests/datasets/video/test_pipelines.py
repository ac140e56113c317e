"""The pixels of the authors' codes, against their stored outputs and PyTorch's own functions."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from golden import FILL, load
from vclipbench.datasets.video.transforms import (
    CLIP_MEAN,
    CLIP_STD,
    PIPELINES,
    TORCH_PIPELINES,
    Augment,
    Preprocess,
)


def clip(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (2, height, width, 3)).astype(np.uint8)


def still(**change: Any) -> Augment:
    """No augmentation but `change`."""
    return Augment(**({"multiscale": (), "flip": 0, "jitter": 0, "grey": 0} | change))


def reference(frames: np.ndarray, height: int, width: int, how: str, antialias: bool) -> np.ndarray:
    """Normalise, then resize: float [T, 3, H, W]."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).double() / 255
    mean, std = (torch.tensor(v).double().view(3, 1, 1) for v in (CLIP_MEAN, CLIP_STD))
    size, pixels = (height, width), (pixels - mean) / std
    return torch.nn.functional.interpolate(pixels, size, mode=how, antialias=antialias).numpy()


@pytest.mark.parametrize("name", ["landscape", "portrait", "small"])
def test_open_vclip_is_the_authors(name: str) -> None:
    described, stored = load("open_vclip/transform")
    crc = zlib.crc32(f"{described['seed']}:input/{name}".encode()) & 0xFFFFFFFF
    shape = described["inputs"][name]["shape"]
    frames = np.random.RandomState(crc).randint(0, 256, size=shape).astype(np.uint8)
    preprocess = Preprocess(size=described["size"], resize=None, pipeline="bilinear-float")
    found = preprocess.evaluate(frames)
    assert found.dtype == np.float32
    assert found.shape == (1, *stored[name].shape)
    assert np.abs(found[0] - stored[name]).max() < 2e-6


@pytest.mark.parametrize("pipeline", ["bicubic-square", "bicubic-square-antialias"])
def test_clip_vip_is_the_authors(pipeline: str) -> None:
    described, stored = load("clip_vip/protocol")
    shape = tuple(described["transform"]["shape"])
    noise = FILL.clip_input(described["seed"], shape, "transform")
    frames = np.clip(noise * 64 + 128, 0, 255).astype(np.uint8)
    size = described["transform"]["input_res"][0]
    preprocess = Preprocess(size=size, resize=None, pipeline=pipeline)
    expected = stored[f"transform/antialias_{pipeline.endswith('antialias')}"]
    assert np.abs(preprocess.evaluate(frames)[0] - expected).max() < 4e-6
    trained = still().apply(frames, preprocess, np.random.RandomState(0))
    assert (trained == preprocess.evaluate(frames)[0]).all(), "training is evaluation"


@pytest.mark.parametrize("tall", [False, True])
def test_open_vclip_three_crops_and_a_longer_short_side(tall: bool) -> None:
    frames = clip(71, 40) if tall else clip(40, 71)
    whole = reference(frames, *((56, 32) if tall else (32, 56)), "bilinear", False)
    found = Preprocess(size=32, resize=40, crops=3, pipeline="bilinear-float").evaluate(frames)
    assert found.shape == (3, 2, 3, 32, 32)
    for view, start in zip(found, (0, 12, 24), strict=True):
        part = slice(start, start + 32)
        expected = whole[..., part, :] if tall else whole[..., part]
        assert np.abs(view - expected).max() < 3e-5
    one = Preprocess(size=31, resize=40, pipeline="bilinear-float").evaluate(frames)
    unscaled = reference(frames, *frames.shape[1:3], "bilinear", False)
    y, x = (20, 5) if tall else (5, 20)  # ceil(40 / 2), ceil(9 / 2): nothing resampled
    assert np.abs(one[0] - unscaled[..., y : y + 31, x : x + 31]).max() < 3e-5


def test_random_short_side_as_open_vclip_trains() -> None:
    frames, preprocess = clip(48, 61), Preprocess(size=32, resize=None, pipeline="bilinear-float")
    augment = still(short_side=(32, 44), flip=0.5)
    sides, flips = set(), set()
    for seed in range(60):
        found = augment.apply(frames, preprocess, np.random.RandomState(seed))
        assert found.shape == (2, 3, 32, 32)
        assert found.dtype == np.float32
        assert found.flags["C_CONTIGUOUS"]
        rng = np.random.RandomState(seed)
        short = round(rng.uniform(32, 44))
        rng.random_sample(2)  # colours
        long = int(np.floor(61 / 48 * short))
        whole = reference(frames, short, long, "bilinear", False)
        y, x = rng.randint(0, max(short - 32, 1)), rng.randint(0, long - 32)
        expected, flip = whole[..., y : y + 32, x : x + 32], rng.random_sample() < 0.5
        assert np.abs(found - (expected[..., ::-1] if flip else expected)).max() < 3e-5
        sides.add(short)
        flips.add(flip)
    assert sides == set(range(32, 45))
    assert flips == {False, True}


def test_random_short_side_with_opencv() -> None:
    frames, preprocess = clip(48, 48), Preprocess(size=48, resize=None)
    found = still(short_side=(48, 48)).apply(frames, preprocess, np.random.RandomState(0))
    assert (found == preprocess.evaluate(frames)[0]).all(), "the only place there is"


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_augmentation_goes_with_every_pipeline(pipeline: str) -> None:
    frames = clip(60, 80)
    preprocess = Preprocess(size=32, resize=36, pipeline=pipeline)
    draws = [Augment().apply(frames, preprocess, np.random.RandomState(s)) for s in (1, 1, 2)]
    assert draws[0].shape == (2, 3, 32, 32)
    assert draws[0].dtype == np.float32
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()
    flipped = still(flip=1).apply(frames, preprocess, np.random.RandomState(0))
    plain = still().apply(frames, preprocess, np.random.RandomState(0))
    assert np.abs(flipped[..., ::-1] - plain).max() == 0
    grey = still(grey=1).apply(frames, preprocess, np.random.RandomState(0))
    mean, std = (np.array(v)[:, None, None] for v in (CLIP_MEAN, CLIP_STD))
    pixels = grey * std + mean
    assert np.abs(pixels - pixels[:, :1]).max() < 1e-5


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_describe_rebuilds_and_is_equal_for_equal_effects(pipeline: str) -> None:
    preprocess = Preprocess(size=32, resize=40, pipeline=pipeline)
    said = json.loads(json.dumps(preprocess.describe()))
    assert said["pipeline"] == pipeline
    assert Preprocess(**said).describe() == said
    if pipeline in TORCH_PIPELINES:
        other = Preprocess(size=32, resize=40, interpolation="bicubic", pipeline=pipeline)
        assert other.describe() == said
    if pipeline.startswith("bicubic-square"):
        assert Preprocess(size=32, resize=None, pipeline=pipeline).describe() == said
    augment = Augment(short_side=(224, 256))
    assert Augment(**json.loads(json.dumps(augment.describe()))) == augment


def test_bad_settings_are_named() -> None:
    for name, values in (
        ("pipeline", {"pipeline": "opencv2"}),
        ("crops", {"crops": 3, "pipeline": "bicubic-square"}),
    ):
        with pytest.raises(ValueError, match=f"^{name} must be "):
            Preprocess(**values)
    for sides in ((256, 224), (224,), (0, 3)):
        with pytest.raises(ValueError, match=r"^short_side must be "):
            Augment(short_side=sides)
    with pytest.raises(ValueError, match=r"^short_side must be at least the input's size \(300\)"):
        Augment(short_side=(224, 256)).check(Preprocess(size=300, resize=None))
    for pipeline in TORCH_PIPELINES:
        preprocess = Preprocess(pipeline=pipeline)
        with pytest.raises(ValueError, match="frames must be uint8"):
            preprocess.evaluate(np.zeros((8, 8, 3), np.uint8))
        with pytest.raises(ValueError, match="frames must be uint8"):
            Augment().apply(np.zeros((2, 8, 8, 3)), preprocess, np.random.RandomState(0))
