"""Colours of a batch on the device: what `Colours.apply`, and so Pillow, makes of each clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from vclipbench.datasets.video.augment import Augment
from vclipbench.datasets.video.colours import Colours
from vclipbench.datasets.video.device_colours import _blend, _tables, change_colours

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def clips(number: int = 3, frames: int = 4, seed: int = 0) -> np.ndarray:
    rng = np.random.RandomState(seed)
    levels = rng.randint(0, 256, (number, frames, 23, 31, 3)).astype(np.uint8)
    levels[:, :, :5] = levels[:, :, :5, :, :1]  # without colour
    levels[:, 1:] //= 2
    return levels


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("per_frame", [True, False])
def test_a_batch_is_what_workers_make_of_each_clip(per_frame: bool, device: str) -> None:
    augment = Augment(jitter=0.7, jitter_per_frame=per_frame, grey=0.4, arithmetic="pil")
    for seed in range(15):
        plain, rng = clips(seed=seed), np.random.RandomState(seed)
        drawn = [augment.draw_colours(4, rng) for _ in plain]
        given = torch.from_numpy(plain.copy()).to(device)
        changed = change_colours(given, drawn)
        expected = np.stack([one.apply(clip) for one, clip in zip(drawn, plain, strict=True)])
        assert changed.dtype == torch.uint8
        assert (changed.cpu().numpy() == expected).all()
        assert (given.cpu().numpy() == plain).all()


def test_blending_is_pillows_for_all_levels() -> None:
    base, level = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    images = Image.fromarray(base), Image.fromarray(level)
    tensors = (torch.from_numpy(one).view(1, 256, 256, 1) for one in (base, level))
    first, second = tensors
    for factor in (*np.random.RandomState(0).uniform(0.6, 1.4, 60), 0.0, 0.5, 1.0, 2.0):
        theirs = np.asarray(Image.blend(*images, factor))
        assert (_blend(first, second, [factor]).view(256, 256).numpy() == theirs).all(), factor


def test_tables_are_pillows() -> None:
    to_hsv, to_rgb = _tables(torch.device("cpu"))
    pixels = np.random.RandomState(0).randint(0, 256, (50, 50, 3)).astype(np.uint8)
    codes = pixels.astype(int) @ [65536, 256, 1]
    for table, source, target in ((to_hsv, "RGB", "HSV"), (to_rgb, "HSV", "RGB")):
        image = Image.frombytes(source, (50, 50), pixels.tobytes()).convert(target)
        assert (table.numpy()[codes] == np.asarray(image).astype(int) @ [65536, 256, 1]).all()


def test_nothing_drawn_changes_nothing() -> None:
    given = torch.from_numpy(clips())
    assert torch.equal(change_colours(given, [Colours()] * 3), given)


def test_wrong_input_is_named() -> None:
    given = torch.from_numpy(clips())
    bright, grey = Colours(((("brightness", 0.9),),)), Colours(grey=True, arithmetic="pil")
    with pytest.raises(ValueError, match=r"^on a device the arithmetic must be pil, not 'float'$"):
        change_colours(given, [bright] * 3)
    with pytest.raises(ValueError, match=r"^2 drawn colours do not go with 3 clips$"):
        change_colours(given, [grey] * 2)
    with pytest.raises(ValueError, match=r"^clips must be uint8 \[B, T, H, W, 3\], not torch\."):
        change_colours(given.float(), [grey] * 3)
    with pytest.raises(ValueError, match=r"^2 rows of steps do not go with 4 frames$"):
        change_colours(given, [Colours(((), ()), arithmetic="pil")] * 3)
