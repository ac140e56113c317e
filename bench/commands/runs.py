"""`bench runs`: the runs of a folder, one of them, and why two differ."""

from __future__ import annotations

import csv
import io
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FAILED
from .verify import Results

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...leaderboard.record.record import Record
    from ...leaderboard.record.store import Run

app = typer.Typer(rich_markup_mode=None)
Where = Annotated[
    Path | None, typer.Option("--results", help="Folder of runs in which run ids are looked up.")
]


class RunsFormat(StrEnum):
    """How the list is written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    results: Results = Path("runs"),
    method: Annotated[list[str] | None, typer.Option(help="Only this method; repeatable.")] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="Only this protocol; repeatable.")
    ] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="Only done, partial, failed or running; repeatable.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Only this seed; repeatable.")] = None,
    format: Annotated[
        RunsFormat, typer.Option("--format", help="Text to read, CSV or JSON to compute with.")
    ] = RunsFormat.TEXT,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if a file is no valid record.")
    ] = False,
) -> None:
    """List the runs of a folder; `bench runs show RUN`, `bench runs diff A B`."""
    if context.invoked_subcommand is not None:
        context.obj = results
        return
    from ...leaderboard import load_records
    from ..errors import RunFailed, check_choice
    from ..find_runs import chosen, line_of

    for word in status or ():
        check_choice("--status", word, ("done", "partial", "failed", "running"))
    problems: list[str] = []
    records = load_records(results, problems)
    for problem in problems:
        typer.secho(f"broken: {problem}", fg=typer.colors.YELLOW, err=True)
    if not records and not problems:
        raise RunFailed(f"there are no records of runs in {results}; `bench run` writes them")
    filters: dict[str, list[Any]] = {
        "method": method or [],
        "protocol": protocol or [],
        "status": status or [],
        "seed": seed or [],
    }
    lines = chosen([line_of(record) for record in records], filters)
    _write(lines, format)
    if strict and problems:
        raise typer.Exit(FAILED)


@app.command("show")
def show(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Folder, record.json, or first digits of the run_id.")],
    results: Where = None,
) -> None:
    """Print a record in short."""
    from ..find_runs import find_record, read_record

    path = find_record(run, results or context.obj)
    read = read_record(path)
    record = read.record
    lines = [
        f"run {record.run_id}, {record.status}{', limited' if record.limited else ''}  ({path})"
    ]
    lines += [f"  {name}: {value}" for name, value in _facts(record)]
    for metric in record.metrics:
        span = "" if metric.ci_low is None else f"  [{metric.ci_low:.2f}, {metric.ci_high:.2f}]"
        name = f"{metric.name} of {metric.split}" if metric.split else metric.name
        mark = "*" if record.primary_metric() is metric else " "
        lines.append(f"{mark} {name}: {metric.value:.2f} {metric.unit}{span}")
    if record.error is not None:
        lines.append(
            f"  failed at {record.error.phase}: {record.error.type}: {record.error.message}"
        )
    typer.echo("\n".join(lines))


@app.command("diff")
def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="A run, as for show.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    results: Where = None,
) -> None:
    """Say why two runs differ: identity first, then environment and code."""
    from ...leaderboard.record.identity import changed_paths, identity_changes, plain
    from ...leaderboard.record.store import Run
    from ..find_runs import find_record, read_record

    folder = results or context.obj
    paths = [find_record(word, folder) for word in (a, b)]
    first, second = (read_record(path).record for path in paths)
    changes = identity_changes(first.identity, second.identity)
    if changes:
        _section(f"identity: {len(changes)} fields differ, so these are two runs", changes)
    else:
        typer.echo("identity: equal, this is one run made twice")
    surroundings = changed_paths(plain(first.environment), plain(second.environment))
    _section(
        "environment:" + ("" if surroundings else " equal"),
        sorted(
            [(".".join(path), old, new) for path, old, new in surroundings],
            key=lambda entry: entry[0] != "cpu_threads",  # what decides rounding comes first
        ),
    )
    if first.observed and second.observed:
        seen = [
            (name, getattr(first.observed, name), getattr(second.observed, name))
            for name in ("code_digest", "tensors_digest", "frame_index_digest")
        ]
        other = [entry for entry in seen if entry[1] != entry[2]]
        _section("code, weights and frames:" + ("" if other else " equal"), other)
    _files(*(Run(record, path.parent) for record, path in zip((first, second), paths, strict=True)))
    _values(first, second)


def _files(first: Run, second: Run) -> None:
    """Which videos have the same id in both runs and are other files, as far as the runs know it."""
    from ...leaderboard.record.files import StoreError

    try:
        old, new = first.predictions() or {}, second.predictions() or {}
    except StoreError as error:
        typer.echo(f"files: not compared: {error}")
        return
    for split in (name for name in old if name in new):
        here, there = (_contents(part[split]) for part in (old, new))
        shared = [id for id in here if id in there]
        changed = [(id, here[id], there[id]) for id in shared if here[id] != there[id]]
        if changed:
            number = f"{len(changed):,} of {len(shared):,} videos of {split}"
            _section(f"files: {number} are other files under the same id", changed)
        elif shared:
            typer.echo(f"files: equal, {len(shared):,} videos of {split}")


def _contents(part: Mapping[str, Any]) -> dict[str, str]:
    """Id -> beginning of the digest of its file, where that is known."""
    if "content" not in part:
        return {}
    pairs = zip(part["ids"].tolist(), part["content"].tolist(), strict=True)
    return {id: content for id, content in pairs if content}


def _values(first: Record, second: Record) -> None:
    old, new = first.primary_metric(), second.primary_metric()
    if old is None or new is None:
        typer.echo("one of the two has no result")
    elif old.name == new.name:
        change = new.value - old.value
        unit = "points" if old.unit == "%" else old.unit  # a difference of shares is no share
        typer.echo(f"{old.name}: {old.value:.4f} -> {new.value:.4f} ({change:+.4f} {unit})")


def _section(title: str, changes: list[tuple[str, Any, Any]]) -> None:
    from ..find_runs import change

    typer.echo(title)
    for key, old, new in changes:
        typer.echo(f"  {key}: {change(old, new)}")


def _facts(record: Record) -> list[tuple[str, Any]]:
    identity, protocol = record.identity, record.identity.protocol
    weights = f" ({identity.backbone.pretrained or 'random weights'})"
    if identity.backbone.name == "none":
        weights = ""
    found: list[tuple[str, Any]] = [
        ("method", f"{identity.method.name} on {identity.backbone.name}{weights}"),
        ("protocol", f"{protocol.id}, {protocol.variant}, digest {protocol.digest[:12]}"),
        ("seed", "none: nothing is trained or drawn" if record.seed is None else record.seed),
        (
            "made",
            f"{record.created_utc}, vclipbench {record.environment.version}{_machine(record)}",
        ),
        ("command", " ".join(record.command.argv)),
    ]
    if identity.init is not None:
        found.insert(1, ("checkpoint", _checkpoint(record)))
    for name, data in record.data.items():
        found.append((name, f"{data.n_scored:,} of {data.n_expected:,} videos, {data.kind}"))
    if record.predictions is not None:
        compact = ", compact" if record.predictions.compact else ""
        found.append(("predictions", f"{record.predictions.file}{compact}"))
    return found


def _machine(record: Record) -> str:
    where = record.environment
    device = f", {where.gpu_model}" if where.gpu_model else ""
    return f"{device}, {where.cpu_threads} threads" if where.cpu_threads else device


def _checkpoint(record: Record) -> str:
    from ...leaderboard.tables.releases import checkpoint_words, file_names

    init = record.identity.init
    assert init is not None
    return checkpoint_words(init.sha256, file_names([record])) if init.sha256 else f"{init.run_id}"


def _write(lines: list[dict[str, Any]], format: RunsFormat) -> None:
    if format is RunsFormat.JSON:
        typer.echo(json.dumps(lines, indent=1))
    elif format is RunsFormat.CSV:
        from ..find_runs import COLUMNS

        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(lines)
        typer.echo(text.getvalue(), nl=False)
    else:
        _table(lines)


def _table(lines: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("run", "method", "protocol", "variant", "seed", "status", "result", "date"):
        right = name in ("seed", "result")
        table.add_column(name, no_wrap=True, justify="right" if right else "left")
    for line in lines:
        value = "" if line["value"] is None else f"{line['primary']} {line['value']:.2f}"
        status = f"{line['status']}, limited" if line["limited"] else line["status"]
        cells = (line["run_id"], line["method"], line["protocol"], line["variant"], line["seed"])
        words = ["" if cell is None else str(cell) for cell in (*cells, status, value)]
        table.add_row(*map(Text, [*words, line["date"].replace("T", " ").removesuffix("Z")]))
    # in a file or pipe the table has all the width it needs
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False).print(table)
