"""`bench describe`: what an id is, in plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Plugins

if TYPE_CHECKING:
    from ...methods.card import Card
    from ...protocols.base import Data, Protocol, Split
    from ..registry import Entry

CONFIG = "config"
Rows = list[tuple[str, str]]


def describe(
    id: Annotated[
        str, typer.Argument(help="A method, protocol or dataset; or config: every key of a run.")
    ],
    kind: Annotated[
        str | None, typer.Option("--kind", help="methods, protocols or datasets, for an id of two.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Videos, for protocols on data of yours."),
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Explain a method, protocol or dataset, or the config keys."""
    from .. import registry

    plugins = plugin or []
    entry = None if id == CONFIG and kind is None else _find(id, kind, plugins)
    if entry is None:
        lines = _config_lines()
    elif entry.kind == "methods":
        lines = _method_lines(entry, registry.card(id, plugins))
    elif entry.kind == "protocols":
        lines = _protocol_lines(entry, registry.protocol(id, plugins), data)
    else:
        summary = registry.entries(entry.kind, plugins)[id].summary
        lines = _rows([("dataset", id), ("what", summary), ("origin", entry.origin)])
    typer.echo("\n".join(lines))


def _find(id: str, kind: str | None, plugins: list[Path]) -> Entry:
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


def _method_lines(entry: Entry, card: Card) -> list[str]:
    from ..config import shown

    lines = _rows(
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
    options = [(f"{k} = {shown(o.default)}", o.help) for k, o in card.options.items()]
    lines += ["", "options (--set options.NAME=VALUE)", *_rows(options or [("none", "")], "  ")]
    lines += ["", "recipes (the first that fits is used)"]
    for recipe in card.recipes:
        when = ", ".join(f"{k} {v}" for k, v in recipe.when.items()) or "always"
        lines.append(f"  {when} ({recipe.source or 'source not stated'})")
        lines += _settings(recipe.set)
    return lines if card.recipes else [*lines, "  none"]


def _protocol_lines(entry: Entry, protocol: Protocol, root: Path | None) -> list[str]:
    from ...protocols.base import Data

    defaults = dict(protocol.defaults)
    rows = [
        ("protocol", protocol.id),
        ("what", protocol.summary),
        ("paper", protocol.paper or "none"),
        ("family", f"{protocol.family}, dataset {protocol.dataset}, version {protocol.version}"),
        ("metric", f"{protocol.metric}; headline: {protocol.primary}"),
        ("origin", entry.origin),
    ]
    if protocol.needs_root and root is None:
        lines = [*_rows(rows), "", "splits: they follow your videos; see them with --data DIR"]
    else:
        size = defaults.get("data", {}).get("size", 64)
        where = Data(root, size)
        lines = [*_rows([*rows, ("digest", protocol.digest(where))]), "", "splits"]
        lines += _rows(_split_rows(protocol, where), "  ")
    return [*lines, "", "settings (config keys that it sets)", *_settings(defaults)]


def _split_rows(protocol: Protocol, data: Data) -> Rows:
    """Training and evaluation lists of every variant, of seed 1."""
    rows = []
    for variant in protocol.variants:
        prefix = "" if len(protocol.variants) == 1 else f"{variant}: "
        plan = protocol.plan(variant, 1, data)
        train = _size(plan.train) if plan.train else "nothing"
        if plan.k_shot:
            train += f" ({plan.k_shot} per class, drawn by the seed)"
        rows.append((f"{prefix}train on", train))
        rows += [(f"{prefix}evaluate on", _size(s, chance=True)) for s in plan.evaluate]
    return rows


def _size(split: Split, chance: bool = False) -> str:
    number = len(split.classes)
    text = f"{split.name}: {number} classes, {len(split.samples)} videos"
    return f"{text}, chance {100 / number:.2f} %" if chance and number else text


def _settings(values: Mapping[str, Any]) -> list[str]:
    """Config values as dotted keys with what they mean."""
    from ..config import shown
    from ..schema import leaves

    fields = leaves()
    rows = []
    for key, value in _flat(values, fields).items():
        meaning = fields[key].description if key in fields else None
        rows.append((f"{key} = {shown(value)}", meaning or ""))
    return _rows(rows or [("none", "")], "    ")


def _flat(values: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys; a key that is `known` keeps its value whole, also where that is a mapping."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        whole = key in known or not isinstance(value, Mapping)
        flat |= {key: value} if whole else _flat(value, known, f"{key}.")
    return flat


def _config_lines() -> list[str]:
    from ..config import shown
    from ..schema import leaves, wanted

    rows = []
    for key, field in leaves().items():
        default = "" if field.is_required() else f" = {shown(field.get_default())}"
        note = "see bench describe METHOD" if key == "options" else wanted(field)
        rows.append((f"{key}{default}", f"{field.description} ({note})"))
    return ["keys of a run, with defaults (--set KEY=VALUE, or --config FILE)", *_rows(rows, "  ")]


def _rows(rows: Rows, indent: str = "") -> list[str]:
    """Two columns; long texts go on below themselves."""
    width = min(38, max((len(name) for name, _ in rows), default=0))
    below = " " * (len(indent) + width + 2)
    lines = []
    for name, text in rows:
        start = f"{indent}{name:<{width}}  "
        if len(name) > width:
            lines.append(start.rstrip())
            start = below
        wrapped = textwrap.wrap(
            text, 100, initial_indent=start, subsequent_indent=below, break_long_words=False
        )
        lines += wrapped or [start.rstrip()]
    return lines
