"""LSMDC: clips of movies with the sentences of their audio description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .annotation import Annotation
from .annotation_files import Loaded, load
from .captioned import field, texts
from .card import DatasetCard
from .errors import DatasetError, choice
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd

_SOURCE = "the lists are given after an agreement, see https://sites.google.com/site/describingmovies/download"
# no copy could be examined, so no digest is pinned; the second names are those of CLIP-ViP's configs
FILES = {
    "train": Annotation("LSMDC16_annos_training.csv", (), _SOURCE, ("train_101k_frame.jsonl",)),
    "val": Annotation("LSMDC16_annos_val.csv", (), _SOURCE),
    "test": Annotation(
        "LSMDC16_challenge_1000_publictect.csv", (), _SOURCE, ("test_1k_frame.jsonl",)
    ),
}
FIELDS = 6  # clip, start and end as aligned, start and end as extracted, sentence
CARD = DatasetCard(
    id="lsmdc",
    title="LSMDC",
    summary="LSMDC: clips of films with captions (by agreement)",
    what="about 118,000 clips of 202 movies with audio descriptions (Rohrbach et al., IJCV 2017)",
    homepage="https://sites.google.com/site/describingmovies/",
    licence="an agreement with the makers is needed, see https://sites.google.com/site/describingmovies/download",
    layout="""\
LSMDC/
  LSMDC16_annos_training.csv
  LSMDC16_annos_val.csv
  LSMDC16_challenge_1000_publictect.csv
  videos/
    0001_American_Beauty/
      0001_American_Beauty_00.00.51.926-00.00.54.129.avi ...""",
    annotations=tuple(FILES.values()),
    counts={"test": 1000},
    uncounted=("train", "val"),
    signs=("LSMDC16_*", "train_101k_frame.jsonl*", "test_1k_frame.jsonl*"),
    faults=(
        "The lists are not public, so they could not be examined here and their digests are not pinned.",
        "A clip of the training list can have several sentences.",
    ),
)


def read(root: Path, split: str, *, allow_unpinned: bool = False) -> pd.DataFrame:
    """A list with the columns id, path (None), captions (tuple of texts).

    The official files have six fields a line, separated by tabs, without a header; several lines of one
    clip are several captions. CLIP-ViP's have one JSON object a line with `clip_id` and `text`, a text
    or a list of texts.

    Args:
        root: folder with the annotation files.
        split: train, val or test (1,000 clips).
        allow_unpinned: take files of other versions too.

    Raises:
        ValueError: no such split.
        DatasetError: the file is missing or malformed.
    """
    choice(split, FILES, "split of LSMDC")
    loaded = load(root, FILES[split], dataset=CARD.id, allow_unpinned=allow_unpinned)
    is_json = loaded.path.name.removesuffix(".gz").endswith(".jsonl")
    found: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for where, id, captions in (_json_lines if is_json else _tab_lines)(loaded):
        found.setdefault(id, []).extend(captions)
        first.setdefault(id, where)
    rows = ({"id": id, "captions": tuple(found[id]), "where": first[id]} for id in found)
    return make_table(rows, [loaded], dataset=CARD.id, split=split)


def _tab_lines(loaded: Loaded) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for where, line in loaded.lines():
        fields = line.split("\t")
        if len(fields) != FIELDS:
            raise DatasetError(
                f"{where}: {FIELDS} fields separated by tabs are wanted, not {len(fields)}"
            )
        row = {"clip": fields[0], "sentence": fields[-1]}
        yield where, field(row, "clip", where), (field(row, "sentence", where),)


def _json_lines(loaded: Loaded) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for where, line in loaded.lines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DatasetError(f"{where}: this is not JSON ({error.msg})") from None
        id = field(row, "clip_id", where).rpartition("/")[2]
        text = row.get("text")
        yield where, id, texts([text] if isinstance(text, str) else text, where)
