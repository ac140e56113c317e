"""What scripts share that annotate videos by models: videos by id, their frames, settings kept beside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.folder import EXTENSIONS, read_csv
from vclipbench.datasets.video.read import read_clip
from vclipbench.datasets.video.sampling import segment_centres

if TYPE_CHECKING:
    from PIL import Image


def find_videos(sources: Iterable[Path], root: Path | None = None) -> dict[str, Path]:
    """Id -> file of the videos of folders, lists and files, in order.

    The id in a folder is the path from it, in a list (.csv with path,label, or .txt with a path a line)
    the path as written (from `root`, or else from the list's folder), of a single file its name. Hidden
    files and folders are passed over.

    Raises:
        DatasetError: something is not there, or two videos have one id.
    """
    found: dict[str, Path] = {}
    for source in (sources := list(sources)):
        for id, path in _videos_of(source, root):
            if found.setdefault(id, path) != path:
                raise DatasetError(f"{path} and {found[id]} have the same id {id!r}")
    if not found:
        raise DatasetError(f"no videos in {', '.join(map(str, sources))}")
    return found


def _videos_of(source: Path, root: Path | None) -> Iterator[tuple[str, Path]]:
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            inner = path.relative_to(source)
            hidden = any(part.startswith(".") for part in inner.parts)
            if path.is_file() and not hidden and path.suffix.lower() in EXTENSIONS:
                yield inner.as_posix(), path
    elif not source.exists():
        raise DatasetError(f"there is no file or folder {source}")
    elif source.suffix.lower() == ".csv":
        yield from ((item.id, item.path) for item in read_csv(source, root).items)
    elif source.suffix.lower() == ".txt":
        for line in source.read_text("utf-8").splitlines():
            if line.strip():
                name = Path(line.strip())
                yield name.as_posix(), (root or source.parent) / name
    elif source.suffix.lower() in EXTENSIONS:
        yield source.name, source
    else:
        raise DatasetError(f"{source} is no folder, no .csv or .txt list and no video file")


def frames_of(path: Path, number: int) -> list[Image.Image]:
    """Pictures at the middles of equal segments of a video.

    Raises:
        VideoError: it cannot be read.
    """
    from PIL import Image

    clip = read_clip(path, lambda count: segment_centres(count, number))
    return [Image.fromarray(frame) for frame in clip.frames]


def keep_settings(out: Path, settings: Mapping[str, Any]) -> None:
    """Write what the rows of `out` depend on beside it, or compare it with what stands there.

    Raises:
        DatasetError: the file was begun with other settings.
    """
    beside = out.with_name(f"{out.name}.settings.json")
    if out.exists() and beside.exists():
        before = json.loads(beside.read_text("utf-8"))
        other = [name for name in settings if before.get(name) != settings[name]]
        if other:
            raise DatasetError(
                f"{out} was begun with another {', '.join(other)} (see {beside}); "
                "give the same settings, or another --out"
            )
    beside.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text(json.dumps(dict(settings), indent=1) + "\n", "utf-8")
