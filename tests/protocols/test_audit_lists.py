"""The leak audit on the real annotation files (skips where ../shared/data is absent)."""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from annotation_roots import ANNOTATIONS, link_roots
from vclipbench.datasets import catalog, reference_lists
from vclipbench.protocols.audit import (
    audit_classes,
    audit_videos,
    class_notes,
    judgements,
    normalised,
)

TABLE = Path(__file__).parents[2] / "protocols" / "overlap_k400.csv"
NAMES = {"ucf101": "UCF101", "hmdb51": "HMDB51", "k600": "K600-zero-shot"}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not ANNOTATIONS.is_dir():
        pytest.skip("the annotation files ../shared/data/annotations are absent")
    return link_roots(tmp_path_factory.mktemp("roots"))


@cache
def listed(roots: Path, id: str) -> pd.DataFrame:
    return reference_lists.read(roots / id.partition("/")[0], id)


@cache
def official(roots: Path, dataset: str, split: str) -> pd.DataFrame:
    return catalog.read(dataset, roots / dataset, split)


def compared() -> list[dict[str, str]]:
    with (ANNOTATIONS / "derived" / "leak_audit_k400.csv").open(encoding="utf-8") as table:
        return list(csv.DictReader(table))


def table_names(dataset: str, verdict: str = "") -> set[str]:
    """Classes in the table of judgements, as it writes them."""
    with TABLE.open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["dataset"] == dataset]
    return {row["class"] for row in rows if not verdict or row["verdict"] == verdict}


def test_the_table_names_real_classes(roots: Path) -> None:
    raw = {
        "ucf101": set(official(roots, "ucf101", "test1")["class"]),
        "hmdb51": set(official(roots, "hmdb51", "test1")["class"]),
        "k600": set(official(roots, "k600", "val")["class"]),
    }
    k400 = set(catalog.classes("k400", roots / "k400"))
    for dataset in NAMES:
        assert table_names(dataset) <= raw[dataset]
        assert {name for _, named in judgements(dataset).values() for name in named} <= k400
    assert len(table_names("ucf101")) == 101
    assert len(table_names("hmdb51")) == 51


@pytest.mark.parametrize(
    ("dataset", "exact", "words"), [("ucf101", 23, 12), ("hmdb51", 2, 12), ("k600", 0, 0)]
)
def test_the_rules_find_the_classes_published(
    roots: Path, dataset: str, exact: int, words: int
) -> None:
    rows = [row for row in compared() if row["dataset"] == NAMES[dataset]]
    raw = [row["class_name"].replace(" ", "_" if dataset == "hmdb51" else " ") for row in rows]
    trained = catalog.classes("k400", roots / "k400")
    seen, _ = audit_classes(dataset, raw, raw, "k400", trained)
    hows = {overlap.class_name: overlap.how for overlap in seen}
    levels = {"same name": "L1-exact", "same words": "L2-stem-set"}
    counts = Counter(levels.get(how, "") for how in hows.values())
    assert (counts["L1-exact"], counts["L2-stem-set"]) == (exact, words)
    for name, row in zip(raw, rows, strict=True):
        found = levels.get(hows.get(name, ""), "")
        assert found == (row["auto_level"] if row["auto_level"] in levels.values() else "")
        assert normalised(name) == row["normalised"].replace(" ", "")


@pytest.mark.parametrize(("dataset", "same", "near"), [("ucf101", 55, 19), ("hmdb51", 23, 13)])
def test_classes_after_kinetics_400(roots: Path, dataset: str, same: int, near: int) -> None:
    table = official(roots, dataset, "test1").drop_duplicates("label").sort_values("label")
    raw, shown = list(table["class"]), catalog.classes(dataset, roots / dataset)
    trained = catalog.classes("k400", roots / "k400")
    seen, close = audit_classes(dataset, raw, shown, "k400", trained)
    assert (len(seen), len(close)) == (same, near)
    assert {overlap.class_name for overlap in (*seen, *close)} <= set(shown)
    assert (seen, close) == audit_classes(dataset, raw, shown, "k400", None)
    assert class_notes(dataset, raw, "k400", trained) == ()


def test_kinetics_600_after_kinetics_400(roots: Path) -> None:
    k400, k600 = (catalog.classes(id, roots / id) for id in ("k400", "k600"))
    seen, near = audit_classes("k600", k600, k600, "k400", k400)
    assert len(seen) == 380  # 368 that keep their name, 12 renamed
    assert len(near) == 15
    assert {overlap.class_name for overlap in seen} >= set(k400) & set(k600)
    assert {o.class_name for o in seen} - set(k400) == table_names("k600", "renamed")
    notes = class_notes("k600", k600, "k400", k400)
    assert notes[0].startswith("73 of 600 classes have not been judged")  # 70, and 3 in no draw


@pytest.mark.parametrize("draw", [1, 2, 3])
def test_no_class_of_the_draws_of_kinetics_600_is_in_kinetics_400(roots: Path, draw: int) -> None:
    table = listed(roots, f"open-vclip/k600/draw{draw}")
    raw = sorted(set(table["class"]))
    seen, near = audit_classes("k600", raw, raw, "k400", catalog.classes("k400", roots / "k400"))
    assert len(raw) == 160
    assert seen == ()
    assert {o.class_name for o in near} == set(raw) & table_names("k600", "near")


@pytest.mark.parametrize("id", ["ssv2", "k400", "k600", "ucf101", "hmdb51"])
def test_halves_of_a_dataset_share_no_class(roots: Path, id: str) -> None:
    names = catalog.classes(id, roots / id)
    half = len(names) // 2
    assert audit_classes(id, names[half:], names[half:], id, names[:half]) == ((), ())
    assert len(audit_classes(id, names, names, id, names[:half])[0]) == half


FEW = {
    "hmdb51": {2: (36, 35), 4: (66, 78), 8: (144, 132), 16: (233, 254)},
    "ucf101": {2: (84, 76), 4: (179, 150), 8: (314, 293), 16: (627, 623)},
}


@pytest.mark.parametrize("dataset", FEW)
@pytest.mark.parametrize("shots", [2, 4, 8, 16])
def test_few_shot_lists_are_in_the_other_test_splits(roots: Path, dataset: str, shots: int) -> None:
    few = listed(roots, f"vifi-clip/{dataset}/few{shots}")
    counts = []
    for split in (1, 2, 3):
        test = official(roots, dataset, f"test{split}")
        found = audit_videos(
            dataset, list(test["id"]), list(test["group"]), dataset, list(few["id"]), None
        )
        counts.append(len(found))
    assert tuple(counts) == (0, *FEW[dataset][shots])


@pytest.mark.parametrize(
    ("repository", "counts"), [("open-vclip", (1, 1, 4)), ("vifi-clip", (0, 0, 0))]
)
def test_draws_of_kinetics_600_in_the_validation_list_of_kinetics_400(
    roots: Path, repository: str, counts: tuple[int, int, int]
) -> None:
    k400 = official(roots, "k400", "val")
    for draw, count in zip((1, 2, 3), counts, strict=True):
        table = listed(roots, f"{repository}/k600/draw{draw}")
        found = audit_videos(
            "k600", list(table["id"]), list(table["group"]), "k400", list(k400["id"]), None
        )
        assert len(found) == count


@pytest.mark.parametrize(("split", "count"), [("val", 13_569), ("test", 450)])
def test_validation_videos_of_kinetics_400_in_kinetics_600(
    roots: Path, split: str, count: int
) -> None:
    k400, k600 = official(roots, "k400", "val"), official(roots, "k600", split)
    groups = [list(table["group"]) for table in (k400, k600)]
    found = audit_videos("k400", list(k400["id"]), groups[0], "k600", list(k600["id"]), groups[1])
    assert len(found) == count


def test_videos_of_activitynet_in_a_quarter_of_the_training_list_of_kinetics_400(
    roots: Path,
) -> None:
    trained = list(listed(roots, "vifi-clip/k400/train-tiny")["id"])
    ids = list(official(roots, "activitynet", "val_1")["id"])
    assert len(audit_videos("activitynet", ids, None, "k400", trained, None)) == 72
    ids = list(official(roots, "msvd", "test")["id"])
    assert audit_videos("msvd", ids, None, "k400", trained, None) == ()
