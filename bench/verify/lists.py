"""What is known here of a record's protocol, and whether its predictions are of the protocol's lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from ...datasets.errors import DatasetError
from ...datasets.value_words import complaints
from ...leaderboard.record.arrays import CONTENT_DIGITS
from ...leaderboard.record.files import StoreError
from ...leaderboard.record.record import Record
from ...protocols.base import Protocol, ProtocolError
from ...protocols.measure import target_of
from ...protocols.prompts import templates
from ...protocols.shapes import ShapesProtocol
from ...protocols.split import Outcome, Plan, Sample, Split, digest
from ..config.flags import data_flags, is_named, own_folder
from ..config.resolve import RECIPE
from ..config.schema import DataSource, RunConfig
from ..errors import UserError, one_line
from ..find_runs import read_record
from ..plan.data import BOTH, check_folders, data_of
from ..registry import BUILT_IN, card, entries
from ..registry import protocol as find_protocol
from .rebuilt import Rebuilt

# of the settings on data those that decide lists; the others, such as the reader, have no say here
_SETTINGS = ("class_names", "allow_unpinned", "size", "train_list")


@dataclass(frozen=True)
class Known:
    """What is known here of a record's protocol.

    Attributes:
        protocol: None if no such protocol is registered. splits: its lists by name; none: not to be had.
        k_shot: of the plan. trained: ids of all videos that were trained on; None: not to be had.
        digest: of the protocol as the record used it.
        recipe: templates of the method's recipe, if the record says that they are from there.
        notes: what stands in the way. problems: what the record says and cannot be.
    """

    protocol: Protocol | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    k_shot: int | None = None
    trained: frozenset[str] | None = None
    digest: str | None = None
    recipe: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


_BY_NAME = "files not compared: it was made when own videos were known by their names alone"


class _Wrong(ValueError):
    """What a record says and cannot be, wherever the lists are."""


def check_data(words: Sequence[str], plugins: Sequence[str], records: Sequence[Path] = ()) -> None:
    """Refuse words of --data that name nothing, before they are taken for lists that are lacking.

    Args:
        records: files, whose names of own videos may stand in NAME=DIR.

    Raises:
        UserError: two folders without an id, one that is not there, an id that no dataset has.
    """
    data_flags(list(words))
    known = entries("protocols", plugins).values() if words else ()
    others = [entry.id for entry in known if entry.origin != BUILT_IN and entry.error is None]
    own = [dataset for id in others for dataset in find_protocol(id, plugins).datasets]
    check_folders(words, own + (_own_names(records) if any(map(is_named, words)) else []))


def _own_names(records: Sequence[Path]) -> list[str]:
    """What records call videos of a user's own."""
    names: dict[str, None] = {}
    for path in records:
        with suppress(StoreError):  # it is reported when it is verified
            data = read_record(path).record.command.config_resolved.get("data", {})
            names |= {str(data["name"]): None} if data.get("name") else {}
    return list(names)


def known_here(record: Record, data: Sequence[str], plugins: Sequence[str]) -> Known:
    """The record's protocol and its lists, as far as they are to be had."""
    found = _lists(record, data, plugins)
    if record.command.config_sources.get("prompts") != RECIPE:
        return found
    try:
        return replace(found, recipe=_recipe(record, plugins))
    except UserError as error:
        note = f"prompts not compared with its method's recipe: {one_line(error)}"
        return replace(found, notes=(*found.notes, note))


def _lists(record: Record, data: Sequence[str], plugins: Sequence[str]) -> Known:
    identity = record.identity.protocol
    try:
        protocol = find_protocol(identity.id, plugins)
    except UserError as error:
        return Known(notes=(f"its protocol is not known here: {error}",))
    away, other = _away(protocol), protocol.version != identity.version
    versions = f"version {identity.version} of {identity.id}, and here is {protocol.version}"
    made = f"lists not compared: it was made by {versions}"
    said = record.command.config_resolved.get("data", {})
    here = own_folder(data, said.get("name")) if protocol.needs_root else data
    if away and not here:
        where = "lists not compared: give their folders with --data"
        return Known(protocol, notes=(made if other else where,))
    if identity.variant not in protocol.variants:
        return Known(protocol, notes=(made,) if other else ())
    try:
        known = _planned(record, protocol, data)
    except (ProtocolError, DatasetError, UserError, ValueError) as error:
        if other:
            return Known(protocol, notes=(made,))
        if away and not isinstance(error, _Wrong):
            return Known(protocol, notes=(f"lists not compared: {one_line(error)}",))
        reason = str(error) if isinstance(error, _Wrong) else one_line(error)
        return Known(protocol, problems=(f"its lists cannot be made: {reason}",))
    if other:
        return Known(protocol, digest=known.digest, notes=(made,))
    return known if _by_bytes(record, protocol) else replace(known, notes=(_BY_NAME,))


def _by_bytes(record: Record, protocol: Protocol) -> bool:
    """Whether a record knows its videos by their files, as one of own videos does unless it is old."""
    keys = record.predictions.keys if record.predictions else ()
    return not protocol.needs_root or any(key.endswith("/content") for key in keys)


def _away(protocol: Protocol) -> bool:
    """Whether its lists are in folders that somebody has to name."""
    return bool(protocol.datasets or protocol.needs_root)


def _planned(record: Record, protocol: Protocol, words: Sequence[str]) -> Known:
    """The lists of the record's protocol, with the settings that the record names."""
    identity = record.identity.protocol
    config = _config(record, protocol, words)
    contents = _by_bytes(record, protocol)
    plan, had = _plan(record, protocol, config, contents)
    # prompts that a method's recipe brings are no part of the protocol
    recipe = record.command.config_sources.get("prompts") == RECIPE
    views = {**identity.views.model_dump(), "merge": identity.views.merge.removeprefix("mean-")}
    return Known(
        protocol,
        {split.name: split for split in plan.evaluate},
        plan.k_shot,
        _trained(record, plan, had),
        protocol.digest(
            replace(data_of(config, protocol, ()), contents=contents),
            None if recipe else identity.templates,
            views,
        ),
    )


def _config(record: Record, protocol: Protocol, words: Sequence[str]) -> RunConfig:
    """A configuration that plans the record's lists; _Wrong: the record's settings are none."""
    said: Mapping[str, Any] = record.command.config_resolved.get("data", {})
    settings = {key: said[key] for key in _SETTINGS if key in said}
    if protocol.needs_root:
        settings["root"] = own_folder(words, said.get("name"))
    elif protocol.datasets:
        flags = data_flags(list(words))
        settings |= {key.removeprefix("data."): value for key, value in flags.items()}
        settings["videos"] = False
    try:
        source = DataSource.model_validate(settings)
    except ValidationError as error:
        key, text = next(iter(complaints(error, DataSource).items()))
        raise _Wrong(f"data.{key} of its configuration: {text}") from None
    return RunConfig(method=record.identity.method.name, protocol=protocol.id, data=source)


def _plan(
    record: Record, protocol: Protocol, config: RunConfig, contents: bool
) -> tuple[Plan, frozenset[str]]:
    """The record's lists, those of its training as far as they are to be had, and which were asked for."""

    def planned(needs: frozenset[str]) -> Plan:
        data = replace(data_of(config, protocol, needs), contents=contents)
        return protocol.full_plan(record.variant, seed, data)

    seed = 1 if record.seed is None else record.seed
    wanted = () if _training_list(record) is None else (BOTH, frozenset(("target",)))
    for needs in wanted:
        try:
            return planned(needs), needs
        except (ProtocolError, DatasetError):
            continue
    return planned(frozenset()), frozenset()


def _training_list(record: Record) -> str | None:
    """That of the last stage; None: nothing was trained, or a record of version 1 does not say it."""
    last = (record.identity.train or {}).get("training_list")
    return None if last is None else str(last)


def _trained(record: Record, plan: Plan, had: frozenset[str]) -> frozenset[str] | None:
    """Ids of the lists of all stages; None if some are not to be had, or were cut by a limit.

    Args:
        plan: of the record. had: the lists of training that it was asked for.

    Raises:
        _Wrong: the record names lists that its protocol does not have.
    """
    identity = record.identity
    last = _training_list(record)
    if last is None:
        return None if identity.train else frozenset()
    stages = identity.method.stages
    names = {last, *(str(stage.get("training_list", last)) for stage in stages)}
    lists = {split.name: split for split in (plan.train, plan.source) if split}
    strange = sorted(names - set(lists))
    if strange and had == BOTH:
        known = ", ".join(sorted(lists)) or "none"
        raise _Wrong(f"its training list is {strange[0]}, and of {identity.protocol.id} {known}")
    if strange or record.limited:
        return None
    return frozenset(sample.id for name in names for sample in lists[name].samples)


def _recipe(record: Record, plugins: Sequence[str]) -> tuple[str, ...]:
    """Templates of the recipe that the record's method has for its protocol; none: it names none.

    Raises:
        UserError: the method is not known here.
    """
    identity = record.identity
    about = {"family": identity.protocol.family, "dataset": identity.protocol.dataset}
    known = card(identity.method.name, plugins)
    recipe = known.recipe(**about, backbone=identity.backbone.name)
    return tuple(templates(recipe.set.get("prompts", []))) if recipe else ()


def split_problems(rebuilt: Rebuilt, known: Known, name: str) -> Iterator[str]:
    """What is wrong with the videos of a split, and with what they were scored against."""
    record, ids = rebuilt.record, rebuilt.arrays[name]["ids"].tolist()
    data = record.data[name]
    if len(ids) != data.n_scored:
        yield f"{name} has predictions of {len(ids)} videos, and the record says {data.n_scored}"
    if digest(sorted(ids)) != data.ids_digest:
        yield f"ids_digest of {name} is not that of the ids of its predictions"
    yield from _coverage(record, known, name)
    planned = known.splits.get(name)
    if planned is None:
        return
    place = {sample.id: n for n, sample in enumerate(planned.samples)}
    strange = [id for id in ids if id not in place]
    if strange:
        some = f"{len(strange)} ids of {name} are" if len(strange) > 1 else f"an id of {name} is"
        yield f"{some} not in the list of the protocol: {strange[0]}"
        return
    places = [place[id] for id in ids]
    if places != sorted(places):
        yield f"the ids of {name} are not in the order of the list"
    left = set(place) - set(ids)
    if wrong := [id for id in data.unreadable_ids if id not in left]:
        yield f"{wrong[0]} of {name} is said to be unreadable, and is scored or in no list"
    yield from _targets(rebuilt, name, planned, [planned.samples[n] for n in places])
    yield from _list(rebuilt, name, planned)
    if rebuilt.told and known.trained is not None:
        number = len(known.trained & set(ids))
        if data.train_test_overlap != number:
            yield (
                f"train_test_overlap of {name} is {data.train_test_overlap}, and {number} of its "
                "videos are in the training lists"
            )


def _coverage(record: Record, known: Known, name: str) -> Iterator[str]:
    """Every video that was there is scored, or named as unreadable."""
    data = record.data[name]
    if data.n_scored + data.n_unreadable != data.n_found:
        yield (
            f"{data.n_found} videos of {name} were there, {data.n_scored} are scored and "
            f"{data.n_unreadable} unreadable: some are left out"
        )
    if data.n_unreadable and record.identity.preprocess.get("on_bad_video") == "fail":
        yield f"{data.n_unreadable} videos of {name} are unreadable, at which this run would fail"
    if isinstance(known.protocol, ShapesProtocol) and data.n_found != data.n_expected:
        missing = data.n_expected - data.n_found
        yield f"{missing} videos of {name} are said to be missing, and Shapes makes its own"


def _targets(rebuilt: Rebuilt, name: str, planned: Split, samples: list[Sample]) -> Iterator[str]:
    """What is right for each video, and what it shares a source with."""
    part = rebuilt.arrays[name]
    if planned.kind == "captions":
        wanted, stored = np.array([len(s.captions) for s in samples]), part.get("captions")
    else:
        outcome = Outcome(planned, tuple(samples), np.zeros((len(samples), 0), np.float32))
        wanted, stored = target_of(outcome), part.get("target")
    if stored is None or stored.shape != wanted.shape:
        yield f"{name} is scored against something else than in the protocol"
        return
    wrong = [s.id for s, a, b in zip(samples, stored, wanted, strict=True) if np.any(a != b)]
    if wrong:
        some = "1 video" if len(wrong) == 1 else f"{len(wrong)} videos"
        yield f"what is right for {some} of {name} is not as in the protocol's list: {wrong[0]}"
    groups = [sample.group or "" for sample in samples]
    said = part["groups"].tolist() if "groups" in part else [""] * len(samples)
    if said != groups:
        yield f"the groups of {name} are not those of the protocol's list"


def _list(rebuilt: Rebuilt, name: str, planned: Split) -> Iterator[str]:
    """What the record says of the list itself."""
    data = rebuilt.record.data[name]
    if rebuilt.told:
        for what, said, wanted in (
            ("kind", data.kind, planned.kind),
            ("classes", tuple(data.classes), planned.classes),
            ("novel", tuple(data.novel), planned.novel),
        ):
            if said != wanted:
                yield f"{what} of {name} is not as in the protocol's list"
    if not rebuilt.record.limited:
        number = len(planned.samples)
        if data.n_expected != number:
            yield f"n_expected of {name} is {data.n_expected}, and its list has {number} videos"
        if changed := _other_files(rebuilt.arrays[name], planned):
            yield f"other files than those of the run are here, of {name}: {_few(changed)}"
        elif data.manifest_digest != planned.digest():
            yield f"manifest_digest of {name} is not that of the protocol's list"


def _other_files(part: Mapping[str, np.ndarray], planned: Split) -> list[str]:
    """Ids of the videos whose files are not those of the predictions, as far as both are known."""
    if "content" not in part:
        return []
    here = {sample.id: sample.content[:CONTENT_DIGITS] for sample in planned.samples}
    pairs = zip(part["ids"].tolist(), part["content"].tolist(), strict=True)
    return [id for id, said in pairs if said and here.get(id) and said != here[id]]


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3:,} more" if len(ids) > 3 else "")
