"""`bench audit`: what of a protocol's evaluation occurs in training data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .options import AllowUnpinned, ClassNames, ConfigFile, Plugins, Videos


def audit(
    protocol: Annotated[str, typer.Option(help="Protocol id, see `bench list protocols`.")],
    trained_on: Annotated[
        list[str],
        typer.Option(
            "--trained-on",
            help="A dataset (its training list), a list such as vifi-clip/k400/train, or own; repeatable.",
        ),
    ],
    data: Videos = None,
    config: ConfigFile = None,
    class_names: ClassNames = None,
    allow_unpinned: AllowUnpinned = False,
    out: Annotated[Path | None, typer.Option(help="Write the result here too, as JSON.")] = None,
    plugin: Plugins = None,
) -> None:
    """Say which classes and videos of the evaluation are in the training data."""
    from ..config.flags import data_flags
    from ..config.resolve import resolve_config
    from ..errors import RunFailed, UserError
    from ..plan.data import check_settings, data_of
    from ..plan.leaks import OWN, audit_plan, declared, of_split, own_lists
    from ..registry import protocol as find_protocol

    plugins = tuple(str(p) for p in plugin or ())
    flags = data_flags(data, class_names, allow_unpinned)
    resolved = resolve_config("clip", protocol, file=config, flags=flags, plugins=plugins).config
    found = find_protocol(protocol, plugins)
    check_settings(resolved, found)
    where = replace(data_of(resolved, found, ()), videos=found.needs_root, contents=False)
    evaluate = found.full_plan(found.variants[0], 1, where).evaluate
    audits = []
    for words in trained_on:
        if words == OWN:
            lists = own_lists(found, where, resolved.seeds)
            if not lists:
                raise UserError(
                    f"{protocol} has no training list of its own: name one with --trained-on"
                )
            audits += [
                (
                    f"{variant}, {split.name}",
                    audit_plan(found, evaluate, of_split(split, found.dataset)),
                )
                for variant, split in lists
            ]
        else:
            audits.append((words, audit_plan(found, evaluate, declared(words, where))))
    for name, one in audits:
        typer.echo("\n".join([f"trained on {name}", *(f"  {line}" for line in one.lines()), ""]))
    if out is not None:
        content = [{"list": name, **one.as_dict()} for name, one in audits]
        try:
            out.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise UserError(f"--out {out} cannot be written: {error.strerror}") from None
    unknown = sorted({one.trained_on for _, one in audits if one.classes is None})
    if unknown:
        raise RunFailed(
            f"classes were not compared: the class names of {', '.join(unknown)} are not known here; give "
            f"their folder with --data {unknown[0]}=DIR (bench data describe {unknown[0]})"
        )
