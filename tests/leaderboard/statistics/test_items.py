"""Items of a number: their statistic is the value that the protocol's metrics give."""

from __future__ import annotations

import numpy as np
import pytest
from vclipbench.leaderboard.record.blocks import SplitData
from vclipbench.leaderboard.record.compact import compact_captions, compact_classes
from vclipbench.leaderboard.statistics.items import items, numbers, scores_of, split_items
from vclipbench.protocols.measure import measure, target_of
from vclipbench.protocols.metrics import Number, rankings, value_of
from vclipbench.protocols.split import Outcome, Sample, Split

RULES = ("pessimistic", "expected", "reference")


def rounded(rng, *shape):
    """Scores with many ties."""
    return np.round(rng.normal(size=shape), 1).astype(np.float32)


def data(classes=(), novel=()):
    return SplitData(
        classes=list(classes),
        novel=list(novel),
        n_expected=1,
        n_found=1,
        n_unreadable=0,
        unreadable_ids=[],
        n_scored=1,
        ids_digest="0" * 64,
        manifest_digest=None,
        train_test_overlap=None,
    )


def outcome(kind, scores, cosines=None, *, classes=(), novel=(), **of_sample):
    """What a protocol measures; `of_sample`: attribute -> one value a video."""
    samples = tuple(
        Sample(f"v{n:03d}", None, **{name: values[n] for name, values in of_sample.items()})
        for n in range(len(scores))
    )
    split = Split("test", tuple(classes), samples, kind=kind, novel=tuple(novel))
    return Outcome(split, samples, scores, cosines)


def arrays(of):
    """The arrays that a run keeps of an outcome."""
    found = {"ids": np.array([s.id for s in of.samples]), "scores": of.scores}
    if of.split.kind == "captions":
        found["captions"] = np.array([len(s.captions) for s in of.samples])
        if of.cosines is not None:
            found["cosines"] = of.cosines
    else:
        found["target"] = target_of(of)
    return found


def agree(of, stored, tie_rule="pessimistic"):
    """Every metric of the protocol, from items."""
    facts = data(of.split.classes, of.split.novel)
    found = split_items("test", facts, stored, "ucf101", tie_rule)
    wanted = [m for m in measure(of, tie_rule) if not m.parts]
    assert {(m.name, m.split) for m in wanted} == set(found)
    for metric in wanted:
        value = value_of(Number((found[metric.name, metric.split],)))
        assert value == pytest.approx(metric.value, rel=1e-12, abs=1e-12), metric.name
    return found


@pytest.mark.parametrize("classes", [4, 5, 12])
def test_classes(classes):
    rng = np.random.default_rng(classes)
    names = [f"c{n}" for n in range(classes)]
    of = outcome(
        "classes", rounded(rng, 80, classes), classes=names, label=rng.integers(0, classes, 80)
    )
    stored = arrays(of)
    found = agree(of, stored)
    assert all(part.clips for part in found.values())
    assert 0 < value_of(Number((found["top1", "test"],))) < 100
    agree(of, compact_classes(stored))


@pytest.mark.parametrize("novel", [(), (1, 3, 6)])
def test_labels(novel):
    rng = np.random.default_rng(2)
    marks = rng.random((90, 8)) < 0.2
    marks[:, 5] = False  # a label without any positive
    of = outcome(
        "labels",
        rounded(rng, 90, 8) + 2,
        classes=[f"l{n}" for n in range(8)],
        novel=novel,
        labels=[tuple(np.flatnonzero(row)) for row in marks],
    )
    found = agree(of, arrays(of))
    assert ("map", "novel" if novel else "test") in found


def test_labels_by_ranks_alone_have_only_a_mean_precision():
    rng = np.random.default_rng(3)
    scores, target = rounded(rng, 50, 4), (rng.random((50, 4)) < 0.3).astype(np.int8)
    ids = np.array([f"v{n}" for n in range(50)])
    by_score = split_items("test", data(), {"ids": ids, "scores": scores, "target": target}, "x")
    ranks = np.stack([np.unique(c, return_inverse=True)[1] for c in scores.T], axis=1)
    by_rank = split_items("test", data(), {"ids": ids, "ranks": ranks, "target": target}, "x")
    assert set(by_rank) == {("map", "test")}
    same = [value_of(Number((found["map", "test"],))) for found in (by_score, by_rank)]
    assert same[0] == same[1]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("several", [False, True])
def test_captions(rule, several):
    rng = np.random.default_rng(4)
    counts = rng.integers(1, 5, 30) if several else np.ones(30, int)
    scores = rounded(rng, 30, counts.sum())
    cosines = None if several else np.round(rng.uniform(-1, 1, scores.shape), 1).astype(np.float32)
    captions = [tuple(f"text {n}" for n in range(c)) for c in counts]
    of = outcome("captions", scores, cosines, captions=captions)
    stored = arrays(of)
    found = agree(of, stored, rule)
    assert ("dsl_t2v_r1", "test") in found or several
    ways = rankings(scores, target_of(of), cosines)
    agree(of, compact_captions(stored, ways, rule), rule)


def test_captions_of_a_video_are_one_unit():
    stored = {
        "ids": np.array(["a", "b"]),
        "scores": np.arange(6.0, dtype=np.float32).reshape(2, 3),
        "captions": np.array([2, 1]),
    }
    found = split_items("test", data(), stored, "msvd")
    t2v, v2t = found["t2v_r1", "test"], found["v2t_r1", "test"]
    assert t2v.ids.tolist() == ["a#0", "a#1", "b#0"]
    assert t2v.units.tolist() == ["group a", "group a", "group b"]
    assert v2t.units.tolist() == ["item a", "item b"]
    assert Number((t2v,)).grouped
    assert not Number((v2t,)).grouped


def test_groups_of_ucf101_are_numbered_within_a_class_and_films_are_not():
    stored = {
        "ids": np.array(["a", "b", "c"]),
        "scores": np.eye(3, 2, dtype=np.float32),
        "target": np.array([0, 1, 0]),
        "groups": np.array(["g01", "g01", ""]),
    }
    facts = data(["Archery", "Biking"])
    ucf = split_items("test", facts, stored, "ucf101")["top1", "test"]
    assert ucf.units.tolist() == ["group Archery g01", "group Biking g01", "item c"]
    assert not Number((ucf,)).grouped
    films = split_items("test", facts, stored, "hmdb51")["top1", "test"]
    assert films.units.tolist() == ["group g01", "group g01", "item c"]
    assert Number((films,)).grouped


def test_items_and_numbers_of_a_record(make_record):
    record = make_record({"base": 50.0, "novel": 100.0}, protocol="b2n-hmdb51")
    aggregate = {"name": "hm", "rule": "harmonic-mean", "parts": [
        {"name": "top1", "split": "base"}, {"name": "top1", "split": "novel"}]}  # fmt: skip
    record = record.revised(aggregates=[aggregate])
    one = {"scores": np.eye(2, dtype=np.float32), "ids": np.array(["a", "b"])}
    splits = {
        "base": one | {"target": np.array([0, 0])},
        "novel": one | {"target": np.array([0, 1])},
    }
    found = numbers(record, items(record, splits))
    assert {key: value_of(number) for key, number in found.items()} == {
        ("top1", "base"): 50.0,
        ("top1", "novel"): 100.0,
        ("hm", None): pytest.approx(200 / 3),
    }


def test_what_does_not_fit_is_named(make_record):
    record = make_record({"base": 50.0, "novel": 100.0}, protocol="b2n-hmdb51")
    with pytest.raises(ValueError, match="predictions of other, which run"):
        items(record, {"other": {}})
    some = {"ids": np.array(["a"]), "target": np.array([0])}
    for stored, lacking in (
        ({}, "ids"),
        ({"ids": some["ids"]}, "target or captions"),
        (some, "scores or ranks"),
        ({"ids": some["ids"], "captions": np.array([1])}, "scores or t2v_rank"),
    ):
        with pytest.raises(ValueError, match=f"predictions of base have no array {lacking}"):
            items(record, {"base": stored})


@pytest.mark.parametrize(
    ("classes", "target", "words"),
    [
        ((), 99, "a target of test is none of its 2 classes"),
        ((), -1, "a target of test is none of its 2 classes"),
        (("a",), 1, "test has scores of 2 classes, and the record names 1"),
    ],
)
def test_classes_that_there_are_not(classes, target, words):
    stored = {
        "ids": np.array(["a"]),
        "scores": np.zeros((1, 2), np.float32),
        "target": np.array([target]),
        "groups": np.array(["g"]),
    }
    with pytest.raises(ValueError, match=words):
        split_items("test", data(classes), stored, "ucf101")


def test_scores_or_ranks_as_floats():
    assert scores_of({"scores": np.float32([[0.5]])}).tolist() == [[0.5]]
    assert scores_of({"ranks": np.uint8([[3]])}).dtype == float
