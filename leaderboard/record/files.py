"""Files whole or not at all, and what the user is told where the disk refuses."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path


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


def reason_of(error: BaseException) -> str:
    """What the system says of an error, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
