"""What an `.npz` says of its arrays, before any is made: a few bytes may claim a terabyte."""

from __future__ import annotations

import math
import zipfile
from typing import BinaryIO

FREE, RATIO = 64 << 20, 200
"""Bytes that an array may have in any case, and how often those that it takes in the file beyond that."""


def check_members(file: BinaryIO) -> None:
    """Refuse arrays that are larger than what the file holds of them.

    Raises:
        ValueError: names the array. zipfile.BadZipFile: it is no zip.
    """
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.file_size > FREE + RATIO * entry.compress_size:
                raise ValueError(
                    f"{entry.filename} claims {entry.file_size:,} bytes, and the file holds "
                    f"{entry.compress_size:,} of it"
                )
            _check_size(archive, entry)


def _check_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Hold the shape in the header of an array against the bytes that follow it."""
    from numpy.lib import format as npy

    with archive.open(entry) as member:
        version = npy.read_magic(member)
        if version == (1, 0):
            shape, _, dtype = npy.read_array_header_1_0(member)
        elif version == (2, 0):
            shape, _, dtype = npy.read_array_header_2_0(member)
        else:
            raise ValueError(f"{entry.filename} is of the format {version}, which no run writes")
        if dtype.hasobject:
            return  # numpy refuses it, and says so
        claimed = math.prod(shape) * dtype.itemsize
        left = entry.file_size - member.tell()
    if claimed != left:
        raise ValueError(f"{entry.filename} claims {claimed:,} bytes, and {left:,} are there")
