"""What `bench describe` says of a protocol: lists, settings, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...datasets.errors import DatasetError
from ...datasets.roots import Roots, check_environment, parse_roots
from ...leaderboard.reported.numbers import reported_for
from ...leaderboard.reported.words import DIFFERS, reported_lines
from ...protocols.base import Protocol, ProtocolError
from ...protocols.faults import faults_of
from ...protocols.lists import VideoList
from ...protocols.published import Published
from ...protocols.split import Data, Plan, Split
from ..config.flags import check_words, is_named
from ..config.schema import leaves
from ..errors import UserError
from ..plan.data import check_folders, check_own
from ..plan.lists import planned_lists
from ..plan.needs import needs_words
from ..terminal import Rows, two_columns, wrapped
from .settings import setting_lines

if TYPE_CHECKING:
    from ..registry import Registration

MOST = 6  # methods whose reported numbers are shown
PAGE = "docs/protocols/faults.md"


def protocol_lines(
    entry: Registration, protocol: Protocol, words: list[str], whole: bool = False
) -> list[str]:
    """What to know of a protocol first, in plain text.

    Args:
        words: what --data gave: folders, or ID=DIR.
        whole: say all, settings and faults in full too.

    Raises:
        UserError: folders that contradict each other.
        ProtocolError: lists that are there and wrong.
    """
    rows = [
        ("protocol", protocol.id),
        ("what", protocol.summary),
        ("metric", f"{protocol.metric}; headline: {protocol.primary}"),
        ("needs", needs_words(_ids(protocol), _backbone(protocol))),
        ("paper", protocol.paper or "none"),
    ]
    if whole:
        rows += [
            (
                "family",
                f"{protocol.family}, dataset {protocol.dataset}, version {protocol.version}",
            ),
            ("origin", entry.origin),
        ]
    if protocol.clean:
        rows.append(("clean twin", protocol.clean))
    check_words(words)
    if protocol.needs_root and not words:
        check_environment()
        lists = ["splits: they follow your videos; see them with --data DIR"]
    else:
        data = _data(protocol, words)
        digest, lists = _lists(protocol, data, words)
        rows += [("digest", digest)] if digest else []
    lines = [*two_columns(rows), "", *lists, *_reported(protocol, whole), *_faults(protocol, whole)]
    if not whole:
        return [*lines, "", f"settings and more: bench describe {protocol.id} --all"]
    settings = setting_lines(dict(protocol.defaults))
    return [*lines, "", "settings (config keys that it sets)", *settings]


def _ids(protocol: Protocol) -> list[str]:
    """Datasets and checkouts of its lists, those for training too."""
    ids = list(protocol.datasets)
    if isinstance(protocol, Published):
        ids += [id for wanted in _training(protocol) for id in wanted.needs]
    return ids


def _backbone(protocol: Protocol) -> str | None:
    given = dict(protocol.defaults).get("backbone", {})
    return str(given.get("name", leaves()["backbone.name"].get_default()))


def _reported(protocol: Protocol, whole: bool) -> list[str]:
    """What papers report on this protocol, our methods first; the first rows of each."""
    numbers = reported_for(protocol.id)
    methods = sorted({n.method for n in numbers}, key=lambda m: (m != m.lower(), m))
    if not numbers:
        return []
    lines = ["", f"papers report ({DIFFERS}: by a protocol that differs; docs/reported.md)"]
    shown = methods if whole else [m for m in methods if m == m.lower()][:MOST] or methods[:MOST]
    for method in shown:
        for line in reported_lines(protocol.id, method, exact=True):
            lines += wrapped(f"{method}: {line}", "  - ", "    ")
    rest = len(methods) - len(shown)
    return [*lines, f"  and {rest} other methods"] if rest else lines


def _data(protocol: Protocol, words: list[str]) -> Data:
    size = dict(protocol.defaults).get("data", {}).get("size", 64)
    if protocol.needs_root:
        if len(words) > 1:
            raise UserError(f"protocol {protocol.id} takes one --data, DIR or NAME=DIR")
        folder = words[0].partition("=")[2] if is_named(words[0]) else words[0]
        check_own(folder)
        return Data(Path(folder), size)
    if words and not protocol.datasets:
        raise UserError(f"protocol {protocol.id} makes its own videos and takes no --data")
    try:
        roots = parse_roots(words, protocol.dataset)
    except DatasetError as error:
        raise UserError(str(error)) from None
    return Data(size=size, roots=roots, videos=False)


def _lists(protocol: Protocol, data: Data, words: list[str]) -> tuple[str, list[str]]:
    """Digest and lists as planned; of published data that are not there, their names."""
    if isinstance(protocol, Published) and not _known(protocol, data.roots):
        check_folders(words)
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


def _faults(protocol: Protocol, whole: bool) -> list[str]:
    """What is wrong with what was published and what is done about it; titles only, or in plain words."""
    found = faults_of(protocol.id)
    if not found:
        return []
    lines = ["", f"faults of what was published, and what is done about them ({PAGE})"]
    for fault in found:
        lines += wrapped(f"{fault.title} [{fault.id}]", "  - ", "    ")
        if whole:
            lines += wrapped(fault.text, "    ")
            lines += wrapped(f"Here: {fault.ours}", "    ")
    return lines
