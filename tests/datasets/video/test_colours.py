"""Colours with Pillow's arithmetic: torchvision's on 8-bit images, bit for bit."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import functional
from vclipbench.datasets.video.augment import Augment
from vclipbench.datasets.video.colours import Colours
from vclipbench.datasets.video.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess

AMOUNTS = {
    "brightness": (0.0, 0.6, 0.9937, 1.0, 1.4),
    "contrast": (0.0, 0.6, 0.9937, 1.0, 1.4),
    "saturation": (0.0, 0.8, 0.9937, 1.0, 1.2),
    "hue": (-0.5, -0.1, -0.003, 0.0, 0.0039, 0.0731, 0.5),
}
VIFI = {"jitter": 1, "jitter_per_frame": True, "arithmetic": "pil"}


def clip(frames: int = 3, height: int = 37, width: int = 41, seed: int = 0) -> np.ndarray:
    rng = np.random.RandomState(seed)
    levels = rng.randint(0, 256, (frames, height, width, 3)).astype(np.uint8)
    levels[:, :9] = levels[:, :9, :, :1]  # without colour
    levels[-1] //= 3  # each frame has a mean of its own
    return levels


def reference(frame: np.ndarray, steps: Any, grey: bool = False) -> np.ndarray:
    """torchvision's functions on one image of Pillow."""
    image = Image.fromarray(frame)
    for name, amount in steps:
        image = getattr(functional, f"adjust_{name}")(image, amount)
    return np.asarray(functional.to_grayscale(image, 3) if grey else image)


def test_each_change_is_torchvisions() -> None:
    frames = clip()
    for name, amounts in AMOUNTS.items():
        for amount in amounts:
            ours = Colours((((name, amount),),), arithmetic="pil").apply(frames)
            assert ours.dtype == np.uint8
            expected = np.stack([reference(frame, [(name, amount)]) for frame in frames])
            assert (ours == expected).all(), (name, amount)
    ours = Colours(grey=True, arithmetic="pil").apply(frames)
    assert (ours == np.stack([reference(frame, [], grey=True) for frame in frames])).all()


def test_hue_of_all_colours_is_torchvisions() -> None:
    level = np.arange(256, dtype=np.uint8)
    for red in range(0, 256, 15):
        plane = np.stack(np.broadcast_arrays(np.uint8(red), level[:, None], level), axis=-1)
        for turns in (-0.1, 0.0, 0.0999):
            ours = Colours(((("hue", turns),),), arithmetic="pil").apply(plane[None])
            assert (ours[0] == reference(plane, [("hue", turns)])).all()


def test_every_order_is_torchvisions() -> None:
    frames = clip()
    amounts = {"brightness": 1.31, "contrast": 0.72, "saturation": 1.17, "hue": -0.083}
    for order in permutations(amounts):
        steps = tuple((name, amounts[name]) for name in order)
        ours = Colours((steps,), grey=order[0] == "hue", arithmetic="pil").apply(frames)
        expected = [reference(frame, steps, order[0] == "hue") for frame in frames]
        assert (ours == np.stack(expected)).all(), order


@pytest.mark.parametrize("per_frame", [True, False])
def test_a_drawn_view_is_the_references_pixels(per_frame: bool) -> None:
    """The whole way of a training clip: geometry, then Pillow's colours, drawn in our order."""
    frames = clip(4, 60, 81)
    preprocess = Preprocess(size=32, resize=36, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    augment = Augment(**(VIFI | {"jitter_per_frame": per_frame}))
    for seed in range(12):
        ours = augment.view(frames, preprocess, np.random.RandomState(seed))
        rng = np.random.RandomState(seed)
        plain = augment.geometric(frames, preprocess, rng)
        rng.random_sample()  # jitter has probability 1
        expected, names = [], tuple(AMOUNTS)
        for place, frame in enumerate(plain):
            if place == 0 or per_frame:
                steps = []
                for change in rng.permutation(4):
                    spread = (0.4, 0.4, 0.2, 0.1)[change]
                    steps.append((names[change], rng.uniform(-spread, spread) + (change < 3)))
            expected.append((frame, steps))
        grey = rng.random_sample() < 0.2
        assert (ours == np.stack([reference(*one, grey) for one in expected])).all()


def test_worked_numbers() -> None:
    """What Pillow's arithmetic is, whatever its version: parts of a level are cut off."""
    pixel = np.array([100, 101, 30], np.uint8).reshape(1, 1, 1, 3)

    def changed(name: str, amount: float, arithmetic: str = "pil") -> list[int]:
        row = ((name, amount),)
        return Colours((row,), arithmetic=arithmetic).apply(pixel).ravel().tolist()

    assert changed("brightness", 1.3) == [130, 131, 39]
    # luma: (100 * 19595 + 101 * 38470 + 30 * 7471 + 32768) >> 16 = 93
    assert Colours(grey=True, arithmetic="pil").apply(pixel).ravel().tolist() == [93, 93, 93]
    assert changed("saturation", 1.2) == [101, 102, 17]  # 93 + 1.2 * (v - 93): 101.4, 102.6, 17.4
    # hue, saturation and value are 43, 179 and 101; 0.0999 turns are 25 steps, not 25.5; then red is
    # 101 * (1 - 179 / 255 * (68 * 6 / 255 - 1)) = 58.5
    assert changed("hue", 0.0999) == [58, 101, 30]
    assert changed("hue", 0.0999, "float") == [57, 101, 30]


def test_float_is_the_default_and_differs() -> None:
    frames, rng = clip(), np.random.RandomState
    assert Augment().arithmetic == Colours().arithmetic == "float"
    drawn = [
        Augment(**(VIFI | {"arithmetic": a})).draw_colours(3, rng(1)) for a in ("float", "pil")
    ]
    assert drawn[0].steps == drawn[1].steps
    difference = np.abs(drawn[0].apply(frames).astype(int) - drawn[1].apply(frames))
    assert 0 < difference.mean() < 3


def test_float_is_not_described_so_that_identities_stay() -> None:
    assert "arithmetic" not in Augment().describe()
    said = Augment(**VIFI).describe()
    assert said["arithmetic"] == "pil"
    assert Augment(**said) == Augment(**VIFI)


def test_wrong_values_are_named() -> None:
    with pytest.raises(ValueError, match=r"^arithmetic must be one of float, pil, not 'pillow'$"):
        Augment(arithmetic="pillow")
    with pytest.raises(ValueError, match=r"^2 rows of steps do not go with 3 frames$"):
        Colours(((), ())).apply(clip())
