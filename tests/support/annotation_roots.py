"""Links to the real annotation files, laid out as users lay them out: one folder a dataset."""

from __future__ import annotations

import csv
from pathlib import Path

ANNOTATIONS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "annotations"
REPOSITORIES = {"vifi-clip": "muzairkhattak/ViFi-CLIP", "open-vclip": "wengzejia1/Open-VCLIP"}
FOLDERS = {
    "ucf101": "official/ucf101",
    "hmdb51": "official/hmdb51",
    "k400": "official/kinetics",
    "k600": "official/kinetics",
    "ssv2": "official/ssv2",
    "charades": "official/charades",
    "msrvtt": "retrieval/msrvtt",
    "msvd": "retrieval/msvd",
    "didemo": "retrieval/didemo",
    "activitynet": "retrieval/activitynet_captions_2dtan",
}


def link_roots(folder: Path, annotations: Path = ANNOTATIONS) -> Path:
    """Fill a new folder with one folder a dataset or repository, of links to the real files.

    LSMDC has no file to link to, and of Kinetics, MSR-VTT and Something-Something v2 some are lacking.
    """
    annotations = annotations.resolve()
    for id, place in FOLDERS.items():
        (folder / id).mkdir(parents=True)
        for file in (annotations / place).iterdir():
            (folder / id / file.name).symlink_to(file)
    with (annotations / "MANIFEST.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    for name, source in REPOSITORIES.items():
        for row in rows:
            if row["source"] == source:
                file = annotations.parent / row["file"]
                link = (
                    folder / name / (row["source_path"] + (".gz" if file.suffix == ".gz" else ""))
                )
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file)
    return folder
