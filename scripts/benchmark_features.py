"""What the feature cache saves, and that a change of any part of its address misses.

    python scripts/benchmark_features.py [--protocol zs-shapes] [--method clip] [--also PROTOCOL] [-- FLAGS]

Runs the protocol cold, again, and without the cache; then once with each change. Times are those of
the records: looking up and decoding, and encoding, without start and model loading. FLAGS go to every
run, such as --data ROOT --backbone shapes-tiny --on-bad-video skip.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate
from vclipbench.leaderboard import load_records

# what a run says differently -> how many of its videos should be found
CHANGES = {
    "nothing": ([], True),
    "prompts": (["--prompt", "a video of a {}."], True),
    "clips": (["--set", "views.clips=2"], False),
    "frames": (["--set", "views.frames=4"], False),
    "frame sampling": (["--set", "views.sampling=linspace"], False),
    "interpolation": (["--set", "preprocess.interpolation=bicubic"], False),
    "pixel normalisation": (["--set", "preprocess.normalise=imagenet"], False),
    "reader": (["--reader", "decord"], False),
    "precision": (["--set", "eval.precision=amp"], False),
    "weights": (["--pretrained", "none"], False),
}


def run(out: Path, method: str, protocol: str, flags: list[str]) -> tuple[float, float, int, int]:
    """Seconds of decoding, of encoding, videos found and scored."""
    before = {r.run_id: r.finished_utc for r in load_records(out)} if out.is_dir() else {}
    command = [sys.executable, "-m", "vclipbench.bench.cli", "run", "--method", method]
    command += ["--protocol", protocol, "--out", str(out), "--if-exists", "redo", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr or done.stdout}")
    after = {r.run_id: r for r in load_records(out)}
    new = [r for id, r in after.items() if before.get(id) != r.finished_utc] or list(after.values())
    record = new[-1]
    assert record.cost is not None
    assert record.observed is not None
    scored = sum(part.n_scored for part in record.data.values())
    seconds = record.cost.seconds
    reused = record.observed.effective_plan["reused_features"]
    return seconds["decode"], seconds["encode"], reused, scored


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--protocol", default="zs-shapes")
    parser.add_argument("--method", default="clip")
    parser.add_argument("--also", help="a second protocol on the same videos, run after the first")
    parser.add_argument("--no-changes", action="store_true", help="only the speed-up")
    parser.add_argument("flags", nargs="*", help="after --: flags of every run")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)

        def add(name: str, protocol: str, flags: list[str]) -> tuple[float, float, int, int]:
            found = run(out, given.method, protocol, [*given.flags, *flags])
            decode, encode, reused, scored = found
            rows.append([name, protocol, f"{decode:.2f}", f"{encode:.2f}", f"{reused} of {scored}"])
            return found

        off = add("without cache", given.protocol, ["--set", "eval.cache=false"])
        add("cold", given.protocol, [])
        warm = add("again", given.protocol, [])
        if given.also:
            add("without cache", given.also, ["--set", "eval.cache=false"])
            add("after the first", given.also, [])
        wrong = []
        for name, (flags, finds) in CHANGES.items() if not given.no_changes else ():
            *_, reused, scored = add(f"changed: {name}", given.protocol, flags)
            wrong += [name] if (reused == scored) != finds else []
    print(tabulate(rows, ["run", "protocol", "decode s", "encode s", "features found"]))
    print(f"speed-up of decoding and encoding: {sum(off[:2]) / sum(warm[:2]):.1f}")
    if wrong:
        raise SystemExit(f"not as they should be: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
