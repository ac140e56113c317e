"""Time the pixels of a clip after decoding: what is done where it is decoded, and what on a device.

    python scripts/benchmark_pixels.py --frames 32 --device cuda

The settings are ViFi-CLIP's, jitter in every clip. On a CPU it is CPU time on one thread, so it can be
trusted on a busy machine; on a GPU it is time on the clock for a batch of --batch clips, divided by
them, with the copy to the device. The least of the repeats is shown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from vclipbench.datasets.video.augment import Augment
from vclipbench.datasets.video.device_colours import change_colours
from vclipbench.datasets.video.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess

PREPROCESS = Preprocess(mean=IMAGENET_MEAN, std=IMAGENET_STD)


def least_ms(work: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    """The least time of `work`, in ms, after one call that does not count."""
    work()
    times = []
    for _ in range(repeats):
        before = clock()
        work()
        times.append(clock() - before)
    return 1000 * min(times)


def smooth_clip(frames: int) -> np.ndarray:
    """uint8 [frames, 240, 320, 3] with soft shapes and some noise, as videos have them."""
    rng = np.random.RandomState(0)
    low = rng.randint(0, 256, (frames, 12, 16, 3)).astype(np.uint8)
    whole = np.stack([cv2.resize(f, (320, 240), interpolation=cv2.INTER_CUBIC) for f in low])
    return np.clip(whole + rng.randint(-9, 10, whole.shape), 0, 255).astype(np.uint8)


def on_workers(clip: np.ndarray) -> dict[str, Callable[[], object]]:
    """What happens to one clip where it is decoded."""
    works: dict[str, Callable[[], object]] = {
        "evaluate: floats": lambda: PREPROCESS.evaluate(clip),
        "evaluate: 8 bits": lambda: PREPROCESS.views(clip),
    }
    for name, change in {
        "no colours": {"jitter": 0, "grey": 0},
        "float": {"jitter": 1, "jitter_per_frame": True},
        "pil": {"jitter": 1, "jitter_per_frame": True, "arithmetic": "pil"},
    }.items():
        one = Augment(multiscale=(0.875,), **change)  # type: ignore[arg-type]

        def floats(one: Augment = one) -> object:
            return one.apply(clip, PREPROCESS, np.random.RandomState(0))

        def levels(one: Augment = one) -> object:
            return one.view(clip, PREPROCESS, np.random.RandomState(0))

        works |= {f"train, {name}: floats": floats, f"train, {name}: 8 bits": levels}
    return works


def on_device(clip: np.ndarray, batch: int, device: str) -> dict[str, Callable[[], object]]:
    """What a device can do with a batch of 8-bit clips."""
    rng = np.random.RandomState(0)
    augment = Augment(jitter=1, jitter_per_frame=True, arithmetic="pil")
    drawn = [augment.draw_colours(len(clip), rng) for _ in range(batch)]
    plain = torch.from_numpy(np.stack([augment.geometric(clip, PREPROCESS, rng)] * batch))

    def wait(result: torch.Tensor) -> None:
        if result.is_cuda:
            torch.cuda.synchronize()

    return {
        "to_floats": lambda: wait(PREPROCESS.to_floats(plain.to(device))),
        "change_colours (pil)": lambda: wait(change_colours(plain.to(device), drawn)),
    }


def main() -> None:
    """Print milliseconds a clip, and the bytes handed over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=32, help="frames per clip")
    parser.add_argument("--batch", type=int, default=4, help="clips at once on the device")
    parser.add_argument("--device", default="cpu", help="where --batch clips become floats")
    parser.add_argument("--repeats", type=int, default=5, help="the least counts")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    clip = smooth_clip(arguments.frames)
    for name, work in on_workers(clip).items():
        print(f"{name:<32}{least_ms(work, arguments.repeats, time.process_time):8.1f} ms a clip")
    clock = time.process_time if arguments.device == "cpu" else time.perf_counter
    for name, work in on_device(clip, arguments.batch, arguments.device).items():
        ms = least_ms(work, arguments.repeats, clock) / arguments.batch
        print(f"{f'{arguments.device}, {name}':<32}{ms:8.1f} ms a clip")
    for name, pixels in (("floats", PREPROCESS.evaluate(clip)), ("8 bits", PREPROCESS.views(clip))):
        print(f"{f'handed over as {name}':<32}{pixels.nbytes / 2**20:8.1f} MiB a clip")


if __name__ == "__main__":
    main()
