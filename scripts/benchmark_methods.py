"""What a method costs: seconds per training step and videos per second in evaluation, and memory.

    python scripts/benchmark_methods.py --backbone shapes-tiny
    python scripts/benchmark_methods.py --backbone ViT-B-16-quickgelu --frames 16 --device cuda --amp

Inputs are random tensors that lie ready, so decoding is not in the figures (see benchmark_readers.py).
Each figure is the median of the rounds; the first round warms up and does not count. A step is forward and
backward of one batch, without the optimiser.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

import torch
from tabulate import tabulate
from vclipbench.bench.score.evaluate import flops_per_view
from vclipbench.methods import BUILTIN, Batch, Stage, build_method


def timed(work, rounds: int, device: torch.device) -> float:
    """Median seconds of `work()` after one warm-up."""
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def batch_for(stage: Stage, clips: torch.Tensor, classes: int) -> Batch:
    """A batch of random content as the stage learns from it."""
    number, device = len(clips), clips.device
    words = [f"a thing number {k} that moves about" for k in range(max(number, classes))]
    if stage.texts == "classes":
        targets = torch.eye(classes, device=device)[torch.arange(number) % classes]
        texts = [f"a photo of {word}." for word in words[:classes]]
        return Batch(clips, texts, targets, descriptions=words[:number])
    batch = Batch(clips, words[:number], torch.eye(number, device=device), paired=True)
    if stage.texts == "omnisource":
        batch.images, batch.captions = clips[:, :1], words[:number]
    return batch


def measure(name: str, args: argparse.Namespace) -> list[list]:
    """One row of the table for each stage; one for a method that does not train."""
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    method = build_method(name, args.backbone, args.pretrained, **args.options.get(name, {}))
    method.to(device)
    size = method.backbone.image_size
    clips = torch.randn(args.batch, args.frames, 3, size, size, device=device)
    kind = torch.float16 if device.type == "cuda" else torch.bfloat16

    def score() -> None:
        with torch.inference_mode(), torch.autocast(device.type, kind, enabled=args.amp):
            method.encode_video(clips)

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = timed(score, args.rounds, device)
    flops = flops_per_view(method, args.frames, size)
    common = [args.batch / seconds, flops / 1e9 if flops else None]
    rows = []
    for stage in method.stages("classes"):
        method.enter(stage)
        stage.apply(method)
        batch = batch_for(stage, clips, args.classes)

        def step(batch: Batch = batch) -> None:
            with torch.autocast(device.type, kind, enabled=args.amp):
                loss = method.loss(batch)["loss"]
            loss.backward()
            method.zero_grad(set_to_none=True)

        rows.append([name, stage.name, *common, timed(step, args.rounds, device), memory(device)])
    return rows or [[name, "", *common, None, memory(device)]]


def memory(device: torch.device) -> float:
    """Peak so far, MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table and the machine."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--methods", nargs="+", default=[m for m in BUILTIN if m != "random"])
    parser.add_argument("--options", type=json.loads, default={}, help='JSON: {"method": {...}}')
    parser.add_argument("--backbone", default="shapes-tiny")
    parser.add_argument("--pretrained", default="none", help="random weights cost the same")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--classes", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--amp", action="store_true")
    args = parser.parse_args()
    # a process for each method: the peak memory of a process cannot be set back
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        found = list(pool.map(measure, args.methods, [args] * len(args.methods)))
    rows = [row for part in found for row in part]
    plain = next((args.batch / row[2] for row in rows if row[0] == "clip"), None)
    for row in rows:
        row.insert(5, row[4] / plain if row[4] and plain else None)
    where = torch.cuda.get_device_name() if args.device == "cuda" else platform.processor() or "CPU"
    precision = "autocast" if args.amp else "float32"
    work = f"{args.backbone}, {args.batch} clips of {args.frames} frames, {precision}"
    print(f"{work}; {where}, torch {torch.__version__}")
    head = ["method", "stage", "videos/s scored", "GFLOP per view", "s per training step"]
    head += ["in forward passes of clip", "peak memory MiB"]
    print(tabulate(rows, head, tablefmt="github", floatfmt=".3g"))


if __name__ == "__main__":
    main()
