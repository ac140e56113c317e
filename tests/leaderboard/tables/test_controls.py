"""Chance in every table, and what a run took."""

from __future__ import annotations

import pytest
from reported_numbers import with_classes
from vclipbench.leaderboard.report.costs import costs_of
from vclipbench.leaderboard.tables.controls import CHANCE_ROW, NO_CHANCE_ROW
from vclipbench.leaderboard.tables.tables import leaderboard_table

PUBLISHED = {"url": None, "sha256": "cd" * 32, "layout": "vifi", "run_id": None}
COST = {
    "seconds": {"decode": 10.0},
    "videos_per_s": 20.0,
    "peak_memory_mb": 1234.5,
    "gpu_hours": None,
    "flops_per_view": 17.5e9,
}


def zero_shot(records):
    return leaderboard_table(records).frames["zs"].set_index("method")


def test_chance_is_computed_where_random_did_not_run(make_record):
    runs = [
        with_classes(make_record(), 101),
        with_classes(make_record(protocol="zs-hmdb51"), 51),
        with_classes(make_record({"split1": 1.1}, method="random", seed=None), 101),
    ]
    frame = zero_shot(runs)
    assert list(frame.index) == ["chance (computed)", "random", "clip", "vifi"]
    assert frame.loc["chance (computed)", "zs-hmdb51 split1"] == "2.0"
    assert frame.loc["chance (computed)", "zs-ucf101 split1"] == ""
    assert frame.loc["random", "zs-hmdb51 split1"] == ""


def test_chance_is_that_of_the_whole_list(make_record):
    def retrieval(scored, **more):
        made = make_record({"test": 50.0}, 200, scored, protocol="ret-msrvtt", **more)
        metrics = [made.metrics[0].model_copy(update={"name": "t2v_r1"})]
        data = {"test": made.data["test"].model_copy(update={"kind": "captions"})}
        return made.revised(metrics=metrics, primary="t2v_r1", data=data)

    long = leaderboard_table([retrieval(190), retrieval(200, method="clip", seed=None)]).long
    assert long[long["method"] == CHANCE_ROW.label]["value"].tolist() == [pytest.approx(0.5)]


def test_records_that_disagree_are_outvoted(make_record):
    sizes = ((50, 1), (50, 2), (49, 3))
    frame = zero_shot([with_classes(make_record(seed=seed), n) for n, seed in sizes])
    assert frame.loc["chance (computed)", "zs-ucf101 split1"] == "2.0"


def test_chance_that_cannot_be_computed_has_an_empty_row(make_record):
    record = make_record({"test": 1.0}, protocol="ml-charades")
    metrics = [record.metrics[0].model_copy(update={"name": "map"})]
    record = record.revised(metrics=metrics, primary="map")
    table = leaderboard_table([record])
    rows = [list(row) for row in table.frames["ml"].itertuples(index=False)]
    assert rows[0] == ["chance", "no run of random is here", ""]
    assert [row[0] for row in rows] == ["chance", "clip", "vifi"]
    assert NO_CHANCE_ROW.label not in set(table.long["method"])
    own = make_record({"test": 1.0}, protocol="ml-charades", method="random", seed=None)
    own = own.revised(metrics=metrics, primary="map")
    names = leaderboard_table([record, own]).frames["ml"]["method"].tolist()
    assert names == ["random", "clip", "vifi"]


def test_training_took_nothing_only_where_nothing_was_trained(make_record):
    plain = make_record(method="clip", seed=None, blocks={"cost": COST})
    published = make_record(seed=None, init=PUBLISHED, blocks={"cost": COST})
    frame = leaderboard_table([plain, published]).costs["zs"].set_index("method")
    assert frame["training (h)"].to_dict() == {"clip": "0", "vifi": ""}
    assert frame["checkpoint"].to_dict() == {"clip": "", "vifi": "file (cdcdcd)"}
    assert costs_of([plain])["train_hours"] == 0.0
    assert "train_hours" not in costs_of([published])
    assert "checkpoint" not in leaderboard_table([plain]).costs["zs"]


@pytest.mark.parametrize(("threads", "words"), [(1, "1 thread"), (2, "2 threads")])
def test_threads_are_counted_in_words(make_record, threads, words):
    record = make_record()
    environment = record.environment.model_copy(update={"cpu": "A", "cpu_threads": threads})
    costs = leaderboard_table([record.revised(environment=environment)]).costs["zs"]
    assert costs["machine"].tolist() == [f"A, {words}"]
