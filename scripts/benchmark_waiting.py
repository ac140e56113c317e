"""What threads that wait cost beside other work: training steps by the wait policy of OpenMP.

    python scripts/benchmark_waiting.py --rounds 5 --busy 3

One process for each setting; they take turns, so that all see the same machine. A setting is put into the
environment by Python before torch is imported, as the command line does. Printed are wall and CPU seconds
of a step (ViFi-CLIP on `shapes-tiny`, forward, backward, AdamW), medians of the rounds, and the ratio to
the first setting, the median over pairs of one round [least, most].

`--busy N` starts N busy loops beside it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from multiprocessing.connection import Connection

from tabulate import tabulate

SETTINGS = ({}, {"OMP_WAIT_POLICY": "passive"}, {"GOMP_SPINCOUNT": "10000"})
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def steps(connection: Connection, setting: dict[str, str], args: argparse.Namespace) -> None:
    """A process: so many steps for each word it gets, answered with wall and CPU seconds a step."""
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(setting)
    import torch
    from vclipbench.methods import Batch, build_method

    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    method = build_method("vifi", "shapes-tiny", "none")
    stage = method.stages("classes")[0]
    method.enter(stage)
    stage.apply(method)
    size = method.backbone.image_size
    clips = torch.randn(args.batch, 8, 3, size, size)
    texts = [f"a photo of thing {k}." for k in range(24)]
    batch = Batch(clips, texts, torch.eye(24)[torch.arange(args.batch) % 24])
    optimiser = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-5)
    while connection.recv():
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(args.steps):
            method.loss(batch)["loss"].backward()
            optimiser.step()
            optimiser.zero_grad()
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        connection.send([some / args.steps for some in seconds])


def spin() -> None:
    """Other work, that never waits."""
    while True:
        pass


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="of a process in one turn")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    lines = []
    for setting in SETTINGS:
        ours, theirs = spawn.Pipe()
        spawn.Process(target=steps, args=(theirs, setting, args), daemon=True).start()
        lines.append(ours)
    for _ in range(args.busy):
        spawn.Process(target=spin, daemon=True).start()
    found = []
    for number in range(args.rounds + 1):  # the first one warms up
        order = list(range(len(lines)))
        for at in order[number % 3 :] + order[: number % 3]:
            lines[at].send(True)
            seconds = lines[at].recv()
            if number:
                found.append((number, at, *seconds))
                print(f"round {number}: {SETTINGS[at] or 'as it is'}: {seconds}", flush=True)
    print(tabulate(table(found), ["setting", "wall s", "of first", "CPU s", "of first"]))


def table(found: list[tuple[int, int, float, float]]) -> list[list[object]]:
    """One row a setting."""
    rows = []
    for at, setting in enumerate(SETTINGS):
        row: list[object] = [" ".join(f"{k}={v}" for k, v in setting.items()) or "as it is"]
        for column in (2, 3):
            own = {one[0]: one[column] for one in found if one[1] == at}
            first = {one[0]: one[column] for one in found if one[1] == 0}
            ratios = [own[number] / first[number] for number in own]
            low, high = min(ratios), max(ratios)
            row.append(f"{statistics.median(own.values()):.3f}")
            row.append(f"{statistics.median(ratios):.2f} [{low:.2f}, {high:.2f}]")
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
