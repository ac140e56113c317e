"""What can be run, by id: methods, protocols and datasets, built in or from plugins.

Built-in ids are known without importing what they name; torch and open_clip are imported only when
a plugin brings a method.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import methods, protocols
from ..datasets import catalog
from .errors import UserError, did_you_mean, one_line
from .side_effects import Surroundings

if TYPE_CHECKING:
    from ..methods.base import Method
    from ..methods.card import Card
    from ..protocols.base import Protocol

KINDS = ("methods", "protocols", "datasets")
BUILT_IN = "built in"
_SOURCES: dict[str, Any] = {"methods": methods, "protocols": protocols, "datasets": catalog}
Plugins = Sequence[str | Path]
ROOT = Path(__file__).resolve().parents[1]  # of this package


@dataclass(frozen=True)
class Registration:
    """One id.

    Attributes:
        kind: "methods", "protocols" or "datasets". target: "module:object".
        summary: one line, filled in by `entries`.
        origin: "built in", "<distribution> <version>", or the file given with `--plugin`.
        error: one line on why it cannot be used, None if it can.
    """

    id: str
    kind: str
    target: str
    summary: str = ""
    origin: str = BUILT_IN
    error: str | None = None


class _Broken(Exception):
    """Why a plugin cannot be used, in one line."""


def entries(kind: str, plugins: Plugins = ()) -> dict[str, Registration]:
    """Everything of a kind; plugins are imported to see whether they work.

    Raises:
        UserError: no such kind, or a plugin file that does not exist.
    """
    found: dict[str, Registration] = {}
    for entry in [*_builtin(kind), *_installed(kind), *_from_files(kind, plugins)]:
        try:
            shown = entry if entry.error else replace(entry, summary=_summary(entry))
        except _Broken as error:
            shown = replace(entry, error=str(error))
        if entry.id in found:
            shown = replace(shown, error=_taken(found[entry.id]))
        found[entry.id if entry.id not in found else f"{entry.id} ({entry.origin})"] = shown
    return found


def ids(kind: str, plugins: Plugins = ()) -> list[str]:
    """The ids of a kind; imports nothing but the plugin files."""
    known = [*_builtin(kind), *_installed(kind), *_from_files(kind, plugins)]
    return list(dict.fromkeys(e.id for e in known if e.error is None))


def builtin_ids(kind: str) -> list[str]:
    """The ids of a kind that ship with the package."""
    return [entry.id for entry in _builtin(kind)]


def resolve(kind: str, id: str, plugins: Plugins = ()) -> Registration:
    """The entry of an id, without importing what it names.

    Raises:
        UserError: unknown (with the nearest match), or claimed by two sources.
    """
    files = _from_files(kind, plugins)
    found = [e for e in (*_builtin(kind), *_installed(kind), *files) if e.id == id and not e.error]
    if not found:
        broken = "".join(f"; plugin {e.origin} is broken: {e.error}" for e in files if e.error)
        hint = did_you_mean(id, ids(kind, plugins))
        raise UserError(f"unknown {kind[:-1]} {id!r}{hint} (bench list {kind}){broken}")
    if len(found) > 1:
        raise UserError(f"{kind[:-1]} {id!r} of {found[1].origin}: {_taken(found[0])}")
    return found[0]


def protocol(id: str, plugins: Plugins = ()) -> Protocol:
    """The protocol of an id.

    Raises:
        UserError: unknown, or of a plugin that cannot be imported.
    """
    found: Protocol = _object(resolve("protocols", id, plugins))
    return found


def card(id: str, plugins: Plugins = ()) -> Card:
    """The card of a method; for a built-in one nothing heavy is imported.

    Raises:
        UserError: unknown, or of a plugin that cannot be imported.
    """
    entry = resolve("methods", id, plugins)
    try:
        return _card(entry)
    except _Broken as error:
        raise UserError(f"method {id!r} of {entry.origin} cannot be used: {error}") from None


def method_module(id: str, plugins: Plugins = ()) -> str:
    """Name of the module that a method's class is in.

    Raises:
        UserError: unknown, or of a plugin that cannot be imported.
    """
    entry = resolve("methods", id, plugins)
    if entry.origin == BUILT_IN:
        return entry.target.partition(":")[0]
    return str(_object(entry).__module__)


def protocol_modules(id: str, plugins: Plugins = ()) -> tuple[str, str]:
    """Names of the modules that a protocol and its class are in.

    Raises:
        UserError: unknown, or of a plugin that cannot be imported.
    """
    entry = resolve("protocols", id, plugins)
    return entry.target.partition(":")[0], type(_object(entry)).__module__


def check_files(plugins: Plugins) -> None:
    """Import the plugin files.

    Raises:
        UserError: one of them does not import; why.
    """
    for entry in _from_files("methods", plugins):
        if entry.error:
            raise UserError(f"plugin file {entry.origin} is broken: {entry.error}")


def plugin_of(file: str) -> str | None:
    """The plugin that a source file is of: a file of --plugin or an installed package; else None.

    To a plugin belong its file, the modules beside it, and all of an installed package.
    """
    path = Path(file).resolve() if file else ROOT
    if path.is_relative_to(ROOT):
        return None
    for own in _FILES:
        if path == own or _beside(path, own.parent):
            return str(own)
    for point in _declared():
        top = sys.modules.get(point.module.partition(".")[0])
        folders = [Path(folder).resolve() for folder in getattr(top, "__path__", ())]
        place = Path(getattr(top, "__file__", None) or ROOT).resolve()
        if path == place or any(path.is_relative_to(folder) for folder in folders):
            return _origin(point)
    return None


@cache
def _declared() -> tuple[EntryPoint, ...]:
    """What installed distributions declare of all kinds; looked up once, for every frame asks."""
    return tuple(p for kind in KINDS for p in entry_points(group=_SOURCES[kind].ENTRY_POINTS))


def _beside(path: Path, folder: Path) -> bool:
    """Whether a file is a module in a folder, or of a package in it."""
    if not path.is_relative_to(folder):
        return False
    first = folder / path.relative_to(folder).parts[0]
    return first == path or (first / "__init__.py").is_file()


def _builtin(kind: str) -> list[Registration]:
    if kind not in KINDS:
        raise UserError(f"unknown kind {kind!r}{did_you_mean(kind, KINDS)} ({', '.join(KINDS)})")
    return [Registration(id, kind, target) for id, target in _SOURCES[kind].BUILTIN.items()]


def _installed(kind: str) -> list[Registration]:
    """What installed distributions declare, not yet imported."""
    points = entry_points(group=_SOURCES[kind].ENTRY_POINTS)
    return [Registration(p.name, kind, f"{p.module}:{p.attr}", origin=_origin(p)) for p in points]


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an entry point"


def _taken(by: Registration) -> str:
    return f"the id is taken ({by.origin}); it needs another one"


def _summary(entry: Registration) -> str:
    if entry.summary:
        return entry.summary
    if entry.kind == "methods":
        return _card(entry).summary
    found = _load(entry)
    text = found if isinstance(found, str) else getattr(found, "summary", None) or found.__doc__
    return (text or "").strip().split("\n")[0]


def _card(entry: Registration) -> Card:
    from ..methods.card import Card, CardError

    try:
        if entry.origin == BUILT_IN:
            return Card.builtin(entry.id, entry.target)
        return Card.of(_load(entry))
    except _Broken:
        raise
    except CardError as error:
        raise _Broken(f"its card is wrong: {error}") from None
    except Exception as error:  # a file beside it that is no YAML
        raise _Broken(f"its card is wrong: {one_line(error)}") from None


def _object(entry: Registration) -> Any:
    try:
        return _load(entry)
    except _Broken as error:
        text = f"{entry.kind[:-1]} {entry.id!r} of {entry.origin} cannot be used: {error}"
        raise UserError(text) from None


def _load(entry: Registration) -> Any:
    """The object that an entry names, checked to be what it says."""
    module, _, path = entry.target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in filter(None, path.split(".")):
            found = getattr(found, name)
    except (Exception, SystemExit) as error:  # whatever a plugin does when imported
        raise _Broken(one_line(error)) from None
    if entry.kind == "methods":
        found = methods.METHODS.module_dict.get(entry.id)
        if found is None:
            raise _Broken(f"{module} registers no method {entry.id!r}")
        if not _is_method(found):
            raise _Broken(f"{getattr(found, '__name__', found)} is no Method")
    if entry.kind == "protocols":
        from ..protocols.base import Protocol, wrong_fields

        if not isinstance(found, Protocol) or found.id != entry.id:
            raise _Broken(f"{entry.target} is not a Protocol with the id {entry.id!r}")
        for problem in wrong_fields(found):
            raise _Broken(problem)
    return found


def _is_method(found: Any) -> bool:
    from ..methods.base import Method

    return isinstance(found, type) and issubclass(found, Method)


@dataclass(frozen=True)
class _File:
    """What a plugin file brought: id -> "module:object", or why it could not be imported."""

    methods: dict[str, str]
    protocols: dict[str, str]
    error: str | None = None


_FILES: dict[Path, _File] = {}


def _from_files(kind: str, plugins: Plugins) -> list[Registration]:
    found = []
    for plugin in plugins:
        path = Path(plugin).expanduser().resolve()
        if path.is_dir():
            raise UserError(f"plugin {plugin} is a folder; the file in it is wanted")
        if not path.exists():
            raise UserError(f"plugin file {plugin} does not exist")
        if not path.is_file():
            raise UserError(f"plugin {plugin} is not a regular file")
        if path not in _FILES:
            _FILES[path] = _import_file(path)
        brought = _FILES[path]
        if brought.error:
            found.append(Registration(path.name, kind, "", origin=str(plugin), error=brought.error))
        elif kind != "datasets":
            targets = getattr(brought, kind).items()
            found += [Registration(id, kind, target, origin=str(plugin)) for id, target in targets]
    return found


def _import_file(path: Path) -> _File:
    """Import a plugin file under a name of its own; what is registered meanwhile belongs to it."""
    name = f"vclipbench_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return _File({}, {}, "it is not a Python file")
    before = dict(_registered())
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pickling and `Card.of` look it up there
    error, surroundings = None, Surroundings()
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as raised:
        error = one_line(raised)
    if (change := surroundings.changed()) and not error:
        error = f"it {change} when it is imported"
    if error:
        del sys.modules[name]
    known = [*_builtin("methods"), *_installed("methods")]
    owned = {(e.id, e.target.partition(":")[0]) for e in known}
    new = {id: cls for id, cls in _registered().items() if before.get(id) is not cls}
    new = {id: cls for id, cls in new.items() if (id, cls.__module__) not in owned}
    for id in new:
        if error or id in {e.id for e in known}:
            del _registered()[id]  # or its rightful owner could not be imported any more
            _registered().update({id: before[id]} if id in before else {})
    if error:
        return _File({}, {}, error)
    targets = {id: f"{cls.__module__}:{cls.__qualname__}" for id, cls in new.items()}
    return _File(targets, _protocols_in(module))


def _registered() -> dict[str, type[Method]]:
    """The methods registered so far; empty while nobody has imported torch."""
    base = sys.modules.get(f"{methods.__name__}.base")
    return base.METHODS.module_dict if base else {}


def _protocols_in(module: ModuleType) -> dict[str, str]:
    """Id -> target of the protocols at the top of a module, but for imported built-in ones."""
    from ..protocols.base import Protocol

    builtin = {e.id: e for e in _builtin("protocols")}
    return {
        value.id: f"{module.__name__}:{name}"
        for name, value in vars(module).items()
        if isinstance(value, Protocol)
        and not (value.id in builtin and value is _load(builtin[value.id]))
    }
