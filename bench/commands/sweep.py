"""`bench sweep`: many methods on many protocols, one after the other, in one process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer


def sweep(
    methods: Annotated[str, typer.Option(help="Method ids with commas between, or all.")] = "all",
    protocols: Annotated[
        str, typer.Option(help="Protocol ids or datasets with commas between.")
    ] = "shapes",
    seed: Annotated[
        list[int] | None, typer.Option(help="Seed; repeat it, or write several after one --seed.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of every run, e.g. train.lr=1e-5.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Config file of every run.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder (or CSV) of the videos.")] = None,
    probe: Annotated[str | None, typer.Option(help="time: as in `bench run`.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs"),
    if_exists: Annotated[
        str, typer.Option(help="missing (finish, skip what is done), skip, redo or fail.")
    ] = "missing",
    plugin: Annotated[list[Path] | None, typer.Option(help="Plugin file; repeatable.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print plans and settings, do nothing.")
    ] = False,
) -> None:
    """Run every method on every protocol; what is done already is skipped.

    A run that fails is reported, and the next one starts; the exit code is then 1.
    """
    from ..config import resolve_config
    from ..errors import RunFailed, UserError, check_choice, explained
    from ..session import Session

    check_choice("--if-exists", if_exists, ("missing", "skip", "redo", "fail"))
    check_choice("--device", device, ("auto", "cpu", "cuda"))
    plugins = tuple(str(p) for p in plugin or ())
    flags = {"seeds": seed, "data.root": str(data) if data else None, "eval.probe": probe}
    given = {key: value for key, value in flags.items() if value}
    pairs = [(m, p) for p in _protocols(protocols, plugins) for m in _methods(methods, plugins)]
    # all configs before any work, so that a slip shows now and not after hours
    resolved = [resolve_config(m, p, config, set_ or (), given, plugins) for m, p in pairs]
    failures: list[str] = []
    for number, ((method, protocol), one) in enumerate(zip(pairs, resolved, strict=True), 1):
        start = time.monotonic()
        typer.echo(f"[{number}/{len(pairs)}] {method} on {protocol}")
        try:
            Session(one, out, device, if_exists, plugins).run(dry=dry_run)
        except UserError as error:
            failures.append(f"{method} on {protocol}: {error}")
        except Exception as error:
            known = explained(error)
            if known is None:
                raise
            failures.append(f"{method} on {protocol}: {known[0]}")
        typer.echo(f"[{number}/{len(pairs)}] took {time.monotonic() - start:.0f} s")
    for failure in failures:
        typer.secho(f"failed: {failure}", fg=typer.colors.RED, err=True)
    if failures:
        raise RunFailed(f"{len(failures)} of {len(pairs)} runs failed; the others are in {out}")


def _words(text: str, what: str) -> list[str]:
    from ..errors import UserError

    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UserError(f"--{what} holds no id; see bench list {what}")
    return list(dict.fromkeys(words))


def _methods(text: str, plugins: tuple[str, ...]) -> list[str]:
    """Ids in the order given; `all`: every method, in the order of `bench list`."""
    from ..registry import ids, resolve

    found = _words(text, "methods")
    if found == ["all"]:
        return ids("methods", plugins)
    return [resolve("methods", id, plugins).id for id in found]


def _protocols(text: str, plugins: tuple[str, ...]) -> list[str]:
    """Ids in the order given; the name of a dataset stands for all its protocols."""
    from ..registry import ids, protocol, resolve

    found: list[str] = []
    known = ids("protocols", plugins)
    for word in _words(text, "protocols"):
        same = [id for id in known if id != word and protocol(id, plugins).dataset == word]
        found += same or [resolve("protocols", word, plugins).id]
    return list(dict.fromkeys(found))
