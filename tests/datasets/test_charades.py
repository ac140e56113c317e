"""Charades: the real files (where the checkout has them) and files written here."""

from pathlib import Path

import pytest
from vclipbench.datasets import charades
from vclipbench.datasets.annotation_files import load
from vclipbench.datasets.captioned import csv_rows
from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.table import check

REAL = Path(__file__).resolve().parents[3] / "shared/data/annotations/official/charades"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")


@real
@pytest.mark.parametrize(
    ("split", "videos", "intervals", "unlabelled", "mean", "late"),
    [("train", 7985, 49_809, 174, 6.10, 13_509), ("test", 1863, 16_691, 49, 8.74, 4715)],
)
def test_lists_as_counted(split, videos, intervals, unlabelled, mean, late):
    table = charades.read(REAL, split)
    assert len(table) == table["id"].nunique() == videos
    assert check(table, charades.CARD) == []
    counts = table["labels"].map(len)
    assert (counts == 0).sum() == unlabelled
    assert round(counts.mean(), 2) == mean
    assert {label for labels in table["labels"] for label in labels} == set(range(157))
    loaded = load(REAL, charades.LISTS[split], dataset="charades")
    total = beyond = 0
    for where, row in csv_rows(loaded, ("actions", "length")):
        found = charades.intervals(row["actions"], where)
        total += len(found)
        beyond += sum(end > float(row["length"]) + 0.5 for _, _, end in found)
    assert (total, beyond) == (intervals, late)


@real
def test_class_names():
    names = charades.classes(REAL)
    assert len(set(names)) == 157
    assert names[0] == "Holding some clothes"
    assert names[15] == "Holding a phone/camera"
    assert names[134] == "Lying on a bed"
    assert names[156] == "Someone is eating something"


@real
def test_first_rows():
    table = charades.read(REAL, "train")
    assert table.columns.tolist() == ["id", "path", "labels", "group"]
    assert table.iloc[0].tolist() == ["46GP8", None, (92, 147), "HR43"]


HEADER = "id,subject,actions,length\r\n"


def write(folder, rows, classes=None):
    (folder / "Charades_v1_test.csv").write_text(HEADER + rows, "utf-8", newline="")
    if classes is not None:
        (folder / "Charades_v1_classes.txt").write_text(classes, "utf-8")
    return folder


def test_labels_are_the_union(tmp_path):
    root = write(tmp_path, "AB123,P,c147 0.00 12.60;c092 11 21.2;c147 13 14,24\r\nCD456,Q,,9\r\n")
    table = charades.read(root, "test", allow_unpinned=True)
    assert table["labels"].tolist() == [(92, 147), ()]
    assert table["group"].tolist() == ["P", "Q"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("A,P,c157 0 1,9\n", r"test\.csv, line 2: there is no class c157"),
        ("A,P,c12 0 1,9\n", r"line 2: 'c12 0 1' is no action"),
        ("A,P,c012 0,9\n", r"is no action"),
        ("A,P,,9\nA,P,,9\n", r"line 3: the video A is already listed in .*line 2"),
        ("A,P,9\n", r"line 2: 3 fields where the header has 4"),
        (" ,P,,9\n", r"line 2: a text is wanted under 'id'"),
        ("", "lists no videos"),
    ],
)
def test_bad_lists(tmp_path, rows, words):
    with pytest.raises(DatasetError, match=words):
        charades.read(write(tmp_path, rows), "test", allow_unpinned=True)


def listing(count=157):
    return "\n".join(f"c{n:03d} name {n}" for n in range(count))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (listing(156), "lists 156 classes and 157 are expected"),
        (listing().replace("c003", "c004"), "line 4: 'c003 <name>' is wanted"),
        (listing().replace("name 7\n", "name 6\n"), "line 8: the class 'name 6' is listed twice"),
        (listing().replace("name 7\n", "\n"), "line 8: 'c007 <name>' is wanted"),
    ],
)
def test_bad_class_files(tmp_path, text, words):
    with pytest.raises(DatasetError, match=words):
        charades.classes(write(tmp_path, "", text), allow_unpinned=True)


def test_only_official_names(tmp_path):
    root = write(tmp_path, "", listing())
    assert charades.classes(root, allow_unpinned=True)[9] == "name 9"
    with pytest.raises(ValueError, match="class names of Charades 'vifi-clip'; it can be official"):
        charades.classes(root, "vifi-clip")


def test_card():
    card = charades.CARD
    assert all(a.name in card.layout for a in card.annotations)
    assert all(len(d) == 64 for a in card.annotations for d in a.sha256)
