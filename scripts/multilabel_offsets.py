"""How much of mean AP is lost to what a softmax over labels leaves open: an offset of each clip.

A softmax over the labels of a clip does not change when all its scores rise together, so a method that
learns by it is free to. Mean AP asks for each label which clips score highest, and sees such offsets. This
takes the mean score of each clip away and asks again, over the stored predictions of runs of ml-shapes.

    python scripts/multilabel_offsets.py docs/leaderboard/records
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tabulate import tabulate
from vclipbench.leaderboard.record.files import StoreError
from vclipbench.leaderboard.record.store import Run, load_runs
from vclipbench.leaderboard.statistics.items import items
from vclipbench.protocols.metrics.multilabel import per_label_average_precision


class Offsets(NamedTuple):
    """Mean AP in %, and standard deviations in the unit of the scores."""

    across: float
    """Mean AP over labels, each over all clips: what the leaderboard shows."""
    centred: float
    """The same of scores without the mean of each clip."""
    within: float
    """Mean AP over clips, each over its labels."""
    offset_sd: float
    """Of the means of the clips."""
    rest_sd: float
    """Of the centred scores of a label, mean over labels."""


def offsets(scores: np.ndarray, target: np.ndarray) -> Offsets:
    """Of scores [N, L] and marks of the same shape."""
    means = scores.mean(1, keepdims=True)
    centred = scores - means
    marked = target.any(1)
    shares = [
        np.nanmean(per_label_average_precision(x, y))
        for x, y in ((scores, target), (centred, target), (scores[marked].T, target[marked].T))
    ]
    across, centred_ap, within = (100 * float(share) for share in shares)
    return Offsets(across, centred_ap, within, float(means.std()), float(centred.std(0).mean()))


def collect(runs: Iterable[Run]) -> dict[tuple[str, str], list[Offsets]]:
    """(method, half of the labels) -> what each of its runs of ml-shapes has."""
    found: dict[tuple[str, str], list[Offsets]] = defaultdict(list)
    for run in runs:
        record = run.record
        if record.status != "done" or record.identity.protocol.id != "ml-shapes":
            continue
        arrays = run.predictions() or {}
        if "scores" not in arrays.get("test", {}):  # ranks have no offsets
            continue
        made = items(record, arrays)
        for half in ("base", "novel"):
            part = made["map", half]
            assert part.against is not None
            found[record.identity.method.name, half].append(offsets(part.values, part.against))
    return found


def main() -> None:
    """Print a line for each method and half of the labels, means over seeds."""
    problems: list[str] = []
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "runs")
    try:
        found = collect(load_runs(root, problems))
    except StoreError as error:
        raise SystemExit(f"error: {error}") from None
    if not found:
        raise SystemExit(f"error: no finished runs of ml-shapes with scores in {root}")
    rows = [[*key, len(some), *np.mean(some, axis=0)] for key, some in sorted(found.items())]
    head = ["method", "labels", "runs", "mAP", "mAP, centred", "AP within clips", "sd of offsets"]
    print(tabulate(rows, [*head, "sd of the rest"], "github", floatfmt=".1f"))
    for problem in problems:
        print(problem, file=sys.stderr)


if __name__ == "__main__":
    main()
