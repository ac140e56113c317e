"""The configuration of a run, in layers, each value with the layer that set it.

Lowest first: schema default (or the method's own, for options), protocol default, method recipe,
file, command line. Mappings merge, lists replace. Nothing here imports torch; mmengine is imported
only to read a file.
"""

from __future__ import annotations

import ast
import json
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from ...datasets.files import read_regular
from ...datasets.value_words import complaints, cut, shown
from .. import registry
from ..errors import UserError, nearest, one_line
from .schema import RunConfig, leaves, schema_for

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from ...methods.card import Card, Recipe
    from ...protocols.base import Protocol

SCHEMA, METHOD, PROTOCOL = "schema default", "method default", "protocol default"
RECIPE, COMMAND_LINE = "method recipe", "command line"


Layer = tuple[str, Mapping[str, Any]]
"""Its name, and what it sets: keys, nested or dotted."""


@dataclass(frozen=True)
class Resolved:
    """A complete config; `sources` names the layer that set each dotted key."""

    config: RunConfig
    sources: dict[str, str]

    def table(self) -> list[tuple[str, Any, str]]:
        """(dotted key, value, layer) of every key, in the order of the schema."""
        values = self.config.model_dump(mode="json")
        return [(key, _dig(values, key), source) for key, source in self.sources.items()]


def resolve_config(
    method: str | None,
    protocol: str | None,
    file: str | Path | None = None,
    overrides: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    plugins: Sequence[str | Path] = (),
) -> Resolved:
    """Merge the layers and check every key and value.

    Args:
        method, protocol: ids; None where the file names them.
        file: .yaml, .json or .py with `_base_` inheritance, read by mmengine.
        overrides: "key=value" with dotted keys, values in YAML.
        flags: what the named flags set, as config keys, nested or dotted.
        plugins: files of `--plugin`.

    Raises:
        UserError: unknown ids or keys, wrong values (all of them, one line each), a file that
            cannot be read.
    """
    told = _command_line(method, protocol, overrides, flags or {})
    layers = [(COMMAND_LINE, told)]
    if file is not None:
        layers.insert(0, (f"file {Path(file).name}", _read_file(Path(file))))
    method_id, protocol_id = _agreed("method", layers), _agreed("protocol", layers)
    registry.resolve("methods", method_id, plugins)
    registry.resolve("protocols", protocol_id, plugins)
    card = registry.card(method_id, plugins)
    proto = registry.protocol(protocol_id, plugins)
    layers.insert(0, (PROTOCOL, dict(proto.defaults)))
    schema = schema_for(card.options)
    keys = leaves(schema)
    recipe = _recipe(card, proto, layers, keys)
    if recipe is not None:
        layers.insert(1, (RECIPE, recipe.set))
    problems: list[str] = []
    sources = {k: METHOD if k.startswith("options.") else SCHEMA for k in keys}
    values = _merge(layers, keys, problems, sources)
    if proto.needs_root:
        _name_own(values, sources)
    return _validated(schema, values, sources, problems)


def _name_own(values: dict[str, Any], sources: dict[str, str]) -> None:
    """Of a protocol on one's own videos NAME=DIR is their name and their folder.

    Folders of datasets may stand beside it, for the audit of what a checkpoint was trained on.
    """
    from ...datasets.catalog import PUBLISHED

    words = values["data.roots"]
    if values["data.root"] is not None or not isinstance(words, list):
        return
    pairs = [str(word).partition("=") for word in words]
    own = pairs if len(pairs) == 1 else [pair for pair in pairs if pair[0] not in PUBLISHED]
    if len(own) != 1:
        return
    name, _, folder = own[0]
    left = ["".join(pair) for pair in pairs if pair not in own]
    values |= {"data.root": folder, "data.name": name, "data.roots": left}
    sources |= dict.fromkeys(("data.root", "data.name"), sources["data.roots"])


def _recipe(
    card: Card, proto: Protocol, layers: Sequence[Layer], keys: Mapping[str, FieldInfo]
) -> Recipe | None:
    """The first recipe for the protocol and the backbone.

    The backbone is the user's; where no file and no flag names one, each recipe is asked about its own, and
    where it has none about the protocol's.
    """
    chosen = _merge(layers, keys, []).get("backbone.name")
    named = any("backbone.name" in _flatten(each, name, keys, []) for name, each in layers[1:])
    for recipe in card.recipes:
        own = {} if named else _flatten(recipe.set, RECIPE, keys, [])
        backbone = str(own.get("backbone.name", chosen))
        if recipe.matches(family=proto.family, dataset=proto.dataset, backbone=backbone):
            return recipe
    return None


def _merge(
    layers: Iterable[Layer],
    keys: Mapping[str, FieldInfo],
    problems: list[str],
    sources: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Dotted key -> value of the highest layer that has one; notes sources and unknown keys."""
    values = {k: f.get_default() for k, f in keys.items() if not f.is_required()}
    for name, content in layers:
        flat = _flatten(content, name, keys, problems)
        values |= flat
        if sources is not None:
            sources |= dict.fromkeys(flat, name)
    return values


def _flatten(
    content: Mapping[str, Any],
    layer: str,
    keys: Mapping[str, FieldInfo],
    problems: list[str],
    prefix: str = "",
) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        key = f"{prefix}{name}"
        if _is_value(key, keys):
            flat[key] = value
        elif not _is_group(key, keys):
            problems.append(f"unknown config key {key!r} ({layer}); {_hint(key, keys)}")
        elif isinstance(value, Mapping):
            flat |= _flatten(value, layer, keys, problems, f"{key}.")
        else:
            problems.append(f"config key {key!r} ({layer}): {shown(value)} is not a group of keys")
    return flat


def _is_value(key: str, keys: Mapping[str, FieldInfo]) -> bool:
    """Whether a key holds a value. What stands below stages.NAME is checked when the stages are known."""
    within_stage = key.startswith("stages.") and key.count(".") > 1
    return within_stage or (key in keys and key != "stages")


def _is_group(key: str, keys: Mapping[str, FieldInfo]) -> bool:
    """Whether a key holds other keys: `options` of a method without any too, and each stage."""
    stage = key.startswith("stages.") and key.count(".") == 1
    return stage or key in ("options", "stages") or any(k.startswith(f"{key}.") for k in keys)


def _hint(key: str, keys: Mapping[str, FieldInfo]) -> str:
    """What may have been meant: the same name elsewhere, a near one at this level, or anywhere."""
    parent, _, name = key.rpartition(".")
    prefix = f"{parent}." if parent else ""
    level = {k.removeprefix(prefix).split(".")[0] for k in keys if k.startswith(prefix)}
    if parent == "options" and not level:
        return "this method has no options"
    meant = [k for k in keys if k.rpartition(".")[2] == name]
    close = nearest(name, level) if level else nearest(key, keys)
    if not meant and close:
        meant = [prefix + close if level else close]
    if meant:
        return "did you mean " + " or ".join(repr(k) for k in meant) + "?"
    return (
        f"the keys there are {', '.join(sorted(level))}" if level else "see bench describe config"
    )


def _validated(
    schema: type[RunConfig], values: dict[str, Any], sources: dict[str, str], problems: list[str]
) -> Resolved:
    try:
        checked = schema.model_validate(_nest(values))
    except ValidationError as error:
        for key, text in complaints(error, schema, values).items():
            layer = next((s for k, s in sources.items() if k.startswith(f"{key}.")), sources[key])
            problems.append(f"config key {key!r} ({layer}): {text}")
    if problems:
        raise UserError("\n".join(problems))
    if any(key.startswith("stages.") for key in sources):
        del sources["stages"]  # its parts are listed one by one
    return Resolved(RunConfig.model_validate(checked.model_dump()), sources)


def _command_line(
    method: str | None, protocol: str | None, overrides: Sequence[str], flags: Mapping[str, Any]
) -> dict[str, Any]:
    """The layer of the command line: dotted key -> value."""
    told: dict[str, Any] = {}
    given = [(k, v) for k, v in (("method", method), ("protocol", protocol)) if v is not None]
    # what --set gives stays whole: a key inside it may hold dots (patterns of parameter names)
    for key, value in [*given, *_flat(flags.items()), *map(_override, overrides)]:
        if key in told and told[key] != value:
            raise UserError(
                f"config key {key!r} is given twice on the command line: "
                f"{shown(told[key])} and {shown(value)}"
            )
        told[key] = value
    return told


def _flat(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything inside nested mappings."""
    for key, value in pairs:
        if isinstance(value, Mapping) and value:
            yield from _flat((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value


def _override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {shown(text)}: KEY=VALUE is wanted, e.g. --set train.lr=1e-5")
    try:
        return key.strip(), yaml.safe_load(value)
    except RecursionError:
        raise UserError(
            f"--set {cut(key)}: its lists or groups lie too deep in each other"
        ) from None
    except yaml.YAMLError as error:
        raise UserError(
            f"--set {cut(key)}: {shown(value)} is not a YAML value ({getattr(error, 'problem', error)}); "
            "texts with brackets or braces inside a list need quotes"
        ) from None


def _agreed(key: str, layers: Sequence[Layer]) -> str:
    """The one method or protocol that file and command line name."""
    named = [(layer, content[key]) for layer, content in layers if content.get(key) is not None]
    if not named:
        raise UserError(f"no {key}: say --{key} ID (bench list {key}s)")
    for layer, value in named:
        if not isinstance(value, str):
            raise UserError(f"config key {key!r} ({layer}): {shown(value)} is not a text")
    if len({value for _, value in named}) > 1:
        both = " and ".join(f"{value!r} ({layer})" for layer, value in named)
        raise UserError(f"two {key}s are named: {both}; drop one of them")
    return str(named[0][1])


def _read_file(path: Path) -> dict[str, Any]:
    """A config file with its bases, merged by mmengine."""
    path = path.expanduser()
    if _is_empty(path):  # a sweep's script may well write such a file
        return {}
    _inspect(path, ())
    from mmengine.config import Config

    try:
        loaded = Config.fromfile(
            str(path),
            use_predefined_variables=False,
            import_custom_modules=False,
            use_environment_variables=False,
            lazy_import=False,
        )
    except Exception as error:  # a .py config may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f.lineno for f in frames if Path(f.filename).name == path.name]
        place = f", line {lines[-1]}" if lines else ""
        raise UserError(f"config file {path}{place}: {one_line(error)}") from None
    return dict(loaded.to_dict())


def _is_empty(path: Path) -> bool:
    """Whether a file holds nothing but blanks and comments."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False  # said where it is read
    comment = ("#", "//") if path.suffix == ".json" else ("#",)
    known = path.suffix in (".yaml", ".yml", ".json", ".py")
    return known and all(not x.strip() or x.lstrip().startswith(comment) for x in lines)


def _inspect(path: Path, above: tuple[Path, ...]) -> None:
    """Parse a file and its bases with safe parsers, so that errors name file and line.

    mmengine alone would let a YAML file run code through tags such as !!python/object/apply.
    """
    if path.resolve() in above:
        raise UserError(f"config file {path} inherits from itself")
    try:
        bases = _parse(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UserError(f"config file {path} cannot be read: {reason}") from None
    except RecursionError:
        raise UserError(
            f"config file {path}: its lists or groups lie too deep in each other"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"config file {path}{place}: {error.problem}") from None
    except (json.JSONDecodeError, SyntaxError) as error:
        raise UserError(f"config file {path}, line {error.lineno}: {error.msg}") from None
    except ValueError as error:
        raise UserError(f"config file {path}: {error}") from None
    for base in bases if isinstance(bases, list) else [bases]:
        if not isinstance(base, str) or "::" in base:
            raise UserError(f"config file {path}: _base_ {base!r} is not the path of a file")
        _inspect(path.parent / Path(base).expanduser(), (*above, path.resolve()))


def _parse(path: Path) -> Any:
    """The `_base_` of a file, after a look at its syntax."""
    if path.suffix not in (".yaml", ".yml", ".json", ".py"):
        raise ValueError("the name must end in .yaml, .yml, .json or .py")
    text = read_regular(path).decode("utf-8")
    if path.suffix == ".py":
        for node in ast.parse(text, path.name).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_base_":
                return ast.literal_eval(node.value)
        return []
    content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    if not isinstance(content, dict):
        raise ValueError("it holds no keys")
    return content.get("_base_", [])


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        inner = nested
        for section in sections:
            inner[section] = dict(inner.get(section, {}))  # a layer's own mapping stays as it is
            inner = inner[section]
        inner[name] = value
    return nested


def _dig(values: Mapping[str, Any], key: str) -> Any:
    found: Any = values
    for name in key.split("."):
        found = found[name]
    return found
