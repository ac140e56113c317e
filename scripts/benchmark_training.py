"""A training step of each published recipe's shape, beside plain CLIP's encoder, on the CPU.

    python scripts/benchmark_training.py                  # ViT-B/16, random weights: more than an hour
    python scripts/benchmark_training.py --recipes open-vclip --rounds 3
    python scripts/benchmark_training.py --small          # tiny sizes: to see that it works

Each side is a process of its own, since two models in one disturb each other; they take turns, and while
one works the others wait. Figures are medians of the rounds; the first round warms up and does not count.
A step is the gradients as the training engine makes them, and the optimiser. "Plain" is a forward and a
backward pass of CLIP's image encoder over the same frames, for CLIP-ViP also of its text encoder over the
captions. "Loop" is the step with the texts encoded for each group anew.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

import torch
from gpu_check_parts.clock import seconds_once
from gpu_check_parts.setting import TINY, Shape
from gpu_check_parts.speed import Goal
from gpu_check_parts.work import Case, Step, all_learn, groups_of, made, plain_encoder
from tabulate import tabulate

CPU = torch.device("cpu")
SMALL = Shape(2, 2, 10)


@dataclass(frozen=True)
class Recipe:
    """A step of published training.

    Attributes:
        passes: forward and backward passes of the encoder that the step is made of.
        most: the goal: the largest ratio to so many plain ones. texts: whether plain ones have texts, too.
        loop: the goal: the least ratio of the loop to the step; None: there is no loop.
    """

    method: str
    frames: int
    shape: Shape
    passes: int = 1
    most: float | None = None
    texts: bool = False
    loop: float | None = None


RECIPES = {
    "vifi": Recipe("vifi", 8, Shape(4, 4, 400), loop=1.4),
    "open-vclip": Recipe("open-vclip", 8, Shape(1, 2, 400), passes=2, most=1.08),
    "clip-vip": Recipe("clip-vip", 12, Shape(1, 4, 400), most=1.05, texts=True),
}


def work_of(side: str, recipe: Recipe, small: bool) -> Callable[[], object]:
    """What a process repeats: "ours", "loop" or "plain"."""
    case = made(recipe.method, TINY if small else "ViT-B-16-quickgelu", CPU)
    groups = groups_of(case, recipe.frames, SMALL if small else recipe.shape)
    if side != "plain":
        case.method.begin(groups[0].batch)
        step = Step(case, nullcontext)
        return partial(step if side == "ours" else step.one_by_one, groups)
    texts = groups[0].batch.texts if recipe.texts else []
    return partial(_plain, case, torch.cat([group.batch.frames for group in groups]), texts)


def _plain(case: Case, frames: torch.Tensor, texts: list[str]) -> None:
    with all_learn(case.method.clip):
        plain_encoder(case, frames)().square().mean().backward()
        if texts:
            case.method.backbone.text_features(texts).square().mean().backward()


def serve(side: str, recipe: Recipe, small: bool, threads: int, line: Connection) -> None:
    """A process: does its work when told to, and answers seconds and peak MiB."""
    torch.set_num_threads(threads)
    work = work_of(side, recipe, small)
    while line.recv():
        seconds = seconds_once(work, CPU)
        line.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


@contextmanager
def processes(sides: list[str], recipe: Recipe, args: argparse.Namespace):
    """A line to a process for each side."""
    spawn = multiprocessing.get_context("spawn")
    lines, running = [], []
    for side in sides:
        here, there = spawn.Pipe()
        given = (side, recipe, args.small, args.threads, there)
        running.append(spawn.Process(target=serve, args=given, daemon=True))
        running[-1].start()
        there.close()
        lines.append(here)
    try:
        yield lines
    finally:
        for line, process in zip(lines, running, strict=True):
            if process.is_alive():
                line.send(False)
            process.join(10)


def _answer(side: str, line: Connection) -> tuple[float, float]:
    try:
        line.send(True)
        answer: tuple[float, float] = line.recv()
    except (EOFError, OSError):
        sys.exit(f"benchmark_training: the process of {side!r} ended; was there memory for it?")
    return answer


def measured(recipe: Recipe, args: argparse.Namespace) -> dict[str, tuple[float, float]]:
    """Median seconds and peak MiB of each side."""
    sides = ["ours", "plain", *(["loop"] if recipe.loop is not None else [])]
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    with processes(sides, recipe, args) as lines:
        for _ in range(args.rounds + 1):
            for side, line in zip(sides, lines, strict=True):
                taken[side].append(_answer(side, line))
    return {
        side: (statistics.median(seconds for seconds, _ in every[1:]), every[-1][1])
        for side, every in taken.items()
    }


def row_of(name: str, recipe: Recipe, args: argparse.Namespace) -> list[str]:
    """A row of the table."""
    figures = measured(recipe, args)
    (ours, memory), (plain, plain_memory) = figures["ours"], figures["plain"]
    shape = SMALL if args.small else recipe.shape
    ratio = ours / (recipe.passes * plain)
    row = [
        name,
        f"{shape.groups} x {shape.videos} x {recipe.frames}",
        f"{ours:.3g}",
        f"{plain:.3g}",
    ]
    row.append(f"{ratio:.2f} of {recipe.passes}")
    row.append("-" if recipe.most is None else Goal(recipe.most, most=True).verdict(ratio))
    memories = [f"{memory:.0f}", f"{plain_memory:.0f}"]
    if recipe.loop is None:
        return [*row, "-", "-", *memories, "-"]
    loop, loop_memory = figures["loop"]
    return [
        *row,
        f"{loop / ours:.2f}",
        Goal(recipe.loop).verdict(loop / ours),
        *memories,
        f"{loop_memory:.0f}",
    ]


HEAD = ("recipe", "groups x videos x frames", "s a step", "s plain", "in plain passes", "goal")
HEAD += ("loop : ours", "goal", "peak MiB", "plain MiB", "loop MiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that it works")
    args = parser.parse_args()
    if args.rounds < 1 or args.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    rows = [row_of(name, RECIPES[name], args) for name in args.recipes]
    model = "a tiny CLIP (small)" if args.small else "ViT-B/16, 224 px"
    print(
        f"{model}, float32, {args.threads} threads, medians of {args.rounds}, torch {torch.__version__}"
    )
    print(tabulate(rows, HEAD, "github", disable_numparse=True))


if __name__ == "__main__":
    main()
