"""Ranks of a cache: the same as drawn anew, of no other records, and never of a damaged file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from vclipbench.leaderboard.record.predictions import save_predictions
from vclipbench.leaderboard.record.store import RunStore
from vclipbench.leaderboard.statistics.ranking import Ranked
from vclipbench.leaderboard.tables import kept_ranks, ranks
from vclipbench.leaderboard.tables.load import make_board

N = 60


@pytest.fixture
def write(make_record, tmp_path):
    """Write a run with so many right videos, and its predictions."""

    def write(method, hits, seed=None):
        target = np.arange(N) % 10
        scores = np.zeros((N, 10), np.float32)
        scores[np.arange(N), np.where(np.arange(N) < hits, target, (target + 1) % 10)] = 1
        record = make_record({"split1": 100 * hits / N}, n=N, method=method, seed=seed)
        store = RunStore(tmp_path / "runs")
        ids = np.array([f"v{i:03d}" for i in range(N)])
        arrays = {"ids": ids, "target": target, "scores": scores}
        block = save_predictions(store.directory(record) / "predictions.npz", {"split1": arrays})
        data = {"split1": record.data["split1"].model_copy(update={"classes": list("abcdefghij")})}
        return store.write(record.revised(predictions=block, data=data))

    return write


@pytest.fixture
def board(write, tmp_path):
    """The board of three methods, with the cache or without; and how many columns were drawn for it."""
    for method, hits in (("clip", 20), ("vifi", 45), ("open-vclip", 46)):
        write(method, hits)

    def board(cached=True):
        drawn = []

        def counted(columns):
            drawn.extend(columns)
            return rank_columns(columns)

        rank_columns = ranks.rank_columns
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ranks, "rank_columns", counted)
            made = make_board(tmp_path / "runs", cache=tmp_path / "cache" if cached else None)
        return made.standings, made.problems, len(drawn)

    return board


def files(tmp_path):
    return sorted((tmp_path / "cache").glob("*.npz"))


def test_cold_and_warm_are_as_without_a_cache(board, tmp_path):
    plain, cold, warm = board(cached=False), board(), board()
    assert plain[2] == cold[2] == len(files(tmp_path)) > 0
    assert warm[2] == 0
    assert plain[:2] == cold[:2] == warm[:2]
    assert len(plain[0]) == 3


def test_what_was_read_once_is_not_read_again(board, monkeypatch):
    board()
    monkeypatch.setattr(ranks, "items", None)
    assert board()[1] == ()


def test_ranks_are_kept_to_the_last_bit(board, tmp_path, monkeypatch):
    board()
    (path,) = files(tmp_path)
    kept = kept_ranks._parsed(path, 3)
    assert kept.compared
    values = [100 * hits / N for hits in (20, 45, 46)]
    assert sorted(one.value for one in kept.ranked.values()) == values
    assert all(isinstance(one, Ranked) for one in kept.ranked.values())


def test_a_changed_record_is_another_draw(board, write, tmp_path):
    before, _, count = board()
    write("clip", 50)
    after, problems, drawn = board()
    assert (drawn, problems) == (count, ())
    assert after != before
    assert after == board(cached=False)[0]
    assert len(files(tmp_path)) == 2 * count


def test_a_word_in_a_record_is_another_draw(board, tmp_path):
    _, _, count = board()
    path = next((tmp_path / "runs").rglob("record.json"))
    value = json.loads(path.read_text("utf-8"))
    value["created_utc"] = "2026-01-03T00:00:00Z"
    path.write_text(json.dumps(value), "utf-8")
    assert board()[2] == count


def test_changed_predictions_are_never_covered_by_the_cache(board, tmp_path):
    board()
    path = next((tmp_path / "runs").rglob("predictions.npz"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert board() == board(cached=False)
    (problem,) = board()[1]
    assert "SHA-256" in problem
    path.unlink()
    assert "cannot read" in board()[1][0]


def test_a_record_that_its_predictions_contradict_is_found_with_a_warm_cache(board, tmp_path):
    board()
    path = next((tmp_path / "runs").rglob("record.json"))
    value = json.loads(path.read_text("utf-8"))
    value["metrics"][0].update(value=99.0, ci_low=None, ci_high=None, ci_method=None, level=None)
    path.write_text(json.dumps(value), "utf-8")
    for _ in range(2):
        standings, problems, _ = board()
        assert "its predictions give" in problems[0]
        assert (standings, problems) == board(cached=False)[:2]


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "pickle", "foreign", "impossible"])
def test_a_damaged_file_is_thrown_away(board, tmp_path, damage):
    plain, _, count = board()
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "flipped":
        at = whole.index(arrays["value"].tobytes())
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    elif damage == "pickle":
        np.savez(path, **arrays | {"low": np.array([print] * 3, object)})
    elif damage == "foreign":
        np.savez(path, **arrays | {"key": arrays["key"][::-1]})
    else:
        np.savez(path, **arrays | {"high": arrays["high"] + 9})
    assert board() == (plain, (), count)
    assert path.read_bytes() == whole
    assert board()[2] == 0


def test_other_code_or_another_numpy_is_another_draw(board, monkeypatch):
    _, _, count = board()
    before = kept_ranks.code_digest()
    kept_ranks.code_digest.cache_clear()
    versions = kept_ranks._versions() | {"numpy": "0"}
    with monkeypatch.context() as patch:
        patch.setattr(kept_ranks, "_versions", lambda: versions)
        assert board()[2] == count
    kept_ranks.code_digest.cache_clear()
    assert kept_ranks.code_digest() == before
    assert board()[2] == 0


def test_a_cache_that_cannot_be_written_is_as_good_as_none(board, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert board() == board() == board(cached=False)


def test_rows_on_other_items_are_named_with_a_warm_cache(board, write, make_record, tmp_path):
    path = write("vifi-text", 30)
    record = json.loads(path.read_text("utf-8"))
    record["predictions"] = None
    path.write_text(json.dumps(record), "utf-8")
    plain = board(cached=False)
    assert plain[1][0].startswith("no rank for vifi-text in ")
    assert board() == plain
    assert board()[:2] == plain[:2]
    assert board()[2] == 0
