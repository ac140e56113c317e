"""Can a method tell the direction of motion? Counts over stored predictions of Shapes runs.

For every clip whose class has the opposite motion of the same object among the candidates (moving left
and moving right, growing and shrinking, the turns), it asks whether the right one of the two has the
higher score; a tie is wrong. Whatever looks at the set of frames only is at 50 %.

    python scripts/shapes_directions.py docs/leaderboard/records

Seeds and shots are averaged for each clip; the interval is over the clips. Families of scenes have no
opposites and are passed over.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from tabulate import tabulate
from vclipbench.datasets.shapes import splits
from vclipbench.leaderboard.record.files import StoreError
from vclipbench.leaderboard.record.store import Run, load_runs
from vclipbench.leaderboard.statistics.bootstrap import intervals
from vclipbench.leaderboard.statistics.items import scores_of
from vclipbench.protocols.metrics import Items, Number

_TURNS = (
    ("left", "right"),
    ("up", "down"),
    ("growing", "shrinking"),
    ("clockwise", "counterclockwise"),
)
OPPOSITE = {a: b for pair in _TURNS for a, b in (pair, pair[::-1])}


def opposite(name: str) -> str:
    """The class name with its motion turned round; itself if the motion has no direction."""
    *words, last = name.split(" ")
    return " ".join([*words, OPPOSITE.get(last, last)])


def hits(arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[str, bool]]:
    """Each clip with an opposite among the classes, and whether the right one scores higher."""
    ids, target, scores = arrays["ids"], arrays["target"], scores_of(arrays)
    names = splits.classes(str(ids[0]).split("/")[0])
    place = {name: i for i, name in enumerate(names)}
    other = np.array([place.get(opposite(name), i) for i, name in enumerate(names)])
    rows = np.flatnonzero(other[target] != target)
    right = scores[rows, target[rows]] > scores[rows, other[target[rows]]]
    return zip(map(str, ids[rows]), map(bool, right), strict=True)


def collect(runs: Iterable[Run]) -> dict[str, dict[bool, dict[str, list[bool]]]]:
    """Method -> whether its splits have trained classes -> clip -> hit or not, once for each run."""
    found: dict[str, dict[bool, dict[str, list[bool]]]] = {}
    for run in runs:
        record = run.record
        if record.status != "done" or record.identity.protocol.dataset != "shapes":
            continue
        for split, arrays in (run.predictions() or {}).items():
            if str(arrays["ids"][0]).split("/")[0] not in splits.CLASS_SPLITS:
                continue
            kinds = found.setdefault(record.identity.method.name, {})
            clips = kinds.setdefault(split in ("base", "test"), defaultdict(list))
            for id, right in hits(arrays):
                clips[id].append(right)
    return found


def share(clips: Mapping[str, list[bool]]) -> str:
    """The mean over clips of the mean over runs, in %, with its interval over clips."""
    ids = np.array(list(clips))
    values = np.array([np.mean(one) for one in clips.values()])
    found = intervals({"": Number((Items(ids, values, rule="share"),))})[""]
    return f"{100 * values.mean():.1f} [{found.low:.1f}, {found.high:.1f}] of {len(ids)}"


def main() -> None:
    """Print one line for each method: trained classes and unseen classes."""
    problems: list[str] = []
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "runs")
    try:
        found = collect(load_runs(root, problems))
    except StoreError as error:
        raise SystemExit(f"error: {error}") from None
    if not found:
        raise SystemExit(f"error: no finished runs of the Shapes world with classes in {root}")
    rows = [
        [method, *(share(kinds[seen]) if kinds.get(seen) else "" for seen in (True, False))]
        for method, kinds in sorted(found.items())
    ]
    head = ["method", "direction, trained classes, %", "unseen classes, %"]
    print(tabulate(rows, head, "github"))
    for problem in problems:
        print(problem, file=sys.stderr)


if __name__ == "__main__":
    main()
