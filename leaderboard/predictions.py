"""Per-sample predictions beside a record, in one `.npz` without pickle."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .store import StoreError, write_atomically

if TYPE_CHECKING:
    import numpy as np

    Splits = dict[str, dict[str, np.ndarray]]


def save_predictions(
    path: Path, splits: Mapping[str, Mapping[str, np.ndarray]], compress: bool = False
) -> dict[str, Any]:
    """Write {split: {array name: array}} and return the `predictions` block of the record.

    Every split has `ids` (distinct strings); the first dimension of all its arrays counts the
    items. `target` holds integers; `scores` is stored as float32, [N, K], all classes or the top
    K. Equal arrays give equal bytes. Raises ValueError for arrays that do not fit, StoreError if
    the disk refuses.

    Args:
        compress: deflate the arrays. The bytes then depend on the arrays and on the release of zlib.
    """
    data, block = packed_predictions(path.name, splits, compress)
    write_atomically(path, data)
    return block


def packed_predictions(
    name: str, splits: Mapping[str, Mapping[str, np.ndarray]], compress: bool = False
) -> tuple[bytes, dict[str, Any]]:
    """What `save_predictions` writes to a file of this name, and the block that it returns.

    Raises ValueError for arrays that do not fit.
    """
    arrays = {
        f"{split}/{name}": array
        for split, given in splits.items()
        for name, array in _checked(split, given).items()
    }
    data = _zipped(arrays, compress)
    return data, {
        "file": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "format": "npz",
        "n": sum(len(given["ids"]) for given in splits.values()),
        "keys": sorted(arrays),
    }


def load_predictions(path: Path, sha256: str | None = None) -> Splits:
    """Read what `save_predictions` wrote; with `sha256`, only if the file has that digest.

    Raises StoreError if the file is missing, changed, damaged, or holds pickled objects.
    """
    import numpy as np

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise StoreError(f"{path} is not the file of its record: its SHA-256 is another")
    splits: Splits = {}
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            for key in file.files:
                split, name = key.split("/")
                splits.setdefault(split, {})[name] = file[key]
    # TypeError and AttributeError: what np.load returns for a lone array is no archive
    except (ValueError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path} is not a file of predictions: {error}") from error
    return splits


def _checked(split: str, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of one split in the types and byte order that are stored."""
    import numpy as np

    if "ids" not in given:
        raise ValueError(f"predictions of {split} lack ids")
    # through a list, so that the width of the strings follows from the strings alone
    ids = [str(item) for item in given["ids"]]
    if len(set(ids)) < len(ids):
        raise ValueError(f"predictions of {split} name one id twice")
    arrays = {"ids": np.array(ids, dtype=np.str_)}
    for name, item in given.items():
        array = np.asarray(item)
        if "/" in split + name or not name:
            raise ValueError(f"{split}/{name} is no name for an array")
        if array.shape[:1] != (len(ids),):
            raise ValueError(f"{split}/{name} has the shape {array.shape} for {len(ids)} ids")
        if name == "target" and array.dtype.kind not in "iu":
            raise ValueError(f"{split}/target is {array.dtype}, not integers")
        if name == "scores":
            array = array.astype(np.float32)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{split}/{name} holds NaN or infinities")
        if array.dtype.kind not in "biufU":
            raise ValueError(f"{split}/{name} holds {array.dtype}: only numbers and text are kept")
        if name != "ids":
            arrays[name] = array
    return {name: _little_endian(array) for name, array in arrays.items()}


def _little_endian(array: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _zipped(arrays: Mapping[str, np.ndarray], compress: bool) -> bytes:
    """The bytes of the `.npz`: sorted and undated; uncompressed ones are the same everywhere.

    np.savez would do today, but leaves the date and the system field to Python's zipfile.
    """
    from numpy.lib import format as npy

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            if compress:
                content = io.BytesIO()
                npy.write_array(content, arrays[name], allow_pickle=False)
                archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, 9)
                continue
            with archive.open(entry, "w", force_zip64=True) as file:
                npy.write_array(file, arrays[name], allow_pickle=False)
    return buffer.getvalue()
