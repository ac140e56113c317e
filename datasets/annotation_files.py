"""Official annotation files as they are found below the root of a dataset, with their digests."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import catalog
from .annotation import Annotation
from .errors import DatasetError, MissingAnnotation


@dataclass(frozen=True)
class Loaded:
    """An annotation as found: its files with their texts, and whether its digest is a pinned one."""

    name: str
    files: tuple[tuple[Path, str], ...]
    sha256: str
    pinned: bool

    @property
    def path(self) -> Path:
        """The (first) file."""
        return self.files[0][0]

    @property
    def text(self) -> str:
        """Content of the (first) file."""
        return self.files[0][1]

    def lines(self) -> Iterator[tuple[str, str]]:
        """Every line that is not blank, after the words that tell its place ("FILE, line 3")."""
        for path, text in self.files:
            for number, line in enumerate(text.split("\n"), 1):
                if line.strip():  # also drops the \r of files that were written on Windows
                    yield f"{path}, line {number}", line.strip()


def load(
    root: Path, annotation: Annotation, *, dataset: str, allow_unpinned: bool = False
) -> Loaded:
    """Find an annotation below the root, plain or gzipped, and compare its digest.

    It is looked for under its name, without the folder of its name, and both below `annotations/`.

    Args:
        root: of the dataset.
        annotation: which.
        dataset: id, for what the message says.
        allow_unpinned: go on where the digest is not a pinned one.

    Raises:
        MissingAnnotation: it is not there.
        DatasetError: no such root, unreadable, not UTF-8, or another version.
    """
    paths = _find(Path(root), annotation, dataset)
    contents = [(_plain(path), _content(path)) for path in paths]
    found = files_sha256(contents)
    pinned = found in annotation.sha256
    if annotation.sha256 and not pinned and not allow_unpinned:
        where = paths[0] if len(paths) == 1 else paths[0].parent / Path(annotation.name).name
        raise DatasetError(
            f"{where} has the sha256 {found} and {' or '.join(annotation.sha256)} is expected: this "
            f"is another version; {annotation.source}, or go on with --allow-unpinned, which is recorded"
        )
    texts = tuple((p, _text(p, c)) for p, (_, c) in zip(paths, contents, strict=True))
    return Loaded(annotation.name, texts, found, pinned)


def files_sha256(contents: Sequence[tuple[str, bytes]]) -> str:
    """sha256 of one (name, content), or of several the sha256 of what `sha256sum` prints for them."""
    each = [(name, hashlib.sha256(content).hexdigest()) for name, content in contents]
    if len(each) == 1:
        return each[0][1]
    listing = "".join(f"{found}  {name}\n" for name, found in sorted(each))
    return hashlib.sha256(listing.encode()).hexdigest()


def lacking(root: Path, annotations: Sequence[Annotation]) -> list[Annotation]:
    """Those that are not below a root."""
    return [one for one in annotations if not _places(root, one)]


def _places(root: Path, annotation: Annotation) -> list[Path]:
    """The file or files of an annotation, in the first place that has them."""
    for name in (annotation.name, *annotation.aliases):
        for place in (root, root / "annotations"):
            for tail in (name, Path(name).name):
                if paths := _present(place / tail):
                    return paths
    return []


def _find(root: Path, annotation: Annotation, dataset: str) -> list[Path]:
    if not root.is_dir():
        problem = f"{root} is a file" if root.exists() else f"there is no folder {root}"
        raise DatasetError(f"{problem}; the root folder of {dataset} is wanted")
    if paths := _places(root, annotation):
        return paths
    other = catalog.looks_like(root, dataset)
    hint = f" (it looks like the root of {other})" if other else ""
    raise MissingAnnotation(
        f"there is no {annotation.name} in {root}{hint}; {annotation.source}", annotation
    )


def _present(path: Path) -> list[Path]:
    if "*" in path.name:
        found = {_plain(p): p for p in sorted(path.parent.glob(f"{path.name}.gz"))}
        found |= {p.name: p for p in path.parent.glob(path.name)}
        return [found[name] for name in sorted(found)]
    zipped = path.with_name(f"{path.name}.gz")
    return [p for p in (path, zipped) if p.is_file()][:1]


def _plain(path: Path) -> str:
    return path.name.removesuffix(".gz")


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text") from error
