"""`bench data describe`: what a dataset is, where its files are got, and how they are laid out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from ...datasets import catalog
from ...datasets.annotation import Annotation
from ..terminal import wrapped


def dataset_lines(id: str) -> list[str]:
    """The card of a published dataset in plain text."""
    card = catalog.card(id)
    counts = (f"{split} {number:,}" for split, number in card.counts.items())
    return [
        *_rows(
            ("dataset", f"{id}: {card.title}"),
            ("what", card.what),
            ("homepage", card.homepage),
            ("licence", card.licence),
            ("videos", ", ".join(counts)),
            ("on disk", card.size),
        ),
        "",
        "layout wanted (where a video lies below ROOT does not matter)",
        *textwrap.indent(card.layout, "  ").splitlines(),
        "",
        "annotation files (gzipped ones are read too)",
        *_annotation_lines(card.annotations),
        *(["", "faults to know of"] if card.faults else []),
        *(line for fault in card.faults for line in _item(fault)),
        "",
        f"check yours with: bench data check {id} --data ROOT",
    ]


def repository_lines(id: str) -> list[str]:
    """What a checkout of ViFi-CLIP or Open-VCLIP is needed for."""
    from ...datasets.reference_lists import files
    from ...datasets.repositories import REPOSITORIES

    url = REPOSITORIES[id].url
    own = [file for file in files().values() if file.repository == id]
    pinned = sum(bool(file.sha256) for file in own)
    sets = sorted({file.dataset for file in own})
    faults: dict[str, dict[str, None]] = {}  # text -> datasets, in order
    for file in own:
        for text in file.faults:
            faults.setdefault(text, {})[file.dataset] = None
    return [
        *_rows(
            ("lists", f"{id}: split lists and label files of {', '.join(sets)}"),
            ("homepage", url),
            ("layout", f"a checkout: git clone {url}"),
            ("files", f"{len(own)}, of which {pinned} have a pinned digest"),
        ),
        *(["", "faults to know of"] if faults else []),
        *(line for text, of in faults.items() for line in _item(f"{', '.join(of)}: {text}")),
        "",
        f"check yours with: bench data check {id} --data CHECKOUT",
    ]


def _annotation_lines(annotations: Iterable[Annotation]) -> list[str]:
    """Files with whether their digests are pinned, under the words on where to get them."""
    by_source: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        by_source.setdefault(annotation.source, []).append(annotation)
    lines = []
    for source, files in by_source.items():
        lines += wrapped(source, "  ")
        for file in files:
            pins = " or ".join(f"sha256 {pin[:12]}..." for pin in file.sha256)
            also = f"; also as {', '.join(file.aliases)}" if file.aliases else ""
            lines.append(f"    {file.name} ({pins or 'no digest pinned'}{also})")
    return lines


def _rows(*rows: tuple[str, str]) -> list[str]:
    return [line for name, text in rows for line in wrapped(text, f"{name:<10}", " " * 10)]


def _item(text: str) -> list[str]:
    return wrapped(text, "  - ", "    ")
