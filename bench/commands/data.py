"""`bench data`: make, check and look at data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make, check and look at data.", no_args_is_help=True)
_Dataset = Annotated[str, typer.Argument(help="Dataset id, see `bench list datasets`.")]


def _known(dataset: str) -> None:
    from ..errors import UserError
    from ..registry import resolve

    resolve("datasets", dataset)
    if dataset not in ("shapes", "folder"):
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
    from ..show import console, progress

    _known(dataset)
    if dataset != "shapes":
        raise UserError("only shapes can be made; the folder dataset is your own videos")
    if size < 32 or size % 2:
        raise UserError(f"--size {size}: an even number from 32 on is needed")
    from ...datasets.shapes import splits as world
    from ...datasets.shapes.store import cache_root, ensure

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
def check(
    dataset: _Dataset,
    data: Annotated[
        Path | None, typer.Option(help="Folder (or CSV) of the folder dataset.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only these splits (shapes).")] = None,
) -> None:
    """Read every video once and say what is wrong with it, and what to do."""
    from ..errors import UserError

    _known(dataset)
    if dataset == "folder":
        if data is None:
            raise UserError("bench data check folder needs --data: the folder or CSV to check")
        findings, number = _check_folder(data)
    else:
        findings, number = _check_shapes(split)
    from ..show import console

    for path, problem, remedy in findings:
        console.print(f"{path}: {problem}; {remedy}", soft_wrap=True)
    console.print(f"{number} videos checked, {len(findings)} with a problem")
    if findings:
        raise typer.Exit(1)


def _check_splits(names: list[str]) -> None:
    from ...datasets.shapes.splits import SPLITS
    from ..errors import UserError, did_you_mean

    for name in names:
        if name not in SPLITS:
            hint = did_you_mean(name, SPLITS) or f"; there are {', '.join(SPLITS)}"
            raise UserError(f"shapes has no split {name!r}{hint}")


def _check_shapes(split: list[str] | None) -> tuple[list[tuple[str, str, str]], int]:
    from ...datasets.shapes import splits as world
    from ...datasets.shapes.store import check as check_store
    from ..show import progress

    names = split or list(world.SPLITS)
    _check_splits(names)
    found = []
    with progress() as bar:
        task = bar.add_task("splits", total=len(names), note="")
        for name in names:
            found += check_store(splits=[name])
            bar.advance(task)
    rows = [(str(f.path), f.problem, f.remedy) for f in found]
    return rows, sum(world.size(n) for n in names)


def _check_folder(data: Path) -> tuple[list[tuple[str, str, str]], int]:
    from ...datasets.folder import read_csv, read_folder
    from ...datasets.video import VideoError, read_clip
    from ..show import progress

    is_file = data.is_file() or data.suffix.lower() == ".csv"
    listing = read_csv(data, None) if is_file else read_folder(data)
    rows = []
    with progress() as bar:
        task = bar.add_task("videos", total=len(listing.items), note="")
        for item in listing.items:
            try:
                read_clip(item.path, range)
            except VideoError as error:
                rows.append((item.id, error.reason, "repair or remove it, or --on-bad-video skip"))
            bar.advance(task)
    return rows, len(listing.items)


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
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: the folder {out.parent} does not exist")
    from ...datasets.shapes import splits as world
    from ...datasets.shapes.sheet import contact_sheet
    from ..show import console

    total = world.size(split)
    if number > total:
        raise UserError(f"split {split} has {total} clips, not {number}")
    stride = max(1, total // number)
    clips = [world.clip(split, (i * stride + i) % total) for i in range(number)]  # no common factor
    contact_sheet(clips, out)
    console.print(f"{number} clips of {split} in {out}")
