"""The feature cache: what a method computed from a video, found again by content.

One SQLite file holds the features of one encoding: one set of weights, one code, one way of reading.
Its name is the address of the encoding, and its rows go by the content of the videos, so neither
protocols nor names of files matter. A store opens its file for each call only: nothing stays open
while workers are forked.

Not part of an address, since it only changes the rounding: batch size, number of threads, model of GPU.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ...datasets.contents import digest_of
from ...datasets.video.read import reader_version
from ...methods.checkpoint import tensors_digest
from ...protocols.split import digest
from ..terminal import warn

if TYPE_CHECKING:
    from ...methods.base import Features
    from ..plan.plan import RunPlan

_FORMAT = 1  # of the rows; another one is another address
_PACKAGES = ("torchvision", "open_clip_torch", "transformers", "numpy", "opencv-python")
_AT_ONCE = 500  # keys in one query: SQLite allows only so many
_WAIT = 60.0  # seconds to wait for another process that writes
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_TABLES = (
    "CREATE TABLE IF NOT EXISTS rows(key TEXT PRIMARY KEY, value BLOB NOT NULL, sha256 BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS about(text TEXT NOT NULL)",
)


@dataclass(frozen=True, eq=False)
class Encoded:
    """Features of one video or list of texts.

    Attributes:
        features: their first dimension counts the views of the video, or the texts.
        indices: numbers of the frames read, clip by clip; empty for texts.
        damaged: whether the video was read only as far as it goes.
    """

    features: Features
    indices: list[Any] = field(default_factory=list)
    damaged: bool = False


class _Damaged(Exception):
    """A file that does not hold what it should."""


def address(parts: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of what decides the features."""
    return digest(parts)


def content_key(path: str | os.PathLike[str]) -> str:
    """Key of a video: SHA-256 of the bytes of its file, whatever its name.

    Raises:
        OSError: the file cannot be read.
    """
    return digest_of(path)


def text_key(texts: Sequence[str], templates: int = 1) -> str:
    """Key of texts that are encoded together, `templates` of them to a class."""
    return f"text:{digest([list(texts), templates])}"


def encoding_parts(plan: RunPlan, device: torch.device) -> dict[str, Any]:
    """What decides the features of a planned run's method, as JSON-able values for `address`.

    To be called when the weights are final: trained, patched, and on the device.
    """
    config, method, views = plan.resolved.config, plan.method, plan.resolved.config.views
    state: dict[str, Any] = dict(method.state_dict())
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    buffers = {f"buffer:{name}": value for name, value in method.named_buffers()}
    about = plan.identity.method
    return {
        "format": _FORMAT,
        "method": {"name": about.name, "version": about.version, "options": about.options},
        "backbone": plan.identity.backbone.name,
        "weights": tensors_digest(tensors | buffers),  # some buffers are in no state dict
        "modules": _modules(method),
        "code": plan.encoding_digest,
        "preprocess": plan.preprocess.describe(),
        "views": {key: getattr(views, key) for key in ("frames", "clips", "crops", "sampling")},
        "reader": reader_version(config.data.reader),
        "salvage": config.data.on_bad_video == "salvage",
        "precision": config.eval.precision,
        "device": device.type,
        "float32": _float32(),
        "packages": _packages(),
    }


def _modules(method: nn.Module) -> str:
    """Digest of the modules with their settings, which equal weights do not tell: QuickGELU, heads."""
    found = []
    for name, module in method.named_modules():
        kind = type(module)
        plain = {key: told for key, value in vars(module).items() if (told := _plain(value))}
        found.append([name, f"{kind.__module__}.{kind.__qualname__}", module.extra_repr(), plain])
    return digest(found)


def _plain(value: Any) -> str | None:
    """A setting of a module as text: numbers, words, tuples of them, and functions by name.

    No tuples of tuples: Open-VCLIP keeps addresses of tensors in one, which differ in every process.
    """
    if isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, tuple) and value and all(isinstance(v, int | float | str) for v in value):
        return repr(value)
    return getattr(value, "__qualname__", None) if callable(value) else None


def _float32() -> list[str | None]:
    """How exactly float32 is multiplied, as PyTorch and the driver were told."""
    backends = torch.backends
    parts = (
        backends.cuda.matmul,
        backends.cudnn.conv,  # type: ignore[attr-defined]
        backends.mkldnn.matmul,  # type: ignore[attr-defined]
    )
    return [*(part.fp32_precision for part in parts), os.environ.get("NVIDIA_TF32_OVERRIDE")]


def _packages() -> dict[str, str]:
    """Versions of the libraries between the frames of a video and its features."""
    found = {"torch": str(torch.__version__)}  # which tells CPU and CUDA builds apart
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


class FeatureStore:
    """Features of one encoding on disk. It never fails a run: what is not to be had is encoded again.

    A damaged file is set aside as `<file>.broken` and started anew. A disk that refuses ends writing, or
    reading too. Either is said once. Processes may share a store.

    Args:
        folder: of all feature files; made when something is put.
        parts: what decides the features, see `encoding_parts`; None: nothing is kept or found.
    """

    def __init__(self, folder: str | os.PathLike[str], parts: Mapping[str, Any] | None):
        self._reads = self._writes = parts is not None
        self._about = json.dumps(parts, sort_keys=True, indent=1, ensure_ascii=False)
        self.path = Path(folder) / f"{address(parts or {})[:16]}.sqlite"

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Find and keep nothing from here on."""
        self._reads = self._writes = False

    def get(self, keys: Sequence[str]) -> dict[str, Encoded]:
        """The entries of those keys that are known, on the CPU, bit by bit as they were put."""
        found: dict[str, Encoded] = {}

        def read(db: sqlite3.Connection) -> None:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT key, value, sha256 FROM rows WHERE key IN ({marks})"
                for key, value, check in db.execute(query, some):
                    if _check(key, value) != check:
                        raise _Damaged("the checksum of a row is wrong")
                    found[key] = _unpacked(value)

        if self._reads and keys and self.path.exists():
            try:
                self._work(read)
            except (sqlite3.Error, OSError) as error:
                self.close()
                warn(f"the feature cache {self.path} cannot be read ({error}): going on without it")
        return found

    def put(self, items: Mapping[str, Encoded]) -> None:
        """Keep entries by their keys: all of them, or after a crash none."""

        def write(db: sqlite3.Connection) -> None:
            rows = (
                (key, value := _packed(entry), _check(key, value)) for key, entry in items.items()
            )
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", rows)
            db.execute("COMMIT")

        if self._writes and items:
            try:
                if not self._work(write):  # the damaged file is out of the way
                    self._work(write)
            except (sqlite3.Error, OSError) as error:
                self._writes = False
                warn(
                    f"the feature cache {self.path} cannot be written ({error}): it stays as it is"
                )

    def _work(self, do: Callable[[sqlite3.Connection], None]) -> bool:
        """Do something with the open file; False if it was damaged, and is now set aside."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        inode = self.path.stat().st_ino if self.path.exists() else None
        try:
            # closing without COMMIT undoes what was begun
            with closing(sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)) as db:
                self._prepare(db)
                do(db)
        except (_Damaged, sqlite3.Error) as error:
            if not _is_damage(error):
                raise
            self._set_aside(inode, str(error))
            return False
        return True

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make the tables where there are none, and see that the file is of this encoding."""
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if not {"rows", "about"} <= names:
            db.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                db.execute(table)
            if db.execute("SELECT 1 FROM about").fetchone() is None:
                db.execute("INSERT INTO about VALUES (?)", (self._about,))
            db.execute("COMMIT")
        if db.execute("SELECT text FROM about").fetchall() != [(self._about,)]:
            raise _Damaged("it is of another encoding")

    def _set_aside(self, inode: int | None, reason: str) -> None:
        """Rename the damaged file with its journal, unless another process has done so."""
        if not self.path.exists() or self.path.stat().st_ino != inode:
            return
        broken = f"{self.path}.broken"
        with suppress(FileNotFoundError):  # a journal left behind would be played into the new file
            os.replace(f"{self.path}-journal", f"{broken}-journal")
        os.replace(self.path, broken)
        warn(f"the feature cache {self.path} is damaged ({reason}): kept as {broken}, started anew")


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without its details
    return isinstance(error, _Damaged) or code in _DAMAGE


def _check(key: str, value: bytes) -> bytes:
    """Checksum of a row: SQLite has none."""
    return hashlib.sha256(key.encode() + b"\0" + value).digest()


def _packed(entry: Encoded) -> bytes:
    """An entry as the bytes of a safetensors file; tensors go by number, names into the metadata."""
    named = entry.features if isinstance(entry.features, dict) else {"": entry.features}
    tensors = {
        str(i): tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for i, tensor in enumerate(named.values())
    }
    names = list(named) if isinstance(entry.features, dict) else None
    about = {"names": names, "indices": entry.indices, "damaged": entry.damaged}
    return save(tensors, {"entry": json.dumps(about)})


def _unpacked(value: bytes) -> Encoded:
    length = int.from_bytes(value[:8], "little")  # of the header, which `load` keeps to itself
    about = json.loads(json.loads(value[8 : 8 + length])["__metadata__"]["entry"])
    tensors, names = load(value), about["names"]
    if names is None:
        return Encoded(tensors["0"], about["indices"], about["damaged"])
    features = {name: tensors[str(i)] for i, name in enumerate(names)}
    return Encoded(features, about["indices"], about["damaged"])
