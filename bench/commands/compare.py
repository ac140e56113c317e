"""`bench compare`: methods on the same items, each against the first."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...protocols.family import family_of
from ..errors import RunFailed, UserError, check_choice

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table

    from ...leaderboard.record.record import Record
    from ...leaderboard.statistics.paired import Comparison
    from ...protocols.metric import Key, Number


class ComparisonFormat(StrEnum):
    """How the comparison is written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True)
class _RunNumbers:
    path: Path
    record: Record
    numbers: dict[Key, Number]


@dataclass(frozen=True)
class _Side:
    """The runs of one method, one a seed; `name` tells it from the other sides."""

    name: str
    runs: list[_RunNumbers]

    @property
    def record(self) -> Record:
        return self.runs[0].record

    @property
    def seeds(self) -> list[int | None]:
        return [run.record.seed for run in self.runs]


@dataclass(frozen=True)
class _Line:
    """One comparison: a number of one method against the same of the first."""

    key: Key
    unit: str
    first: str
    other: str
    found: Comparison
    words: str
    within: bool | None


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C ...]",
            help="Folders of runs, record.json files or ids; several seeds of one method: A1,A2,A3.",
        ),
    ],
    results: Annotated[
        Path, typer.Option("--results", metavar="DIR", help="Where ids are looked up.")
    ] = Path("runs"),
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="By default the primary one and its parts; repeatable."),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="Only these splits; repeatable.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", metavar="X", help="Say whether the two are equal to within X."),
    ] = None,
    format: Annotated[
        ComparisonFormat, typer.Option("--format", help="text, csv or json.")
    ] = ComparisonFormat.TEXT,
) -> None:
    """Compare methods on the same items: differences, intervals, tests."""
    if len(runs) < 2:
        raise UserError("two runs or more are compared; the others with the first")
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise UserError(f"--margin {margin:g} must be above 0: a difference that does not matter")
    sides = _sides(runs, results)
    _check_comparable(sides)
    keys = _keys(sides, metric or [], split or [])
    lines = [line for key in keys for line in _lines(key, sides, margin)]
    notes = _notes(sides, lines)
    if format is ComparisonFormat.TEXT:
        _print(sides, lines, notes, margin)
    elif format is ComparisonFormat.CSV:
        typer.echo(_csv(lines), nl=False)
    else:
        content = {"comparisons": [_plain(line) for line in lines], "notes": notes}
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False))


def _sides(words: Sequence[str], results: Path) -> list[_Side]:
    """The runs that words name. Two sides of one method are told apart by their ids."""
    found = [[_load(part, results) for part in word.split(",") if part] for word in words]
    for word, runs in zip(words, found, strict=True):
        if not runs:
            raise UserError(f"{word!r} names no run")
        _check_seeds(word, runs)
    methods = [runs[0].record.identity.method.name for runs in found]
    sides = []
    for at, (method, runs) in enumerate(zip(methods, found, strict=True)):
        twins = [f for f, name in zip(found, methods, strict=True) if name == method]
        name = method if len(twins) == 1 else f"{method} {runs[0].record.run_id[:8]}"
        again = [f[0].record.run_id for f in found[:at]].count(runs[0].record.run_id)
        if again:
            name += f" ({again + 1})"
        sides.append(_Side(name, runs))
    return sides


def _load(word: str, results: Path) -> _RunNumbers:
    """A finished run and its numbers, which must be those of its record."""
    from ...leaderboard.record.store import Run
    from ...leaderboard.statistics.items import items, numbers
    from ...leaderboard.tables.ranks import contradiction
    from ..find_runs import find_record, read_record

    path = find_record(word, results)
    record = read_record(path).record
    stored = Run(record, path.parent).predictions() if record.status == "done" else None
    if stored is None:
        raise RunFailed(f"{path} has no predictions to compare: its status is {record.status}")
    try:
        found = numbers(record, items(record, stored))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise RunFailed(f"predictions of {path} do not fit its record: {error}") from None
    if wrong := contradiction(record, found):
        raise RunFailed(f"{path}: {wrong}")
    return _RunNumbers(path, record, found)


def _check_seeds(word: str, runs: Sequence[_RunNumbers]) -> None:
    """Runs of one side differ by their seed."""
    names = sorted({run.record.identity.method.name for run in runs})
    if len(names) > 1:
        raise UserError(f"{word} lists runs of {' and '.join(names)}; one side is one method")
    seeds = [run.record.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise UserError(f"{word} lists the seeds {seeds}: one run a seed is wanted")


def _check_comparable(sides: Sequence[_Side]) -> None:
    """One protocol digest and one tie rule for all."""
    first = sides[0].runs[0]
    for run in (run for side in sides for run in side.runs):
        a, b = first.record.identity, run.record.identity
        if a.protocol.digest != b.protocol.digest:
            raise UserError(
                f"{first.path.parent.name} is of {a.protocol.id} (digest {a.protocol.digest[:12]}), "
                f"{run.path.parent.name} of {b.protocol.id} (digest {b.protocol.digest[:12]}): "
                "only runs of one protocol digest can be compared"
            )
        if family_of(a.protocol.family).ties and a.eval.tie_rule != b.eval.tie_rule:
            raise UserError(
                f"{first.path.parent.name} ranks ties by the rule {a.eval.tie_rule}, "
                f"{run.path.parent.name} by {b.eval.tie_rule}: take runs of one rule"
            )


def _keys(sides: Sequence[_Side], metrics: Sequence[str], splits: Sequence[str]) -> list[Key]:
    """The numbers to compare, in the order of the first record."""
    every = [run for side in sides for run in side.runs]
    record = sides[0].record
    there = [
        (m.name, m.split)
        for m in record.metrics
        if all((m.name, m.split) in run.numbers for run in every)
    ]
    names = sorted({name for name, _ in there})
    for name in metrics:
        check_choice("--metric", name, tuple(names))
    for name in splits:
        check_choice("--split", name, tuple(sorted({s for _, s in there if s})))
    if metrics:
        wanted = [key for key in there if key[0] in metrics]
    else:
        primary = record.primary_metric()
        parts = [
            (part.name, part.split)
            for aggregate in record.aggregates
            if primary and (aggregate.name, None) == (primary.name, primary.split)
            for part in aggregate.parts
        ]
        own = [(primary.name, primary.split)] if primary else []
        wanted = [key for key in there if key in [*parts, *own]]
    wanted = [key for key in wanted if not splits or key[1] in splits]
    if not wanted:
        raise UserError("no number that all runs have is left; --metric and --split name others")
    return wanted


def _lines(key: Key, sides: Sequence[_Side], margin: float | None) -> list[_Line]:
    """All against the first, by one number; p values corrected over these comparisons."""
    from ...leaderboard.statistics.paired import compare as paired
    from ...leaderboard.statistics.paired import corrected

    metric = sides[0].record.metric(*key)
    assert metric is not None
    found = []
    for side in sides[1:]:
        pairs = _pairs(sides[0], side)
        try:
            a, b = ([run.numbers[key] for run in runs] for runs in zip(*pairs, strict=True))
            found.append(paired(a, b))
        except ValueError as error:
            raise UserError(f"{sides[0].name} and {side.name}, {_shown(key)}: {error}") from None
    return [
        _Line(
            key,
            metric.unit,
            sides[0].name,
            side.name,
            comparison,
            _words(comparison, metric.higher_is_better),
            comparison.equivalent(margin) if margin is not None else None,
        )
        for side, comparison in zip(sides[1:], corrected(found), strict=True)
    ]


def _pairs(a: _Side, b: _Side) -> list[tuple[_RunNumbers, _RunNumbers]]:
    """Runs of two sides by seed; a run without a seed goes with every seed of the other."""
    if len(a.runs) == len(b.runs) == 1:
        return [(a.runs[0], b.runs[0])]
    if a.seeds == [None]:
        return [(a.runs[0], run) for run in b.runs]
    if b.seeds == [None]:
        return [(run, b.runs[0]) for run in a.runs]
    if set(a.seeds) != set(b.seeds):
        raise UserError(
            f"{a.name} has the seeds {sorted(map(str, a.seeds))}, {b.name} "
            f"{sorted(map(str, b.seeds))}: runs are compared in pairs of one seed; give those of the "
            "seeds that both have"
        )
    of_seed = {run.record.seed: run for run in b.runs}
    return [(run, of_seed[run.record.seed]) for run in a.runs]


def _words(found: Comparison, higher_is_better: bool) -> str:
    """What the test says of the method against A."""
    if not found.separable:
        return "not separable"
    return "better" if (found.difference > 0) == higher_is_better else "worse"


def _notes(sides: Sequence[_Side], lines: Sequence[_Line]) -> list[str]:
    """Runs of one identity, and runs on a part of the data."""
    from ...leaderboard.record.identity import changed_paths, plain

    first, notes = sides[0].record, []
    for side in sides[1:]:
        if side.record.run_id == first.run_id:
            both = plain(first.environment), plain(side.record.environment)
            changed = sorted(".".join(path) for path, _, _ in changed_paths(*both))
            where = (
                f"different environment ({', '.join(changed)})" if changed else "same environment"
            )
            line = next(found for found in lines if found.other == side.name)
            notes.append(
                f"{side.name}: same identity, {where}: difference = {line.found.difference:g}"
            )
    if any(run.record.limited for side in sides for run in side.runs):
        notes.append("runs on a part of the data (--limit): no result of the protocol")
    if any(line.found.seeds == 2 for line in lines):
        notes.append("two seeds are averaged; their spread is in no interval: three would be")
    return notes


def _print(
    sides: Sequence[_Side], lines: Sequence[_Line], notes: Sequence[str], margin: float | None
) -> None:
    from ..terminal import console

    first = sides[0]
    protocol = first.record.identity.protocol.id
    console.print(f"{protocol}: differences from A = {first.name}", highlight=False)
    console.print(_table(lines, margin))
    explained = [
        "difference from A with its 95 % interval; only A/B: items that only A, or only this one, "
        "has right",
        "finds: the smallest difference that this test alone finds in 80 % of cases; p Holm: corrected "
        "for all lines of a metric",
        f"tests: {', '.join(sorted({line.found.method for line in lines}))} (docs/statistics.md)",
    ]
    for text in (*explained, *notes):
        console.print(f"- {text}", highlight=False)


def _table(lines: Sequence[_Line], margin: float | None) -> Table:
    """Metric by metric: A, then each other method."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    several = any(line.found.p != line.found.p_holm for line in lines)
    tests = ("p", "p Holm") if several else ("p",)
    table.add_column("")
    for name in ("value", "difference", "only A/B", *tests, "finds"):
        justify: JustifyMethod = "left" if name == "difference" else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    table.add_column("", min_width=len("separable"))
    last = None
    for line in lines:
        found = line.found
        if line.key != last:
            table.add_row(f"[bold]{_shown(line.key)}[/bold]")
            table.add_row(f" {line.first}", f"{found.a:.1f}")
            last = line.key
        words = line.words
        if line.within is not None:
            words += f"; {'' if line.within else 'not '}within ±{margin:g}"
        p_values = (_p(found.p), _p(found.p_holm))[: len(tests)]
        table.add_row(
            f" {line.other}",
            f"{found.b:.1f}",
            f"{found.difference:+.1f} [{found.low:+.1f}, {found.high:+.1f}]",
            "" if found.only_a is None else f"{found.only_a}/{found.only_b}",
            *p_values,
            "" if found.smallest is None else f"{found.smallest:.1f}",
            words,
        )
    return table


def _csv(lines: Sequence[_Line]) -> str:
    text = io.StringIO()
    rows = [_plain(line) for line in lines]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _plain(line: _Line) -> dict[str, Any]:
    """A line as names and plain values, in full."""
    return {
        "metric": line.key[0],
        "split": line.key[1],
        "unit": line.unit,
        "method_a": line.first,
        "method_b": line.other,
        **asdict(line.found),
        "verdict": line.words,
        "within_margin": line.within,
    }


def _shown(key: Key) -> str:
    return " ".join(word for word in key if word)


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
