"""An official file of annotations: where it lies, and the digests of its known copies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Annotation:
    """One official file, or a family of files that belong together.

    Attributes:
        name: its path below the root; a star in it stands for the members of a family.
        sha256: the digests of the copies known to be right, of the uncompressed content, and of a family
            the digest of its listing (see `files_sha256`); none where no copy could be examined.
        source: where it is got, a sentence with the address of the official page.
        aliases: other names that it goes by.
    """

    name: str
    sha256: tuple[str, ...]
    source: str
    aliases: tuple[str, ...] = ()
