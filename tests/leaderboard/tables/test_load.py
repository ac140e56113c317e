"""A folder of runs as the command shows it: ranks, explanations, problems, formats."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from vclipbench.leaderboard.record.predictions import save_predictions
from vclipbench.leaderboard.record.record import record_text
from vclipbench.leaderboard.record.store import RunStore
from vclipbench.leaderboard.tables.explain import explain
from vclipbench.leaderboard.tables.load import make_board

N = 400


@pytest.fixture
def run(make_record, tmp_path):
    """Write a run of so many right videos, the first ones or others, with its predictions."""

    def write(method, hits, first=0, seed=None, blocks=None, **identity):
        target = np.arange(N) % 10
        right = (np.arange(N) >= first) & (np.arange(N) < first + hits)
        scores = np.zeros((N, 10), np.float32)
        scores[np.arange(N), np.where(right, target, (target + 1) % 10)] = 1
        record = make_record(
            {"split1": 100 * hits / N}, n=N, method=method, seed=seed, blocks=blocks, **identity
        )
        store = RunStore(tmp_path / "runs")
        arrays = {
            "ids": np.array([f"v{i:03d}" for i in range(N)]),
            "target": target,
            "scores": scores,
        }
        block = save_predictions(store.directory(record) / "predictions.npz", {"split1": arrays})
        data = {"split1": record.data["split1"].model_copy(update={"classes": list("abcdefghij")})}
        record = record.revised(predictions=block, data=data)
        return store.write(record), record

    return write


@pytest.fixture
def runs(run, tmp_path):
    run("clip", 120)
    run("vifi", 300)
    run("open-vclip", 302, first=5)
    return tmp_path / "runs"


def test_ranks_and_ties(runs, run):
    run("clip-vip", 30, first=300)
    board = make_board(runs)
    found = {
        row.method: standing
        for (_, name, row), standing in board.standings.items()
        if name == "split1"
    }
    assert {name: standing.text for name, standing in found.items()} == {
        "clip": "3",
        "vifi": "1-2",
        "open-vclip": "1-2",
        "clip-vip": "4",
    }
    assert [found[name].tied for name in ("vifi", "open-vclip", "clip")] == [True, True, False]
    assert not any(standing.alone for standing in found.values())
    frame = board.table.frames["zs"].set_index("method")
    assert frame.loc["vifi", "zs-ucf101 split1"].endswith("≈")
    assert frame.loc["clip", "zs-ucf101 rank"] == "3"


def test_a_best_that_is_alone_is_bold(run, tmp_path):
    run("clip", 120)
    run("vifi", 300)
    frame = make_board(tmp_path / "runs").table.frames["zs"].set_index("method")
    assert frame.loc["vifi", "zs-ucf101 split1"].startswith("**75.0 [")
    assert "*" not in frame.loc["clip", "zs-ucf101 split1"]


def test_changed_predictions_give_no_rank_and_are_named(runs, run):
    path, record = run("vifi-text", 200)
    file = path.with_name("predictions.npz")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    board = make_board(runs)
    assert len(board.problems) == 1
    assert board.problems[0].startswith(f"no rank for run {record.run_id}: ")
    assert "SHA-256" in board.problems[0]
    frame = board.table.frames["zs"].set_index("method")
    assert frame.loc["vifi-text", "zs-ucf101 rank"] == ""
    assert frame.loc["vifi-text", "zs-ucf101 split1"].startswith("50.0 [")


def test_explain_names_the_runs(runs):
    board = make_board(runs)
    lines = explain(board.grid, "VIFI/zs-ucf101/split1", board.standings)
    assert lines[0] == "vifi on ViT-B-16 (openai), zs-ucf101, split1"
    assert "  rank 1-2: not separable from the best" in lines
    (run_id,) = (r.record.run_id for r in board.runs if r.record.identity.method.name == "vifi")
    assert any(
        line.startswith(f"  run {run_id}, no seed, 2026-01-02: top1 split1 75") for line in lines
    )
    with pytest.raises(
        ValueError, match=r"no cell is called 'vify/zs-ucf101'; there are .* vifi/zs-ucf101"
    ):
        explain(board.grid, "vify/zs-ucf101", board.standings)
    with pytest.raises(ValueError, match="METHOD/PROTOCOL/COLUMN"):
        explain(board.grid, "vifi", board.standings)


def broken(folder, text):
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(text, "utf-8")


def test_bad_records_are_named_and_the_rest_is_tabulated(runs, run, quick):
    _, good = run("vifi-image", 180)
    value = json.loads(record_text(good))
    broken(runs / "bad" / "cut", record_text(good)[:300])
    broken(runs / "bad" / "newer", json.dumps(value | {"schema_version": 99}))
    broken(runs / "bad" / "edited", json.dumps(value | {"run_id": "0" * 16}))
    broken(runs / "bad" / "nan", record_text(good).replace('"value": 45.0', '"value": NaN'))
    broken(runs / "bad" / "twice", record_text(good))
    run("clip", 100, protocol_digest="0" * 64)
    done = quick("leaderboard", "runs", check=0)
    errors = done.stderr.splitlines()
    for word in ("cut", "newer", "edited", "nan", "twice"):
        (line,) = [e for e in errors if f"bad/{word}/record.json" in e]
        assert line.startswith("left out: ")
    (versions,) = [e for e in errors if "2 digests" in e]
    assert versions.startswith("zs-ucf101 has runs of 2 digests, ")
    assert len(errors) == 6
    assert "| vifi-image |" in done.stdout
    strict = quick("leaderboard", "runs", "--strict", check=1)
    assert strict.stdout == done.stdout


def test_an_empty_folder_and_none(tmp_path, quick):
    (tmp_path / "empty").mkdir()
    assert "there are no records of runs in empty" in quick("leaderboard", "empty", check=1).stderr
    assert "there is no folder nowhere" in quick("leaderboard", "nowhere", check=1).stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--format", "html"), "--format html needs --out DIR"),
        (("--format", "md", "--format", "csv"), "--format csv needs --out DIR"),
        (("--results", "other"), "two folders of runs are given"),
        (("--explain", "vifi/zs-ucf101/nothing"), "no cell is called"),
        (("--format", "md", "--format", "csv", "--out", "all.md"), "names one file"),
    ],
)
def test_flags_that_do_not_go_together(runs, quick, words, sentence):
    done = quick("leaderboard", "runs", *words, check=2)
    assert sentence in done.stderr
    assert done.stdout == ""
    assert not list(runs.parent.glob("all*"))


def test_files(runs, quick, tmp_path):
    formats = [word for name in ("md", "csv", "tex", "json") for word in ("--format", name)]
    quick("leaderboard", "--results", "runs", "--reported", *formats, "--out", "made", check=0)
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {f"leaderboard.{x}" for x in ("md", "csv", "tex", "json")}
    assert "Beside the papers" in (tmp_path / "made" / "leaderboard.md").read_text("utf-8")
    made = quick(
        *("leaderboard", "runs", "--format", "html", "--format", "plots", "--out", "site"), check=0
    )
    assert (tmp_path / "site" / "leaderboard.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert "site/intervals-zs-ucf101.svg" in made.stdout.splitlines()
    quick("leaderboard", "runs", "--format", "csv", "--out", "table.csv", check=0)
    assert (tmp_path / "table.csv").read_text("utf-8").startswith("family,protocol,")


def edited(path, change):
    """Rewrite a record with its text changed, as by hand."""
    value = json.loads(path.read_text("utf-8"))
    change(value)
    path.write_text(json.dumps(value), "utf-8")


def test_a_metric_that_the_predictions_do_not_give_is_left_out(run, tmp_path, quick):
    run("clip", 120)
    run("vifi", 300)
    path, record = run("open-vclip", 100)

    def raised(value):
        value["metrics"][0] |= {"value": 99.0, "ci_low": 98.0, "ci_high": 99.5}

    edited(path, raised)
    done = quick("leaderboard", "runs", check=0)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"left out: run {record.run_id} in ")
    assert "says top1 on split1 is 99, its predictions give 25" in line
    assert "open-vclip" not in done.stdout
    assert "99.0" not in done.stdout
    quick("leaderboard", "runs", "--strict", check=1)


def test_none_is_best_alone_below_a_row_without_rank(run, tmp_path):
    run("clip", 120)
    run("vifi", 300)
    path, _ = run("open-vclip", 301)
    edited(path, lambda value: value.update(predictions=None))
    board = make_board(tmp_path / "runs")
    (problem,) = board.problems
    assert problem.startswith("no rank for open-vclip in zs-ucf101: ")
    frame = board.table.frames["zs"].set_index("method")
    assert "*" not in frame.loc["vifi", "zs-ucf101 split1"]
    edited(path, lambda value: value["metrics"][0].update(value=74.0))
    frame = make_board(tmp_path / "runs").table.frames["zs"].set_index("method")
    assert frame.loc["vifi", "zs-ucf101 split1"].startswith("**75.0 [")


def test_damaged_targets_cost_a_row_its_rank_and_no_more(run, tmp_path):
    run("clip", 120)
    run("vifi", 300)
    path, record = run("open-vclip", 301)
    with np.load(path.with_name("predictions.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    name = next(name for name in arrays if name.endswith("target"))
    arrays[name] = np.where(np.arange(N) == 3, 99, arrays[name])
    np.savez(path.with_name("predictions.npz"), **arrays)
    content = path.with_name("predictions.npz").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    edited(path, lambda value: value["predictions"].update(sha256=digest))
    board = make_board(tmp_path / "runs")
    (problem,) = board.problems
    assert problem.startswith(f"no rank for run {record.run_id}: ")
    assert len(board.table.frames["zs"]) == 4  # with chance


def test_strict_also_fails_for_what_belongs_in_no_table(run, tmp_path, quick):
    path, _ = run("clip", 120)
    edited(path, lambda value: value.update(limited=True))
    assert "no record in runs belongs in a table: " in quick("leaderboard", "runs", check=1).stderr
    run("vifi", 300)
    assert "Left out: " in quick("leaderboard", "runs", check=0).stdout
    quick("leaderboard", "runs", "--strict", check=1)
