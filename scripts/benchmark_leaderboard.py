"""What tables cost: CPU and wall seconds of `bench leaderboard`, cold and warm.

    python scripts/benchmark_leaderboard.py [docs/leaderboard/records] [--formats md csv json tex html]

A process for each figure, as a user starts it. Cold: with an empty cache, so that all ranks are drawn;
warm: at once again. Both must write the same bytes. The last line is without ranks at all.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

RECORDS = Path(__file__).resolve().parents[1] / "docs/leaderboard/records"


def measure(words: list[str], cache: Path) -> list[float]:
    """CPU and wall seconds of one call of the command."""
    environment = os.environ | {"VCLIPBENCH_CACHE": str(cache)}
    command = [sys.executable, "-m", "vclipbench.bench.cli", "leaderboard", *words]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [round(cpu, 2), round(wall, 2)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("records", nargs="?", type=Path, default=RECORDS)
    parser.add_argument("--formats", nargs="+", default=["md", "csv", "json", "tex", "html"])
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for format in args.formats:
            cache, files = Path(folder) / f"cache-{format}", []
            row: list[object] = [format]
            for state in ("cold", "warm"):
                out = Path(folder) / state
                words = [str(args.records), "--format", format, "--out", str(out)]
                row += measure(words, cache)
                files.append((out / f"leaderboard.{format}").read_bytes())
            rows.append([*row, "yes" if files[0] == files[1] else "NO"])
        rows.append(["md --no-ranks", *measure([str(args.records), "--no-ranks"], cache)])
    head = ["format", "cold CPU s", "wall s", "warm CPU s", "wall s", "same bytes"]
    print(tabulate(rows, head, tablefmt="github"))


if __name__ == "__main__":
    main()
