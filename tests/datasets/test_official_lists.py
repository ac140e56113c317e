"""The official lists of the classification sets, every published count (skips where they are absent)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from vclipbench.datasets import catalog, hmdb51, kinetics, ssv2, ucf101
from vclipbench.datasets.table import check

Derived = Callable[[str], list[dict[str, str]]]
SPLITS = (1, 2, 3)


@cache
def ucf(root: Path, split: str) -> pd.DataFrame:
    return ucf101.read(root / "official" / "ucf101", split)


@cache
def hmdb(root: Path, split: str) -> pd.DataFrame:
    return hmdb51.read(root / "official" / "hmdb51", split)


@cache
def kin(root: Path, dataset: str, split: str) -> pd.DataFrame:
    return kinetics.read(root / "official" / "kinetics", split, dataset=dataset)


def ids(table: pd.DataFrame) -> set[str]:
    return set(table["id"])


def per_class(table: pd.DataFrame) -> tuple[int, int]:
    counts = table["label"].value_counts()
    return int(counts.min()), int(counts.max())


def test_ucf101_counts(annotations: Path) -> None:
    expected = {"train1": 9537, "train2": 9586, "train3": 9624}
    expected |= {"test1": 3783, "test2": 3734, "test3": 3696, "all": 13320}
    assert dict(ucf101.CARD.counts) == expected
    for split, number in expected.items():
        table = ucf(annotations, split)
        assert len(table) == number
        assert sorted(table["label"].unique()) == list(range(101))
        assert check(table, ucf101.CARD) == []
    assert list(table.columns) == ["id", "path", "label", "class", "group"]
    assert table["path"].isna().all()
    assert per_class(table) == (100, 167)


def test_ucf101_splits_are_made_of_groups(annotations: Path) -> None:
    everything = ids(ucf(annotations, "all"))
    for n, least, most in zip(SPLITS, (28, 28, 28), (49, 49, 48), strict=True):
        train, test = ucf(annotations, f"train{n}"), ucf(annotations, f"test{n}")
        assert not ids(train) & ids(test)
        assert ids(train) | ids(test) == everything
        assert set(test["group"]) == {f"g{g:02}" for g in range(7 * n - 6, 7 * n + 1)}
        assert per_class(test) == (least, most)
    tested = [i for n in SPLITS for i in ucf(annotations, f"test{n}")["id"]]
    assert len(set(tested)) == len(tested) == 11213


def test_ucf101_ids_follow_a_sort_without_case(annotations: Path) -> None:
    table = ucf(annotations, "all")
    names = list(table.drop_duplicates("label").sort_values("label")["class"])
    assert names == sorted(names, key=str.lower)
    moved = {a for a, b in zip(names, sorted(names), strict=True) if a != b}
    assert moved == {"Hammering", "HammerThrow", "JumpRope", "JumpingJack"}
    assert set(table["id"][table["class"] == "HandstandPushups"].str[:18]) == {"v_HandStandPushups"}


def test_hmdb51_counts(annotations: Path) -> None:
    expected = {"train": 3570, "test": 1530, "unused": 1666, "used": 5100}
    for n in SPLITS:
        parts = {part: hmdb(annotations, f"{part}{n}") for part in expected}
        for part, number in expected.items():
            assert len(parts[part]) == number == hmdb51.CARD.counts[f"{part}{n}"]
            assert check(parts[part], hmdb51.CARD) == []
        assert per_class(parts["train"]) == (70, 70)
        assert per_class(parts["test"]) == (30, 30)
        assert per_class(parts["unused"]) == (2, 448)
        assert not ids(parts["train"]) & ids(parts["test"])
        assert ids(parts["used"]) == ids(parts["train"]) | ids(parts["test"])
    everything = hmdb(annotations, "all")
    assert len(everything) == len(ids(everything)) == hmdb51.CARD.counts["all"] == 6766
    assert (everything["group"] != "").all()


def test_hmdb51_test_sets_overlap(annotations: Path) -> None:
    one, two, three = (ids(hmdb(annotations, f"test{n}")) for n in SPLITS)
    assert (len(one & two), len(one & three), len(two & three)) == (104, 126, 155)
    assert len(one | two | three) == 4243


def test_hmdb51_ids_and_names(annotations: Path) -> None:
    table = hmdb(annotations, "all")
    label = dict(zip(table["class"], table["label"], strict=True))
    assert len(label) == 51
    assert [label[n] for n in ("kick", "kick_ball", "sword", "sword_exercise")] == [20, 21, 44, 45]
    names = table["id"] + ".avi"
    assert names.str.contains(r"[!()\[\]#&+;~@]").sum() == 536
    assert not names.str.contains(" ").any()
    assert names.str.len().max() == 120


def test_kinetics_counts(annotations: Path) -> None:
    small, large = kin(annotations, "k400", "val"), kin(annotations, "k600", "val")
    assert (len(small), small["label"].nunique()) == (19906, 400)
    assert (len(large), large["label"].nunique(), large["group"].nunique()) == (30000, 600, 29994)
    assert per_class(large) == (50, 50)
    tests = kin(annotations, "k600", "test")
    assert len(tests) == 72924
    assert "label" not in tests
    for dataset, split, table in (("k400", "val", small), ("k600", "val", large)):
        assert check(table, catalog.card(dataset)) == [], split
    assert len(set(small["group"]) & set(large["group"])) == 13569
    assert len(set(small["group"]) & set(tests["group"])) == 450


def test_kinetics_names(annotations: Path, derived: Derived) -> None:
    root = annotations / "official" / "kinetics"
    small = kinetics.classes(root)
    large = kinetics.classes(root, dataset="k600")
    assert list(small) == sorted(small)
    assert list(large) == sorted(large)
    assert len(set(small) & set(large)) == 368
    assert len(set(small) - set(large)) == 32
    assert len(set(large) - set(small)) == 232
    different = derived("k400_k600_name_differences.csv")
    renamed = {r["probable_rename_of"] for r in different if r["in"] == "k400_only"} - {""}
    novel = {r["class_name"] for r in different if r["in"] == "k600_only"}
    assert novel == set(large) - set(small)
    assert renamed <= novel
    assert (len(renamed), len(novel - renamed)) == (12, 220)
    football = {n for n in large if n.lower().startswith("passing american football")}
    assert len(football) == len({n.split("(")[0] for n in football}) == 2


def test_ssv2_labels(annotations: Path) -> None:
    names = ssv2.classes(annotations / "official" / "ssv2")
    assert len(names) == 174
    assert list(names) == sorted(names)
    assert sum("," in name for name in names) == 12
    assert ssv2.CARD.counts["validation"] == 24777


@pytest.mark.parametrize("dataset", ["ucf101", "hmdb51", "k400"])
def test_class_names_of_the_references(dataset: str, annotations: Path, derived: Derived) -> None:
    table = derived(f"class_names_{dataset}.csv")
    raw = [next(v for k, v in row.items() if k.startswith("official")) for row in table]
    vifi = "vifi_clip" if "vifi_clip" in table[0] else "vifi_clip_and_xclip"
    spelling = catalog.card(dataset).spelling
    assert list(spelling.spelled(raw, "vifi-clip")) == [row[vifi] for row in table]
    assert list(spelling.spelled(raw, "open-vclip")) == [row["open_vclip"] for row in table]
    official = spelling.spelled(raw)
    other = [(a, b["open_vclip"]) for a, b in zip(official, table, strict=True)]
    assert [pair for pair in other if pair[0] != pair[1]] == (
        [("Yo Yo", "Yoyo")] if dataset == "ucf101" else []
    )


def test_swapped_names_touch_120_test_videos_of_hmdb51(annotations: Path) -> None:
    root = annotations / "official" / "hmdb51"
    right, swapped = hmdb51.classes(root), hmdb51.classes(root, "vifi-clip")
    wrong = {n for n, (a, b) in enumerate(zip(right, swapped, strict=True)) if a != b}
    assert wrong == {20, 21, 44, 45}
    for n in SPLITS:
        assert hmdb(annotations, f"test{n}")["label"].isin(wrong).sum() == 120


def test_every_class_of_ucf101_is_split_into_words(annotations: Path) -> None:
    names = ucf101.classes(annotations / "official" / "ucf101")
    assert Counter(n.count(" ") for n in names) == {0: 24, 1: 65, 2: 12}
    assert {"Apply Eye Makeup", "Tai Chi", "Handstand Pushups"} <= set(names)
