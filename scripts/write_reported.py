"""Write leaderboard/reported/reported.yaml from the plain tables in leaderboard/reported/.

Each row of a table is one number as a paper or repository prints it. The tables are edited by hand,
the YAML file never is. With --check nothing is written: exit code 1 if the file is not what the
tables give.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from vclipbench.leaderboard.record.files import StoreError, write_atomically
from vclipbench.leaderboard.reported.numbers import Reported, one_sentence, parse_reported
from vclipbench.protocols import BUILTIN

FOLDER = Path(__file__).resolve().parents[1] / "leaderboard" / "reported"
TABLES, TARGET = FOLDER, FOLDER / "reported.yaml"
SOURCES = "sources.csv"
SOURCE_HEAD = ["id", "short", "title", "year", "arxiv", "url"]
HEAD = list(Reported.model_fields)
INTEGERS = ("frames", "year")
NUMBER = "\n- {method: "  # how the line of a number begins
TOP = (
    "# Made by scripts/write_reported.py from the tables in reported/. Edit those, not this file.\n"
)


def yaml_text(folder: Path) -> str:
    """The whole file, from the tables alone: one line a source and a number, in a fixed order.

    Raises:
        ValueError: a table is wrong; one sentence with file, line and key.
    """
    import yaml

    names = sorted(path.name for path in folder.glob("*.csv") if path.name != SOURCES)
    numbers = [number for name in names for number in _numbers(folder / name)]
    sources: dict[str, dict[str, Any]] = {}
    for place, row in _rows(folder / SOURCES, SOURCE_HEAD):
        if sources.setdefault(row.pop("id", ""), row) is not row:
            raise ValueError(f"{place}: its id stands twice")
    content: dict[str, Any] = {
        "version": 1,
        "sources": dict(sorted(sources.items())),
        "numbers": [n.model_dump(exclude_none=True) for n in sorted(numbers, key=lambda n: n.key)],
    }
    parse_reported(content, folder.name)
    # width: a number is a line, so that a change of one is a change of a line
    return TOP + yaml.safe_dump(
        content, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=None
    )


def _numbers(path: Path) -> list[Reported]:
    found = []
    for place, row in _rows(path, HEAD):
        try:
            number = Reported.model_validate(row)
        except ValidationError as error:
            raise ValueError(f"{place}: {one_sentence(error)}") from None
        if number.protocol is not None and number.protocol not in BUILTIN:
            close = difflib.get_close_matches(number.protocol, BUILTIN, 1)
            hint = f"; {close[0]} would be" if close else "; bench list protocols shows them"
            raise ValueError(f"{place}: protocol {number.protocol!r} is no protocol id{hint}")
        found.append(number)
    return found


def _rows(path: Path, head: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """(file and line, row without its empty cells) for each row of a table."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if reader.fieldnames != head:
                raise ValueError(f"{path.name}: the first line has to be {','.join(head)}")
            return [_row(f"{path.name}, line {reader.line_num}", cells) for cells in reader]
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name}: no UTF-8 table with commas: {error}") from None


def _row(place: str, cells: dict[Any, Any]) -> tuple[str, dict[str, Any]]:
    if None in cells or None in cells.values():
        raise ValueError(f"{place}: more or fewer cells than the first line has")
    row: dict[str, Any] = {key: text for key, text in cells.items() if text}
    for key in INTEGERS:
        if row.get(key, "").isdecimal():
            row[key] = int(row[key])
    return place, row


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or compare it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args(arguments).check
    try:
        text = yaml_text(TABLES)
        data = text.encode()
        old = TARGET.read_bytes() if TARGET.is_file() else b""
        if check and data != old:
            raise ValueError(
                f"{TARGET.name} is not what the tables in {TABLES.name}/ give: "
                "run scripts/write_reported.py"
            )
        if not check:
            write_atomically(TARGET, data)
    except (ValueError, StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{text.count(NUMBER)} numbers in {TARGET.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
