"""Can a method tell the direction of motion? Counts over stored predictions of Shapes runs.

For every clip whose class has the opposite motion of the same object among the candidates (moving left
and moving right, growing and shrinking, the turns), it asks whether the right one of the two has the
higher score; a tie is wrong. Whatever looks at the set of frames only is at 50 %.

    python scripts/shapes_directions.py runs
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from tabulate import tabulate
from vclipbench.datasets.shapes import splits
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.predictions import load_predictions
from vclipbench.leaderboard.record import Record
from vclipbench.leaderboard.stats import wilson

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


def hits(ids: np.ndarray, target: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """For each clip with an opposite among the classes: whether the right one scores higher."""
    names = splits.classes(str(ids[0]).split("/")[0])
    place = {name: i for i, name in enumerate(names)}
    other = np.array([place.get(opposite(name), i) for i, name in enumerate(names)])
    rows = np.flatnonzero(other[target] != target)
    return scores[rows, target[rows]] > scores[rows, other[target[rows]]]


def count(record: Record, root: Path) -> dict[bool, np.ndarray]:
    """Hits of one run, apart for splits of trained classes (True) and of unseen ones (False)."""
    identity = record.identity
    folder = root / identity.protocol.id / identity.method.name / record.run_id
    found: dict[bool, list[np.ndarray]] = defaultdict(list)
    for name, part in load_predictions(folder / "predictions.npz").items():
        found[name in ("base", "test")].append(hits(part["ids"], part["target"], part["scores"]))
    return {seen: np.concatenate(parts) for seen, parts in found.items()}


def main() -> None:
    """Print one line for each method: trained classes and unseen classes."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "runs")
    counts: dict[str, dict[bool, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    for record in load_records(root):
        if record.status == "done" and record.identity.protocol.dataset == "shapes":
            for seen, found in count(record, root).items():
                counts[record.identity.method.name][seen].append(found)
    rows = []
    for method, by_kind in sorted(counts.items()):
        cells = []
        for seen in (True, False):
            all_hits = np.concatenate(by_kind[seen]) if by_kind[seen] else np.zeros(0, bool)
            if not len(all_hits):
                cells.append("")
                continue
            low, high = (100 * b for b in wilson(int(all_hits.sum()), len(all_hits), 0.95))
            cells.append(f"{100 * all_hits.mean():.1f} [{low:.1f}, {high:.1f}] of {len(all_hits)}")
        rows.append([method, *cells])
    print(
        tabulate(rows, ["method", "direction, trained classes, %", "unseen classes, %"], "github")
    )


if __name__ == "__main__":
    main()
