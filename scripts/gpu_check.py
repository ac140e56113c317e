"""What a GPU gives: golden cases on it, speed and memory of every method, the demo; 8 minutes at most.

    python scripts/gpu_check.py                                     # print
    python scripts/gpu_check.py --write docs/performance.md         # and keep, between two markers
    python scripts/gpu_check.py --device cpu --small                # tiny sizes: to see that it works

It carries what it needs: weights are random, clips are made. Exit code 1 if a golden case is not met or
a part fails.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from gpu_check_parts import demo, golden_rows, section, speed, switches
from gpu_check_parts.budget import Budget
from gpu_check_parts.golden_cases import every
from gpu_check_parts.setting import Setting
from gpu_check_parts.work import METHODS, made
from tabulate import tabulate

Row = list[str]
NO_GPU = (
    "gpu_check: torch sees no GPU here; --device cpu --small tries the script with tiny sizes "
    "on the processor"
)


def golden_table(budget: Budget, setting: Setting) -> list[Row]:
    """Errors of the golden cases."""
    rows: list[Row] = []
    for name in every(setting.small):
        part = budget.run("golden case", name, partial(golden_rows.rows_of, name, setting))
        rows += part or []
    return rows


def speed_tables(budget: Budget, setting: Setting) -> tuple[list[Row], list[Row]]:
    """Evaluation and training of every method."""
    evaluation: list[Row] = []
    training: list[Row] = []
    for name in METHODS:
        make = partial(made, name, setting.backbone, setting.device)
        case = budget.run("method", name, make)
        for frames in setting.frames if case is not None else ():
            title = f"{name}, {frames} frames"
            row = budget.run(
                "evaluation", title, partial(speed.evaluation_row, case, frames, setting)
            )
            evaluation += [row] if row else []
            if case.trains:
                steps = partial(speed.training_rows, case, frames, setting)
                rows = budget.run("training", title, steps)
                training += rows or []
        del case
    return evaluation, training


def switch_table(budget: Budget, setting: Setting) -> list[Row]:
    """What can be computed in two ways."""
    parts = switches.SWITCHES.items()
    rows = [budget.run("switch", name, partial(part, setting)) for name, part in parts]
    return [row for row in rows if row]


def demo_table(budget: Budget, setting: Setting) -> list[Row]:
    """The demo's runs."""
    rows = [budget.run("demo", m, partial(demo.demo_row, m, setting)) for m in demo.RUNS]
    return [row for row in rows if row]


def report(setting: Setting, budget: Budget) -> tuple[str, bool]:
    """The whole text, and whether everything went well."""
    golden = golden_table(budget, setting)
    evaluation, training = speed_tables(budget, setting)
    tables: list[tuple[str, Sequence[str], list[Row]]] = [
        ("Golden cases: largest relative error", golden_rows.HEAD, golden),
        ("Evaluation", speed.EVALUATION, evaluation),
        ("Training steps", speed.TRAINING, training),
        ("Ways to compute the same", switches.HEAD, switch_table(budget, setting)),
        ("Demo", demo.HEAD, demo_table(budget, setting)),
    ]
    lines = [f"{setting.title()}.", "", f"{setting.words()}.", NOTES]
    if setting.small:
        lines.append(
            "The goals are of ViT-B/16 on a card: at these sizes their verdicts mean nothing."
        )
    for title, head, rows in tables:
        lines += ["", f"### {title}", ""]
        lines.append(tabulate(rows, head, "github", disable_numparse=True) if rows else "Nothing.")
    lines += ["", *budget.words()]
    good = not budget.failed and not any("NOT OK" in row for row in golden)
    return "\n".join(lines), good


NOTES = """\
"Of plain CLIP": the rate beside CLIP's image encoder alone on the same frames, in turns. "Loop": a
straightforward loop (whole losses, group by group, texts anew each time at all 77 positions, the loss read
each time). "In plain passes": a step in forward and backward passes of that encoder over the same frames.
MFU: counted operations over the dense peak of the data sheet. Memory: the most that torch handed out.
Errors are the largest of features, scores, losses and norms of gradients, relative to the largest entry."""


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that it works")
    parser.add_argument("--minutes", type=float, default=8, help="parts that do not fit are listed")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="replace its section")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        sys.exit(2)
    if args.minutes <= 0:
        parser.error(f"--minutes must be greater than 0, not {args.minutes:g}")
    try:
        if args.write:
            section.parts_of(args.write)
    except section.NoSection as error:
        parser.error(str(error))
    setting = Setting(torch.device(args.device), args.small)
    budget = Budget(args.minutes, longest={} if args.small else {"demo": 60})
    text, good = report(setting, budget)
    print(text)
    if args.write:
        section.write(args.write, text)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
