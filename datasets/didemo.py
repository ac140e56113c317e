"""DiDeMo: Flickr videos whose descriptions are joined to a paragraph each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .annotation import Annotation
from .annotation_files import Loaded, load
from .captioned import field, find_by_either, parse_json
from .card import DatasetCard
from .errors import DatasetError, choice
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd

_DATA = "the descriptions are in data/ of https://github.com/LisaAnne/LocalizingMoments"
_LISTS = "the lists are in misc/datasets/didemo of https://github.com/albanie/collaborative-experts"
LISTS = {
    "train": Annotation(
        "train_list.txt",
        ("ed8fb2e66ef4ff73caec80167836dc7965d5b1dc8982990952f47bb28f68e507",),
        _LISTS,
    ),
    "val": Annotation(
        "val_list.txt",
        ("992923d0c9d0fcea8eb9b3ed5ba16a2f41b8c422872c92be824f1cd0a371b93e",),
        _LISTS,
    ),
    "test": Annotation(
        "test_list.txt",
        ("371f608f2c4984caa794ccfa40276069e209c2a0ea26a78acdad0613f4f61a2c",),
        _LISTS,
    ),
}
DESCRIPTIONS = {
    "train": Annotation("train_data.json", (), _DATA),
    "val": Annotation(
        "val_data.json",
        ("b0364cc256553332feb19d46bcc4cd2b09774949fe6c0b25e7ed0ff3c6aefebb",),
        _DATA,
    ),
    "test": Annotation(
        "test_data.json",
        ("1891c04ec48b3d364c739594b2b6413806b74bd9027c092d896e7ebb930ff1cd",),
        _DATA,
    ),
}
CARD = DatasetCard(
    id="didemo",
    title="DiDeMo",
    summary="DiDeMo: about 10,000 videos with several descriptions, read as one paragraph",
    what="Flickr videos, their first 30 seconds described moment by moment (Hendricks et al., ICCV 2017)",
    homepage="https://github.com/LisaAnne/LocalizingMoments",
    licence="no licence is stated with the annotations; every video has that of its Flickr page",
    layout="""\
DiDeMo/
  train_list.txt, val_list.txt, test_list.txt
  train_data.json, val_data.json, test_data.json
  videos/
    10015567@N08_3655084291_d8b58466fa.mov ...  (or any other extension)""",
    annotations=(*LISTS.values(), *DESCRIPTIONS.values()),
    counts={"train": 8392, "val": 1065, "test": 1004},
    signs=("train_data.json*", "val_data.json*", "test_data.json*"),
    captions_apart=True,
    faults=(
        "29 validation and 33 test videos are described under two file names, such as .mov and .mp4, of "
        "which the lists have one; CLIP4Clip compares whole names, so published paragraphs lack 71 and 89 "
        "descriptions.",
        "193 listed file names end in a bare dot instead of an extension.",
        "Descriptions are of the first 30 seconds; CLIP4Clip cuts the videos to 31 seconds, CLIP-ViP takes "
        "them whole.",
    ),
)


def read(
    root: Path,
    split: str,
    *,
    captions: bool = True,
    all_names: bool = False,
    allow_unpinned: bool = False,
) -> pd.DataFrame:
    """A list with the columns id, path (None), file, captions (one text: all descriptions, in order).

    `file` is the listed file name, the id that name up to its last dot.

    Args:
        root: folder with the annotation files.
        split: train, val or test.
        captions: False leaves the captions away, and does without the JSON file.
        all_names: also take the descriptions that stand under another file name of the same video;
            published results lack them (CLIP4Clip's code, dataloader_didemo_retrieval.py).
        allow_unpinned: take files of other versions too.

    Raises:
        ValueError: no such split.
        DatasetError: a file is missing, of another version or malformed, a video is listed twice or has
            no description, or a description belongs to no listed video.
    """
    choice(split, CARD.counts, "split of DiDeMo")
    files = [load(root, LISTS[split], dataset=CARD.id, allow_unpinned=allow_unpinned)]
    listed = [(_stem(name), name, where) for where, name in files[0].lines()]
    rows: list[dict[str, Any]] = [{"id": i, "file": name, "where": at} for i, name, at in listed]
    if captions:
        files.append(
            load(root, DESCRIPTIONS[split], dataset=CARD.id, allow_unpinned=allow_unpinned)
        )
        described = _descriptions(files[1], {id: name for id, name, _ in listed}, all_names)
        for row in rows:
            if row["id"] not in described:
                raise DatasetError(
                    f"{row['where']}: the video has no description in {files[1].path}"
                )
            row["captions"] = (" ".join(described[row["id"]]),)
    return make_table(rows, files, dataset=CARD.id, split=split)


def find_videos(table: pd.DataFrame, roots: Iterable[Path]) -> pd.DataFrame:
    """As `video_files.find_videos`; a file may also be named by the whole listed name and .mp4."""
    return find_by_either(table, roots, table["file"])


def _descriptions(
    loaded: Loaded, listed: Mapping[str, str], all_names: bool
) -> dict[str, list[str]]:
    """Id -> descriptions in file order; `listed` is id -> file name."""
    found: dict[str, list[str]] = {}
    for n, row in enumerate(parse_json(loaded, list)):
        where = f"{loaded.path}, entry {n}"
        name, text = field(row, "video", where), field(row, "description", where)
        id = _stem(name)
        if id not in listed:
            raise DatasetError(f"{where}: the video {name} is not in the list")
        if all_names or name == listed[id]:
            found.setdefault(id, []).append(text)
    return found


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
