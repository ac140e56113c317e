from __future__ import annotations

import hashlib
import io
import os
import zipfile
from typing import Any

import numpy as np
import pytest
from vclipbench.leaderboard.record.files import StoreError
from vclipbench.leaderboard.record.predictions import load_predictions, save_predictions
from vclipbench.leaderboard.record.record import PredictionsFile
from vclipbench.leaderboard.record.store import load_records


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
        ({"other": np.zeros(3)}, "base/other is none of the arrays of predictions"),
        ({"target": np.array([None] * 3)}, "target is object, not integers"),
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


CLASSES = {
    "ids": np.array(["a", "b", "c"]),
    "target": np.array([0, 1, 1]),
    "ranks": np.array([[0, 1], [1, 0], [0, 1]], np.uint8),
    "groups": np.array(["x", "x", ""]),
}
LABELS = {
    "ids": CLASSES["ids"],
    "target": np.array([[0, 1], [1, 1], [0, 0]], np.int8),
    "scores": np.zeros((3, 2), np.float32),
}
COUNTS, FIRST = np.array([1, 1, 2]), np.ones(3, np.float32)
CAPTIONS = {
    "ids": CLASSES["ids"],
    "captions": COUNTS,
    "scores": np.zeros((3, 4), np.float32),
}
RANKED = {
    "ids": CLASSES["ids"],
    "captions": COUNTS,
    "t2v_rank": np.float32([[1, 0], [1, 0], [1, 2]]),
    "t2v_tied": np.uint8([[1, 0], [1, 0], [1, 1]]),
    "v2t_rank": FIRST,
    "v2t_tied": np.ones(3, np.uint8),
}
SINGLE = {**RANKED, "captions": np.ones(3, int), "t2v_rank": FIRST, "t2v_tied": RANKED["v2t_tied"]}
DSL = {f"dsl_{name}": SINGLE[name] for name in ("t2v_rank", "t2v_tied", "v2t_rank", "v2t_tied")}


def written(path, arrays):
    """A file of these arrays, whatever they are."""
    np.savez(path, **{f"test/{name}": array for name, array in arrays.items()})
    return path


@pytest.mark.parametrize("arrays", [CLASSES, LABELS, CAPTIONS, RANKED, SINGLE, SINGLE | DSL])
def test_arrays_that_runs_and_publish_write_are_read(tmp_path, arrays):
    found = load_predictions(written(tmp_path / "p.npz", arrays))["test"]
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }


@pytest.mark.parametrize(
    ("arrays", "changes", "message"),
    [
        (CLASSES, {"ids": np.array([["a"], ["b"], ["c"]])}, "test/ids has the shape (3, 1)"),
        (CLASSES, {"ids": np.array("a")}, "test/ids has the shape ()"),
        (CLASSES, {"ids": np.arange(3)}, "test/ids is int64, not texts"),
        (CLASSES, {"ids": np.array(["a", "b", "a"])}, "name one id twice"),
        (CLASSES, {"ids": np.array(["a", "b", "\ud800"])}, "texts that are not Unicode"),
        (CLASSES, {"target": np.array(["0", "1", "1"])}, "test/target is <U1, not integers"),
        (CLASSES, {"target": np.array([0, 1, 99])}, "names class 99, counted from 0, of 2"),
        (CLASSES, {"target": np.array([0, -1, 1])}, "names class -1, counted from 0, of 2"),
        (CLASSES, {"target": np.array([0, 1])}, "test/target has the shape (2,) for 3 ids"),
        (CLASSES, {"groups": np.arange(3)}, "test/groups is int64, not texts"),
        (CLASSES, {"ranks": CLASSES["ranks"].astype(str)}, "ranks is <U3, not integers"),
        (CLASSES, {"ranks": CLASSES["ranks"].astype(complex)}, "is complex128, not integers"),
        (CLASSES, {"ranks": CLASSES["ranks"].astype("M8[s]")}, "datetime64[s], not integers"),
        (CLASSES, {"scores": LABELS["scores"]}, "both scores and ranks"),
        (CLASSES, {"captions": COUNTS}, "both a target and captions"),
        (CLASSES, {"v2t_rank": FIRST}, "v2t_rank without captions"),
        (CLASSES, {"map": np.zeros((3, 3), int)}, "not two places for each id"),
        (CLASSES, {"junk": np.zeros(3)}, "test/junk is none of the arrays of predictions"),
        (LABELS, {"target": LABELS["target"][:, :1]}, "not 0 or 1 for each of its 2 labels"),
        (LABELS, {"target": 2 * LABELS["target"]}, "not 0 or 1 for each of its 2 labels"),
        (LABELS, {"scores": np.zeros((3, 2))}, "test/scores is float64, not float32"),
        (LABELS, {"scores": LABELS["scores"] * np.nan}, "test/scores holds NaN"),
        (CAPTIONS, {"captions": COUNTS.astype(str)}, "captions is <U21, not integers"),
        (CAPTIONS, {"captions": COUNTS.astype(float)}, "captions is float64, not integers"),
        (CAPTIONS, {"captions": COUNTS[:, None]}, "captions has the shape (3, 1)"),
        (CAPTIONS, {"captions": np.array([2, 0, 2])}, "videos without a caption"),
        (CAPTIONS, {"captions": np.array([1, 1, 1])}, "than scores, which are of 4"),
        (CAPTIONS, {"cosines": LABELS["scores"]}, "cosines of another shape"),
        (CAPTIONS, {"v2t_rank": FIRST}, "both scores and v2t_rank"),
        (CAPTIONS, {"ranks": CLASSES["ranks"]}, "both scores and ranks"),
        (RANKED, {"t2v_rank": RANKED["t2v_rank"].astype(str)}, "not floating-point numbers"),
        (RANKED, {"t2v_rank": FIRST}, "t2v_rank of the shape (3,) for up to 2 captions"),
        (RANKED, {"t2v_tied": RANKED["t2v_tied"] + 0.5}, "t2v_tied is float64, not integers"),
        (RANKED, {"v2t_rank": FIRST * np.inf}, "test/v2t_rank holds NaN or infinities"),
        (RANKED, DSL, "dsl_t2v_rank where videos have several captions"),
        (SINGLE, {"t2v_rank": RANKED["t2v_rank"]}, "t2v_rank of the shape (3, 2) for up to 1"),
        (SINGLE, {"dsl_t2v_rank": FIRST}, "dsl_t2v_rank without dsl_t2v_tied"),
    ],
)
def test_files_of_arrays_that_no_run_writes_are_refused(tmp_path, arrays, changes, message):
    path = written(tmp_path / "p.npz", {**arrays, **changes})
    with pytest.raises(StoreError) as raised:
        load_predictions(path)
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_file_without_items_is_refused(tmp_path):
    path = written(tmp_path / "p.npz", {name: array[:0] for name, array in CLASSES.items()})
    with pytest.raises(StoreError, match="predictions of test hold no items"):
        load_predictions(path)


@pytest.mark.parametrize("compress", [False, True])
def test_damage_anywhere_is_named_in_one_line(tmp_path, splits, compress):
    path = tmp_path / "p.npz"
    save_predictions(path, splits, compress)
    whole, said = path.read_bytes(), []
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            load_predictions(path)
        except StoreError as error:
            said.append(str(error))
    assert said  # and some damage changes nothing that is read
    assert all(text.startswith(str(path)) and "\n" not in text for text in said)


def forged(path, header, size, compress=zipfile.ZIP_STORED, claim=None):
    """A file of predictions with one array, whose header says what it likes."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, header)
    with zipfile.ZipFile(path, "w", compress) as archive:
        archive.writestr("all/scores.npy", content.getvalue() + bytes(size))
    return path


def test_an_array_that_claims_more_than_the_file_holds(tmp_path):
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 10)}
    path = forged(tmp_path / "predictions.npz", header, 40)
    with pytest.raises(StoreError, match=r"claims 40,000,000,000,000 bytes, and 40 are there"):
        load_predictions(path)


def test_an_array_that_unpacks_to_far_more(tmp_path):
    header = {"descr": "<f4", "fortran_order": False, "shape": (25_000_000, 1)}
    path = forged(tmp_path / "predictions.npz", header, 100_000_000, zipfile.ZIP_DEFLATED)
    with pytest.raises(StoreError, match=r"claims 100,000,128 bytes, and the file holds"):
        load_predictions(path)


@pytest.mark.parametrize("kind", ["a named pipe", "a device"])
def test_predictions_and_records_that_are_no_files(tmp_path, kind):
    for name in ("predictions.npz", "record.json"):
        path = tmp_path / name
        if kind == "a device":
            path.symlink_to("/dev/zero")
        else:
            os.mkfifo(path)
    with pytest.raises(StoreError, match=f"it is {kind}, and a file is wanted"):
        load_predictions(tmp_path / "predictions.npz")
    problems = []
    assert load_records(tmp_path, problems) == []
    assert problems == [f"record.json: it is {kind}, and a file is wanted"]


def test_a_record_that_is_too_large(tmp_path):
    with open(tmp_path / "record.json", "wb") as file:
        file.truncate((64 << 20) + 1)
    problems = []
    assert load_records(tmp_path, problems) == []
    assert problems == ["record.json: it has more than 64 MB, and no record has"]
