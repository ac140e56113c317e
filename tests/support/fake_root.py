"""Miniature roots in the official layouts: real annotation files, and Shapes clips under the real names.

    python tests/support/fake_root.py all --annotations DIR --out ROOT
    bench run ... --data ROOT --on-bad-video skip

DIR holds one folder a dataset id with its annotation files as downloaded, and the checkouts `vifi-clip` and
`open-vclip`. ROOT gets the same form, with a few videos of every list that protocols use; the lists are not
shortened, the other videos are missing. Files that cannot be had freely are made up where DIR lacks them
(fake_lists.py); a README.txt in each folder names them. Numbers from such a root mean nothing.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from fake_lists import MAKERS, SHAPES, UNUSED_LISTS, Making, chosen, k400_lists, shapes_clip
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from vclipbench.datasets import catalog, reference_lists
from vclipbench.datasets.annotation import Annotation
from vclipbench.datasets.annotation_files import Loaded, load
from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.shapes import splits
from vclipbench.datasets.shapes.store import CacheError, ensure
from vclipbench.datasets.video.error import VideoError
from vclipbench.datasets.video.read import read_clip
from vclipbench.protocols.base import ProtocolError

README = "README.txt"
MARK = "made by fake_root.py for trials: not the real data"
REAL_EVERY = 5  # with --clips, one name in so many shows a real clip
# official files that no protocol reads, so that a folder may lack them
UNUSED_FILES = ("kinetics-400_test.csv", "kinetics-600_train.csv", "kinetics-600_test.csv")


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    annotations: Path
    out: Path
    per_class: int
    seed: int


class Clips:
    """The few clips that stand behind all names."""

    def __init__(self, seed: int, real: Sequence[Path] = ()):
        known = [splits.clip("source", n) for n in range(SHAPES)]
        self._shapes = dict(zip(known, ensure(known), strict=True))
        self._real, self._seed = real, seed

    def fill(
        self, folder: Path, names: Mapping[PurePosixPath, str], tick: Callable[[], None]
    ) -> None:
        """Write a video under each name (path in the folder -> id); equal ones share their bytes.

        The bytes are never shared with a cache, which may be cleared or renewed.
        """
        copies: dict[Path, Path] = {}
        for number, name in enumerate(sorted(names)):
            turn, rest = divmod(number, REAL_EVERY)
            source = self._shapes[shapes_clip(names[name], self._seed)]
            if self._real and rest == REAL_EVERY - 1:
                source = self._real[turn % len(self._real)]
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(copies[source], path)
            except (KeyError, OSError):  # the first of its kind, no links here, or too many of them
                shutil.copyfile(source, path)
                copies[source] = path
            tick()


def real_clips(folder: Path) -> list[Path]:
    """The clips of `folder/clips.csv` (column `file`) that can be read from end to end.

    Raises:
        DatasetError: no such table, or none of its clips can be read.
    """
    table = folder / "clips.csv"
    if not table.is_file():
        raise DatasetError(f"there is no file {table}, the list of the real clips")
    try:
        with table.open(encoding="utf-8", newline="") as text:
            files = [folder / row["file"] for row in csv.DictReader(text)]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{table} cannot be read as a table with a column 'file': {error}"
        ) from error
    readable = [file for file in files if _reads(file)]
    if not readable:
        raise DatasetError(f"none of the {len(files)} clips of {table} can be read")
    return readable


def _reads(file: Path) -> bool:
    try:
        read_clip(file, lambda count: np.linspace(0, count - 1, 16).astype(np.int64))
    except (VideoError, OSError):
        return False
    return True


def make_dataset(id: str, options: Options, clips: Clips, bar: Progress) -> int:
    """Make the folder of a dataset; how many videos it has.

    Raises:
        DatasetError: a folder or an annotation file is missing or wrong, or a folder that is not
            ours is in the way.
    """
    task = bar.add_task(id, total=None)
    with _renewed(options.out / id) as folder:
        annotations = [(a, True) for a in catalog.card(id).annotations]
        lacking = _copy(options.annotations / id, folder, annotations, id)
        making = Making(folder, options.annotations, options.per_class, options.seed)
        made = [a for a in lacking if a in MAKERS.get(id, {})]
        for name in made:
            _write(folder / name, MAKERS[id][name](making))
        names = chosen(id, making)
        bar.update(task, total=len(names))
        clips.fill(folder, names, lambda: bar.advance(task))
        _write_readme(folder, made)
    return len(names)


def make_repository(repository: str, options: Options, wanted: Sequence[str]) -> None:
    """Copy a checkout's lists, and make up those of the Kinetics-400 training videos.

    Args:
        repository: vifi-clip or open-vclip.
        options: of the command line.
        wanted: datasets whose lists must be there.

    Raises:
        DatasetError: as `make_dataset`.
    """
    with _renewed(options.out / repository) as folder:
        files = [f for f in reference_lists.files().values() if f.repository == repository]
        annotations = [
            (a, f.dataset in wanted and f.id not in UNUSED_LISTS)
            for a, f in zip(reference_lists.all_annotations(repository), files, strict=True)
        ]
        lacking = _copy(options.annotations / repository, folder, annotations, repository)
        k400, made = options.out / "k400", []
        if k400.is_dir():
            for path, content in k400_lists(folder, repository, k400).items():
                if path in lacking:
                    _write(folder / path, content)
                    made.append(path)
        _write_readme(folder, made)


def _copy(
    source: Path, target: Path, annotations: Sequence[tuple[Annotation, bool]], id: str
) -> list[str]:
    """Copy annotation files to their official places, gzipped ones as they are; names of the lacking."""
    lacking = []
    for annotation, required in annotations:
        loaded = _loaded(source, annotation, required, id)
        if loaded is None:
            lacking.append(annotation.name)
            continue
        official = Path(annotation.name)
        for path, _ in loaded.files:
            plain = path.name.removesuffix(".gz") if "*" in official.name else official.name
            tail = ".gz" if path.suffix == ".gz" else ""
            place = target / official.parent / f"{plain}{tail}"
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    return lacking


def _loaded(source: Path, annotation: Annotation, required: bool, id: str) -> Loaded | None:
    """The files of an annotation; None where one is lacking that can be done without or made up."""
    try:
        return load(source, annotation, dataset=id)
    except DatasetError as error:
        unread = error.__cause__ is not None  # it is there and broken
        free = not annotation.sha256 or annotation.name in UNUSED_FILES
        if unread or (required and not free):
            raise
        return None


@contextmanager
def _renewed(target: Path) -> Iterator[Path]:
    """A new folder that takes the place of `target` once it is whole."""
    readme = target / README
    ours = readme.is_file() and readme.read_text(encoding="utf-8").startswith(MARK)
    if target.exists() and not ours:
        raise DatasetError(
            f"{target} is in the way and was not made by this script; give another folder with --out"
        )
    making, old = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    for left in (making, old):
        shutil.rmtree(left, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        yield making
        if ours:
            target.rename(old)
        making.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="")


def _write_readme(folder: Path, made: Sequence[str]) -> None:
    lines = [
        MARK,
        "",
        "Videos, if any, are Shapes clips (some perhaps other clips) under real names.",
    ]
    if made:
        lines += ["Made up since the real file was not at hand:", *(f"  {n}" for n in made)]
    _write(folder / README, "\n".join([*lines, "All other files are copies of the real ones.", ""]))


def _bytes(folder: Path) -> int:
    """What a folder takes, each content once."""
    sizes = {}
    for where, _, names in os.walk(folder):
        for name in names:
            status = os.stat(os.path.join(where, name))
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("datasets", nargs="+", help=f"{', '.join(catalog.PUBLISHED)}, or all")
    parser.add_argument("--annotations", type=Path, required=True, help="real annotation files")
    parser.add_argument("--out", type=Path, required=True, help="the root to make")
    parser.add_argument("--per-class", type=int, default=2, help="videos of a class in each list")
    parser.add_argument("--clips", type=Path, help="a folder with clips.csv: real clips, too")
    parser.add_argument("--seed", type=int, default=0, help="which videos, and which clips")
    return parser.parse_args(words)


def _datasets(words: Sequence[str]) -> list[str]:
    unknown = [word for word in words if word not in (*catalog.PUBLISHED, "all")]
    if unknown:
        known = ", ".join(catalog.PUBLISHED)
        raise DatasetError(f"there is no dataset {unknown[0]!r}; it can be {known}, or all")
    return [id for id in catalog.PUBLISHED if id in words or "all" in words]


def _make(given: argparse.Namespace) -> None:
    ids = _datasets(given.datasets)
    if given.per_class < 1:
        raise DatasetError(f"--per-class must be at least 1, not {given.per_class}")
    if not given.annotations.is_dir():
        raise DatasetError(f"there is no folder {given.annotations}, given as --annotations")
    options = Options(given.annotations, given.out, given.per_class, given.seed)
    shown = Table("dataset", "videos", "MB", box=None)
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("clips", total=None)
        clips = Clips(given.seed, real_clips(given.clips) if given.clips else ())
        bar.remove_task(task)
        for id in ids:
            videos = make_dataset(id, options, clips, bar)
            shown.add_row(id, f"{videos:,}", f"{_bytes(given.out / id) / 1e6:.1f}")
        listed = sorted({f.dataset for f in reference_lists.files().values()} & set(ids))
        for repository in reference_lists.REPOSITORIES if listed else ():
            make_repository(repository, options, listed)
            shown.add_row(repository, "0", f"{_bytes(given.out / repository) / 1e6:.1f}")
    Console(highlight=False).print(shown)


def main(words: Sequence[str] | None = None) -> int:
    """Make the roots; 2 for bad input."""
    try:
        _make(_arguments(words))
    except (DatasetError, CacheError, ProtocolError) as error:
        print(f"fake_root.py: {error}", file=sys.stderr)
    except OSError as error:
        print(f"fake_root.py: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
    else:
        return 0
    return 2


if __name__ == "__main__":
    sys.exit(main())
