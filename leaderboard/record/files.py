"""Files whole or not at all, and what the user is told where the disk refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from pathlib import Path

from ...datasets.files import open_regular

LARGEST = 64 << 20
"""Bytes of a record; no run writes one of a tenth of that."""


class StoreError(Exception):
    """The store cannot be read or written; the message is one sentence for the user."""

    exit_code = 1


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all; makes the folder. Raises StoreError."""
    # beside the target, so that the rename stays within one file system
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {reason_of(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_record_bytes(path: Path) -> bytes:
    """The bytes of a `record.json`.

    Raises:
        OSError: it is no regular file, has more than `LARGEST` bytes, or cannot be read.
    """
    with open_regular(path) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        reason = f"it has more than {LARGEST >> 20} MB, and no record has"
        raise OSError(errno.EFBIG, reason, str(path))
    return data


def reason_of(error: BaseException) -> str:
    """What the system says of an error, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
