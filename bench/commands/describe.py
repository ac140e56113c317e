"""`bench describe`: what an id is, in plain text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...datasets.catalog import PUBLISHED
from ..terminal import two_columns
from .options import Plugins, Videos

if TYPE_CHECKING:
    from ...methods.card import Card
    from ..registry import Registration

CONFIG = "config"


def describe(
    id: Annotated[
        str, typer.Argument(help="A method, protocol or dataset; or config: every key of a run.")
    ],
    kind: Annotated[
        str | None, typer.Option("--kind", help="methods, protocols or datasets, for an id of two.")
    ] = None,
    data: Videos = None,
    plugin: Plugins = None,
) -> None:
    """Explain a method, protocol or dataset, or the config keys."""
    from .. import registry
    from ..describe.protocol import protocol_lines

    plugins = plugin or []
    entry = None if id == CONFIG and kind is None else _find(id, kind, plugins)
    if entry is None:
        lines = _config_lines()
    elif entry.kind == "methods":
        lines = _method_lines(entry, registry.card(id, plugins))
    elif entry.kind == "protocols":
        lines = protocol_lines(entry, registry.protocol(id, plugins), data or [])
    elif entry.id in PUBLISHED and entry.origin == registry.BUILT_IN:
        from ..describe.dataset import dataset_lines

        lines = dataset_lines(entry.id)
    else:
        summary = registry.entries(entry.kind, plugins)[id].summary
        lines = two_columns([("dataset", id), ("what", summary), ("origin", entry.origin)])
    typer.echo("\n".join(lines))


def _find(id: str, kind: str | None, plugins: list[Path]) -> Registration:
    from ..errors import UserError, did_you_mean
    from ..registry import KINDS, ids, resolve

    if kind is not None:
        return resolve(kind, id, plugins)
    known = {name: ids(name, plugins) for name in KINDS}
    holders = [name for name in KINDS if id in known[name]]
    if not holders:
        every = [CONFIG, *(i for names in known.values() for i in names)]
        raise UserError(f"unknown id {id!r}{did_you_mean(id, every)} (see bench list)")
    if len(holders) > 1:
        raise UserError(f"{id!r} is in {' and '.join(holders)}: say which with --kind")
    return resolve(holders[0], id, plugins)


def _method_lines(entry: Registration, card: Card) -> list[str]:
    from ...datasets.value_words import written
    from ..describe.settings import setting_lines

    lines = two_columns(
        [
            ("method", entry.id),
            ("what", card.summary),
            ("paper", card.paper or "none"),
            ("trains", card.trains),
            ("training data", card.training_data),
            ("backbone", "a CLIP of open_clip" if card.backbone else "none"),
            ("origin", entry.origin),
        ]
    )
    options = [(f"{k} = {written(o.default)}", o.help) for k, o in card.options.items()]
    lines += [
        "",
        "options (--set options.NAME=VALUE)",
        *two_columns(options or [("none", "")], "  "),
    ]
    lines += ["", "recipes (the first that fits is used)"]
    for recipe in card.recipes:
        when = ", ".join(f"{k} {v}" for k, v in recipe.when.items()) or "always"
        lines.append(f"  {when} ({recipe.source or 'source not stated'})")
        lines += setting_lines(recipe.set)
    return lines if card.recipes else [*lines, "  none"]


def _config_lines() -> list[str]:
    from ...datasets.value_words import wanted, written
    from ..config.schema import leaves

    rows = []
    for key, field in leaves().items():
        default = "" if field.is_required() else f" = {written(field.get_default())}"
        note = "see bench describe METHOD" if key == "options" else wanted(field)
        rows.append((f"{key}{default}", f"{field.description} ({note})"))
    return [
        "keys of a run, with defaults (--set KEY=VALUE, or --config FILE)",
        *two_columns(rows, "  "),
    ]
