"""Write protocols/overlap_k400.csv from the two tables in which class names were compared and judged."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "protocols" / "overlap_k400.csv"
DATASETS = {"UCF101": "ucf101", "HMDB51": "hmdb51", "K600-zero-shot": "k600"}
VERDICTS = {
    **{name: name for name in ("same", "near", "related", "none")},
    "not reviewed": "unjudged",
}
Row = tuple[str, str, str, str]


def judged(rows: Iterator[dict[str, str]]) -> Iterator[Row]:
    """Dataset, raw official class, verdict and classes of Kinetics-400, in the order of the table.

    Raises:
        SystemExit: a dataset or verdict that is not known.
    """
    for row in rows:
        if row["dataset"] not in DATASETS or row["reviewed_verdict"] not in VERDICTS:
            raise SystemExit(f"unknown dataset or verdict: {row}")
        dataset, name = DATASETS[row["dataset"]], row["class_name"]
        raw = name.replace(" ", "_") if dataset == "hmdb51" else name
        yield dataset, raw, VERDICTS[row["reviewed_verdict"]], row["reviewed_k400"]


def renamed(rows: Iterator[dict[str, str]]) -> Iterator[Row]:
    """The classes of Kinetics-600 that are classes of Kinetics-400 under another name."""
    for row in rows:
        if row["in"] == "k600_only" and row["probable_rename_of"]:
            yield "k600", row["class_name"], "renamed", row["probable_rename_of"]


def main(arguments: list[str] | None = None) -> None:
    """Replace the table, or leave it as it is where an argument is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audit", type=Path, help="leak_audit_k400.csv")
    parser.add_argument("names", type=Path, help="k400_k600_name_differences.csv")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    rows = [*judged(_read(given.audit)), *renamed(_read(given.names))]
    beside = given.out.with_suffix(".part")
    with beside.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("dataset", "class", "verdict", "k400"))
        writer.writerows(rows)
    os.replace(beside, given.out)
    print(f"{len(rows)} rows in {given.out}")


def _read(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as table:
        yield from csv.DictReader(table)


if __name__ == "__main__":
    main()
