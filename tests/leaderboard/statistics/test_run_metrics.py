"""What a record says of a metric: its interval over items, or one sentence on why it has none."""

import json

import numpy as np
import pytest
from made_runs import classes_of, make_run
from pydantic import ValidationError
from vclipbench.leaderboard.record.predictions import load_predictions
from vclipbench.leaderboard.record.record import MetricBlock, parse_record, record_text
from vclipbench.leaderboard.statistics.bootstrap import intervals
from vclipbench.leaderboard.statistics.intervals import wilson
from vclipbench.leaderboard.statistics.items import items
from vclipbench.leaderboard.statistics.run_metrics import (
    intervals_of,
    metric_entries,
    metric_entry,
    shares_sources,
)
from vclipbench.protocols.metrics import Items, Metric, Number, accuracy, joined, measured

FAMILIES = ("zs-shapes", "b2n-shapes", "fs-shapes", "full-shapes", "ret-shapes", "ml-shapes")
TOP1, TOP5 = accuracy(np.random.default_rng(0).normal(size=(60, 9)), np.arange(60) % 9, "test")


def read(path):
    return parse_record(path.read_text())


@pytest.mark.parametrize("id", FAMILIES)
def test_every_metric_of_every_family_has_an_interval(tmp_path, id):
    record = read(make_run(tmp_path, id, levels=7))
    assert len(record.metrics) == {"zs": 7, "b2n": 5, "ret": 24, "ml": 19}.get(id.split("-")[0], 2)
    for metric in record.metrics:
        assert metric.ci_low <= metric.value <= metric.ci_high, metric.name
        assert metric.stderr is not None
        assert metric.no_interval is None


NAMES = ("ApplyEyeMakeup", "Typing", "Biking", "a", "b", "c")  # two are activities of Kinetics-400


@pytest.mark.parametrize(("dataset", "films"), [("ucf101", False), ("hmdb51", True)])
def test_the_classes_of_kinetics_and_the_others_have_intervals(tmp_path, dataset, films):
    names = NAMES if dataset == "ucf101" else ("brush hair", "chew", "talk", "a", "b", "climb")
    plan = classes_of(dataset, names)
    record = read(make_run(tmp_path, f"zs-{dataset}-full", plan=plan))
    shown = {m.name: m for m in record.metrics}
    assert set(shown) == {"top1", "top5", "top1_same", "top1_rest"}
    assert all(m.ci_low <= m.value <= m.ci_high for m in record.metrics)
    # six videos in a row are of one group; a group of UCF101 is one within its class only
    how = "bootstrap-groups" if films else "wilson"
    assert shown["top1_rest"].ci_method == shown["top1"].ci_method == how
    assert shown["top1_same"].n + shown["top1_rest"].n == shown["top1"].n == 60


def test_items_of_predictions_are_those_that_the_run_had(tmp_path):
    path = make_run(tmp_path, "zs-hmdb51-full", plan=classes_of("hmdb51", NAMES))
    record = read(path)
    found = items(record, load_predictions(path.with_name("predictions.npz")))
    numbers = {key: Number((part,)) for key, part in found.items()}
    for (name, split), interval in intervals(numbers).items():
        metric = record.metric(name, split)
        assert interval == (metric.ci_low, metric.ci_high, metric.stderr, metric.ci_method)


# --- metrics of a plugin's own


def test_a_proportion_without_items_has_wilsons_interval_where_clips_share_no_source():
    mine = Metric("mine", 40.0, "test", 60, hits=24)
    (interval,) = intervals_of([mine], shared=False)
    assert (interval.method, interval.low) == ("wilson", 100 * wilson(24, 60)[0])
    (reason,) = intervals_of([mine], shared=True)
    assert reason == (
        "its protocol does not say which items are its hits, and videos share sources"
    )


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Metric("auc", 0.7, "test", 60, unit=""), "does not say which items it is made of"),
        (
            Metric("most", TOP5.value, None, 60, rule="max", parts=(TOP1, TOP5)),
            "own way, or of",
        ),
        (joined("m", [TOP1, Metric("mine", 1.0, "b", 2)], "mean"), "or of some without items"),
        (
            Metric("top1_mean", 99.5, None, 120, rule="mean", parts=(TOP1, TOP1)),
            f"it is 99.5, and its items give {TOP1.value:g}",
        ),
    ],
)
def test_a_metric_without_items_says_why_it_has_no_interval(metric, words):
    (reason,) = intervals_of([metric], shared=False)
    assert words in reason
    entry = metric_entry(metric, reason)
    assert entry["no_interval"] == reason
    assert MetricBlock.model_validate(entry).model_dump() == entry
    assert entry["ci_method"] is entry["ci_low"] is entry["stderr"] is None


def test_a_metric_of_a_plugin_with_items_has_an_interval():
    ids = np.array([f"v{n}" for n in range(50)])
    mine = measured("error", "test", Items(ids, np.arange(50.0)), unit="", higher_is_better=False)
    (interval,) = intervals_of([mine], shared=False)
    assert interval.method == "bootstrap-items"
    assert interval.low < mine.value == 24.5 < interval.high


def test_the_entries_of_a_run_keep_their_order():
    odd = Metric("auc", 0.7, "test", 60, unit="")
    entries = metric_entries([odd, TOP1, odd, TOP5], shared=False)
    assert [entry["name"] for entry in entries] == ["auc", "top1", "auc", "top5"]
    assert [entry["ci_method"] for entry in entries] == [None, "wilson", None, "wilson"]
    assert all(("no_interval" in entry) == (entry["name"] == "auc") for entry in entries)


# --- the record


def test_the_reason_stands_in_a_record_only_where_there_is_one(tmp_path):
    path = make_run(tmp_path, "full-shapes")
    assert "no_interval" not in path.read_text()
    content = json.loads(path.read_text())
    content["metrics"][0] |= dict.fromkeys(("ci_low", "ci_high", "ci_method", "level", "stderr"))
    content["metrics"][0]["no_interval"] = "it is mine"
    text = record_text(parse_record(json.dumps(content)))
    assert text.count('"no_interval": "it is mine"') == text.count("no_interval") == 1


def test_an_interval_and_a_reason_why_there_is_none_exclude_each_other():
    entry = metric_entries([TOP1], shared=False)[0]
    with pytest.raises(ValidationError, match="it has an interval, and no_interval says why not"):
        MetricBlock.model_validate(entry | {"no_interval": "none"})


def test_videos_that_share_a_source():
    assert not shares_sources([None, np.array(["", "", "a"])])
    assert not shares_sources([np.array(["a"]), np.array(["a"])])  # of two splits
    assert shares_sources([None, np.array(["a", "", "a"])])
