"""Checkpoints that authors released, by the SHA-256 of their files: only these are called published.

The layout of a file says who wrote it first, not whose numbers are in it. What would be added, each with
the digest of the file as its authors' page offers it: the model zoos of ViFi-CLIP and of bridge and prompt,
Open-VCLIP and Open-VCLIP++ on ViT-B/32, B/16 and L/14, CLIP-ViP before and after fine-tuning. No digest of
theirs is stated anywhere, and none of the files could be examined here, so the table is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..record.record import Record

RELEASES: dict[str, str] = {}
"""SHA-256 of a file -> the words for it in tables, such as "ViFi-CLIP zero-shot"."""


def file_names(records: Iterable[Record]) -> dict[str, str]:
    """SHA-256 of each checkpoint -> its file's name; of several names the first by the alphabet."""
    names: dict[str, str] = {}
    for record in records:
        init = record.identity.init
        name = record.command.config_resolved.get("checkpoint") if init else None
        if init is not None and init.sha256 and isinstance(name, str) and name:
            names[init.sha256] = min(name, names.get(init.sha256, name))
    return names


def checkpoint_words(sha256: str, names: Mapping[str, str]) -> str:
    """How a checkpoint is called: `published, ViFi-CLIP (64ea0a)`, or `my_vifi.pth (64ea0a)`."""
    if sha256 in RELEASES:
        return f"published, {RELEASES[sha256]} ({sha256[:6]})"
    return f"{names.get(sha256, 'file')} ({sha256[:6]})"
