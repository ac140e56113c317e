"""ActivityNet Captions: long videos whose sentences are joined to a paragraph each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .annotation import Annotation
from .annotation_files import load
from .captioned import find_by_either, parse_json, texts
from .card import DatasetCard, IdScheme
from .errors import choice
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd

_SOURCE = "they are in captions.zip, https://cs.stanford.edu/people/ranjaykrishna/densevid/"
# the second names are those that 2D-TAN's authors gave the files
FILES = {
    "train": Annotation(
        "train.json",
        ("704536b2779011c1a729c927ae30e39ea9c90c38557836bbe969499917243d69",),
        _SOURCE,
    ),
    "val_1": Annotation(
        "val_1.json",
        ("466aaccb9ebe45c6db4c98488a4ddbeb5b22faffe62e1bbce81222c14fc29e1c",),
        _SOURCE,
        ("val.json",),
    ),
    "val_2": Annotation(
        "val_2.json",
        ("08fe56568bc92dd02a6150fe1094457a5f2ac72975b8778a922bc9a65aa7f0e9",),
        _SOURCE,
        ("test.json",),
    ),
}
CARD = DatasetCard(
    id="activitynet",
    title="ActivityNet Captions",
    summary="ActivityNet Captions: about 15,000 videos, their sentences read as one paragraph",
    what="long YouTube videos with a sentence for each event (Krishna et al., ICCV 2017)",
    homepage="https://cs.stanford.edu/people/ranjaykrishna/densevid/",
    licence="see the homepage; the videos are got through http://activity-net.org/download.html",
    layout="""\
ActivityNet/
  train.json
  val_1.json
  val_2.json
  videos/
    v_uqiMw7tQ1Cc.mp4 ...   (or without v_)""",
    annotations=tuple(FILES.values()),
    counts={"train": 10009, "val_1": 4917, "val_2": 4885},
    # train.json and val.json are common names; ids of YouTube after v_ are not
    signs=("val_[12].json*", "activity_net.*.json*", "videos/v_???????????.*"),
    id_scheme=IdScheme("youtube", prefix="v_"),
    faults=(
        "There is no public test list: published results are on val_1, which then also chose the "
        "checkpoint.",
        "val_2 is not another set of videos: all its 4,885 are in val_1, with sentences of another "
        "annotator.",
    ),
)


def read(root: Path, split: str, *, allow_unpinned: bool = False) -> pd.DataFrame:
    """A list with the columns id ("v_uqiMw7tQ1Cc"), path (None), captions (one text: all sentences).

    Args:
        root: folder with the annotation files.
        split: train, val_1 (where results are published) or val_2.
        allow_unpinned: take files of other versions too.

    Raises:
        ValueError: no such split.
        DatasetError: the file is missing, of another version or malformed, or a video has no sentence.
    """
    choice(split, CARD.counts, "split of ActivityNet Captions")
    loaded = load(root, FILES[split], dataset=CARD.id, allow_unpinned=allow_unpinned)
    rows = []
    for id, row in parse_json(loaded, dict).items():
        where = f"{loaded.path}, video {id}"
        sentences = texts(row.get("sentences") if isinstance(row, dict) else None, where)
        rows.append({"id": id, "captions": (" ".join(sentences),), "where": where})
    return make_table(rows, [loaded], dataset=CARD.id, split=split)


def find_videos(table: pd.DataFrame, roots: Iterable[Path]) -> pd.DataFrame:
    """As `video_files.find_videos`; a file may also be named by the YouTube id alone, without v_."""
    return find_by_either(table, roots, table["id"].str.removeprefix("v_"))
