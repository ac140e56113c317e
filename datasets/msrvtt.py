"""MSR-VTT with the 1k-A test list and its two training lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .annotation import Annotation
from .annotation_files import Loaded, load
from .captioned import csv_rows, field, parse_json
from .card import DatasetCard
from .errors import DatasetError, choice
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd

_LISTS = "the lists are in data/MSRVTT of https://github.com/layer6ai-labs/xpool"
TEST = Annotation(
    "MSRVTT_JSFUSION_test.csv",
    ("e61144b312c8a2fc2126f96504c981f8c23c05b3ba9655a56e2af50ac8a4b16a",),
    _LISTS,
)
TRAIN = {
    "train-9k": Annotation(
        "MSRVTT_train.9k.csv",
        ("0a7ece2418e1f7ac5680555a04ddfef8950293ac3c4bdd6584fb0fa6cc0ff7d3",),
        _LISTS,
    ),
    "train-7k": Annotation(
        "MSRVTT_train.7k.csv",
        ("ca0d04c34310168b620c90c67eaec702b37398943965f5e1f9f44af8f193da7d",),
        _LISTS,
    ),
}
CAPTIONS = Annotation(
    "MSRVTT_data.json",
    (),
    "the 200,000 captions are in msrvtt_data.zip, https://github.com/ArrowLuo/CLIP4Clip (Data Preparing)",
)
CARD = DatasetCard(
    id="msrvtt",
    title="MSR-VTT",
    summary="MSR-VTT: 10,000 clips with captions, 1k-A test list",
    what="10,000 clips of web videos with 20 sentences each (Xu et al., CVPR 2016)",
    homepage="https://www.microsoft.com/en-us/research/publication/"
    "msr-vtt-a-large-video-description-dataset-for-bridging-video-and-language/",
    licence="no licence is stated with the lists; for the videos see the homepage",
    layout="""\
MSRVTT/
  MSRVTT_JSFUSION_test.csv
  MSRVTT_train.9k.csv
  MSRVTT_train.7k.csv
  MSRVTT_data.json           (captions, for training)
  videos/
    video0.mp4 ... video9999.mp4""",
    annotations=(TEST, *TRAIN.values(), CAPTIONS),
    counts={"test": 1000, "train-9k": 9000, "train-7k": 7010},
    signs=("MSRVTT_*", "MSRVTT"),
    captions_apart=True,
    faults=(
        "The 1,000 test videos have 995 distinct sentences, so text-to-video R@1 is at most 99.5 and "
        "video to text has exact ties.",
        "The 9k training list holds 1,990 videos of the official test set (those that are not in 1k-A).",
        "Another split, 1k-B (Miech), shares only 296 test videos with 1k-A; its other 704 are in the 9k "
        "training list, and 453 of its training videos are 1k-A test videos: never mix the two.",
    ),
)


def read(
    root: Path, split: str, *, captions: bool = True, allow_unpinned: bool = False
) -> pd.DataFrame:
    """A list with the columns id ("video7"), path (None), captions (tuple of texts).

    Args:
        root: folder with the annotation files.
        split: test (1k-A, one caption each), train-9k, train-7k.
        captions: False leaves the captions of a training list away, and does without MSRVTT_data.json.
        allow_unpinned: take files of other versions too.

    Raises:
        ValueError: no such split.
        DatasetError: a file is missing, of another version or malformed, a video is listed twice or has
            no captions, or captions belong to no video.
    """
    choice(split, CARD.counts, "split of MSR-VTT")
    annotation = TEST if split == "test" else TRAIN[split]
    listed = load(root, annotation, dataset=CARD.id, allow_unpinned=allow_unpinned)
    columns = ("video_id", "sentence") if split == "test" else ("video_id",)
    rows: list[dict[str, Any]] = [
        {"id": field(row, "video_id", where), "where": where}
        | ({"captions": (field(row, "sentence", where),)} if split == "test" else {})
        for where, row in csv_rows(listed, columns)
    ]
    files = [listed]
    if split != "test" and captions:
        files.append(load(root, CAPTIONS, dataset=CARD.id, allow_unpinned=allow_unpinned))
        given = _captions(files[-1])
        for row in rows:
            if row["id"] not in given:
                raise DatasetError(
                    f"{row['where']}: {row['id']} has no caption in {files[-1].path}"
                )
            row["captions"] = tuple(given[row["id"]])
    return make_table(rows, files, dataset=CARD.id, split=split)


def _captions(loaded: Loaded) -> dict[str, list[str]]:
    """Video -> its captions in the order of the file."""
    content = parse_json(loaded, dict)
    if not all(isinstance(content.get(key), list) for key in ("videos", "sentences")):
        raise DatasetError(f"{loaded.path}, line 1: the lists 'videos' and 'sentences' are wanted")
    videos = {
        field(row, "video_id", f"{loaded.path}, video {n}")
        for n, row in enumerate(content["videos"])
    }
    found: dict[str, list[str]] = {}
    for n, row in enumerate(content["sentences"]):
        where = f"{loaded.path}, sentence {n}"
        id = field(row, "video_id", where)
        if id not in videos:
            raise DatasetError(f"{where}: the video {id} is not among 'videos'")
        found.setdefault(id, []).append(field(row, "caption", where))
    return found
