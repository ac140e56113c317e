"""Which code decides a result: one walk over imports, from where training and scoring begin.

A module counts if work reaches it by imports, wherever they stand in a file; those for type checkers only
are passed over. A package counts by its `__init__` where a name is taken from it, not on the way to its
modules. Of other packages only a plugin's own is followed: versions of libraries are in the record.

What the walk cannot see is named as an entry: a method and a protocol are found by their ids, transforms of
pixels are handed over as an object, and the embedded world's videos are made by code.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from ..environment import ROOT
from ..errors import UserError
from ..registry import Plugins, method_module, protocol_modules

PACKAGE = __name__.split(".")[0]
TRAINING = (f"{PACKAGE}.bench.train.trainings", f"{PACKAGE}.datasets.shapes.store")
ENCODING = (f"{PACKAGE}.bench.score.evaluate", f"{PACKAGE}.datasets.video.transforms")
SCORING = (*ENCODING, f"{PACKAGE}.leaderboard.statistics.run_metrics")
# words to users and from them: they are on every way and decide nothing
SILENT = frozenset(
    f"{PACKAGE}.{name}"
    for name in (
        *("bench.errors", "bench.plugin_errors", "bench.stopping", "bench.terminal"),
        "datasets.value_words",
    )
)


def training_code(method: str, plugins: Plugins) -> str:
    """Digest of the code that decides a method's trained weights.

    Raises:
        UserError: an import that leads nowhere; names file and line.
    """
    return code_digest([*TRAINING, method_module(method, plugins)])


def encoding_code(method: str, plugins: Plugins) -> str:
    """Digest of the code that decides a method's features; raises as `training_code`."""
    return code_digest([*ENCODING, method_module(method, plugins)])


def scoring_code(method: str, protocol: str, plugins: Plugins) -> str:
    """Digest of the code that decides scores, metrics and intervals; raises as `training_code`."""
    own = [method_module(method, plugins), *protocol_modules(protocol, plugins)]
    return code_digest([*SCORING, *own])


def code_digest(entries: Iterable[str], root: Path = ROOT) -> str:
    """SHA-256 over the code of all modules that the entries reach, without comments and docstrings.

    Args:
        root: folder of this package.

    Raises:
        UserError: an import that leads nowhere; names file and line.
    """
    found = hashlib.sha256()
    for name, file in sorted(code_files(entries, root).items()):
        own = name.startswith(f"{PACKAGE}.")
        stamp = file.stat()
        found.update((name if own else file.name).encode() + b"\0")
        found.update(_code(file, stamp.st_mtime_ns, stamp.st_size).encode() + b"\0")
    return found.hexdigest()


def code_files(entries: Iterable[str], root: Path = ROOT) -> dict[str, Path]:
    """Module -> file of everything that the entries reach, themselves among it.

    Raises:
        UserError: as `code_digest`.
    """
    todo = list(entries)
    walk = _Walk(root, frozenset(name.split(".")[0] for name in todo))
    found: dict[str, Path] = {}
    while todo:
        name = todo.pop()
        if name in found or name in SILENT:
            continue
        file = walk.file(name)
        if file is None:
            raise UserError(f"the code of {name} cannot be read: there is no file of that module")
        found[name] = file
        todo += walk.imports(name, file)
    return found


class _Walk:
    """Modules and their files. `tops`: the packages that are followed."""

    def __init__(self, root: Path, tops: frozenset[str]):
        self.root, self.tops = root, tops | {PACKAGE}

    def file(self, name: str) -> Path | None:
        """The file of a module, None if there is none."""
        top, _, rest = name.partition(".")
        if top == PACKAGE:
            path = self.root.joinpath(*rest.split(".")) if rest else self.root
            places = [path.with_name(f"{path.name}.py")] * bool(rest) + [path / "__init__.py"]
            return next((place for place in places if place.is_file()), None)
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        path = Path(spec.origin) if spec and spec.origin else Path()
        return path if path.suffix == ".py" and path.is_file() else None

    def imports(self, name: str, file: Path) -> Iterator[str]:
        """The modules that a module imports, as far as they are followed."""
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for node in _executed(ast.parse(file.read_bytes(), str(file))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if self._followed(alias.name, file):
                        yield self._known(alias.name, node, file)
            elif isinstance(node, ast.ImportFrom):
                source = node.module or ""
                if node.level:
                    above = package.split(".")[: len(package.split(".")) - node.level + 1]
                    source = ".".join([*above, source] if source else above)
                if node.level or self._followed(source, file):
                    yield from self._named(source, node, file)

    def _named(self, source: str, node: ast.ImportFrom, file: Path) -> Iterator[str]:
        """`from source import a, b`: its modules, and itself for any other name."""
        for alias in node.names:
            inner = f"{source}.{alias.name}"
            if alias.name != "*" and self.file(inner) is not None:
                yield inner
            else:
                yield self._known(source, node, file)

    def _known(self, name: str, node: ast.stmt, file: Path) -> str:
        if self.file(name) is None:
            raise UserError(
                f"the code that decides a result cannot be followed: {file}, line {node.lineno} imports "
                f"{name}, and there is no such file"
            )
        return name

    def _followed(self, name: str, file: Path) -> bool:
        """Whether a module is of these packages, or lies beside a plugin's file."""
        top = name.partition(".")[0]
        if top in self.tops:
            return True
        beside = (file.parent / f"{top}.py", file.parent / top / "__init__.py")
        inside = file.resolve().is_relative_to(self.root)
        return not inside and self.file(top) in [place for place in beside if place.is_file()]


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        typing = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        todo += node.orelse if isinstance(node, ast.If) and typing else ast.iter_child_nodes(node)


@lru_cache(maxsize=1024)
def _code(file: Path, _time: int, _size: int) -> str:
    """Source of a file without comments, docstrings and blank lines."""
    data = file.read_bytes()
    lines = io.TextIOWrapper(
        io.BytesIO(data), tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    )
    kept = lines.read().splitlines(keepends=True)
    for start, end in reversed(list(_silent(data))):
        (row, column), (last, after) = start, end
        kept[row - 1 : last] = [kept[row - 1][:column] + kept[last - 1][after:]]
    return "\n".join(line.rstrip() for line in kept if line.strip())


def _silent(data: bytes) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where comments and texts that stand alone (docstrings) begin and end, (row from 1, column)."""
    between = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
    tokens = [t for t in tokenize.tokenize(io.BytesIO(data).readline) if t.type != tokenize.NL]
    before = tokenize.ENCODING
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if token.type == tokenize.COMMENT:
            yield token.start, token.end
            continue
        ends = after.type in (tokenize.NEWLINE, tokenize.COMMENT)
        if token.type == tokenize.STRING and before in between and ends:
            yield token.start, token.end
        before = token.type
