"""What fake_root.py puts into a root: annotation files that cannot be had freely, and which videos.

The files are made up in their official formats. Ids of videos are real where a list that can be had names
them, else invented; captions are of Shapes clips.
Everything follows from the seed and the id of a video, so two runs write the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from vclipbench.datasets import catalog, reference_lists
from vclipbench.datasets.folder import EXTENSIONS
from vclipbench.datasets.roots import Roots
from vclipbench.datasets.shapes import splits
from vclipbench.datasets.shapes.text import clip_caption
from vclipbench.protocols.lists import VideoList, read_list
from vclipbench.protocols.split import Data

FIRST = 40  # videos that a captioned list gets, those at its head
SHAPES = 48  # distinct Shapes clips behind all names
CAPTIONS = 20  # of a training video of MSR-VTT, as many as it really has
DESCRIPTIONS = 3  # of a training video of DiDeMo, which really has one to five
CLASS_SPLITS = {
    "ucf101": ("train1", "train2", "train3", "test1", "test2", "test3"),
    "hmdb51": ("train1", "train2", "train3", "test1", "test2", "test3"),
    "k400": ("train", "val"),
    "k600": ("val",),
    "ssv2": ("train", "validation"),
}
CAPTION_SPLITS = {
    "msrvtt": ("test", "train-9k", "train-7k"),
    "msvd": ("test", "train"),
    "didemo": ("test", "train"),
    "activitynet": ("val_1", "train"),
    "lsmdc": ("test", "train"),
}
# lists that protocols draw from by a rule of ours: 16 videos a class, three times
DRAWN = tuple(f"vifi-clip/{id}/base-train" for id in ("ucf101", "hmdb51", "ssv2"))
SHOTS, DRAWS = 16, (1, 2, 3)
# lists that no protocol reads, so that a checkout may lack them
UNUSED_LISTS = ("vifi-clip/k400/train-tiny", "open-vclip/k600/val")
LSMDC = {"train": (1, 60), "test": (2001, 1000), "val": (3001, 20)}  # first film, clips
Row = Mapping[str, Any]
K400_LISTS = ("vifi-clip/k400/train", "vifi-clip/k400/base-train", "open-vclip/k400/train")


@dataclass(frozen=True)
class Making:
    """What a file is made from.

    Attributes:
        folder: of the dataset, with the real annotation files in it.
        annotations: the folder that holds the repositories' lists.
        per_class: videos a class.
        seed: of all that is drawn.
    """

    folder: Path
    annotations: Path
    per_class: int
    seed: int


def shapes_clip(id: str, seed: int) -> splits.ShapesClip:
    """The Shapes clip that a video of this id shows."""
    return splits.clip("source", zlib.crc32(f"{seed}/{id}".encode()) % SHAPES)


def captions(id: str, seed: int, number: int) -> list[str]:
    """Sentences that are true of the Shapes clip of an id; some may be equal, as in the real files."""
    scene = shapes_clip(id, seed).scene
    rng = np.random.RandomState(zlib.crc32(f"captions/{seed}/{id}".encode()))
    return [clip_caption(scene, rng) for _ in range(number)]


def first(tables: Iterable[pd.DataFrame]) -> list[str]:
    """Ids of the videos at the heads of lists, each once."""
    return list(dict.fromkeys(id for table in tables for id in table["id"][:FIRST]))


def k400_lists(folder: Path, repository: str, k400: Path) -> dict[str, str]:
    """Training lists of Kinetics-400 in a repository's form, path in the repository -> content.

    Args:
        folder: of the repository, with its label files.
        repository: vifi-clip or open-vclip.
        k400: folder of Kinetics-400, whose training table is listed.

    Raises:
        DatasetError: a label file or the table is missing or wrong.
    """
    table, made = catalog.read("k400", k400, "train"), {}
    for list_id in K400_LISTS:
        file = reference_lists.files()[list_id]
        if file.repository != repository:
            continue
        numbers = {name: n for n, name in enumerate(reference_lists.names(folder, list_id))}
        kept = table[table["class"].isin(numbers)]
        rows = zip(kept["id"], kept["class"], kept["group"], strict=True)
        if repository == "vifi-clip":
            lines = [f"train/{id}.mp4 {numbers[name]}" for id, name, _ in rows]
        else:
            lines = [
                f"train/{name.replace(' ', '_')}/{video}.mp4,{numbers[name]}"
                for _, name, video in rows
            ]
        made[file.path] = _lines(lines)
    return made


def _k400_train(making: Making) -> str:
    names = catalog.classes("k400", making.folder)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("label", "youtube_id", "time_start", "time_end", "split", "is_cc"))
    for label, name in enumerate(names):
        for n in range(making.per_class):
            number = label * making.per_class + n
            writer.writerow((name, f"fake{number:07d}", n, n + 10, "train", 0))
    return text.getvalue()


def _ssv2(part: str, making: Making) -> str:
    """The videos of ViFi-CLIP's lists, with its class names as templates."""
    of_part = {"vifi-clip/ssv2/validation"} if part == "validation" else _ssv2_training_lists()
    folder = making.annotations / "vifi-clip"
    classes: dict[str, str] = {}
    for list_id in sorted(of_part):
        table = reference_lists.read(folder, list_id)
        classes |= dict(zip(table["id"], table["class"], strict=True))
    rows = (
        {
            "id": id,
            "label": name.lower(),
            "template": re.sub(r"\b([Ss]omething)\b", r"[\1]", name),
            "placeholders": [],
        }
        for id, name in classes.items()
    )
    return "[" + ",\n".join(json.dumps(row) for row in rows) + "]\n"


def _ssv2_training_lists() -> set[str]:
    return {
        id
        for id in reference_lists.lists()
        if id.startswith("vifi-clip/ssv2/") and re.search("/(few|base-few|base-train)", id)
    }


def _msrvtt_captions(making: Making) -> str:
    tables = [
        catalog.read("msrvtt", making.folder, split, captions=False)
        for split in ("train-9k", "train-7k")
    ]
    present = set(first(tables))
    ids = dict.fromkeys(id for table in tables for id in table["id"])
    videos = [{"video_id": id, "category": 0, "split": "train"} for id in ids]
    sentences = [
        {"video_id": id, "caption": text}
        for id in ids
        for text in captions(id, making.seed, CAPTIONS if id in present else 1)
    ]
    for number, sentence in enumerate(sentences):
        sentence["sen_id"] = number
    return json.dumps({"videos": videos, "sentences": sentences}) + "\n"


def _didemo_train(making: Making) -> str:
    table = catalog.read("didemo", making.folder, "train", captions=False)
    present = set(first([table]))
    rows: list[Row] = []
    for id, name in zip(table["id"], table["file"], strict=True):
        texts = captions(id, making.seed, DESCRIPTIONS if id in present else 1)
        for n, text in enumerate(texts):
            moment = {"times": [[n, n]], "num_segments": 6, "annotation_id": len(rows)}
            rows.append({"video": name, "description": text, **moment})
    return json.dumps(rows) + "\n"


def _lsmdc(part: str, making: Making) -> str:
    start, number = LSMDC[part]
    lines = []
    for n in range(number):
        film, second = start + n // 20, 5 * (n % 20)
        begin, end = (f"00.{s // 60:02d}.{s % 60:02d}.000" for s in (second, second + 4))
        id = f"{film:04d}_Shapes_Film_{begin}-{end}"
        lines.append("\t".join([id, begin, end, begin, end, *captions(id, making.seed, 1)]))
    return _lines(lines)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


# dataset -> name of the annotation file -> how it is made where the real one is lacking
MAKERS: dict[str, dict[str, Callable[[Making], str]]] = {
    "k400": {"kinetics-400_train.csv": _k400_train},
    "ssv2": {
        f"something-something-v2-{part}.json": partial(_ssv2, part)
        for part in ("train", "validation")
    },
    "msrvtt": {"MSRVTT_data.json": _msrvtt_captions},
    "didemo": {"train_data.json": _didemo_train},
    "lsmdc": {
        "LSMDC16_annos_training.csv": partial(_lsmdc, "train"),
        "LSMDC16_annos_val.csv": partial(_lsmdc, "val"),
        "LSMDC16_challenge_1000_publictect.csv": partial(_lsmdc, "test"),
    },
}


def chosen(id: str, making: Making) -> dict[PurePosixPath, str]:
    """The videos to be made: path in the folder of the dataset -> id.

    Raises:
        DatasetError: a list is missing, of another version, or wrong.
    """
    if id in CLASS_SPLITS:
        rows = _of_classes(id, making)
    elif id == "charades":
        rows = [
            row for s in ("train", "test") for row in _cover(catalog.read(id, making.folder, s))
        ]
    else:
        tables = [catalog.read(id, making.folder, split) for split in CAPTION_SPLITS[id]]
        ids = set(first(tables))
        rows = [row for table in tables for row in _rows(table) if row["id"] in ids]
    return {PurePosixPath(_place(id, row)): row["id"] for row in rows}


def _of_classes(id: str, making: Making) -> list[Row]:
    """Some videos of each class of every list; one video serves as many lists as it can."""
    official = {split: catalog.read(id, making.folder, split) for split in CLASS_SPLITS[id]}
    lists = {
        name: reference_lists.read(making.annotations / file.repository, name)
        for name, file in reference_lists.files().items()
        if file.labels and file.dataset == id and _is_used(name, making.annotations)
    }
    for name in set(DRAWN).intersection(lists):
        lists |= _draws(id, name, lists[name], making.annotations)
    if id == "k600":  # its protocols are on the classes of the draws only
        drawn = {c for table in lists.values() for c in table["class"]}
        official["val"] = official["val"][official["val"]["class"].isin(drawn)]
    tables = [_keyed(id, table, part) for part, table in (official | lists).items()]
    # of two clips of one YouTube video, a list without times could mean either
    clips = {row for t in tables for row in zip(t["key"], t["id"], strict=True) if row[0] != row[1]}
    twice = [key for key, number in Counter(key for key, _ in clips).items() if number > 1]
    rng = random.Random(f"{making.seed}/{id}")
    kept: set[str] = set()
    for table in sorted(tables, key=len):
        for _, keys in table[~table["key"].isin(twice)].groupby("class", sort=True)["key"]:
            free = [key for key in keys if key not in kept]
            need = making.per_class - (len(keys) - len(free))
            kept.update(rng.sample(free, max(0, min(need, len(free)))))
    # the first table that has a video names it: official ones come first and know its times
    found: dict[str, Row] = {}
    for table in tables:
        for row in _rows(table[table["key"].isin(kept)]):
            found.setdefault(row["key"], row)
    return list(found.values())


def _draws(id: str, name: str, table: pd.DataFrame, annotations: Path) -> dict[str, pd.DataFrame]:
    """The parts of a list that protocols draw from it."""
    data, found = Data(roots=Roots(common=annotations), videos=False), {}
    for draw in DRAWS:
        drawn = read_list(VideoList("drawn", id, name, shots=SHOTS, draw=draw), data)
        found[f"{name}/{draw}"] = table[table["id"].isin({s.id for s in drawn.samples})]
    return found


def _is_used(list_id: str, annotations: Path) -> bool:
    """Whether protocols read a list, and it is not one of those that may be lacking and is."""
    if list_id in UNUSED_LISTS or list_id.startswith("open-vclip/hmdb51/train"):
        return False
    file = reference_lists.files()[list_id]
    found = any((annotations / file.repository / f"{file.path}{t}").is_file() for t in ("", ".gz"))
    return bool(file.sha256) or found


def _keyed(id: str, table: pd.DataFrame, part: str) -> pd.DataFrame:
    """With what tells a video in every list (of Kinetics its YouTube id), and the folder it lies in."""
    kinetics = id in ("k400", "k600")
    if "/" not in part:
        where = part
    elif id == "k600":
        where = "val" if part.startswith("open-vclip/") else "test"
    else:
        where = "train" if "train" in part or "few" in part else "val"
    return table.assign(key=table["group" if kinetics else "id"], where=where)


def _cover(table: pd.DataFrame) -> list[Row]:
    """Videos in which as many labels occur as a greedy choice finds, then those at the list's head."""
    rows = _rows(table)
    lacking = {label for row in rows for label in row["labels"]}
    found: dict[str, Row] = {}
    while lacking and len(found) < FIRST:
        best = max(rows, key=lambda row: len(lacking.intersection(row["labels"])))
        found[best["id"]] = best
        lacking.difference_update(best["labels"])
    for row in rows[:FIRST]:
        if len(found) < FIRST:
            found.setdefault(row["id"], row)
    return list(found.values())


def _place(id: str, row: Row) -> str:
    """Where the official layout has a video, below the root of its dataset."""
    name = row["id"]
    if id in ("k400", "k600"):
        folder = row["where"] if row["where"] == "test" else f"{row['where']}/{row['class']}"
        return f"{folder}/{name}.mp4"
    if id == "didemo":
        return f"videos/{_didemo_name(row['file'])}"
    if id == "lsmdc":
        return f"videos/{name.rpartition('_')[0]}/{name}.avi"
    return {
        "ucf101": "UCF-101/{class}/{id}.avi",
        "hmdb51": "hmdb51_org/{class}/{id}.avi",
        "ssv2": "20bn-something-something-v2/{id}.webm",
        "msrvtt": "videos/{id}.mp4",
        "msvd": "YouTubeClips/{id}.avi",
        "activitynet": "videos/{id}.mp4",
        "charades": "Charades_v1/{id}.mp4",
    }[id].format_map(row)


def _didemo_name(listed: str) -> str:
    """The listed name; with .mp4 behind it if it ends in a bare dot or like no video that we know."""
    if listed.endswith("."):
        return f"{listed}mp4"
    return listed if Path(listed).suffix.lower() in EXTENSIONS else f"{listed}.mp4"


def _rows(table: pd.DataFrame) -> list[Row]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
