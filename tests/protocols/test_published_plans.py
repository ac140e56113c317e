"""Every published protocol planned from the real annotation files, its counts against the published ones.

The numbers are those of the lists as their makers published them. The tests skip where the files are
absent. Of files that cannot be had freely, stand-ins are made by fake_lists.py.
"""

import csv
import io
import itertools
import json
from collections import Counter

import pytest
from annotation_roots import ANNOTATIONS
from fault_files import lines
from published import FAKE_SHOTS, PUBLISHED, ids, plan, protocol, whole_root
from vclipbench.datasets import reference_lists
from vclipbench.protocols.base import ProtocolError

pytestmark = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason="the annotation files ../shared/data/annotations are absent"
)
SEEDS = (1, 2, 3)
KINETICS = ("k400-train", 400, 400 * FAKE_SHOTS, FAKE_SHOTS, FAKE_SHOTS)  # a stand-in

# (name, classes, videos, fewest and most videos a class)
UCF = (("split1", 101, 3783, 28, 49), ("split2", 101, 3734, 28, 49), ("split3", 101, 3696, 28, 48))
HMDB = tuple((f"split{n}", 51, 1530, 30, 30) for n in SEEDS)
TESTS = {
    "zs-ucf101": UCF,
    "zs-ucf101-full": (("all", 101, 13_320, 100, 167),),
    "zs-hmdb51": HMDB,
    "zs-hmdb51-full": (("used1", 51, 5100, 100, 100),),
    "zs-hmdb51-all": (("all", 51, 6766, 102, 548),),
    "zs-k600": (
        ("draw1", 160, 7276, 35, 50),
        ("draw2", 160, 7226, 33, 50),
        ("draw3", 160, 7261, 35, 50),
    ),
    "zs-k600-clean": tuple((f"draw{n}", 160, 8000, 50, 50) for n in SEEDS),
    "zs-k600-test": (
        ("draw1", 160, 14_084, 40, 99),
        ("draw2", 160, 13_978, 21, 99),
        ("draw3", 160, 14_136, 40, 99),
    ),
    "b2n-k400": (("base", 200, 9944, 46, 50), ("novel", 200, 9933, 42, 50)),
    "b2n-hmdb51": (("base", 26, 780, 30, 30), ("novel", 25, 750, 30, 30)),
    "b2n-ucf101": (("base", 51, 2088, 28, 49), ("novel", 50, 1695, 28, 45)),
    "b2n-ssv2": (("base", 87, 17_562, 39, 530), ("novel", 87, 7215, 15, 261)),
    "fs-hmdb51": HMDB,
    "fs-ucf101": UCF,
    "fs-ssv2": (("test", 174, 24_777, 15, 530),),
    "fs-hmdb51-clean": HMDB[:1],
    "fs-ucf101-clean": UCF[:1],
    "full-k400": (("val", 400, 19_877, 42, 50),),
    "full-k400-clean": (("val", 400, 19_906, 46, 50),),
}
TESTS |= {f"b2n-{id}-clean": TESTS[f"b2n-{id}"] for id in ("hmdb51", "ucf101", "ssv2")}
# classes, videos, folder of the lists of classes
HALVES = {
    "zs-ucf101-halves": (
        50,
        [6483, 6658, 6625, 6696, 6676, 6622, 6605, 6636, 6504, 6660],
        "ucf101_half_test",
    ),
    "zs-hmdb51-halves": (25, [2500] * 10, "hmdb_half_test"),
}
# id: test videos, test captions, training list, its videos, captions (None where they are made up)
CAPTIONED = {
    "ret-msrvtt": (1000, 1000, "train-9k", 9000, None),
    "ret-msrvtt-7k": (1000, 1000, "train-7k", 7010, None),
    "ret-msrvtt-clean": (995, 995, "train-9k", 9000, None),
    "ret-didemo": (1004, 1004, "train", 8392, 8392),
    "ret-didemo-clean": (1004, 1004, "train", 8392, 8392),
    "ret-lsmdc": (1000, 1000, "train", None, None),
    "ret-activitynet": (4917, 4917, "train", 10_009, 10_009),
    "ret-msvd": (670, 27_763, "train", 1200, 48_774),
}
# training lists of K videos a class: classes
BASE = {"k400": 200, "hmdb51": 26, "ucf101": 51, "ssv2": 87}
ALL = {"hmdb51": 51, "ucf101": 101, "ssv2": 174}
SHOTS = (2, 4, 8, 16)
# 2-, 4-, 8- and 16-shot training videos in test splits 2 and 3; none is in split 1
OVERLAP = {
    "fs-hmdb51": ([36, 66, 144, 233], [35, 78, 132, 254]),
    "fs-ucf101": ([84, 179, 314, 627], [76, 150, 293, 623]),
}
# videos that base training lists 1 and 2, 1 and 3, 2 and 3 have in common
BASE_SHARED = {
    "b2n-hmdb51": [52, 130, 0],
    "b2n-ucf101": [80, 102, 85],
    "b2n-ssv2": [0, 0, 60],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder a dataset, of links to the real files and of stand-ins."""
    return whole_root(tmp_path_factory.getbasetemp())


def shape(split):
    """Name, classes, videos, and the fewest and most videos of a class."""
    counts = Counter(s.label for s in split.samples)
    assert sorted(counts) == list(range(len(split.classes)))
    numbers = min(counts.values()), max(counts.values())
    return split.name, len(split.classes), len(split.samples), *numbers


# --- counts


def test_every_protocol_is_in_the_tables():
    assert {*TESTS, *HALVES, *CAPTIONED, "ml-charades"} == set(PUBLISHED)


def check_source(root, id, evaluate):
    """Kinetics-400 is the training list of a zero-shot protocol, and of others read where wanted."""
    planned = plan(id, root, needs=("source",))
    assert planned.evaluate == evaluate
    if id.startswith("zs-"):
        assert planned.source is None
        assert shape(planned.train) == KINETICS
        assert plan(id, root, needs=("target",)) == planned
        assert planned.k_shot is None
    else:
        assert shape(planned.source) == KINETICS
        assert plan(id, root, needs=("target",)).source is None
        assert planned.train.dataset == protocol(id).dataset


@pytest.mark.parametrize("id", TESTS)
def test_classes_and_test_videos(root, id):
    for variant in protocol(id).variants:
        planned = plan(id, root, variant)
        assert tuple(map(shape, planned.evaluate)) == TESTS[id]
        assert planned.train is planned.source is None
        assert planned.variant == variant
    for split in planned.evaluate:
        assert split.kind == "classes"
        assert split.dataset == protocol(id).dataset
        assert split.sources
        assert split.unpinned == ()
        assert len(split.missing) == len(ids(split))
        assert len(set(split.classes)) == len(set(split.raw)) == len(split.classes)
    check_source(root, id, planned.evaluate)


@pytest.mark.parametrize("id", HALVES)
def test_ten_halves(root, id):
    classes, videos, folder = HALVES[id]
    planned = plan(id, root).evaluate
    assert [s.name for s in planned] == [f"half{n}" for n in range(10)]
    assert [shape(s)[1] for s in planned] == [classes] * 10
    assert [len(ids(s)) for s in planned] == videos
    assert all(s.unpinned == () for s in planned)
    check_source(root, id, planned)
    for draw, split in enumerate(plan(id, root, class_names="open-vclip").evaluate):
        file = ANNOTATIONS / "open_vclip" / folder / f"{draw}.json"
        theirs = json.loads(file.read_text("utf-8"))
        assert split.classes == tuple(theirs[str(n)] for n in range(len(theirs)))
        assert split.samples == planned[draw].samples


@pytest.mark.parametrize("id", CAPTIONED)
def test_captions(root, id):
    videos, captions, name, train_videos, train_captions = CAPTIONED[id]
    planned = plan(id, root, needs=("target",))
    (test,), train = planned.evaluate, planned.train
    assert (test.name, len(ids(test)), len(test.texts)) == ("test", videos, captions)
    assert test.kind == train.kind == "captions"
    assert test.classes == test.raw == ()
    assert train.name == name
    assert len(ids(train)) == (train_videos or len(train.samples))
    assert len(train.texts) == (train_captions or len(train.texts))
    assert all(s.captions for s in (*test.samples, *train.samples))
    assert ids(test).isdisjoint(ids(train))


def test_charades_against_its_files(root):
    planned = plan("ml-charades", root, needs=("target",))
    (test,), train = planned.evaluate, planned.train
    assert (test.kind, len(test.classes), len(test.novel)) == ("labels", 157, 52)
    assert (test.novel[:3], test.novel[-1]) == ((2, 5, 8), 155)
    assert test.novel == tuple(range(2, 157, 3))
    assert (len(ids(test)), len(ids(train))) == (1863 - 49, 7689)
    base = [n for n in range(157) if n % 3 != 2]
    assert train.classes == tuple(test.classes[n] for n in base)
    found = {}
    for part in ("train", "test"):
        text = "\n".join(lines(f"official/charades/Charades_v1_{part}.csv.gz"))
        rows = csv.DictReader(io.StringIO(text))
        marks = {r["id"]: {int(a[1:4]) for a in r["actions"].split(";") if a} for r in rows}
        found[part] = {id: labels for id, labels in marks.items() if labels}
    assert {s.id: set(s.labels) for s in test.samples} == found["test"]
    assert len(found["train"]) == 7985 - 174
    trained = {id: {n for n in labels if n % 3 != 2} for id, labels in found["train"].items()}
    assert {s.id: {base[n] for n in s.labels} for s in train.samples} == {
        id: labels for id, labels in trained.items() if labels
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("id", [id for id in PUBLISHED if id.startswith("b2n-")])
def test_base_training_lists(root, id, seed):
    planned = plan(id, root, seed=seed, needs=("target",))
    classes = BASE[protocol(id).dataset]
    base, novel = planned.evaluate
    name = f"base-{'draw' if id.endswith('-clean') else 'few'}16-{seed}"
    assert shape(planned.train) == (name, classes, 16 * classes, 16, 16)
    assert planned.k_shot == 16
    assert planned.train.classes == base.classes
    assert not set(base.raw) & set(novel.raw)
    assert ids(planned.train).isdisjoint(ids(base) | ids(novel))


@pytest.mark.parametrize("id", BASE_SHARED)
def test_clean_base_lists_have_no_common_video(root, id):
    for suffix, expected in (("", BASE_SHARED[id]), ("-clean", [0, 0, 0])):
        plans = [plan(f"{id}{suffix}", root, seed=n, needs=("target",)) for n in SEEDS]
        drawn = [ids(p.train) for p in plans]
        assert [len(a & b) for a, b in itertools.combinations(drawn, 2)] == expected
    dataset = protocol(id).dataset
    table = reference_lists.read(root / "vifi-clip", f"vifi-clip/{dataset}/base-train")
    label_of = dict(zip(table["id"], table["label"], strict=True))
    for planned in plans:
        assert all(label_of[s.id] == s.label for s in planned.train.samples)


@pytest.mark.parametrize("id", ["b2n-hmdb51", "b2n-hmdb51-clean"])
def test_a_fourth_list_of_base_classes_is_refused(root, id):
    with pytest.raises(ProtocolError, match="three training lists: --seed 1, 2, 3, not 4"):
        plan(id, root, seed=4)


@pytest.mark.parametrize("id", [id for id in PUBLISHED if id.startswith("fs-")])
def test_few_shot_training_lists(root, id):
    classes = ALL[protocol(id).dataset]
    assert protocol(id).variants == tuple(f"k{k}" for k in SHOTS)
    for k in SHOTS:
        planned = plan(id, root, f"k{k}", needs=("target",))
        assert shape(planned.train) == (f"few{k}", classes, k * classes, k, k)
        assert planned.k_shot == k
        assert planned.train.classes == planned.evaluate[0].classes
        again = plan(id, root, f"k{k}", seed=2, needs=("target",))
        assert again.train == planned.train


@pytest.mark.parametrize("id", OVERLAP)
def test_few_shot_lists_in_the_test_splits_and_not_in_the_clean_one(root, id):
    two, three = OVERLAP[id]
    for n, k in enumerate(SHOTS):
        planned = plan(id, root, f"k{k}", needs=("target",))
        trained = ids(planned.train)
        assert [len(trained & ids(s)) for s in planned.evaluate] == [0, two[n], three[n]]
        clean = plan(f"{id}-clean", root, f"k{k}", needs=("target",))
        assert [len(ids(clean.train) & ids(s)) for s in clean.evaluate] == [0]
        assert clean.train == planned.train
    assert f"{two[-1]} are in test split 2 and {three[-1]} in" in protocol(f"{id}-clean").clean


@pytest.mark.parametrize("id", ["full-k400", "full-k400-clean"])
def test_supervised_training(root, id):
    planned = plan(id, root, needs=("target",))
    assert shape(planned.train) == ("train", *KINETICS[1:])
    assert planned.train.classes == planned.evaluate[0].classes
