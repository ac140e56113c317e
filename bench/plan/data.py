"""Where a run's data are: from settings, flags and the environment to what protocols are given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...datasets.errors import DatasetError, escaped
from ...datasets.roots import Roots, parse_roots
from ...protocols.base import Protocol
from ...protocols.family import family_of
from ...protocols.split import Data, Plan
from ..config.flags import check_words
from ..config.schema import DataSource, RunConfig
from ..errors import UserError, did_you_mean

SHOWN = 5
BOTH = frozenset(("target", "source"))


def data_of(config: RunConfig, protocol: Protocol, needs: Iterable[str] = BOTH) -> Data:
    """What a protocol is told of the data.

    Args:
        needs: the training lists that the method's stages learn from, "target" and "source".

    Raises:
        UserError: folders that contradict each other.
    """
    source = config.data
    return Data(
        root=Path(source.root) if source.root and protocol.needs_root else None,
        size=source.size,
        roots=roots_of(source, protocol),
        class_names=source.class_names,
        allow_unpinned=source.allow_unpinned,
        videos=source.videos,
        needs=frozenset(needs),
        train_list=source.train_list,
    )


def roots_of(source: DataSource, protocol: Protocol) -> Roots:
    """The folders of datasets that the settings name.

    Raises:
        UserError: two folders for one dataset.
    """
    words = source.roots if protocol.needs_root else _words(source)
    return _parsed(words, protocol.dataset if protocol.datasets else "")


def _words(source: DataSource) -> list[str]:
    return [*source.roots, *([source.root] if source.root else [])]


def _parsed(words: Sequence[str], main: str = "") -> Roots:
    try:
        return parse_roots(list(words), main)
    except DatasetError as error:
        raise UserError(str(error)) from None


def check_settings(config: RunConfig, protocol: Protocol) -> None:
    """Refuse settings of data that the protocol cannot have.

    Raises:
        UserError: names the flag and what would be right.
    """
    source, id = config.data, protocol.id
    given = bool(source.root or source.roots)
    if given and not protocol.needs_root and not protocol.datasets:
        raise UserError(f"protocol {id} makes its own videos and takes no --data")
    if protocol.needs_root and source.root is None:
        raise UserError(
            f"protocol {id} needs --data: the folder of your videos, as DIR or NAME=DIR"
        )
    if protocol.needs_root:
        check_own(source.root)
    check_folders(source.roots if protocol.needs_root else _words(source), protocol.datasets)
    if source.name and not protocol.needs_root:
        raise UserError(f"data.name is for protocols on videos of your own, and {id} is none")
    if not protocol.datasets:
        for flag, value, usual in (
            ("--class-names", source.class_names, "official"),
            ("--allow-unpinned", source.allow_unpinned, False),
            ("--no-videos", source.videos, True),
            ("data.train_list", source.train_list, None),
        ):
            if value != usual:
                raise UserError(f"{flag} is for protocols on published datasets, and {id} is none")
    if not family_of(protocol.family).ties and config.eval.tie_rule != "pessimistic":
        raise UserError(f"--tie-rule is for retrieval; {id} has classes, where ties count as wrong")


def check_own(root: str | None) -> None:
    """Refuse a folder or CSV of a user's own that is not there.

    Raises:
        UserError: names it.
    """
    if not (root or "").strip():
        raise UserError("--data is empty: give the folder of your videos")
    if not os.path.lexists(root or ""):
        raise UserError(f"--data {escaped(root or '')} does not exist")


def check_folders(words: Sequence[str], own: Iterable[str] = ()) -> None:
    """Refuse folders that are not there, and ids that no dataset has.

    Args:
        words: as given with --data, ID=DIR or DIR. own: ids of a plugin's datasets.

    Raises:
        UserError: names the word and what would be right.
    """
    from ...datasets.catalog import PUBLISHED
    from ...datasets.repositories import REPOSITORIES

    check_words(words)
    given = _parsed(words)
    for folder in [*given.given.values(), *([given.common] if given.common else [])]:
        if not folder.exists():
            raise UserError(f"--data {folder} does not exist")
    known = dict.fromkeys((*PUBLISHED, *REPOSITORIES, *own))
    for id, folder in given.given.items():
        if id not in known:
            raise UserError(
                f"--data {id}={folder}: there is no dataset {id!r}, but {', '.join(known)}"
                f"{did_you_mean(id, known)}"
            )


def check_coverage(lists: Plan, protocol: Protocol, config: RunConfig) -> None:
    """Refuse lists of which too few videos are there.

    Raises:
        UserError: none is there, or less than the protocol's share and videos may not be left out.
    """
    if not config.data.videos or not protocol.datasets:
        return
    for split in lists.splits:
        missing = split.missing
        where = roots_of(config.data, protocol).find(split.dataset)
        of = f"{len(missing):,} of the {len(split.samples):,} videos of {split.name} ({split.dataset})"
        if len(missing) == len(split.samples):
            raise UserError(
                f"none of the {len(missing):,} videos of {split.name} is in {where}; is it the root of "
                f"another dataset? bench data describe {split.dataset} shows the layout"
            )
        share = 1 - len(missing) / len(split.samples)
        if share < protocol.coverage and config.data.on_bad_video != "skip":
            raise UserError(
                f"{of} are not in {where}, first {', '.join(missing[:SHOWN])}; {protocol.id} wants "
                f"{protocol.coverage:.0%} of them: get them (bench data check {split.dataset}), or go on "
                "with those that are there with --on-bad-video skip, which the record and tables say"
            )
