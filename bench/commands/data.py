"""`bench data`: make, check and look at data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..data.report import Report

app = typer.Typer(help="Make, check and look at data.", no_args_is_help=True)
FRAMES = 8  # of a clip by default
_Dataset = Annotated[str, typer.Argument(help="Dataset id, see `bench list datasets`.")]


def _known(dataset: str) -> None:
    from ...datasets.catalog import BUILTIN
    from ..errors import UserError
    from ..registry import resolve

    resolve("datasets", dataset)
    if dataset not in BUILTIN:
        raise UserError(f"dataset {dataset!r} comes from a plugin, which looks after its own data")


@app.command()
def make(
    dataset: _Dataset,
    split: Annotated[list[str] | None, typer.Option(help="Only these splits.")] = None,
    size: Annotated[int, typer.Option(help="Side of the frames in pixels, even.")] = 64,
    seed: Annotated[int, typer.Option(help="Seed of the world; protocols use 0.")] = 0,
) -> None:
    """Write the videos of the embedded world into the cache (runs do it by themselves)."""
    from ..errors import UserError
    from ..terminal import console, progress

    _known(dataset)
    if dataset != "shapes":
        raise UserError(
            f"only shapes can be made; bench data describe {dataset} says what {dataset} is"
        )
    if size % 2 or not 32 <= size <= 1024:
        raise UserError(f"--size {size}: an even number from 32 to 1,024 is needed")
    if not 0 <= seed < 2**32:
        raise UserError(f"--seed {seed}: a whole number from 0 to {2**32 - 1:,} is needed")
    from ...datasets.cache import cache_root
    from ...datasets.shapes import splits as world
    from ...datasets.shapes.store import ensure

    names = split or list(world.SPLITS)
    _check_splits(names)
    with progress() as bar:
        task = bar.add_task("clips", total=sum(world.size(n) for n in names), note="")
        for name in names:
            clips = [world.clip(name, i, seed) for i in range(world.size(name))]
            ensure(clips, size=size, progress=lambda n: bar.advance(task, n))
    total = sum(world.size(n) for n in names)
    console.print(f"{total} clips of {len(names)} splits are in {cache_root()}")


@app.command()
def describe(
    dataset: Annotated[str, typer.Argument(help="Dataset id, or vifi-clip or open-vclip.")],
) -> None:
    """Say what a dataset is, where its files are got, and the layout wanted."""
    from ...datasets import catalog
    from ...datasets.roots import check_environment
    from ..describe.dataset import dataset_lines, repository_lines
    from ..terminal import say

    check_environment()
    if _is_repository(dataset):
        lines = repository_lines(dataset)
    elif dataset in catalog.PUBLISHED:
        lines = dataset_lines(dataset)
    else:
        _known(dataset)
        lines = [f"{dataset}: {catalog.card(dataset).summary}"]
    for line in lines:
        say(line)


@app.command()
def check(
    dataset: Annotated[str, typer.Argument(help="Dataset id, or vifi-clip or open-vclip.")],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR|ID=DIR", help="Root of the dataset, or of one folder an id."),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only these splits.")] = None,
    allow_unpinned: Annotated[
        bool, typer.Option("--allow-unpinned", help="Read annotation files of other versions too.")
    ] = False,
    class_names: Annotated[
        str, typer.Option(metavar="SET", help="official, vifi-clip or open-vclip.")
    ] = "official",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes that decode; one a core by default.")
    ] = None,
    no_videos: Annotated[
        bool, typer.Option("--no-videos", help="Check the annotation files only.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write every id, path, problem, remedy.")
    ] = None,
) -> None:
    """Check annotation files and videos; say what is wrong, and what to do. Takes up where it stopped."""
    from ...datasets import catalog
    from ...datasets.roots import parse_roots
    from ..config.flags import check_words
    from ..data.check import Wanted, check_dataset, check_repository
    from ..data.report import check_out, show
    from ..errors import UserError

    if not _is_repository(dataset):
        _known(dataset)
    check_out(out)
    check_words(data or [])
    roots = parse_roots([] if dataset == "folder" else data or [], dataset)
    processes = jobs or _cores()
    if _is_repository(dataset):
        report = check_repository(dataset, roots.of(dataset))
    elif dataset in catalog.PUBLISHED:
        wanted = Wanted(
            tuple(split or ()), allow_unpinned, class_names, processes, videos=not no_videos
        )
        report = check_dataset(dataset, roots.of(dataset), wanted)
    elif dataset == "folder":
        report = _check_folder(data or [], processes, no_videos)
    elif data:
        raise UserError(f"{dataset} makes its own videos and takes no --data")
    else:
        report = _check_shapes(split)
    show(report, out)


def _is_repository(id: str) -> bool:
    return id in ("vifi-clip", "open-vclip")


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_splits(names: list[str]) -> None:
    from ...datasets.shapes.splits import SPLITS
    from ..errors import UserError, did_you_mean

    for name in names:
        if name not in SPLITS:
            hint = did_you_mean(name, SPLITS) or f"; there are {', '.join(SPLITS)}"
            raise UserError(f"shapes has no split {name!r}{hint}")


def _check_shapes(split: list[str] | None) -> Report:
    from ...datasets.shapes import splits as world
    from ...datasets.shapes.store import check as check_store
    from ..data.report import Report
    from ..terminal import progress

    names = split or list(world.SPLITS)
    _check_splits(names)
    report = Report()
    with progress() as bar:
        task = bar.add_task("splits", total=len(names), note="")
        for name in names:
            for found in check_store(splits=[name]):
                report.find(f"{found.path}: {found.problem}", found.remedy)
            bar.advance(task)
    report.facts.append(f"{sum(world.size(n) for n in names)} videos checked")
    return report


def _check_folder(words: list[str], jobs: int, no_videos: bool) -> Report:
    from ...datasets.folder import read_own
    from ...datasets.video.pyav import few_frames
    from ..config.flags import is_named
    from ..data.check import decode
    from ..data.report import SHOWN, Report
    from ..errors import UserError
    from ..plan.data import check_own

    if len(words) != 1:
        raise UserError("bench data check folder needs one --data: the folder or CSV to check")
    place = words[0].partition("=")[2] if is_named(words[0]) else words[0]
    check_own(place)
    listing = read_own(Path(place))
    report = Report()
    number = len(listing.items)
    report.facts.append(f"{number:,} videos listed of {len(listing.classes)} classes")
    report.notes += listing.notes
    if not no_videos:
        videos = {item.id: item.path for item in listing.items}
        decode(report, "checks/folder.jsonl", videos, jobs)
        few = {id: few_frames(path, FRAMES) for id, path in videos.items() if id not in report.each}
        short = [f"{id} ({n})" for id, n in few.items() if n is not None]
        if short:
            more = f", and {len(short) - SHOWN:,} more" if len(short) > SHOWN else ""
            report.notes.append(
                f"fewer than {FRAMES} frames, which a run of {FRAMES} frames repeats: {len(short):,} of "
                f"{number:,} videos: {', '.join(short[:SHOWN])}{more}"
            )
    return report


@app.command()
def show(
    dataset: _Dataset,
    out: Annotated[Path, typer.Option(help="PNG file to write.")],
    split: Annotated[str, typer.Option(help="Split to take clips from.")] = "source",
    number: Annotated[int, typer.Option(help="How many clips.", min=1)] = 14,
) -> None:
    """Write a contact sheet: one row of frames for each clip, with its label."""
    from ..errors import UserError

    _known(dataset)
    if dataset != "shapes":
        raise UserError("bench data show knows the embedded world: bench data show shapes")
    _check_splits([split])
    if out.suffix.lower() != ".png":
        raise UserError(
            f"--out {out}: the sheet is a picture, and a name that ends in .png is wanted"
        )
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: the folder {out.parent} does not exist")
    from ...datasets.shapes import splits as world
    from ...datasets.shapes.sheet import contact_sheet
    from ..terminal import console

    total = world.size(split)
    if number > total:
        raise UserError(f"split {split} has {total} clips, not {number}")
    stride = max(1, total // number)
    clips = [world.clip(split, (i * stride + i) % total) for i in range(number)]  # no common factor
    contact_sheet(clips, out)
    console.print(f"{number} clips of {split} in {out}")
