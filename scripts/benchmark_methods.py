"""What a method costs: seconds per training step and videos per second in evaluation, and memory.

    python scripts/benchmark_methods.py --backbone shapes-tiny --methods clip vifi
    python scripts/benchmark_methods.py --backbone ViT-B-16-quickgelu --frames 16 --device cuda --amp

Inputs are random tensors that lie ready, so decoding is not in the figures (see benchmark_readers.py).
Each figure is the median of the rounds; the first round warms up and does not count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

import torch
from tabulate import tabulate
from vclipbench.bench.evaluate import flops_per_view
from vclipbench.methods import Batch, build_method


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


def measure(name: str, args: argparse.Namespace) -> list:
    """One row of the table."""
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    method = build_method(name, args.backbone, args.pretrained).to(device)
    size = method.backbone.image_size
    clips = torch.randn(args.batch, args.frames, 3, size, size, device=device)
    texts = [f"a photo of a thing number {k}." for k in range(args.classes)]
    targets = torch.eye(args.classes, device=device)[torch.arange(args.batch) % args.classes]
    kind = torch.float16 if device.type == "cuda" else torch.bfloat16
    stages = method.stages("b2n")

    def score() -> None:
        with torch.inference_mode(), torch.autocast(device.type, kind, enabled=args.amp):
            method.encode_video(clips)

    def step() -> None:
        with torch.autocast(device.type, kind, enabled=args.amp):
            loss = method.loss(Batch(clips, texts, targets))["loss"]
        loss.backward()
        method.zero_grad(set_to_none=True)

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = timed(score, args.rounds, device)
    train = None
    if stages:
        stages[0].apply(method)
        train = timed(step, args.rounds, device)
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**20
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    flops = flops_per_view(method, args.frames, size)
    return [name, args.batch / seconds, train, memory, flops / 1e9 if flops else None]


def main() -> None:
    """Print the table and the machine."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--methods", nargs="+", default=["clip", "vifi", "vifi-image", "vifi-text"])
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
        rows = list(pool.map(measure, args.methods, [args] * len(args.methods)))
    where = torch.cuda.get_device_name() if args.device == "cuda" else platform.processor() or "CPU"
    precision = "autocast" if args.amp else "float32"
    work = f"{args.backbone}, {args.batch} clips of {args.frames} frames, {precision}"
    print(f"{work}; {where}, torch {torch.__version__}")
    head = ["method", "videos/s scored", "s per training step", "peak memory MiB", "GFLOP per view"]
    print(tabulate(rows, head, tablefmt="github", floatfmt=".3g"))


if __name__ == "__main__":
    main()
