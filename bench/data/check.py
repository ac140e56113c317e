"""`bench data check`: what is wrong with the folder of a published dataset, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ...datasets import catalog
from ...datasets.annotation import Annotation
from ...datasets.annotation_files import load
from ...datasets.class_names import CLASS_NAMES
from ...datasets.errors import DatasetError, MissingAnnotation
from ...datasets.table import DataFinding, check
from ..errors import UserError, check_choice, did_you_mean
from ..stopping import exit_code
from ..terminal import progress, say
from .report import Report

if TYPE_CHECKING:
    import pandas as pd

    from ...datasets.card import DatasetCard

_GONE_ON = "until then go without the splits that it lists, or go on with --allow-unpinned"


@dataclass(frozen=True)
class Wanted:
    """What to check: splits (all if empty), files of other versions too, names, processes, videos."""

    splits: tuple[str, ...] = ()
    allow_unpinned: bool = False
    class_names: str = "official"
    jobs: int = 1
    videos: bool = True


def check_dataset(id: str, root: Path, wanted: Wanted) -> Report:
    """Check annotation files, lists, class names and videos of a published dataset.

    Raises:
        UserError: a split or set of class names that there is not.
        CacheError: verdicts on videos cannot be kept.
    """
    report, card = Report(), catalog.card(id)
    _check_wanted(card, wanted)
    if not check_files(report, root, card.annotations, id, wanted.allow_unpinned):
        return report
    tables = _read_splits(report, card, root, wanted)
    if card.n_classes:
        _check_names(report, card, root, wanted, tables)
    if wanted.videos and tables:
        videos = _check_places(report, card, root, tables)
        decode(report, f"checks/{id}.jsonl", videos, wanted.jobs)
    return report


def check_files(
    report: Report, root: Path, files: Sequence[Annotation], id: str, allow_unpinned: bool = False
) -> bool:
    """Compare the digest of every annotation file with the pinned ones; whether any is there."""
    right, absent = 0, 0
    with progress() as bar:
        task = bar.add_task("annotation files", total=len(files), note="")
        for file in files:
            try:
                loaded = load(root, file, dataset=id, allow_unpinned=True)
                right += loaded.pinned
                if not file.sha256:
                    report.notes.append(
                        f"not compared: no digest of {file.name} is known; that of yours is "
                        f"{loaded.sha256}"
                    )
                elif not loaded.pinned:
                    report.find(*_other_version(file, loaded.path, loaded.sha256, allow_unpinned))
            except MissingAnnotation:
                absent += 1
            except DatasetError as error:
                report.find(str(error), f"{file.source}; {_GONE_ON.partition(',')[0]}")
            bar.advance(task)
    report.facts.append(f"{right} of {len(files)} annotation files have their pinned digest")
    if absent < len(files):
        return True
    other = catalog.looks_like(root, id)
    hint = f" (it looks like the root of {other})" if other else ""
    report.find(
        f"not one of the {len(files)} annotation files of {id} is in {root}{hint}",
        f"give the folder of {id} with --data; bench data describe {id} says what it holds",
    )
    return False


def check_repository(id: str, root: Path) -> Report:
    """Compare the digests of all lists and label files of ViFi-CLIP or Open-VCLIP.

    A file that lacks is a finding here, where it is known: a checkout has them all.
    """
    from ...datasets.reference_lists import all_annotations
    from ...datasets.repositories import REPOSITORIES

    report, files = Report(), all_annotations(id)
    if not check_files(report, root, files, id):
        return report
    for file in files:
        with suppress(DatasetError):  # other versions and unreadable files are reported already
            try:
                load(root, file, dataset=id, allow_unpinned=True)
            except MissingAnnotation as error:
                if file.sha256:
                    report.find(str(error), f"git clone {REPOSITORIES[id].url}")
                else:
                    report.notes.append(f"not checked: {file.name} is not there ({file.source})")
    return report


def decode(report: Report, place: str, videos: Mapping[str, Path], jobs: int) -> None:
    """Decode videos (id -> file) that no earlier check has; what cannot be decoded goes to the report.

    Args:
        report: is added to.
        place: of the file of verdicts below the cache folder.
        videos: to decode.
        jobs: processes.

    Raises:
        typer.Exit: stopped with Ctrl-C; what is done is kept.
    """
    from ...datasets.cache import cache_root
    from ...datasets.video.check import VerdictFile, check_videos

    verdicts = VerdictFile(cache_root() / place)
    ids: dict[Path, list[str]] = {}
    for id, path in videos.items():
        ids.setdefault(path, []).append(id)
    known, done = sum(verdicts.find(path) is not None for path in ids), 0
    try:
        with progress() as bar:
            task = bar.add_task("videos", total=len(ids), note="")
            for verdict in check_videos(list(ids), verdicts, jobs, lambda n: bar.advance(task, n)):
                done += 1
                if verdict.reason:
                    problem, _, remedy = verdict.reason.rpartition("; ")
                    for id in ids[verdict.path]:
                        report.paths[id] = verdict.path
                        report.each[id] = (problem or remedy, remedy if problem else "")
    except KeyboardInterrupt:
        say(
            f"stopped: {done:,} of {len(ids):,} videos are checked, and what came of it is kept in "
            f"{verdicts.path}; the same command goes on from there"
        )
        raise typer.Exit(exit_code()) from None
    report.facts.append(
        f"{len(ids):,} videos checked by decoding them, {known:,} known from the last check"
    )
    if report.each:
        report.findings.append(
            DataFinding(
                f"{len(report.each):,} of {len(videos):,} videos cannot be decoded to their end",
                "get them again, or run with --on-bad-video skip, which the record states",
                tuple(sorted(report.each)),
            )
        )


def _check_wanted(card: DatasetCard, wanted: Wanted) -> None:
    for name in wanted.splits:
        if name not in card.splits:
            hint = did_you_mean(name, card.splits) or f"; there are {', '.join(card.splits)}"
            raise UserError(f"{card.id} has no split {name!r}{hint}")
    sets = CLASS_NAMES if card.spelling else ("official",)
    check_choice("--class-names", wanted.class_names, sets)


def _other_version(
    file: Annotation, path: Path, found: str, allow_unpinned: bool
) -> tuple[str, str]:
    where = path if "*" not in file.name else path.parent / Path(file.name).name
    problem = f"{where} has the sha256 {found} and {' or '.join(file.sha256)} is expected"
    remedy = "it was read all the same (--allow-unpinned)" if allow_unpinned else _GONE_ON
    return problem, f"{file.source}; {remedy}"


def _read_splits(
    report: Report, card: DatasetCard, root: Path, wanted: Wanted
) -> dict[str, pd.DataFrame]:
    """The tables that can be read; what cannot goes to the report."""
    tables: dict[str, pd.DataFrame] = {}
    lacking: dict[str, tuple[MissingAnnotation, list[str]]] = {}
    names = wanted.splits or card.splits
    with progress() as bar:
        task = bar.add_task("lists", total=len(names), note="")
        for split in names:
            try:
                tables[split] = catalog.read(
                    card.id, root, split, allow_unpinned=wanted.allow_unpinned
                )
            except MissingAnnotation as error:
                lacking.setdefault(error.annotation.name, (error, []))[1].append(split)
                if card.captions_apart:
                    _read_bare(tables, card.id, root, split, wanted.allow_unpinned)
            except DatasetError as error:
                _unreadable(report, error)
            bar.advance(task)
    for split, table in tables.items():
        bare = table.copy()
        bare.attrs = {**table.attrs, "unpinned": ()}  # their digests are reported already
        for finding in check(bare, card):
            report.find(finding.problem, finding.remedy, finding.ids)
        classes = f" of {table['label'].nunique()} classes" if "label" in table else ""
        report.facts.append(f"{split}: {len(table):,} videos listed{classes}")
    needed = bool(wanted.splits) or not (tables or report.findings)
    for name, (gone, splits) in lacking.items():
        if needed:
            report.find(str(gone), f"without it there is no {', '.join(splits)}")
        else:
            bare_only = " with captions" if set(splits) <= tables.keys() else ""
            report.notes.append(
                f"not checked: {', '.join(splits)}{bare_only}: {name} is not there "
                f"({gone.annotation.source})"
            )
    return tables


def _read_bare(
    tables: dict[str, pd.DataFrame], id: str, root: Path, split: str, allow_unpinned: bool
) -> None:
    """Add the table without its captions, if that can be read."""
    with suppress(DatasetError):
        tables[split] = catalog.read(id, root, split, captions=False, allow_unpinned=allow_unpinned)


def _unreadable(report: Report, error: DatasetError) -> None:
    """Report a list that cannot be read, unless it is for its digest, which is reported already."""
    if "--allow-unpinned" not in str(error):
        report.find(str(error), "mend it, or get it anew")


def _check_names(
    report: Report,
    card: DatasetCard,
    root: Path,
    wanted: Wanted,
    tables: Mapping[str, pd.DataFrame],
) -> None:
    """Number and spelling of the class names, and that every class has videos."""
    try:
        names = catalog.classes(
            card.id, root, wanted.class_names, allow_unpinned=wanted.allow_unpinned
        )
    except MissingAnnotation as error:
        report.notes.append(f"class names not checked: {error}")
        return
    except DatasetError as error:
        _unreadable(report, error)
        return
    report.facts.append(f"{len(names)} class names ({wanted.class_names})")
    if card.spelling and wanted.class_names in card.spelling.faults:
        fault = card.spelling.faults[wanted.class_names]
        report.notes.append(f"known fault of these names: {fault}")
    if len(names) != card.n_classes:
        report.find(
            f"{card.id} has {len(names)} class names where {card.n_classes} are expected",
            "get the official annotation files anew",
        )
    written = Counter(" ".join(name.casefold().split()) for name in names)
    twice = tuple(name for name, number in written.items() if number > 1)
    if twice:
        report.find(
            f"class names that occur twice: {len(twice)}", "give each class one name", twice
        )
    for split, table in tables.items():
        if "label" in table:
            empty = tuple(n for k, n in enumerate(names) if k not in set(table["label"]))
            if empty:
                report.find(
                    f"classes without a video in {split}: {len(empty)}", "get the list anew", empty
                )


def _check_places(
    report: Report, card: DatasetCard, root: Path, tables: Mapping[str, pd.DataFrame]
) -> dict[str, Path]:
    """Look for the videos of every split; id -> file of those that are there."""
    import pandas as pd

    places: dict[str, Path | None] = {}
    ambiguous: dict[str, tuple[str, ...]] = {}
    with progress() as bar:
        task = bar.add_task("looking for videos", total=len(tables), note="")
        for table in tables.values():
            filled = catalog.find_videos(card.id, table, [root])
            for video, path in zip(filled["id"], filled["path"], strict=True):
                places[video] = places.get(video) or path
            ambiguous |= filled.attrs["ambiguous"]
            bar.advance(task)
    every = pd.DataFrame(
        {"id": list(places), "path": pd.Series(list(places.values()), dtype=object)}
    )
    every.attrs = {"roots": (str(root),), "ambiguous": ambiguous}
    found = {video: path for video, path in places.items() if path is not None}
    report.paths |= found
    report.facts.append(f"{len(found):,} of {len(places):,} videos found")
    for finding in check(every, card):
        problem = finding.problem
        other = catalog.looks_like(root, card.id) if not found else ""
        hint = f" (it looks like the root of {other})" if other else ""
        report.find(problem + hint, finding.remedy, finding.ids)
    return found
