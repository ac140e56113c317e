"""What `bench describe` says of a protocol: lists, settings, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...datasets.errors import DatasetError
from ...datasets.roots import Roots, parse_roots
from ...protocols.base import Protocol, ProtocolError
from ...protocols.faults import faults_of
from ...protocols.lists import VideoList
from ...protocols.published import Published
from ...protocols.split import Data, Plan, Split
from ..errors import UserError
from ..plan.lists import planned_lists
from ..terminal import Rows, two_columns, wrapped
from .settings import setting_lines

if TYPE_CHECKING:
    from ..registry import Registration

PAGE = "docs/protocols/faults.md"


def protocol_lines(entry: Registration, protocol: Protocol, words: list[str]) -> list[str]:
    """All about a protocol, in plain text.

    Args:
        words: what --data gave: folders, or ID=DIR.

    Raises:
        UserError: folders that contradict each other.
        ProtocolError: lists that are there and wrong.
    """
    defaults = dict(protocol.defaults)
    rows = [
        ("protocol", protocol.id),
        ("what", protocol.summary),
        ("paper", protocol.paper or "none"),
        ("family", f"{protocol.family}, dataset {protocol.dataset}, version {protocol.version}"),
        ("metric", f"{protocol.metric}; headline: {protocol.primary}"),
        ("origin", entry.origin),
    ]
    if protocol.clean:
        rows.append(("clean twin", protocol.clean))
    if protocol.needs_root and not words:
        lists = ["splits: they follow your videos; see them with --data DIR"]
    else:
        data = _data(protocol, words)
        digest, lists = _lists(protocol, data)
        rows += [("digest", digest)] if digest else []
    lines = [*two_columns(rows), "", *lists, *_faults(protocol)]
    return [*lines, "", "settings (config keys that it sets)", *setting_lines(defaults)]


def _data(protocol: Protocol, words: list[str]) -> Data:
    size = dict(protocol.defaults).get("data", {}).get("size", 64)
    if protocol.needs_root:
        return Data(Path(words[0]), size)
    try:
        roots = parse_roots(words, protocol.dataset)
    except DatasetError as error:
        raise UserError(str(error)) from None
    return Data(size=size, roots=roots, videos=False)


def _lists(protocol: Protocol, data: Data) -> tuple[str, list[str]]:
    """Digest and lists as planned; of published data that are not there, their names."""
    if isinstance(protocol, Published) and not _known(protocol, data.roots):
        rows = [("evaluate on", _named(wanted)) for wanted in protocol.tests]
        rows += [("train on", _named(wanted)) for wanted in _training(protocol)]
        wanted = ", ".join(protocol.datasets)
        return "", [
            f"lists (counts and digest with --data: {wanted})",
            *two_columns(rows, "  "),
        ]
    rows = _split_rows(protocol, data)  # first: lists that are none have no digest
    return protocol.digest(data), ["splits", *two_columns(rows, "  ")]


def _known(protocol: Published, roots: Roots) -> bool:
    needed = {id for wanted in protocol.tests for id in wanted.needs}
    repositories = {wanted.repository for wanted in protocol.tests if wanted.repository}
    # a repository's list needs no folder of the dataset to be counted
    needed -= {wanted.dataset for wanted in protocol.tests if wanted.repository} - repositories
    return all(roots.find(id) for id in needed)


def _named(wanted: VideoList) -> str:
    part = wanted.part if wanted.repository else f"{wanted.dataset}, official list {wanted.part}"
    if wanted.like:
        part += f", the classes of {wanted.like}"
    return f"{wanted.name}: {part}" + (f", half {wanted.half}" if wanted.half is not None else "")


def _training(protocol: Published) -> list[VideoList]:
    targets = [protocol.target_list(variant, 1) for variant in protocol.variants]
    lists = [target for target in targets if target is not None]
    return lists or [protocol.source]


def _split_rows(protocol: Protocol, data: Data) -> Rows:
    """Training and evaluation lists of every variant, of seed 1."""
    rows = []
    for variant in protocol.variants:
        prefix = "" if len(protocol.variants) == 1 else f"{variant}: "
        plan, train = _planned(protocol, variant, data)
        if plan.k_shot and not protocol.datasets:
            train += f" ({plan.k_shot} per class, drawn by the seed)"
        rows.append((f"{prefix}train on", train))
        rows += [(f"{prefix}evaluate on", _size(s, chance=True)) for s in plan.evaluate]
    return rows


def _planned(protocol: Protocol, variant: str, data: Data) -> tuple[Plan, str]:
    """The plan, and what is trained on, or why that cannot be told here."""
    try:
        plan = planned_lists(protocol, variant, 1, replace(data, needs=frozenset(("target",))))
        return plan, _size(plan.train) if plan.train else "nothing"
    except ProtocolError as error:
        if not protocol.datasets:
            raise
        data = replace(data, needs=frozenset())
        return planned_lists(protocol, variant, 1, data), f"not here: {error}"


def _size(split: Split, chance: bool = False) -> str:
    number, videos = len(split.classes), f"{len(split.samples):,} videos"
    if split.kind == "captions":
        return f"{split.name}: {len(split.texts):,} captions, {videos}"
    if split.kind == "labels":
        novel = f" ({len(split.novel)} novel)" if split.novel else ""
        return f"{split.name}: {number} labels{novel}, {videos}"
    text = f"{split.name}: {number} classes, {videos}"
    return f"{text}, chance {100 / number:.2f} %" if chance and number else text


def _faults(protocol: Protocol) -> list[str]:
    """What is wrong with what was published, in plain words, and what is done about it."""
    found = faults_of(protocol.id)
    if not found:
        return []
    lines = ["", f"faults of what was published, and what is done about them ({PAGE})"]
    for fault in found:
        lines += wrapped(f"{fault.title} [{fault.id}]", "  - ", "    ")
        lines += wrapped(fault.text, "    ")
        lines += wrapped(f"Here: {fault.ours}", "    ")
    return lines
