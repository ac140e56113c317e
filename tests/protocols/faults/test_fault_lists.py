"""Every number in the faults of lists of classes is counted anew in the real files (skips without them).

`count_<id>` gives the numbers that the text of a fault must hold. A number that is neither counted
nor named in `fault_files.GIVEN` fails.
"""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations

import pandas as pd
import pytest
from annotation_roots import ANNOTATIONS, link_roots
from fault_files import OF_CLASS_LISTS, SPLITS, Files, check, draws, judged, lines, share
from vclipbench.datasets import catalog


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    if not ANNOTATIONS.is_dir():
        pytest.skip("the annotation files ../shared/data/annotations are absent")
    return Files(link_roots(tmp_path_factory.mktemp("roots") / "all"))


@pytest.mark.parametrize("fault", OF_CLASS_LISTS, ids=lambda fault: fault.id)
def test_the_numbers_of_a_fault(fault, files):
    check(fault, globals()["count_" + fault.id.replace("-", "_")](files))


def count_few_shot_test_splits(f):
    for dataset in ("ucf101", "hmdb51"):
        few = {k: f"vifi-clip/{dataset}/few{k}" for k in (2, 16)}
        assert not any(f.common(name, f"{dataset}/test1") for name in few.values())
        tests = [f"{dataset}/test{n}" for n in (2, 3)]
        yield from (number for t in tests for number in (f.size(t), f.common(few[16], t)))
        yield from (
            share(max(f.common(name, t) / f.size(t) for t in tests), 1) for name in few.values()
        )


def count_few_shot_not_nested(f):
    for dataset in ("ucf101", "hmdb51", "ssv2"):
        few = f"vifi-clip/{dataset}/few"
        yield from (f.size(f"{few}2"), f.common(f"{few}2", f"{few}4"))


def count_base_lists_overlap(f):
    largest = 0.0
    for dataset in ("ucf101", "hmdb51", "ssv2", "k400"):
        names = [f"vifi-clip/{dataset}/base-few16-{n}" for n in SPLITS]
        yield from (f.size(names[0]), *f.pairs(*names))
        largest = max(largest, max(f.pairs(*names)) / f.size(names[0]))
    yield share(largest, 1, 0)


def count_k400_halves_differ(f):
    halves = ("base", "novel")
    vifi, other = ({h: f"{r}/k400/{h}-test" for h in halves} for r in ("vifi-clip", "open-vclip"))
    classes = {n: set(f.table(n)["class"]) for n in (*vifi.values(), *other.values())}
    assert classes[vifi["base"]] - classes[other["base"]] == {"cutting watermelon"}
    assert classes[vifi["novel"]] - classes[other["novel"]] == {"water skiing"}
    yield len(classes[vifi["base"]])
    yield from (f.of(vifi["base"], ["cutting watermelon"]), f.of(vifi["novel"], ["water skiing"]))
    yield from (f.size(n) for n in (*vifi.values(), *other.values()))


def count_froster_lists_shrunk(f):
    full = [f.size(f"vifi-clip/k400/base-few16-{n}") for n in SPLITS]
    kept = [lines(f"froster/B2N_k400/train_{n}.csv") for n in SPLITS]
    yield from (full[0], *map(len, kept), *(a - len(b) for a, b in zip(full, kept, strict=True)))
    yield min(min(Counter(x.rpartition(",")[2] for x in rows).values()) for rows in kept)
    for half, file in (("base", "val"), ("novel", "test")):
        whole, found = (
            f.size(f"vifi-clip/k400/{half}-test"),
            len(lines(f"froster/B2N_k400/{file}.csv.gz")),
        )
        yield from (whole, found, share(whole - found, whole))


def count_k600_two_lists(f):
    for vifi, other in zip(draws("vifi-clip"), draws("open-vclip"), strict=True):
        assert f.ids(vifi) <= f.ids("k600/test")
        assert f.ids(other) <= f.ids("k600/val")
        assert set(f.table(vifi)["class"]) == set(f.table(other)["class"])
        yield from (f.size(vifi), f.size(other), f.common(vifi, other))
        yield f.table(vifi)["class"].nunique()


def count_k600_test_labels(f):
    yield from f.table("vifi-clip/k600/draw1")["listed"].str.split("/").str[0].value_counts()
    for repository in ("vifi-clip", "open-vclip"):
        sizes = [f.table(n)["class"].value_counts() for n in draws(repository)]
        yield from (min(map(min, sizes)), max(map(max, sizes)))


def count_k600_short_lists(f):
    for name in draws("open-vclip"):
        whole = f.of("k600/val", f.table(name)["class"])
        yield from (f.table(name)["class"].nunique(), whole, whole - f.size(name))
        yield share(whole - f.size(name), whole)


def count_k600_draws_overlap(f):
    classes = [set(f.table(n)["class"]) for n in draws("open-vclip")]
    yield from (len(classes[0]), len(set.intersection(*classes)), len(set.union(*classes)))
    yield from (len(a & b) for a, b in combinations(classes, 2))
    videos = [f.ids(n) for n in draws("open-vclip")]
    yield from (sum(map(len, videos)), len(set.union(*videos)))


def count_k600_renamed_classes(f):
    small, large = (set(catalog.classes(d, f.root / d)) for d in ("k400", "k600"))
    rows = list(csv.DictReader(lines("derived/k400_k600_name_differences.csv")))
    renamed = {r["class_name"] for r in rows if r["in"] == "k600_only" and r["probable_rename_of"]}
    assert sum(name.lower() in {n.lower() for n in small} for name in large - small) == 1
    assert not any(renamed & set(f.table(n)["class"]) for n in draws("open-vclip"))
    yield from (len(large - small), len(large), len(renamed))


def count_k600_near_classes(f):
    tested = {name for n in draws("open-vclip") for name in f.table(n)["class"]}
    assert not tested & set(catalog.classes("k400", f.root / "k400"))
    near, *others = (judged("K600-zero-shot", v) for v in ("near", "related", "not reviewed"))
    assert near <= tested
    yield from (len(tested), len(near), *map(len, others), share(len(near), len(tested)))


def count_trained_classes(f):
    same = {d: judged(d.upper(), "same") for d in ("ucf101", "hmdb51")}
    yield from (len(catalog.classes(d, f.root / d)) for d in same)
    yield from (len(x) for d in same for x in (same[d], judged(d.upper(), "near")))
    yield share(f.of("ucf101/test1", same["ucf101"]), f.size("ucf101/test1"))
    hmdb = {name.replace(" ", "_") for name in same["hmdb51"]}
    yield from (f.of("hmdb51/test1", hmdb), f.size("hmdb51/test1"))


def count_hmdb51_full(f):
    used, whole, unused = (f.table(f"hmdb51/{part}") for part in ("used1", "all", "unused1"))
    yield from (len(used), len(whole), len(unused), share(len(unused), len(whole)))
    yield from (used["class"].nunique(), *set(used["class"].value_counts()))
    yield from (min(unused["class"].value_counts()), max(unused["class"].value_counts()))


def count_full_and_splits(f):
    tested = pd.concat([f.table(f"ucf101/test{n}") for n in SPLITS])
    yield from (len(tested), f.size("ucf101/all"), f.size("hmdb51/all"))
    never = sorted({int(g[1:]) for g in set(f.table("ucf101/all")["group"]) - set(tested["group"])})
    yield from (never[0], never[-1])
    yield len(set.union(*(f.ids(f"hmdb51/test{n}") for n in SPLITS)))


def count_hmdb51_test_overlap(f):
    names = [f"hmdb51/test{n}" for n in SPLITS]
    yield from (f.size(names[0]), *f.pairs(*names), sum(map(f.size, names)))
    yield len(set.union(*map(f.ids, names)))
    yield from f.pairs(*(f"ucf101/test{n}" for n in SPLITS))


def count_open_vclip_hmdb51_train(f):
    for n in SPLITS:
        name = f"open-vclip/hmdb51/train{n}"
        assert f.ids(name) == f.ids(f"hmdb51/unused{n}")
        sizes = f.table(name)["class"].value_counts()
        yield from (f.size(name), f.size(f"hmdb51/train{n}"), min(sizes), max(sizes))
        yield f.common(name, f"hmdb51/train{n}")


def count_k400_short_lists(f):
    lists = ("vifi-clip/k400/val", "open-vclip/k400/val")
    whole = f.size("k400/val")
    yield from (whole, *map(f.size, lists), *(whole - f.size(n) for n in lists))
    yield from (share(whole - f.size(n), whole, 2) for n in lists)
    # one list names files with their times, the other without
    videos = [set(f.table(n)["group"]) for n in lists]
    yield from (len(videos[0] - videos[1]), len(videos[1] - videos[0]))


def count_ucf101_handstand(f):
    for n in SPLITS:
        number = f.of(f"ucf101/test{n}", ["HandstandPushups"])
        yield from (number, share(number, f.size(f"ucf101/test{n}")))
