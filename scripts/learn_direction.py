"""Can a method learn the direction of motion at all? A small task that nothing else can solve.

Trains on the base classes of Shapes that have their opposite among them (4 objects, 2 directions each, 48
clips a class) and tests on other clips of them, forwards and reversed. Objects are known from the start,
so what cannot see the order of frames is at 50 % both ways; what can is above it, and below it on
reversed clips.

    python scripts/learn_direction.py clip-vip --epochs 10
    python scripts/learn_direction.py clip-vip --train '{"lr": 1e-3}'
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch
from shapes_directions import opposite
from vclipbench.bench.config.schema import Train, merged
from vclipbench.bench.registry import card
from vclipbench.bench.train.optimiser import build_optimiser
from vclipbench.bench.train.schedule import factor
from vclipbench.datasets.shapes import splits
from vclipbench.datasets.shapes.store import ensure
from vclipbench.datasets.video.read import read_clip
from vclipbench.datasets.video.sampling import sample_rng, segment_random
from vclipbench.datasets.video.transforms import Preprocess
from vclipbench.methods import Batch, Method, build_method

FRAMES, PER_STEP = 8, 8
PIXELS = Preprocess(size=64, resize=64, interpolation="bilinear")


class Clips:
    """All frames of the clips of the classes with opposites, in memory."""

    def __init__(self, split: str):
        names = splits.classes(split)
        kept = [n for n in names if opposite(n) != n and opposite(n) in names]
        ids = [i for i in range(splits.size(split)) if names[i % len(names)] in kept]
        self.names = kept
        self.labels = torch.tensor([kept.index(names[i % len(names)]) for i in ids])
        paths = ensure([splits.clip(split, i) for i in ids])
        self.frames = [read_clip(path, range).frames for path in paths]

    def batch(self, chosen: np.ndarray, order: list[np.ndarray]) -> torch.Tensor:
        """Clips [B, T, 3, R, R] with the frames `order` of each."""
        clips = [PIXELS.normalise(self.frames[i][o]) for i, o in zip(chosen, order, strict=True)]
        return torch.from_numpy(np.stack(clips))


def accuracy(method: Method, clips: Clips, texts: list[str], backwards: bool) -> float:
    """Top-1 in %, on frames at the middles of 8 segments."""
    frames = np.arange(1, 24, 3)[:: -1 if backwards else 1]
    right = 0
    with torch.inference_mode():
        text = method.encode_text(texts)
        for chosen in np.array_split(np.arange(len(clips.labels)), len(clips.labels) // 8):
            video = method.encode_video(clips.batch(chosen, [frames] * len(chosen)))
            right += int((method.scores(video, text).argmax(1) == clips.labels[chosen]).sum())
    return 100 * right / len(clips.labels)


def main() -> None:
    """Train with the rates of the base-to-novel recipe on Shapes; print after each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("method")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--train", type=json.loads, default={}, help="JSON: settings over the recipe's"
    )
    args = parser.parse_args()
    recipe = card(args.method).recipe(family="b2n", dataset="shapes", backbone="shapes-tiny")
    settings = recipe.set if recipe else {}
    prompt = settings.get("prompts", ["a photo of a {}."])[0]
    torch.manual_seed(1)
    method = build_method(args.method, "shapes-tiny", **settings.get("options", {}))
    stage = method.stages("classes")[-1]
    method.enter(stage)
    stage.apply(method)
    optimiser = build_optimiser(method, merged(Train(), settings.get("train", {}) | args.train))
    rates = [group["lr"] for group in optimiser.param_groups]
    train, test = Clips("base-train"), Clips("base-val")
    texts = [prompt.format(name) for name in train.names]
    total, step = args.epochs * len(train.labels) // PER_STEP, 0
    for epoch in range(args.epochs):
        method.train()
        rng = sample_rng(1, "order", epoch)
        for chosen in rng.permutation(len(train.labels)).reshape(-1, PER_STEP):
            clips = train.batch(chosen, [segment_random(24, FRAMES, rng) for _ in chosen])
            targets = torch.nn.functional.one_hot(train.labels[chosen], len(texts)).float()
            share = factor("cosine", step, total, total // 6, 0.01)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * share
            step += 1
            loss = method.loss(Batch(clips, texts, targets))["loss"]
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(method.parameters(), 1.0)
            optimiser.step()
        method.eval()
        both = [accuracy(method, test, texts, backwards) for backwards in (False, True)]
        print(
            f"epoch {epoch + 1}: top-1 {both[0]:.1f} %, on reversed clips {both[1]:.1f} %",
            flush=True,
        )


if __name__ == "__main__":
    main()
