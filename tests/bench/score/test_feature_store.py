"""The feature cache: bit-exact entries, keys, and files that fail."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
import torch
from vclipbench.bench.score import feature_store
from vclipbench.bench.score.feature_store import Encoded, FeatureStore, content_key, text_key

PARTS = {"weights": "0f", "views": {"frames": 8}}


def entry(number=0, rows=3):
    return Encoded(torch.full((rows, 8), float(number)), [[number]])


def same_bits(one, other):
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    flat = [x.contiguous().flatten().view(torch.uint8) for x in (one, other)]
    assert torch.equal(*flat)


# --- what is stored


def odd_values():
    special = [float("nan"), -0.0, float("inf"), 1e-45, -1e-45, 1 / 3]
    return torch.tensor(special).repeat(2, 1)


@pytest.mark.parametrize(
    "features",
    [
        pytest.param(odd_values(), id="tensor"),
        pytest.param(torch.randn(1, 5).half(), id="half"),
        pytest.param(torch.randn(1, 5).bfloat16(), id="bfloat16"),
        pytest.param(torch.randn(12, 8, 5)[:, ::2].transpose(1, 2), id="12-views-not-contiguous"),
        pytest.param({"x": odd_values()}, id="dict-of-one"),
        pytest.param({"": torch.ones(1, 2)}, id="dict-without-a-name"),
        pytest.param(
            {"words": torch.randn(2, 7, 5).half(), "__metadata__": torch.tensor([3, 4])}, id="dict"
        ),
        pytest.param(dict.fromkeys("ab", odd_values()), id="one-tensor-under-two-names"),
        pytest.param(torch.zeros(0, 4), id="no-rows"),
        pytest.param(torch.randn(2, 3, requires_grad=True), id="with-gradient"),
    ],
)
def test_round_trip_bit_by_bit(tmp_path, features):
    put = Encoded(features, [[0, 4], [2, 6]], damaged=True)
    FeatureStore(tmp_path / "features", PARTS).put({"key": put})
    found = FeatureStore(tmp_path / "features", PARTS).get(["key", "unknown"])
    assert list(found) == ["key"]
    assert (found["key"].indices, found["key"].damaged) == ([[0, 4], [2, 6]], True)
    got = found["key"].features
    assert type(got) is type(features)
    if isinstance(features, dict):
        assert list(got) == list(features)
        for name in features:
            same_bits(got[name], features[name])
    else:
        same_bits(got, features)
        assert not got.requires_grad


def test_a_slice_is_stored_without_the_tensor_it_is_of(tmp_path):
    store = FeatureStore(tmp_path, PARTS)
    store.put({"key": Encoded(torch.randn(100_000, 8)[7:8])})
    assert store.path.stat().st_size < 100_000


def test_more_keys_than_one_query_takes(tmp_path):
    store = FeatureStore(tmp_path, PARTS)
    store.put({f"k{i}": entry(i, rows=1) for i in range(1203)})
    found = store.get([f"k{i}" for i in range(-5, 1203)])
    assert len(found) == 1203
    assert all(found[f"k{i}"].features[0, 0] == i for i in range(1203))


def test_the_later_entry_counts(tmp_path):
    store = FeatureStore(tmp_path, PARTS)
    store.put({"key": entry(1)})
    store.put({"key": entry(2)})
    assert store.get(["key"])["key"].indices == [[2]]


def test_a_store_finds_only_its_own_encoding(tmp_path):
    FeatureStore(tmp_path, PARTS).put({"key": entry()})
    assert FeatureStore(tmp_path, {**PARTS, "weights": "10"}).get(["key"]) == {}
    assert FeatureStore(tmp_path, PARTS).get(["key"])


# --- keys


def test_a_video_is_found_by_content_not_by_name(tmp_path):
    first, renamed, other = (tmp_path / name for name in ("a.mp4", "b.avi", "sub/a.mp4"))
    other.parent.mkdir()
    first.write_bytes(b"video" * 100_000)
    renamed.write_bytes(first.read_bytes())
    other.write_bytes(first.read_bytes()[:-1] + b"!")
    store = FeatureStore(tmp_path / "features", PARTS)
    store.put({content_key(first): entry()})
    assert store.get([content_key(renamed)])
    assert not store.get([content_key(other)])
    with pytest.raises(FileNotFoundError):
        content_key(tmp_path / "missing.mp4")


def test_keys_of_texts_tell_lists_apart():
    lists = [
        (["a b"], 1),
        (["a", "b"], 1),
        (["a", "b"], 2),
        (["b", "a"], 1),
        (["ab"], 1),
        (["a"], 1),
    ]
    keys = {text_key(texts, templates) for texts, templates in lists}
    assert len(keys) == len(lists)
    assert all(key.startswith("text:") for key in keys)
    assert text_key(("a", "b"), 2) == text_key(["a", "b"], 2)


# --- files that fail


def child(code, *arguments, **more):
    """Start Python on `code` in a process of its own."""
    head = (
        "import os, signal, sys, torch\n"
        "from vclipbench.bench.score.feature_store import Encoded, FeatureStore\n"
    )
    command = [sys.executable, "-c", head + code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


WRITER = """
store = FeatureStore(sys.argv[1], {"weights": "0f", "views": {"frames": 8}})
first = int(sys.argv[2])
for i in range(first, first + 60, 3):
    keys = range(i, i + 3)
    store.put({f"k{j}": Encoded(torch.full((3, 8), float(j)), [[j]]) for j in keys})
    assert len(store.get([f"k{j}" for j in keys])) == 3
"""


def test_processes_that_write_at_the_same_time(tmp_path):
    starts = (0, 30, 30)
    running = [child(WRITER, tmp_path, start) for start in starts]  # half of the keys are shared
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert said == [(b"", b"")] * 3
    found = FeatureStore(tmp_path, PARTS).get([f"k{i}" for i in range(90)])
    assert sorted(e.indices[0][0] for e in found.values()) == list(range(90))


def test_two_processes_that_start_the_same_file(tmp_path):
    store = FeatureStore(tmp_path, PARTS)
    first = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    first.execute("BEGIN IMMEDIATE")
    for table in feature_store._TABLES:
        first.execute(table)
    first.execute("INSERT INTO about VALUES (?)", (store._about,))
    threading.Timer(0.5, lambda: first.execute("COMMIT")).start()
    store.put({"key": entry()})  # finds no tables, and waits to make them
    assert store.get(["key"])
    first.close()


KILLED = """
class Deadly(dict):
    def items(self):
        for i in range(400):  # 25 MiB: more than SQLite keeps in memory before it writes
            yield f"new{i}", Encoded(torch.ones(1, 2**14))
        os.kill(os.getpid(), signal.SIGKILL)

store = FeatureStore(sys.argv[1], {"weights": "0f", "views": {"frames": 8}})
store.put({f"old{i}": Encoded(torch.full((1, 2), float(i))) for i in range(50)})
store.put(Deadly(some=0))
"""


def test_a_kill_in_the_middle_loses_nothing_from_before(tmp_path, capsys):
    process = child(KILLED, tmp_path)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    store = FeatureStore(tmp_path, PARTS)
    half_written = store.path.stat().st_size
    assert half_written > 2**20
    assert os.path.exists(f"{store.path}-journal")
    found = store.get([*(f"old{i}" for i in range(50)), *(f"new{i}" for i in range(400))])
    assert {key: e.features[0, 0].item() for key, e in found.items()} == {
        f"old{i}": i for i in range(50)
    }
    store.put({"next": entry()})
    assert store.get(["next"])
    assert capsys.readouterr().err == ""


def cut(share):
    def damage(path):
        os.truncate(path, int(path.stat().st_size * share))

    return damage


def garbage(path):
    path.write_bytes(b"<!doctype html>" * 500)


def flipped(path):
    """One bit of a feature, which SQLite itself does not notice."""
    content = bytearray(path.read_bytes())
    place = content.index(torch.full((8,), 17.0).numpy().tobytes())
    content[place] ^= 1
    path.write_bytes(content)


def of_another_encoding(path):
    other = FeatureStore(path.parent, {"weights": "other"})
    other.put({f"k{i}": entry(i + 1) for i in range(40)})
    os.replace(other.path, path)


def swap(path):
    """The whole row of one video under the key of another."""
    with sqlite3.connect(path) as db:
        (row,) = db.execute("SELECT value, sha256 FROM rows WHERE key = 'k18'").fetchall()
        db.execute("UPDATE rows SET value = ?, sha256 = ? WHERE key = 'k17'", row)
    db.close()


@pytest.mark.parametrize(
    "damage",
    [
        *(pytest.param(cut(share), id=f"cut-to-{share}") for share in (0.9, 0.5, 0.1, 0.003)),
        garbage,
        flipped,
        swap,
        of_another_encoding,
    ],
)
@pytest.mark.parametrize("first", ["get", "put"])
def test_a_damaged_file_is_set_aside_and_started_anew(tmp_path, capsys, damage, first):
    keys = [f"k{i}" for i in range(40)]
    FeatureStore(tmp_path, PARTS).put({key: entry(i) for i, key in enumerate(keys)})
    store = FeatureStore(tmp_path, PARTS)
    damage(store.path)
    if first == "put":
        store.put({"new": entry(50)})
    found = store.get([*keys, "new"])
    if damage in (garbage, of_another_encoding):  # which every call sees
        assert list(found) == (["new"] if first == "put" else [])
    assert all(e.features.eq(e.indices[0][0]).all() for e in found.values())
    assert all(key == "new" or e.indices == [[int(key[1:])]] for key, e in found.items())
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{store.path} is damaged" in said
    assert f"{store.path}.broken" in said
    assert os.path.exists(f"{store.path}.broken")
    store.put({"new": entry(50), "newer": entry(51)})
    assert list(FeatureStore(tmp_path, PARTS).get(["new", "newer"])) == ["new", "newer"]
    assert capsys.readouterr().err == ""


def test_a_journal_of_the_damaged_file_does_not_reach_the_new_one(tmp_path, capsys):
    process = child(KILLED, tmp_path)
    process.communicate(timeout=120)
    store = FeatureStore(tmp_path, PARTS)
    journal = f"{store.path}-journal"
    with open(journal, "rb") as file:
        content = file.read()

    def as_if_killed(db):
        with open(journal, "wb") as file:
            file.write(content)
        raise feature_store._Damaged("so it is")

    assert not store._work(as_if_killed)
    assert not os.path.exists(journal)
    assert os.path.exists(f"{store.path}.broken-journal")
    store.put({"key": entry(5)})
    assert store.get(["key", "old1"]).keys() == {"key"}


def test_a_file_that_another_process_has_renewed_stays(tmp_path, capsys):
    store = FeatureStore(tmp_path, PARTS)
    store.put({"key": entry(1)})

    def renewed_meanwhile(db):
        os.replace(store.path, tmp_path / "elsewhere")
        FeatureStore(tmp_path, PARTS).put({"key": entry(2)})
        raise feature_store._Damaged("so it was")

    assert not store._work(renewed_meanwhile)
    assert store.get(["key"])["key"].indices == [[2]]
    assert capsys.readouterr().err == ""


# --- stores that are off


def test_without_parts_nothing_is_kept(tmp_path):
    with FeatureStore(tmp_path / "features", None) as store:
        store.put({"key": entry()})
        assert store.get(["key"]) == {}
    assert not any(tmp_path.iterdir())


def test_after_close_nothing_is_found_or_kept(tmp_path):
    with FeatureStore(tmp_path, PARTS) as store:
        store.put({"key": entry()})
        assert store.get(["key"])
    assert store.get(["key"]) == {}
    store.put({"more": entry()})
    assert list(FeatureStore(tmp_path, PARTS).get(["key", "more"])) == ["key"]


def test_asking_makes_no_file(tmp_path):
    assert FeatureStore(tmp_path / "features", PARTS).get(["key"]) == {}
    assert not any(tmp_path.iterdir())


def test_a_file_where_the_folder_should_be(tmp_path, capsys):
    (tmp_path / "features").write_text("mine")
    store = FeatureStore(tmp_path / "features", PARTS)
    for _ in range(3):
        assert store.get(["key"]) == {}
        store.put({"key": entry()})
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{store.path} cannot be written" in said
    assert (tmp_path / "features").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_folder_that_may_only_be_read(tmp_path, capsys):
    FeatureStore(tmp_path, PARTS).put({"key": entry()})
    tmp_path.chmod(0o555)
    try:
        store = FeatureStore(tmp_path, PARTS)
        store.put({"more": entry()})
        assert list(store.get(["key", "more"])) == ["key"]
    finally:
        tmp_path.chmod(0o755)
    assert capsys.readouterr().err.count("\n") == 1


FULL = """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FeatureStore(sys.argv[1], {"weights": "0f", "views": {"frames": 8}})
store.put({"old": Encoded(torch.ones(1, 2))})
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
for i in range(3):
    store.put({"new": Encoded(torch.ones(1, 2**16))})
    assert list(store.get(["old", "new"])) == ["old"]
"""


def test_a_full_disk_ends_writing_only(tmp_path):
    process = child(FULL, tmp_path)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert (out, said.count(b"\n")) == (b"", 1)
    assert b"cannot be written" in said
    assert list(FeatureStore(tmp_path, PARTS).get(["old", "new"])) == ["old"]


def test_a_file_that_is_locked_for_long(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(feature_store, "_WAIT", 0.05)
    store = FeatureStore(tmp_path, PARTS)
    store.put({"key": entry()})
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store.put({"more": entry()})
    assert store.get(["key"]) == {}
    other.close()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "cannot be written (database is locked)" in said[0]
    assert "cannot be read (database is locked)" in said[1]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_workers_may_be_forked_beside_a_store(tmp_path):
    """No file is open between calls, so a forked worker inherits none."""
    store = FeatureStore(tmp_path, PARTS)
    store.put({"key": entry()})
    assert store.get(["key"])
    linked = {os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")}
    assert str(store.path.resolve()) not in linked
