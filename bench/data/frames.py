"""Frames and captions of single clips, for the strips of the HTML report."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.flags import own_folder
from ..errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ...leaderboard.record.record import Record
    from ...protocols.base import Protocol
    from ...protocols.split import Sample

FRAMES = 5  # centres of equal segments


def frames_of(
    record: Record, split: str, id: str, data: Sequence[str] = ()
) -> NDArray[np.uint8] | None:
    """Frames of a clip that a run was evaluated on, in order: uint8 [5, H, W, 3], RGB.

    Clips of the Shapes world are drawn anew; others are read below the folders of `data`. None
    where the clip is not known or not there.

    Args:
        data: folders of published datasets, `ID=DIR` or one `DIR` that holds a folder for each.

    Raises:
        UserError: a folder of `data` does not exist, or two are given for one dataset.
    """
    if _is_shapes(record):
        return _drawn(record, id)
    sample = _samples(record, tuple(data)).get((split, id))
    return None if sample is None or sample.path is None else _read(sample.path)


def captions_of(
    record: Record, split: str, id: str, data: Sequence[str] = ()
) -> tuple[str, ...] | None:
    """Captions of a clip in the order of the protocol; None where they are not at hand.

    Raises UserError as `frames_of` does.
    """
    sample = _samples(record, tuple(data)).get((split, id))
    return sample.captions if sample and sample.captions else None


def _is_shapes(record: Record) -> bool:
    return record.identity.protocol.dataset == "shapes"


def _drawn(record: Record, id: str) -> NDArray[np.uint8] | None:
    from ...datasets.shapes import splits as world
    from ...datasets.shapes.render import render
    from ...datasets.shapes.world import FRAMES as ALL
    from ...protocols.shapes import SIZE, WORLD_SEED

    name, _, index = id.partition("/")
    if name not in world.SPLITS or not index.isdigit() or int(index) >= world.size(name):
        return None
    size = record.command.config_resolved.get("data", {}).get("size", SIZE)
    return render(world.clip(name, int(index), WORLD_SEED).scene, size, _centres(ALL))


def _read(path: Path) -> NDArray[np.uint8] | None:
    from ...datasets.video.read import VideoError, read_clip

    try:
        return read_clip(path, _centres).frames
    except VideoError:
        return None


def _centres(count: int) -> list[int]:
    return [(2 * k + 1) * count // (2 * FRAMES) for k in range(FRAMES)]


def _samples(record: Record, data: tuple[str, ...]) -> Mapping[tuple[str, str], Sample]:
    """(split, id) -> sample of the lists of the record's protocol, read once."""
    protocol = record.identity.protocol
    names = record.command.config_resolved.get("data", {}).get("class_names", "official")
    return _planned(protocol.id, protocol.variant, str(names), data)


@cache
def _planned(
    id: str, variant: str, class_names: str, words: tuple[str, ...]
) -> Mapping[tuple[str, str], Sample]:
    from ...datasets.errors import DatasetError
    from ...datasets.roots import parse_roots
    from ...protocols.base import ProtocolError
    from ...protocols.split import Data
    from .. import registry

    try:
        protocol: Protocol = registry.protocol(id)
    except UserError:
        return {}  # of a plugin that is not here
    try:
        roots = parse_roots(list(words), protocol.dataset)
    except DatasetError as error:
        raise UserError(str(error)) from None
    for folder in (*roots.given.values(), *([roots.common] if roots.common else [])):
        if not folder.exists():
            raise UserError(f"--data {folder} does not exist")
    own = own_folder(words, None, any_name=True) if protocol.needs_root else None
    root = Path(own) if own else None
    where = Data(root=root, roots=roots, class_names=class_names, needs=frozenset())
    try:
        plan = protocol.plan(variant, 1, where)  # the seed draws training lists only
    except (DatasetError, ProtocolError):
        return {}  # no folder of this dataset was given
    return {(split.name, sample.id): sample for split in plan.evaluate for sample in split.samples}
