"""Per-sample predictions beside a record, in one `.npz` without pickle."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.files import open_regular
from .arrays import check_arrays
from .files import StoreError, write_atomically
from .npz import check_members

if TYPE_CHECKING:
    import numpy as np

    Splits = dict[str, dict[str, np.ndarray]]


def save_predictions(
    path: Path, splits: Mapping[str, Mapping[str, np.ndarray]], compress: bool = False
) -> dict[str, Any]:
    """Write {split: {array name: array}} and return the `predictions` block of the record.

    What a split may hold stands in `arrays`; `scores` are stored as float32. Equal arrays give equal
    bytes. Raises ValueError for arrays that do not fit, StoreError if the disk refuses.

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

    Raises StoreError if the file is missing, changed, damaged, or holds pickled objects, or arrays that
    do not fit (`arrays.check_arrays`).
    """
    import numpy as np

    splits: Splits = {}
    try:
        with open_regular(path) as source:
            if sha256 is not None and hashlib.file_digest(source, "sha256").hexdigest() != sha256:
                raise StoreError(f"{path} is not the file of its record: its SHA-256 is another")
            source.seek(0)
            check_members(source)
            source.seek(0)
            with np.load(source, allow_pickle=False) as file:
                for key in file.files:
                    split, name = key.split("/")
                    splits.setdefault(split, {})[name] = np.asarray(file[key])
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    except StoreError:
        raise
    except Exception as error:  # zipfile, zlib and numpy have a dozen types for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StoreError(f"{path} is not a file of predictions: {reason}") from error
    try:
        for split, arrays in splits.items():
            check_arrays(split, arrays)
    except ValueError as error:
        raise StoreError(f"{path}: {error}") from None
    return splits


def _checked(split: str, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of one split in the types and byte order that are stored."""
    import numpy as np

    arrays = {name: np.asarray(item) for name, item in given.items()}
    if "ids" in arrays and arrays["ids"].dtype.kind == "U":
        # through a list, so that the width of the strings follows from the strings alone
        arrays["ids"] = np.array(arrays["ids"].tolist(), dtype=np.str_)
    if "scores" in arrays and arrays["scores"].dtype.kind in "iuf":
        arrays["scores"] = arrays["scores"].astype(np.float32)
    check_arrays(split, arrays)
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
