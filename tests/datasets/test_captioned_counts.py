"""Readers of the retrieval sets on the real files (where the checkout has them), as counted in them."""

import gzip
import json
from pathlib import Path

import pytest
from vclipbench.datasets import activitynet, didemo, msrvtt, msvd
from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.table import check

REAL = Path(__file__).resolve().parents[3] / "shared/data/annotations/retrieval"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")


def ids(name):
    """Ids of a list of the checkout."""
    path = REAL / name
    zipped = path.with_name(f"{path.name}.gz")
    text = (path.read_bytes() if path.exists() else gzip.decompress(zipped.read_bytes())).decode()
    return [line for line in text.split("\n") if line]


@pytest.mark.parametrize(
    ("split", "videos"), [("test", 1000), ("train-9k", 9000), ("train-7k", 7010)]
)
def test_msrvtt_lists(split, videos):
    table = msrvtt.read(REAL / "msrvtt", split, captions=False)
    assert len(table) == table["id"].nunique() == videos
    assert check(table, msrvtt.CARD) == []
    assert table.attrs["unpinned"] == ()


def test_msrvtt_as_counted():
    root = REAL / "msrvtt"
    test = msrvtt.read(root, "test")
    sentences = [captions[0] for captions in test["captions"]]
    assert all(len(captions) == 1 for captions in test["captions"])
    assert len(set(sentences)) == 995
    rows: dict[str, list[int]] = {}
    for n, sentence in enumerate(sentences):
        rows.setdefault(sentence, []).append(n)
    groups = [group for group in rows.values() if len(group) > 1]
    assert groups == [[98, 582], [323, 803, 945], [527, 666], [554, 839]]
    assert test["id"][154] == "video7500"
    one_k = set(test["id"])
    numbers = [int(id.removeprefix("video")) for id in one_k]
    assert (min(numbers), max(numbers)) == (7020, 9975)
    nine = set(msrvtt.read(root, "train-9k", captions=False)["id"])
    seven = set(msrvtt.read(root, "train-7k", captions=False)["id"])
    assert one_k.isdisjoint(nine)
    assert len(one_k | nine) == 10_000
    assert seven == {f"video{n}" for n in range(7010)}


def test_msrvtt_other_splits_as_counted():
    """What the card says about splits that must not be mixed."""
    test = set(msrvtt.read(REAL / "msrvtt", "test")["id"])
    nine = set(msrvtt.read(REAL / "msrvtt", "train-9k", captions=False)["id"])
    full = {s: ids(f"msrvtt/{s}_list_full.txt") for s in ("train", "val", "test")}
    assert [len(full[s]) for s in ("train", "val", "test")] == [6513, 497, 2990]
    assert test <= set(full["test"])
    assert len(nine & set(full["test"])) == 1990
    other = {s: set(ids(f"msrvtt/{s}_list_miech.txt")) for s in ("train", "test")}
    assert [len(other["train"]), len(other["test"])] == [6656, 1000]
    assert len(other["test"] & test) == 296
    assert len(other["test"] & nine) == 704
    assert len(other["train"] & test) == 453
    assert set(ids("msrvtt/train_list_jsfusion.txt")) == nine
    assert set(ids("msrvtt/val_list_jsfusion.txt")) == test


def test_msvd_as_counted():
    tables = {s: msvd.read(REAL / "msvd", s) for s in ("train", "val", "test")}
    assert {s: len(t) for s, t in tables.items()} == {"train": 1200, "val": 100, "test": 670}
    assert all(check(t, msvd.CARD) == [] for t in tables.values())
    captions = {s: t["captions"].map(len).sum() for s, t in tables.items()}
    assert captions == {"train": 48_774, "val": 4290, "test": 27_763}
    assert sum(captions.values()) == 80_827
    assert len({id for t in tables.values() for id in t["id"]}) == 1970
    owners: dict[str, set[str]] = {}
    for id, texts in zip(tables["test"]["id"], tables["test"]["captions"], strict=True):
        for text in texts:
            owners.setdefault(text, set()).add(id)
    assert len(owners) == 22_285
    assert sum(len(videos) > 1 for videos in owners.values()) == 961


def test_didemo_as_counted():
    sizes = {"train": 8392, "val": 1065, "test": 1004}
    lists = {s: didemo.read(REAL / "didemo", s, captions=False) for s in sizes}
    assert {s: len(t) for s, t in lists.items()} == sizes
    assert all(check(t, didemo.CARD) == [] for t in lists.values())
    assert len({id for t in lists.values() for id in t["id"]}) == sum(sizes.values())
    listed = [name for s in sizes for name in ids(f"didemo/{s}_list.txt")]
    assert sum(name.endswith(".") for name in listed) == 193
    for split, rows, names, other_names, published in (
        ("val", 4180, 1094, 29, 4109),
        ("test", 4021, 1037, 33, 3932),
    ):
        with gzip.open(REAL / f"didemo/{split}_data.json.gz", "rt") as file:
            content = json.load(file)
        file_names = {row["video"] for row in content}
        known = set(ids(f"didemo/{split}_list.txt"))
        assert (len(content), len(file_names)) == (rows, names)
        assert len(file_names - known) == other_names
        links: dict[str, set[str]] = {}
        for row in content:
            links.setdefault(row["video"].rpartition(".")[0], set()).add(row["dl_link"])
        assert all(len(link) == 1 for link in links.values())
        # the descriptions in the paragraphs, by the joined lengths
        table = didemo.read(REAL / "didemo", split)
        assert table["id"].tolist() == lists[split]["id"].tolist()
        assert table["captions"].nunique() == sizes[split]
        texts = [" ".join(row["description"].split()) for row in content if row["video"] in known]
        assert len(texts) == published
        joined = sum(len(captions[0]) + 1 for captions in table["captions"])
        assert joined == sum(len(text) + 1 for text in texts)
        whole = didemo.read(REAL / "didemo", split, all_names=True)
        assert (whole["captions"] != table["captions"]).sum() == other_names
        joined = sum(len(captions[0]) + 1 for captions in whole["captions"])
        assert joined == sum(len(" ".join(row["description"].split())) + 1 for row in content)
    with pytest.raises(DatasetError, match=r"there is no train_data\.json"):
        didemo.read(REAL / "didemo", "train")


def test_activitynet_as_counted():
    root = REAL / "activitynet_captions_2dtan"
    tables = {s: activitynet.read(root, s) for s in ("train", "val_1", "val_2")}
    assert {s: len(t) for s, t in tables.items()} == {"train": 10_009, "val_1": 4917, "val_2": 4885}
    assert all(check(t, activitynet.CARD) == [] for t in tables.values())
    for split, file, sentences in (
        ("train", "train", 37_421),
        ("val_1", "val", 17_505),
        ("val_2", "test", 17_031),
    ):
        assert tables[split]["id"].tolist() == ids(f"activitynet/{split}_list.txt")
        with gzip.open(root / f"{file}.json.gz", "rt") as packed:
            content = json.load(packed)
        assert sum(len(row["sentences"]) for row in content.values()) == sentences
    val_1, val_2 = set(tables["val_1"]["id"]), set(tables["val_2"]["id"])
    assert val_2 < val_1
    assert val_1.isdisjoint(tables["train"]["id"])
    first = tables["val_1"].iloc[0]
    assert first["id"] == "v_uqiMw7tQ1Cc"
    assert first["captions"] == (
        "A weight lifting tutorial is given. The coach helps the guy in red with the proper body "
        "placement and lifting technique.",
    )
