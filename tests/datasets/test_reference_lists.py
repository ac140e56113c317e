"""The lists of the ViFi-CLIP and Open-VCLIP repositories against the official ones (skips without them)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from vclipbench.datasets import hmdb51, kinetics, reference_lists, ssv2, ucf101
from vclipbench.datasets.annotation_files import load
from vclipbench.datasets.errors import DatasetError

Roots = dict[str, Path]
Derived = Callable[[str], list[dict[str, str]]]
SPLITS = (1, 2, 3)
SHOTS = (2, 4, 8, 16)
DATASETS = ("k400", "hmdb51", "ucf101", "ssv2")
KNOWN = [id for id in reference_lists.lists() if reference_lists.files()[id].sha256]
UNKNOWN = ["vifi-clip/k400/train", "vifi-clip/k400/base-train", "open-vclip/k400/train"]


@cache
def _read(root: Path, id: str) -> pd.DataFrame:
    return reference_lists.read(root, id)


@pytest.fixture(scope="module")
def read(checkouts: Roots) -> Callable[[str], pd.DataFrame]:
    return lambda id: _read(checkouts[id.partition("/")[0]], id)


@pytest.fixture(scope="module")
def official(annotations: Path) -> Callable[[str, str], pd.DataFrame]:
    root = annotations / "official"
    readers = {"ucf101": ucf101.read, "hmdb51": hmdb51.read}

    @cache
    def table(dataset: str, split: str) -> pd.DataFrame:
        if dataset in readers:
            return readers[dataset](root / dataset, split)
        return kinetics.read(root / "kinetics", split, dataset=dataset)

    return table


def ids(table: pd.DataFrame) -> set[str]:
    return set(table["id"])


def labelled(table: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(table["id"], table["class"], strict=True))


def overlaps(*tables: pd.DataFrame) -> tuple[int, int, int]:
    one, two, three = map(ids, tables)
    return len(one & two), len(one & three), len(two & three)


@pytest.mark.parametrize("id", KNOWN)
def test_every_list_has_the_published_counts(
    id: str, read: Callable[[str], pd.DataFrame], checkouts: Roots, derived: Derived
) -> None:
    table, file = read(id), reference_lists.files()[id]
    source = {"vifi-clip": "ViFi-CLIP", "open-vclip": "Open-VCLIP"}[file.repository]
    copies = {
        row["source_path"]: row["file"]
        for row in derived("MANIFEST.csv")
        if row["source"].endswith(f"/{source}")
    }
    counted = {row["file"]: row for row in derived("split_counts.csv")}[copies[file.path]]
    counts = table["label"].value_counts()
    assert file.rows == len(table) == int(counted["rows"])
    assert len(counts) == int(counted["classes"]) == table["class"].nunique()
    assert table["label"].min() == int(counted["label_min"]) == 0
    assert table["label"].max() == int(counted["label_max"]) == len(counts) - 1
    assert counts.min() == int(counted["min_per_class"])
    assert counts.max() == int(counted["max_per_class"])
    assert table.attrs["unpinned"] == ()
    assert file.sha256 in table.attrs["annotations"].values()
    assert len(reference_lists.names(checkouts[file.repository], id)) == len(counts)


def test_numbers_of_lists() -> None:
    repositories = [id.partition("/")[0] for id in KNOWN]
    assert repositories.count("vifi-clip") == 47
    assert repositories.count("open-vclip") == 16
    assert [id for id in reference_lists.lists() if id not in KNOWN] == UNKNOWN


@pytest.mark.parametrize("repository", ["vifi-clip", "open-vclip"])
def test_every_file_has_its_pinned_digest(repository: str, checkouts: Roots) -> None:
    pinned = reference_lists.all_annotations(repository)
    found = []
    for annotation in pinned:
        try:
            load(checkouts[repository], annotation, dataset=repository)
        except DatasetError as error:
            found.append(str(error))
    lacking = [id for id in UNKNOWN if id.startswith(repository)]
    assert len(pinned) == (65 if repository == "vifi-clip" else 26)
    assert [problem.split(" in ")[0] for problem in found] == [
        f"there is no {reference_lists.files()[id].path}" for id in lacking
    ]


def test_every_label_file_has_as_many_classes_as_the_pins_say(checkouts: Roots) -> None:
    for id in reference_lists.lists():
        file = reference_lists.files()[id]
        labels = reference_lists.files()[f"{file.repository}/{file.labels}"]
        assert len(reference_lists.names(checkouts[file.repository], id)) == labels.rows


@pytest.mark.parametrize("repository", ["vifi-clip", "open-vclip"])
@pytest.mark.parametrize("dataset", ["ucf101", "hmdb51"])
def test_zero_shot_lists_are_the_official_test_sets(
    repository: str, dataset: str, read: Callable, official: Callable, checkouts: Roots
) -> None:
    for n in SPLITS:
        ours, theirs = official(dataset, f"test{n}"), read(f"{repository}/{dataset}/test{n}")
        for column in ("id", "label", "class", "group"):
            assert list(ours[column]) == list(theirs[column])


def test_training_lists_of_open_vclip_hold_what_the_split_leaves_out(
    read: Callable, official: Callable
) -> None:
    for n in SPLITS:
        table = read(f"open-vclip/hmdb51/train{n}")
        assert labelled(table) == labelled(official("hmdb51", f"unused{n}"))
        assert "never train" in table.attrs["faults"][0]


@pytest.mark.parametrize(("dataset", "short"), [("ucf101", "ucf101"), ("hmdb51", "hmdb")])
def test_half_classes(
    dataset: str, short: str, annotations: Path, checkouts: Roots, official: Callable
) -> None:
    written = reference_lists.names(
        checkouts["open-vclip"], f"open-vclip/{dataset}/test1", "open-vclip"
    )
    full = official(dataset, "all" if dataset == "ucf101" else "used1")
    sizes = []
    for draw in range(10):
        drawn = reference_lists.half_classes(len(written), draw)
        file = annotations / "open_vclip" / f"{short}_half_test" / f"{draw}.json"
        names = json.loads(file.read_text("utf-8"))
        assert [names[str(n)] for n in range(len(names))] == [written[label] for label in drawn]
        half = reference_lists.of_classes(full, drawn)
        assert sorted(half["label"].unique()) == list(range(len(drawn)))
        sizes.append(len(half))
    expected = [6483, 6658, 6625, 6696, 6676, 6622, 6605, 6636, 6504, 6660]
    assert sizes == (expected if dataset == "ucf101" else [2500] * 10)


def draws(checkouts: Roots, repository: str) -> list[tuple[str, ...]]:
    return [
        reference_lists.names(checkouts[repository], f"{repository}/k600/draw{n}") for n in SPLITS
    ]


def test_draws_of_kinetics_600(annotations: Path, checkouts: Roots) -> None:
    vifi, openv = draws(checkouts, "vifi-clip"), draws(checkouts, "open-vclip")
    resource = annotations / "open_vclip" / "k600_resource"
    words = [
        row["word"] for row in json.loads((resource / "classes620_label_defn.json").read_text())
    ]
    places = json.loads((resource / "tst_class_idxs.json").read_text())
    assert vifi == openv == [tuple(sorted(words[i] for i in draw)) for draw in places]
    assert all(len(draw) == 160 and list(draw) == sorted(draw) for draw in vifi)
    one, two, three = map(set, vifi)
    assert (len(one & two), len(one & three), len(two & three)) == (110, 116, 117)
    assert (len(one & two & three), len(one | two | three)) == (80, 217)
    old = set(kinetics.classes(annotations / "official" / "kinetics"))
    assert not (one | two | three) & old
    assert not {"making horseshoes", "pillow fight", "spelunking"} & (one | two | three)
    assert (words[:400], len(words)) == (sorted(old), 620)


def test_kinetics_600_lists_have_nothing_in_common(
    read: Callable, official: Callable, checkouts: Roots
) -> None:
    val, test = official("k600", "val"), official("k600", "test")
    seen = set(official("k400", "val")["group"])
    prefixes = [(11930, 1943, 211), (11865, 1896, 217), (11962, 1976, 198)]
    shared, union = [], set()
    for n, prefix in zip(SPLITS, prefixes, strict=True):
        vifi, openv = read(f"vifi-clip/k600/draw{n}"), read(f"open-vclip/k600/draw{n}")
        assert not ids(vifi) & ids(openv)
        assert ids(vifi) <= ids(test)
        assert not ids(vifi) & ids(val)
        assert labelled(openv) <= labelled(val)
        of_draw = val[val["class"].isin(set(openv["class"]))]
        assert len(of_draw) == 8000
        folders = vifi["listed"].str.partition("/")[0].value_counts()
        assert tuple(folders[name] for name in ("train", "test", "val")) == prefix
        shared.append((len(set(openv["group"]) & seen), len(set(vifi["group"]) & seen)))
        union |= ids(vifi)
    assert shared == [(1, 0), (1, 0), (4, 0)]
    assert len(union) == 19058


def test_kinetics_lists_are_parts_of_the_official_ones(read: Callable, official: Callable) -> None:
    val = official("k400", "val")
    vifi, openv = read("vifi-clip/k400/val"), read("open-vclip/k400/val")
    assert labelled(vifi) <= labelled(val)
    assert len(val) - len(vifi) == 29
    theirs = dict(zip(openv["id"], openv["class"], strict=True))
    ours = dict(zip(vifi["group"], vifi["class"], strict=True))
    assert len(ours.keys() - theirs.keys()) == 137
    assert len(theirs.keys() - ours.keys()) == 21
    common = ours.keys() & theirs.keys()
    assert len(common) == 19740
    assert all(ours[id] == theirs[id] for id in common)
    assert labelled(read("open-vclip/k600/val")) <= labelled(official("k600", "val"))


@pytest.mark.parametrize(
    ("dataset", "base", "novel", "shared"),
    [
        ("k400", (200, 9944), (200, 9933), (0, 0, 178)),
        ("hmdb51", (26, 780), (25, 750), (52, 130, 0)),
        ("ucf101", (51, 2088), (50, 1695), (80, 102, 85)),
        ("ssv2", (87, 17562), (87, 7215), (0, 0, 60)),
    ],
)
def test_base_to_novel(
    dataset: str,
    base: tuple[int, int],
    novel: tuple[int, int],
    shared: tuple[int, int, int],
    read: Callable,
) -> None:
    known, new = read(f"vifi-clip/{dataset}/base-test"), read(f"vifi-clip/{dataset}/novel-test")
    assert (known["class"].nunique(), len(known)) == base
    assert (new["class"].nunique(), len(new)) == novel
    assert not set(known["class"]) & set(new["class"])
    full = read(f"vifi-clip/{dataset}/{'val' if dataset == 'k400' else FULL.get(dataset, 'test1')}")
    assert labelled(known) | labelled(new) == labelled(full)
    assert len(known) + len(new) == len(full)
    few = [read(f"vifi-clip/{dataset}/base-few16-{n}") for n in SPLITS]
    for table in few:
        assert (table["label"].value_counts() == 16).all()
        assert set(table["class"]) == set(known["class"])
        assert not ids(table) & ids(known)
        if dataset != "k400":
            assert labelled(table) <= labelled(read(f"vifi-clip/{dataset}/base-train"))
    assert overlaps(*few) == shared


FULL = {"ssv2": "validation"}


@pytest.mark.parametrize(
    ("dataset", "number", "least", "most"),
    [("ucf101", 5385, 93, 121), ("ssv2", 125937, 873, 3284), ("hmdb51", 1820, 70, 70)],
)
def test_base_classes_are_numbered_from_rare_to_frequent(
    dataset: str, number: int, least: int, most: int, read: Callable
) -> None:
    table = read(f"vifi-clip/{dataset}/base-train")
    counts = list(table["label"].value_counts().sort_index())
    assert (len(table), counts[0], counts[-1]) == (number, least, most)
    assert counts == sorted(counts)


def test_novel_classes_of_ucf101_are_the_rarer_half(read: Callable, official: Callable) -> None:
    train = official("ucf101", "train1")["class"].value_counts()
    novel = set(read("vifi-clip/ucf101/novel-test")["class"])
    assert max(train[name] for name in novel) == 93
    base = read("vifi-clip/ucf101/base-train")
    assert labelled(base) == {
        pair for pair in labelled(official("ucf101", "train1")) if pair[1] not in novel
    }


def test_halves_of_kinetics_400_differ_by_one_class(read: Callable, checkouts: Roots) -> None:
    halves = {
        (repository, part): set(read(f"{repository}/k400/{part}-test")["class"])
        for repository in ("vifi-clip", "open-vclip")
        for part in ("base", "novel")
    }
    assert halves["open-vclip", "base"] - halves["vifi-clip", "base"] == {"water skiing"}
    assert halves["open-vclip", "novel"] - halves["vifi-clip", "novel"] == {"cutting watermelon"}
    root = checkouts["open-vclip"]
    written = reference_lists.names(root, "open-vclip/k400/base-test", "open-vclip")
    assert sum("_" in name for name in written) == 161
    right = reference_lists.names(root, "open-vclip/k400/base-test")
    assert set(right) == halves["open-vclip", "base"]


def test_few_shot_lists(read: Callable, official: Callable) -> None:
    inside = {
        "hmdb51": {2: (36, 35), 4: (66, 78), 8: (144, 132), 16: (233, 254)},
        "ucf101": {2: (84, 76), 4: (179, 150), 8: (314, 293), 16: (627, 623)},
    }
    for dataset, per_shot in inside.items():
        train = labelled(official(dataset, "train1"))
        tests = [ids(official(dataset, f"test{n}")) for n in SPLITS]
        for shots in SHOTS:
            table = read(f"vifi-clip/{dataset}/few{shots}")
            assert (table["label"].value_counts() == shots).all()
            assert labelled(table) <= train
            assert tuple(len(ids(table) & test) for test in tests) == (0, *per_shot[shots])
    nested = {
        name: len(ids(read(f"vifi-clip/{name}/few2")) & ids(read(f"vifi-clip/{name}/few4")))
        for name in inside
    }
    assert nested == {"ucf101": 11, "hmdb51": 7}


def test_few_shot_lists_of_ssv2(read: Callable) -> None:
    base = dict(labelled(read("vifi-clip/ssv2/base-train")))
    names = set(base.values())
    test = ids(read("vifi-clip/ssv2/validation"))
    for shots in SHOTS:
        table = read(f"vifi-clip/ssv2/few{shots}")
        assert (table["label"].value_counts() == shots).all()
        assert not ids(table) & test
        for id, name in labelled(table):
            assert name not in names or base[id] == name


def test_names_of_the_repositories(annotations: Path, checkouts: Roots) -> None:
    root = annotations / "official"
    full = {
        "ucf101": (ucf101.classes, root / "ucf101", "test1"),
        "hmdb51": (hmdb51.classes, root / "hmdb51", "test1"),
        "k400": (kinetics.classes, root / "kinetics", "val"),
    }
    for repository in ("vifi-clip", "open-vclip"):
        for dataset, (classes, folder, part) in full.items():
            id = f"{repository}/{dataset}/{part}"
            written = reference_lists.names(checkouts[repository], id, repository)
            assert written == classes(folder, repository)
            assert reference_lists.names(checkouts[repository], id) == classes(folder)
    labels = reference_lists.names(checkouts["vifi-clip"], "vifi-clip/ssv2/validation")
    assert labels == ssv2.classes(root / "ssv2")
    large = reference_lists.names(checkouts["open-vclip"], "open-vclip/k600/val")
    assert large == kinetics.classes(root / "kinetics", dataset="k600")


@pytest.mark.parametrize(
    ("part", "number"),
    [("test1", 120), ("base-test", 60), ("novel-test", 60), ("base-train", 140)]
    + [(f"base-few16-{n}", 32) for n in SPLITS],
)
def test_rows_under_the_name_of_the_sibling(
    part: str, number: int, read: Callable, checkouts: Roots
) -> None:
    id = f"vifi-clip/hmdb51/{part}"
    table, root = read(id), checkouts["vifi-clip"]
    right = reference_lists.names(root, id)
    swapped = reference_lists.names(root, id, "vifi-clip")
    wrong = [right[n] != swapped[n] for n in table["label"]]
    assert sum(wrong) == number == table["class"].isin(hmdb51.SWAPPED).sum()
    raw = table.drop_duplicates("label").sort_values("label")["class"]
    assert right == hmdb51.CARD.spelling.spelled(raw)


def test_commas_without_quotes_are_an_error(annotations: Path, tmp_path: Path) -> None:
    bad = annotations / "open_vclip" / "bad_csv" / "somethingsomething_unquoted_commas.csv"
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "ssv2_labels.csv").write_bytes(bad.read_bytes())
    with pytest.raises(DatasetError, match=r"this is another version"):
        reference_lists.names(tmp_path, "vifi-clip/ssv2/validation")
    with pytest.raises(DatasetError, match=r"line \d+: 3 fields .* needs quotes"):
        reference_lists.names(tmp_path, "vifi-clip/ssv2/validation", allow_unpinned=True)
