"""Sizes, crops and colours against worked numbers, Pillow and torchvision."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from vclipbench.datasets.video.pixels import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    resize,
)
from vclipbench.datasets.video.transforms import (
    CLIP_MEAN,
    CLIP_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Augment,
    Preprocess,
    multiscale_crop,
)


def still(**change: float) -> Augment:
    """No augmentation but `change`."""
    none = {"multiscale": (), "flip": 0, "jitter": 0, "grey": 0}
    return Augment(**(none | change))  # type: ignore[arg-type]


def clip(height: int, width: int, frames: int = 2, seed: int = 0) -> np.ndarray:
    """A smooth picture with noise on it, one for all frames unless the seed says otherwise."""
    rng = np.random.RandomState(seed)
    low = rng.randint(0, 256, (frames, 6, 8, 3)).astype(np.uint8)
    smooth = np.stack([cv2.resize(f, (width, height), interpolation=cv2.INTER_CUBIC) for f in low])
    noise = rng.randint(-9, 10, smooth.shape)
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def levels(result: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """Undo the normalisation: [..., 3, R, R] -> uint8 [..., R, R, 3]."""
    values = np.moveaxis(result, -3, -1) * np.array(preprocess.std) + np.array(preprocess.mean)
    assert np.abs(values * 255 - np.rint(values * 255)).max() < 1e-3
    return np.rint(values * 255).astype(np.uint8)


def test_normalise_example_of_the_specification() -> None:
    frames = np.array([10, 128, 250], np.uint8).reshape(1, 1, 1, 3)
    result = Preprocess(mean=IMAGENET_MEAN, std=IMAGENET_STD).normalise(frames)
    assert result.dtype == np.float32
    assert result.ravel() == pytest.approx([-1.946656, 0.205182, 2.552854], abs=1e-6)
    result = Preprocess().normalise(frames)
    expected = (np.array([10, 128, 250]) / 255 - CLIP_MEAN) / CLIP_STD
    assert result.ravel() == pytest.approx(expected, abs=1e-6)


def test_evaluate_one_crop() -> None:
    frames = clip(240, 320)
    preprocess = Preprocess()
    result = preprocess.evaluate(frames)
    assert result.shape == (1, 2, 3, 224, 224)
    assert result.dtype == np.float32
    assert result.flags["C_CONTIGUOUS"]
    scaled = np.stack([cv2.resize(f, (341, 256)) for f in frames])  # 320x240 -> 341x256
    assert (levels(result[0], preprocess) == scaled[:, 16:240, 58:282]).all()


@pytest.mark.parametrize("tall", [False, True])
def test_evaluate_three_crops(tall: bool) -> None:
    preprocess = Preprocess(size=32, crops=3, resize=40)
    frames = clip(61, 32) if tall else clip(32, 61)
    result = preprocess.evaluate(frames)
    assert result.shape == (3, 2, 3, 32, 32)
    for view, start in zip(result, (0, 28, 14), strict=True):  # first, last, middle: 0, 2s, s
        part = slice(start, start + 32)
        expected = frames[:, part] if tall else frames[:, :, part]
        assert (levels(view, preprocess) == expected).all(), "short side is R: nothing resampled"


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_clip_of_the_right_size_is_not_resampled(interpolation: str) -> None:
    frames = clip(64, 64)
    preprocess = Preprocess(size=64, resize=None, interpolation=interpolation)
    assert (levels(preprocess.evaluate(frames)[0], preprocess) == frames).all()
    result = still().apply(frames, preprocess, np.random.RandomState(0))
    assert (levels(result, preprocess) == frames).all()


@pytest.mark.parametrize(
    ("source", "target"),
    [((256, 340), (224, 298)), ((100, 60), (224, 134)), ((129, 171), (64, 85)), ((64, 64), (1, 3))],
)
def test_bicubic_is_pillows(source: tuple[int, int], target: tuple[int, int]) -> None:
    from PIL import Image

    frames = clip(*source)
    for ours, frame in zip(resize(frames, *target, "bicubic"), frames, strict=True):
        theirs = Image.fromarray(frame).resize(target[::-1], Image.Resampling.BICUBIC)
        assert (ours == np.asarray(theirs)).all()


def test_colours_are_torchvisions() -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    frames = clip(48, 60, frames=3)
    frames[1] = frames[1] // 3  # the contrast is about each frame's own mean
    tensor = torch.from_numpy(frames).permute(0, 3, 1, 2)

    def check(ours: np.ndarray, theirs) -> None:
        difference = np.abs(ours.astype(int) - theirs.permute(0, 2, 3, 1).numpy())
        assert ours.dtype == np.uint8
        assert difference.max() <= 2

    for factor in (0.0, 0.6, 1.0, 1.4, 3.0):
        check(adjust_brightness(frames, factor), functional.adjust_brightness(tensor, factor))
        check(adjust_contrast(frames, factor), functional.adjust_contrast(tensor, factor))
        check(adjust_saturation(frames, factor), functional.adjust_saturation(tensor, factor))
    for shift in (-0.5, -0.1, 0.0, 0.07, 0.5):
        check(adjust_hue(frames, shift), functional.adjust_hue(tensor, shift))


def test_multiscale_crop_boxes() -> None:
    rng = np.random.RandomState(0)
    boxes = {multiscale_crop(341, 256, 224, (1, 0.875, 0.75, 0.66), rng) for _ in range(3000)}
    sizes = {box[2:] for box in boxes}
    sides = [256, 224, 192, 168]
    pairs = [(w, h) for i, w in enumerate(sides) for j, h in enumerate(sides) if abs(i - j) <= 1]
    assert len(pairs) == 10
    assert sizes == set(pairs)
    corners = {box[:2] for box in boxes if box[2:] == (224, 224)}  # steps 117 // 4 and 32 // 4
    assert corners == {(0, 0), (116, 0), (0, 32), (116, 32), (58, 16)}
    assert all(x + w <= 341 and y + h <= 256 for x, y, w, h in boxes)
    near = {
        multiscale_crop(300, 222, 224, (1,), rng)[2:],
        multiscale_crop(300, 227, 224, (1,), rng)[2:],
    }
    assert near == {(224, 224), (227, 227)}, "a side within 2 pixels of R becomes R"


def test_augment_is_a_function_of_the_generator() -> None:
    frames, preprocess = clip(60, 80), Preprocess(size=32, resize=36)
    draws = [Augment().apply(frames, preprocess, np.random.RandomState(s)) for s in (1, 1, 2)]
    assert draws[0].shape == (2, 3, 32, 32)
    assert draws[0].dtype == np.float32
    assert draws[0].flags["C_CONTIGUOUS"]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()


def test_every_draw_holds_for_the_whole_clip() -> None:
    frames = np.repeat(clip(60, 80, frames=1), 4, axis=0)
    preprocess = Preprocess(size=32, resize=36)
    for seed in range(20):
        result = Augment(jitter=1).apply(frames, preprocess, np.random.RandomState(seed))
        assert (result == result[:1]).all()
    flicker = Augment(jitter=1, jitter_per_frame=True)
    result = flicker.apply(frames, preprocess, np.random.RandomState(0))
    assert (result != result[:1]).any()


def test_flip_grey_and_no_jitter() -> None:
    frames, preprocess = clip(36, 36), Preprocess(size=36, resize=None)
    rng = np.random.RandomState(0)
    flipped = still(flip=1).apply(frames, preprocess, rng)
    assert (levels(flipped, preprocess) == frames[:, :, ::-1]).all()
    grey = levels(still(grey=1).apply(frames, preprocess, rng), preprocess)
    assert (grey == grey[..., :1]).all()
    luma = frames @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - luma).max() <= 1
    nothing = Augment(
        multiscale=(), flip=0, jitter=1, brightness=0, contrast=0, saturation=0, hue=0, grey=0
    )
    assert (levels(nothing.apply(frames, preprocess, rng), preprocess) == frames).all()
    half = still(flip=0.5)
    draws = [levels(half.apply(frames, preprocess, rng), preprocess) for _ in range(200)]
    share = np.mean([(draw != frames).any() for draw in draws])
    assert 0.35 < share < 0.65


def test_describe_is_json_and_rebuilds() -> None:
    for preprocess in (Preprocess(), Preprocess(size=64, resize=None, crops=3)):
        said = json.loads(json.dumps(preprocess.describe()))
        assert Preprocess(**said).describe() == said
    assert Preprocess(resize=None).describe() == Preprocess(resize=224).describe()
    assert Preprocess(crops=3).describe()["resize"] == 224
    said = json.loads(json.dumps(Augment().describe()))
    assert Augment(**said) == Augment()


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (Preprocess, "size", 0),
        (Preprocess, "size", 22.5),
        (Preprocess, "resize", 200),
        (Preprocess, "interpolation", "nearest"),
        (Preprocess, "crops", 2),
        (Preprocess, "mean", (0.5,)),
        (Preprocess, "std", (0.5, 0.5, 0)),
        (Augment, "multiscale", (1, 1.5)),
        (Augment, "flip", 1.5),
        (Augment, "jitter", -0.1),
        (Augment, "grey", float("nan")),
        (Augment, "brightness", -1),
        (Augment, "contrast", -1),
        (Augment, "saturation", -1),
        (Augment, "hue", 0.6),
    ],
)
def test_bad_settings_are_named(cls, field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be "):
        cls(**{field: value})


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
    ],
)
def test_bad_frames_are_named(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="frames must be uint8"):
        Preprocess(size=4, resize=4).evaluate(frames)
