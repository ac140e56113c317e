"""The section of a document between two markers."""

from __future__ import annotations

import os
from pathlib import Path

BEGIN, END = "<!-- gpu-check: begin -->", "<!-- gpu-check: end -->"


class NoSection(Exception):
    """The document lacks the markers, or cannot be read; the sentence says so."""


def parts_of(document: Path) -> tuple[str, str]:
    """What stands before and behind the section, with the markers.

    Raises:
        NoSection: there is no such file, or not one pair of markers.
    """
    try:
        text = document.read_text()
    except OSError as error:
        raise NoSection(f"--write {document}: {error.strerror}") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, behind = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in behind:
        raise NoSection(
            f"--write {document}: the file must hold one line {BEGIN} and, below it, one line {END}"
        )
    return before + begin, end + behind


def write(document: Path, section: str) -> None:
    """Replace the section, whole or not at all."""
    before, behind = parts_of(document)
    temporary = document.with_name(f"{document.name}.{os.getpid()}.tmp")
    temporary.write_text(f"{before}\n\n{section.strip()}\n\n{behind}")
    os.replace(temporary, document)
