"""The lists of one run as a protocol plans them, refused here if no score could be right on them.

Lists of plugins may hold anything; what is wrong with them is said before any work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...protocols.base import Protocol
from ...protocols.family import TARGETS
from ...protocols.metric import Metric
from ...protocols.own import Told
from ...protocols.split import Data, Plan, Sample, Split
from ..errors import RunFailed, UserError
from ..plugin_errors import at_work


def variants_of(protocol: Protocol) -> tuple[str, ...]:
    """Names of the trainings that a protocol asks for, at least one.

    Raises:
        UserError: they are something else.
    """
    with at_work(protocol, "variants"):
        names = protocol.variants
    if not isinstance(names, tuple | list) or not names or not all(map(_is_word, names)):
        raise UserError(
            f"variants of protocol {protocol.id} are {names!r}; a tuple of names is wanted"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"protocol {protocol.id} has the variant {twice[0]!r} twice")
    return tuple(names)


def planned_lists(
    protocol: Protocol, variant: str, seed: int, data: Data, told: Told | None = None
) -> Plan:
    """What a protocol plans for a variant and a seed; of a user's own videos with the digests of files.

    Args:
        told: called with how many files were read, and how many are to be.

    Raises:
        UserError: it is no plan, or lists that no score could be right on; the list and video are named.
        ProtocolError: the data are not as the protocol wants them.
    """
    with at_work(protocol, "plan"):
        lists = protocol.plan(variant, seed, data)
    where = f"plan() of protocol {protocol.id}"
    if not isinstance(lists, Plan):
        raise UserError(f"{where} gives {kind_of(lists)}; a Plan is wanted")
    if not isinstance(lists.evaluate, tuple | list) or not lists.evaluate:
        raise UserError(f"{where} evaluates {lists.evaluate!r}; a tuple of Splits is wanted")
    others = [("train", lists.train), ("source", lists.source)]
    named = [("evaluate", split) for split in lists.evaluate]
    for role, split in named + [(role, split) for role, split in others if split is not None]:
        if not isinstance(split, Split):
            raise UserError(f"{where} has {kind_of(split)} as {role}; a Split is wanted")
        check_split(split, protocol)
    names = [split.name for split in lists.evaluate]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{where} has two splits {twice[0]!r}; each needs a name of its own")
    return protocol.filled(lists, data, told)


def check_split(split: Split, protocol: Protocol) -> None:
    """Refuse a list that no score could be right on.

    Raises:
        UserError: the list, the video or class, and what is wanted.
    """
    where = f"split {split.name} of {protocol.id}"
    if not _is_word(split.name) or "/" in split.name:
        raise UserError(f"a split of {protocol.id} has the name {split.name!r}; a word is wanted")
    if split.kind not in TARGETS:
        raise UserError(f"{where} is of kind {split.kind!r}; {', '.join(TARGETS)} are wanted")
    if not isinstance(split.samples, tuple | list):
        raise UserError(f"samples of {where} are {kind_of(split.samples)}; a tuple is wanted")
    if not split.samples:
        raise UserError(f"{where} has no videos")
    for problem in _class_problems(split):
        raise UserError(f"{where} {problem}")
    for problem in _sample_problems(split):
        raise UserError(f"{problem} in {where}")
    if split.kind != "captions":
        return
    if lacking := [s.id for s in split.samples if not s.captions]:  # captions may well be equal
        raise UserError(f"{len(lacking)} videos of {where} have no caption, first {lacking[0]}")


def _class_problems(split: Split) -> Iterator[str]:
    if split.kind == "captions":
        return
    names = split.classes
    if not isinstance(names, tuple | list):
        yield f"has {kind_of(names)} as classes; a tuple of names is wanted"
    if not names:
        yield "has no classes"
    if wrong := [name for name in names if not _is_word(name)]:
        yield f"has the class name {wrong[0]!r}; a text that is not empty is wanted"
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        yield f"has the class name {twice[0]!r} twice"


def _sample_problems(split: Split) -> Iterator[str]:
    """What is wrong with its videos, first of all what they are."""
    number = len(split.classes)
    for sample in split.samples:
        if not isinstance(sample, Sample):
            yield f"{kind_of(sample)} stands for a video; a Sample is wanted"
        if not _is_word(sample.id):
            yield f"a video has the id {sample.id!r}; a text is wanted"
        if not isinstance(sample.path, Path | None):
            yield f"the path of {sample.id} is {kind_of(sample.path)}; a Path is wanted"
        if split.kind == "captions":
            continue
        rows = (sample.label,) if split.kind == "classes" else sample.labels
        if not isinstance(rows, tuple | list):
            yield f"labels of {sample.id} are {kind_of(rows)}; a tuple of rows is wanted"
        for row in rows:
            if not _is_row(row, number):
                yield f"the label of {sample.id} is {row!r}; a row of its {number} classes is wanted"


def _is_row(row: Any, number: int) -> bool:
    whole = isinstance(row, int) or hasattr(row, "__index__")
    return whole and not isinstance(row, bool) and 0 <= row < number


def _is_word(name: Any) -> bool:
    return isinstance(name, str) and bool(name.strip())


def twice_in(split: Split) -> list[str]:
    """Ids that more than one video of a list has."""
    seen: set[str] = set()
    return [s.id for s in split.samples if s.id in seen or seen.add(s.id)]  # type: ignore[func-returns-value]


def kind_of(value: Any) -> str:
    """ "None", "a dict", "an int"."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def digest_of(protocol: Protocol, data: Data, prompts: Any, views: Any) -> str:
    """The digest of a protocol as used in a run.

    Raises:
        UserError: it is no text.
    """
    with at_work(protocol, "digest"):
        found = protocol.digest(data, prompts, views)
    if not _is_word(found):
        raise UserError(
            f"digest() of protocol {protocol.id} gives {kind_of(found)}; a text of hexadecimal digits "
            "is wanted"
        )
    return found


def metrics_of(protocol: Protocol, found: Any, hook: str) -> list[Metric]:
    """Metrics that `measure` or `summarise` of a protocol gave.

    Raises:
        RunFailed: something else than a list of Metric with finite numbers.
    """
    where = f"{hook}() of protocol {protocol.id}"
    if not isinstance(found, list | tuple):
        raise RunFailed(f"{where} gives {kind_of(found)}; a list of Metric is wanted")
    for metric in found:
        if not isinstance(metric, Metric):
            raise RunFailed(
                f"{where} gives {kind_of(metric)} among its metrics; a Metric is wanted"
            )
        if not (hasattr(metric.value, "__float__") and math.isfinite(metric.value)):
            name = f"metric {metric.name}" + (f" of {metric.split}" if metric.split else "")
            raise RunFailed(f"{where}: {name} is {metric.value!r}; a finite number is wanted")
    return list(found)


def check_headline(protocol: Protocol, found: Sequence[Metric], tested: Sequence[str]) -> None:
    """Refuse metrics without the one that ranks, over all splits or of the only one.

    Raises:
        RunFailed: which there are.
    """
    only = tested[0] if len(tested) == 1 else None
    over = list(dict.fromkeys(m.name for m in found if m.split in (None, only)))
    if protocol.primary not in over:
        held = f"there are {', '.join(over)}" if over else "summarise() gives none"
        raise RunFailed(
            f"protocol {protocol.id} has no metric {protocol.primary!r} over all splits, which is its "
            f"primary: {held}"
        )
