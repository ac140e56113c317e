from __future__ import annotations

import hashlib
import zipfile
from typing import Any

import numpy as np
import pytest
from vclipbench.leaderboard.predictions import load_predictions, save_predictions
from vclipbench.leaderboard.record import PredictionsFile
from vclipbench.leaderboard.store import StoreError


@pytest.fixture
def splits():
    return {
        "novel": {
            "ids": np.array(["ü/1.mp4"]),
            "scores": np.zeros((1, 2)),
            "target": np.array([1]),
        },
        "base": {
            "scores": np.arange(6.0).reshape(3, 2).T.copy().T,
            "ids": np.array(["a", "b", "c"], dtype="<U40"),
            "target": np.array([0, 1, 1], dtype=np.int32),
        },
    }


def test_round_trip(tmp_path, splits):
    path = tmp_path / "run" / "predictions.npz"
    block = save_predictions(path, splits)
    assert PredictionsFile.model_validate(block).n == 4
    assert block["keys"] == [
        f"{s}/{a}" for s in ("base", "novel") for a in ("ids", "scores", "target")
    ]
    assert block["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = load_predictions(path, block["sha256"])
    assert loaded["novel"]["ids"].tolist() == ["ü/1.mp4"]
    assert loaded["base"]["scores"].dtype == np.float32
    np.testing.assert_array_equal(loaded["base"]["scores"], splits["base"]["scores"])
    assert loaded["base"]["target"].tolist() == [0, 1, 1]
    assert [p.name for p in path.parent.iterdir()] == ["predictions.npz"]


def test_equal_arrays_give_equal_bytes(tmp_path, splits):
    first = save_predictions(tmp_path / "a.npz", splits)
    other = {split: dict(reversed(arrays.items())) for split, arrays in reversed(splits.items())}
    other["base"]["ids"] = other["base"]["ids"].tolist()
    other["base"]["scores"] = other["base"]["scores"].astype(">f4")
    second = save_predictions(tmp_path / "b.npz", other)
    assert first["sha256"] == second["sha256"]
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["a", "a", "b"]}, "one id twice"),
        ({"ids": ["a"]}, "for 1 ids"),
        ({"target": np.zeros(3)}, "not integers"),
        ({"scores": np.full((3, 2), np.nan)}, "NaN"),
        ({"other": np.array([None] * 3)}, "only numbers and text"),
        ({"a/b": np.zeros(3)}, "no name for an array"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, splits, changes, message):
    with pytest.raises(ValueError, match=message):
        save_predictions(tmp_path / "p.npz", {"base": {**splits["base"], **changes}})
    with pytest.raises(ValueError, match="lack ids"):
        save_predictions(tmp_path / "p.npz", {"base": {}})
    assert list(tmp_path.iterdir()) == []


def test_bad_files_are_named(tmp_path, splits):
    path = tmp_path / "p.npz"
    with pytest.raises(StoreError, match="No such file"):
        load_predictions(path)
    block = save_predictions(path, splits)
    with pytest.raises(StoreError, match="SHA-256"):
        load_predictions(path, "0" * 64)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StoreError, match="SHA-256"):
        load_predictions(path, block["sha256"])
    with pytest.raises(StoreError, match="not a file of predictions"):
        load_predictions(path)
    pickled: dict[str, Any] = {"base/ids": np.array([{}], dtype=object)}
    np.savez(path, **pickled)
    with pytest.raises(StoreError, match="allow_pickle=False"):
        load_predictions(path)
    np.save(tmp_path / "p.npy", np.zeros(3))
    with pytest.raises(StoreError, match="not a file of predictions"):
        load_predictions(tmp_path / "p.npy")
