"""`bench describe`: what an id is, in plain text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...datasets.catalog import PUBLISHED
from ...datasets.roots import check_environment
from ..terminal import two_columns
from .options import Plugins, Videos

if TYPE_CHECKING:
    from ...methods.card import Card
    from ..registry import Registration

CONFIG = "config"
PLAIN = "not SigLIP 2 or PE-Core yet; see docs/checkpoints.md"


def describe(
    id: Annotated[
        str, typer.Argument(help="A method, protocol or dataset; or config: every key of a run.")
    ],
    kind: Annotated[
        str | None, typer.Option("--kind", help="methods, protocols or datasets, for an id of two.")
    ] = None,
    data: Videos = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All of it: every setting, recipe and fault.")
    ] = False,
    plugin: Plugins = None,
) -> None:
    """Explain a method, protocol or dataset, or the config keys."""
    from .. import registry
    from ..describe.protocol import protocol_lines
    from ..errors import UserError

    plugins = plugin or []
    check_environment()
    entry = None if id == CONFIG and kind is None else _find(id, kind, plugins)
    if data and (entry is None or entry.kind != "protocols"):
        raise UserError(f"--data is for protocols, and {id} is none")
    if entry is None:
        lines = _config_lines()
    elif entry.kind == "methods":
        lines = _method_lines(entry, registry.card(id, plugins), all_)
    elif entry.kind == "protocols":
        lines = protocol_lines(entry, registry.protocol(id, plugins), data or [], all_)
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


def _method_lines(entry: Registration, card: Card, whole: bool) -> list[str]:
    from ...datasets.value_words import written

    rows = [
        ("method", entry.id),
        ("what", card.summary),
        ("trains", card.trains),
        ("backbone", f"a plain CLIP of open_clip ({PLAIN})" if card.backbone else "none"),
        ("paper", card.paper or "none"),
        ("training data", card.training_data),
    ]
    lines = two_columns([*rows, ("origin", entry.origin)] if whole else rows)
    options = [(f"{k} = {written(o.default)}", o.help) for k, o in card.options.items()]
    lines += ["", "options (--set options.NAME=VALUE)"]
    lines += two_columns(options or [("none", "")], "  ")
    lines += ["", "recipes (the first that fits is used)", *_recipe_lines(card, whole)]
    return lines if whole else [*lines, "", f"their settings: bench describe {entry.id} --all"]


def _recipe_lines(card: Card, whole: bool) -> list[str]:
    from ..describe.settings import setting_lines

    lines = []
    for recipe in card.recipes:
        when = ", ".join(f"{k} {v}" for k, v in recipe.when.items()) or "always"
        lines.append(f"  {when} ({recipe.source or 'source not stated'})")
        lines += setting_lines(recipe.set) if whole else []
    return lines or ["  none"]


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
