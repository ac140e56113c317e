"""The leak audit of a protocol or a run: what of the evaluation was in the training data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...datasets import catalog
from ...datasets.errors import DatasetError
from ...protocols.audit import Audit, Listing, audit
from ...protocols.base import Protocol, ProtocolError
from ...protocols.family import family_of
from ...protocols.lists import VideoList, named_list, read_list
from ...protocols.split import Data, Split
from .data import data_of

if TYPE_CHECKING:
    from ..config.schema import RunConfig
    from .plan import RunPlan

OWN = "own"


def audit_plan(protocol: Protocol, evaluate: Sequence[Split], training: Listing) -> Audit:
    """Compare all evaluation lists of a protocol with one training list.

    Classes count where the protocol means them to be unseen: all of zero-shot, the novel ones of
    base-to-novel and multi-label, none of the other families.
    """
    names = {raw: shown for split in evaluate for raw, shown in _unseen(protocol, split)}
    samples = {sample.id: sample for split in evaluate for sample in split.samples}
    evaluated = Listing(
        dataset=protocol.dataset,
        classes=tuple(names),
        ids=tuple(samples),
        groups=tuple(sample.group for sample in samples.values()),
    )
    return audit(protocol.id, evaluated, tuple(names.values()), training)


def of_split(split: Split, dataset: str) -> Listing:
    """A training list as the audit takes it."""
    return Listing(
        dataset=split.dataset or dataset,
        classes=split.raw or split.classes or None,
        ids=tuple(sample.id for sample in split.samples),
        groups=tuple(sample.group for sample in split.samples),
    )


def declared(words: str, data: Data) -> Listing:
    """What is known of training data that somebody names: its list, or its class names, or nothing.

    Args:
        words: id of a dataset, which means its training list; or a list (`named_list`).

    Raises:
        ProtocolError: no such dataset or list.
    """
    data = replace(data, videos=False, class_names="official")
    if "/" in words:
        wanted = named_list(words, words.replace("/", "-"))
        return of_split(read_list(wanted, data), wanted.dataset)
    if words not in catalog.PUBLISHED:
        raise ProtocolError(
            f"--trained-on {words}: a dataset is wanted ({', '.join(catalog.PUBLISHED)}), a list such as "
            "vifi-clip/k400/train, or own"
        )
    try:
        return _training(words, data)
    except ProtocolError:
        pass
    try:
        names = catalog.classes(words, data.roots.of(words), allow_unpinned=data.allow_unpinned)
        return Listing(words, classes=names)
    except (DatasetError, AttributeError):  # no such file here, or a dataset without classes
        return Listing(words)


def declared_lists(config: RunConfig, protocol: Protocol) -> list[Listing]:
    """What --trained-on names, one after the other; raises as `declared` does."""
    if not config.data.trained_on:
        return []
    data = data_of(config, protocol, ())
    return [declared(words, data) for words in config.data.trained_on]


def _training(dataset: str, data: Data) -> Listing:
    """The training list of a dataset, or all of them where its splits have one each."""
    parts = [part for part in catalog.card(dataset).counts if re.fullmatch(r"train\d+", part)]
    lists = [
        of_split(read_list(VideoList(part, dataset, part), data), dataset)
        for part in parts or ["train"]
    ]
    rows = {
        id: group
        for one in lists
        for id, group in zip(one.ids or (), one.groups or (), strict=True)
    }
    return Listing(dataset, lists[0].classes, tuple(rows), tuple(rows.values()))


def own_lists(protocol: Protocol, data: Data, seeds: Iterable[int]) -> list[tuple[str, Split]]:
    """The training lists of a protocol itself, each once, with their variants."""
    data = replace(data, videos=False, contents=False, needs=frozenset(("target",)))
    found: dict[str, tuple[str, Split]] = {}
    for variant in protocol.variants:
        for seed in seeds:
            train = protocol.full_plan(variant, seed, data).train
            if train is not None:
                found.setdefault(train.digest(), (variant, train))
    return list(found.values())


def audits_of(plan: RunPlan) -> list[Audit]:
    """One audit for each list that a run trained on, or that its checkpoint is said to have seen."""
    lists = {planned.split.digest(): planned.split for planned in plan.stages}
    listings = [of_split(split, plan.protocol.dataset) for split in lists.values()]
    listings += declared_lists(plan.resolved.config, plan.protocol)
    return [audit_plan(plan.protocol, plan.lists.evaluate, listing) for listing in listings]


def _unseen(protocol: Protocol, split: Split) -> Iterable[tuple[str, str]]:
    raw = split.raw or split.classes
    pairs = list(zip(raw, split.classes, strict=True))
    if split.kind == "labels":
        return [pairs[n] for n in split.novel]
    unseen = family_of(protocol.family).unseen
    if split.kind == "captions" or unseen == "none":
        return []
    return [] if unseen == "novel" and split.name == "base" else pairs
