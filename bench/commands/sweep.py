"""`bench sweep`: many methods on many protocols, one after the other, in one process."""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    ConfigFile,
    Device,
    DryRun,
    IfExists,
    OnBadVideo,
    Out,
    Plugins,
    Probe,
    Seeds,
    Settings,
    Videos,
    check_options,
)

if TYPE_CHECKING:
    from ...protocols.base import Protocol


def sweep(
    methods: Annotated[str, typer.Option(help="Method ids with commas between, or all.")] = "all",
    protocols: Annotated[
        str,
        typer.Option(
            help="Protocol ids, families (zs, ret, ...) or datasets, commas between; or all."
        ),
    ] = "shapes",
    seed: Seeds = None,
    set_: Settings = None,
    config: ConfigFile = None,
    data: Videos = None,
    on_bad_video: OnBadVideo = None,
    probe: Probe = None,
    device: Device = "auto",
    out: Out = Path("runs"),
    if_exists: IfExists = "missing",
    plugin: Plugins = None,
    dry_run: DryRun = False,
) -> None:
    """Run every method on every protocol; what is done already is skipped.

    A run that fails is reported, and the next one starts; the exit code is then 1.
    """
    from ..config.flags import data_flags, given
    from ..config.resolve import resolve_config
    from ..errors import RunFailed
    from ..run.session import Session

    check_options(if_exists, device)
    plugins = tuple(str(p) for p in plugin or ())
    flags = {"seeds": seed, "data.on_bad_video": on_bad_video, "eval.probe": probe}
    flags = given(flags) | data_flags(data)
    pairs = [(m, p) for p in _protocols(protocols, plugins) for m in _methods(methods, plugins)]
    # all configs before any work, so that a slip shows now and not after hours
    resolved = [resolve_config(m, p, config, set_ or (), flags, plugins) for m, p in pairs]
    failures: list[str] = []
    for number, ((method, protocol), one) in enumerate(zip(pairs, resolved, strict=True), 1):
        start = time.monotonic()
        typer.echo(f"[{number}/{len(pairs)}] {method} on {protocol}")
        try:
            Session(one, out, device, if_exists, plugins).run(dry=dry_run)
        except (Exception, SystemExit) as error:  # the next run has its chance, whatever this did
            failures.append(f"{method} on {protocol}: {_told(error)}")
        typer.echo(f"[{number}/{len(pairs)}] took {time.monotonic() - start:.0f} s")
    for failure in failures:
        typer.secho(f"failed: {failure}", fg=typer.colors.RED, err=True)
    if failures:
        raise RunFailed(f"{len(failures)} of {len(pairs)} runs failed; the others are in {out}")


def _told(error: BaseException) -> str:
    """An error in one sentence; what is not the user's own is printed with its traceback."""
    from ..errors import explained, one_line
    from ..plugin_errors import failure_of

    known, failure = explained(error), failure_of(error)
    if known:
        return known[0]
    if failure is None:
        traceback.print_exception(error)
        return one_line(error)
    typer.echo("\n".join(failure.trace), err=True)
    return failure.sentence


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
    """Ids in the order given; a dataset or a family stands for all its protocols.

    `all`: every protocol but those on a user's own folder.
    """
    from ..registry import ids, protocol, resolve

    chosen: list[str] = []
    registered = ids("protocols", plugins)
    for word in _words(text, "protocols"):
        same = [id for id in registered if id != word and _stands_for(word, protocol(id, plugins))]
        chosen += same or [resolve("protocols", word, plugins).id]
    return list(dict.fromkeys(chosen))


def _stands_for(word: str, one: Protocol) -> bool:
    return not one.needs_root if word == "all" else word in (one.dataset, one.family)
