"""MSVD: short YouTube clips with about 41 sentences each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .annotation import Annotation
from .annotation_files import load
from .captioned import parse_json, texts
from .card import DatasetCard, IdScheme
from .errors import DatasetError, choice
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd

_SOURCE = "the lists and captions are in data/MSVD of https://github.com/layer6ai-labs/xpool"
CAPTIONS = Annotation(
    "captions_msvd.json",
    ("11bc68e8441438121c1c7321526ef1d1fc6553d3b801baef1cca1d3429e306b1",),
    _SOURCE,
)
LISTS = {
    "train": Annotation(
        "train_list.txt",
        ("abfb8ab5660b464cf547d63a37a369920ff92c5f547af80f07aedd709df335d3",),
        _SOURCE,
    ),
    "val": Annotation(
        "val_list.txt",
        ("9527cf1ef6c8fe2fb1ecfda0e1856acc563fecef5ff0a409b5d908b65c1e6ed4",),
        _SOURCE,
    ),
    "test": Annotation(
        "test_list.txt",
        ("95eacd1fddb1d88cd7144267913ef02d0ecb8cc94a88bc484035433a2d8f9c7a",),
        _SOURCE,
    ),
}
CARD = DatasetCard(
    id="msvd",
    title="MSVD",
    summary="MSVD: 1,970 clips with about 40 captions each",
    what="1,970 short YouTube clips with 80,827 sentences (Chen and Dolan, ACL 2011)",
    homepage="https://www.cs.utexas.edu/users/ml/clamp/videoDescription/",
    licence="no licence is stated with the lists; for the videos see the homepage",
    layout="""\
MSVD/
  captions_msvd.json
  train_list.txt
  val_list.txt
  test_list.txt
  YouTubeClips/
    -4wsuPCjDBc_5_15.avi ...""",
    annotations=(CAPTIONS, *LISTS.values()),
    counts={"train": 1200, "val": 100, "test": 670},
    signs=("YouTubeClips", "captions_msvd.json*"),
    id_scheme=IdScheme("youtube"),
    faults=(
        "The 670 test videos have 27,763 captions, of which only 22,285 are distinct: 961 captions "
        "belong to more than one test video.",
        "Text to video has 27,763 queries and video to text 670, so the two directions weigh videos "
        "differently.",
    ),
)


def read(root: Path, split: str, *, allow_unpinned: bool = False) -> pd.DataFrame:
    """A list with the columns id ("-4wsuPCjDBc_5_15"), path (None), captions (tuple of texts).

    Every caption is kept, also one that a video has twice: the published numbers count all of them.

    Args:
        root: folder with the annotation files.
        split: train, val or test.
        allow_unpinned: take files of other versions too.

    Raises:
        ValueError: no such split.
        DatasetError: a file is missing, of another version or malformed, a video is listed twice or has
            no captions, or captions belong to a video of no list.
    """
    choice(split, CARD.counts, "split of MSVD")
    told = {
        name: load(root, annotation, dataset=CARD.id, allow_unpinned=allow_unpinned)
        for name, annotation in (("captions", CAPTIONS), *LISTS.items())
    }
    captions = parse_json(told["captions"], dict)
    path = told["captions"].path
    for name in LISTS:
        if not any(True for _ in told[name].lines()):
            raise DatasetError(f"{told[name].path} lists no videos for the split {name!r}")
    listed = {id for name in LISTS for _, id in told[name].lines()}
    strangers = [id for id in captions if id not in listed]
    if strangers:
        raise DatasetError(
            f"{path}: {len(strangers)} videos have captions and are in no list, first {strangers[0]}"
        )
    rows = []
    for where, id in told[split].lines():
        if id not in captions:
            raise DatasetError(f"{where}: {id} has no caption in {path}")
        rows.append(
            {"id": id, "captions": texts(captions[id], f"{path}, video {id}"), "where": where}
        )
    return make_table(rows, [told[split], told["captions"]], dataset=CARD.id, split=split)
