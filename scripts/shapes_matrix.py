"""All methods on all families of the Shapes world, three seeds, and their records for the leaderboard.

    python scripts/shapes_matrix.py [--out runs/matrix] [--seeds 1 2 3] [--families ret,ml,full,b2n,zs,fs]
        [--methods all] [--publish docs/leaderboard/records]

What is done is not done again, so that an interrupted sweep goes on where it was. Then every record is
verified, and published in its compact form. Some hours on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FAMILIES = ("ret", "ml", "full", "b2n", "zs", "fs")
UNSEEDED = ("clip", "random")  # one run says all
MAPPED = ("full-shapes", "b2n-shapes", "zs-shapes")  # few-shot would have a map for each K


def bench(*words: object) -> int:
    """Run a command of the bench; its exit code."""
    command = [sys.executable, "-m", "vclipbench.bench.cli", *map(str, words)]
    return subprocess.run(command).returncode


def methods_of(words: str) -> list[str]:
    """The ids that `words` names; all: every built-in one."""
    from vclipbench.methods import BUILTIN

    return list(BUILTIN) if words == "all" else words.split(",")


def publish(runs: Path, out: Path, seed: int) -> int:
    """Compact records; with maps of one seed, the one whose clips the page shows."""
    from vclipbench.leaderboard.record.store import load_runs

    mapped, others = [], []
    for run in load_runs(runs, []):
        wanted = run.record.identity.protocol.id in MAPPED and run.record.seed in (None, seed)
        (mapped if wanted else others).append(run.folder)
    codes = [bench("publish", *mapped, "--map", "--out", out)] if mapped else []
    codes += [bench("publish", *others, "--out", out)] if others else []
    return max(codes, default=0)


def main() -> None:
    """Sweep, verify, publish."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/matrix"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--methods", default="all")
    parser.add_argument("--publish", type=Path, help="folder for the compact records")
    given = parser.parse_args()
    failed = 0
    for seed in given.seeds:
        first = seed == given.seeds[0]
        methods = [m for m in methods_of(given.methods) if first or m not in UNSEEDED]
        for family in given.families.split(","):
            words = ("--methods", ",".join(methods), "--protocols", f"{family}-shapes")
            failed += bench("sweep", *words, "--seed", seed, "--out", given.out) != 0
    failed += bench("verify", given.out) != 0
    if failed:
        raise SystemExit("something failed, see above; nothing was published")
    if given.publish:
        raise SystemExit(publish(given.out, given.publish, given.seeds[0]))


if __name__ == "__main__":
    main()
