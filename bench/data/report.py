"""What a check of data found: printed with a few ids of each finding, and whole as a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import typer

from ...datasets.table import DataFinding
from ..errors import UserError
from ..terminal import say

SHOWN = 5  # ids of a finding in the terminal


@dataclass
class Report:
    """What came of a check.

    Attributes:
        facts: lines on what was found. notes: lines on what could not be checked, which is no fault.
        findings: what is wrong. paths: of the ids in them, where they have a file.
        each: id -> problem and remedy of one video, for those that cannot be decoded.
    """

    facts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: list[DataFinding] = field(default_factory=list)
    paths: dict[str, Path] = field(default_factory=dict)
    each: dict[str, tuple[str, str]] = field(default_factory=dict)

    def find(self, problem: str, remedy: str, ids: Iterable[str] = ()) -> None:
        """Add a finding, once."""
        found = DataFinding(problem, remedy, tuple(ids))
        if found not in self.findings:
            self.findings.append(found)


def show(report: Report, out: Path | None) -> None:
    """Print a report, and write all ids of it to a CSV file.

    Raises:
        typer.Exit: code 1 if there is any finding.
    """
    for line in [*report.facts, *report.notes]:
        say(line)
    for finding in report.findings:
        say(f"{finding.problem}; {finding.remedy}")
        for id in finding.ids[:SHOWN]:
            more = f" ({'; '.join(filter(None, report.each[id]))})" if id in report.each else ""
            say(f"  {id}{more}")
        if len(finding.ids) > SHOWN:
            where = out if out else "--out FILE.csv"
            say(f"  and {len(finding.ids) - SHOWN:,} more: all are in {where}")
    number = len(report.findings)
    say("no findings" if not number else f"{number} finding{'s' * (number > 1)}")
    if out:
        write(report, out)
    if report.findings:
        raise typer.Exit(1)


def write(report: Report, out: Path) -> None:
    """Write every finding as rows of id, path, problem, remedy; one without ids as one row.

    Raises:
        UserError: the file cannot be written.
    """
    beside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with beside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            table = csv.writer(file)
            table.writerow(("id", "path", "problem", "remedy"))
            table.writerows(_rows(report))
        os.replace(beside, out)
    except OSError as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def check_out(out: Path | None) -> None:
    """Refuse an `--out` that could not be written, before hours of work.

    Raises:
        UserError: its folder does not exist, or it is a folder.
    """
    if out and (out.is_dir() or not out.parent.is_dir()):
        raise UserError(f"--out {out}: the name of a file in a folder that exists is wanted")


def _rows(report: Report) -> Iterator[tuple[str, str, str, str]]:
    for finding in report.findings:
        for id in finding.ids or ("",):
            path = str(report.paths.get(id, ""))
            if set(finding.ids) <= report.each.keys() and id:
                yield id, path, *report.each[id]
            else:
                yield id, path, finding.problem, finding.remedy
