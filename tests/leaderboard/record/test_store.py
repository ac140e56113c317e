from __future__ import annotations

import errno
import json
import subprocess
import sys

import pytest
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.record import files
from vclipbench.leaderboard.record.files import StoreError
from vclipbench.leaderboard.record.record import record_text
from vclipbench.leaderboard.record.store import RunLocked, RunStore


@pytest.fixture
def runs(tmp_path):
    return RunStore(tmp_path / "runs")


def refuse(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


class FullFile:
    """A file on a full disk."""

    def __init__(self, path, mode):
        self.file = path.open(mode)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    write = refuse


def test_write_and_read(runs, make_record):
    made = make_record()
    path = runs.write(made)
    assert path == runs.root / "zs-ucf101" / "vifi" / made.run_id / "record.json"
    assert path.read_text(encoding="utf-8") == record_text(made)
    assert runs.read("zs-ucf101", "vifi", made.run_id) == made
    assert runs.read("zs-ucf101", "vifi", "0" * 16) is None
    runs.write(made.revised(tags=["again"]))
    assert runs.read("zs-ucf101", "vifi", made.run_id).tags == ["again"]
    assert [p.name for p in path.parent.iterdir()] == ["record.json"]


def test_read_names_a_broken_file(runs, make_record):
    made = make_record()
    runs.write(made).write_text("{")
    with pytest.raises(StoreError, match=r"cannot read .*record\.json: not complete JSON"):
        runs.read("zs-ucf101", "vifi", made.run_id)


@pytest.mark.parametrize("part", ["..", "", "a/b", "a\\b"])
def test_no_id_leads_out_of_the_store(runs, part):
    with pytest.raises(StoreError, match="cannot be a part"):
        runs.directory(("zs-ucf101", "vifi", part))


@pytest.mark.parametrize(
    ("target", "name", "fault"),
    [(files.os, "fsync", refuse), (files.os, "replace", refuse), (files, "open", FullFile)],
)
def test_a_full_disk_keeps_the_old_record(runs, make_record, monkeypatch, target, name, fault):
    made = make_record()
    path = runs.write(made)
    monkeypatch.setattr(target, name, fault, raising=False)
    with pytest.raises(StoreError, match=r"cannot write .*record\.json: No space left on device$"):
        runs.write(made.revised(tags=["new"]))
    with pytest.raises(StoreError, match="No space left"):
        runs.check_writable()
    monkeypatch.undo()
    assert [p.name for p in path.parent.iterdir()] == ["record.json"]
    assert [p.name for p in runs.root.iterdir()] == ["zs-ucf101"]
    assert runs.read("zs-ucf101", "vifi", made.run_id) == made


def test_check_writable(runs):
    runs.check_writable()
    assert list(runs.root.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path, make_record):
    (tmp_path / "file").write_text("")
    blocked = RunStore(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot write"):
        blocked.check_writable()
    with pytest.raises(StoreError, match="cannot write"):
        blocked.write(make_record())
    with pytest.raises(StoreError, match="cannot lock"), blocked.lock(tmp_path / "file" / "x"):
        pass
    with pytest.raises(StoreError, match="cannot read"):
        blocked.read("zs-ucf101", "vifi", "0" * 16)


def test_same_cell(runs, make_record):
    made = make_record()
    older = make_record(lr=1e-5, blocks={"created_utc": "2025-01-01T00:00:00Z"})
    newer = make_record(lr=1e-4)
    for record in (made, newer, older, make_record(seed=2), make_record(method="clip")):
        runs.write(record)
    assert [r.run_id for r in runs.same_cell(made)] == [older.run_id, newer.run_id]
    assert RunStore(runs.root / "nowhere").same_cell(made) == []


HOLD = """
import sys
from pathlib import Path
from vclipbench.leaderboard.record.store import RunLocked, RunStore
root = Path(sys.argv[1])
try:
    with RunStore(root).lock(root / "zs" / "vifi" / "abc"):
        print("held", flush=True)
        sys.stdin.read()
except RunLocked as error:
    print(error)
"""


def test_two_processes_cannot_work_on_one_run(runs):
    command = [sys.executable, "-c", HOLD, str(runs.root)]
    folder = runs.root / "zs" / "vifi" / "abc"
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        message = r"run abc is in progress in another process, in .*abc"
        with pytest.raises(RunLocked, match=message), runs.lock(folder):
            pass
        with runs.lock(folder.with_name("other")):
            pass
        holder.stdin.close()
        holder.wait(timeout=60)
    with runs.lock(folder):
        second = subprocess.run(command, capture_output=True, text=True, check=True, input="")
    assert "run abc is in progress" in second.stdout


def test_a_lock_ends_with_the_work(runs):
    with pytest.raises(RuntimeError, match="boom"), runs.lock(runs.root / "a"):
        raise RuntimeError("boom")
    with runs.lock(runs.root / "a"):
        pass


def test_load_records_names_every_bad_file(tmp_path, make_record):
    good = make_record()
    value = json.loads(record_text(good))
    edited = {**value, "identity": {**value["identity"], "preprocess": {"resize": 336}}}
    files = {
        "a/good": record_text(good),
        "b/copy": record_text(good),
        "c/foreign": '{"accuracy": 1.0}',
        "d/list": "[1]",
        "e/old": json.dumps({**value, "schema_version": 0}),
        "f/new": json.dumps({**value, "schema_version": 3, "more": 1}),
        "g/truncated": record_text(good)[:500],
        "h/edited": json.dumps(edited),
        "i/empty": "",
        "j/deep": "[" * 100_000,
        "k/more": json.dumps({**value, "a": 1, "b": 2, "c": 3, "d": 4}),
    }
    for name, text in files.items():
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "record.json").write_text(text, encoding="utf-8")
    (tmp_path / "l" / "record.json").mkdir(parents=True)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "record.json").write_bytes(b"\xff\xfe")
    (tmp_path / "a" / "other.json").write_text("not looked at")

    problems: list[str] = []
    assert load_records(tmp_path, problems) == [good]
    reasons = dict(problem.split("/record.json: ", 1) for problem in problems)
    assert list(reasons) == [*list(files)[1:], "l", "m"]
    assert reasons["b/copy"] == f"has the run_id {good.run_id} of a/good/record.json"
    assert reasons["c/foreign"] == "not a vclipbench record: it has no schema_version"
    assert reasons["d/list"] == reasons["c/foreign"]
    assert reasons["e/old"] == "schema version 0 is older than 1, the first one"
    assert reasons["f/new"] == (
        "schema version 3 is newer than 2, which this reads: update vclipbench"
    )
    assert reasons["g/truncated"].startswith("not complete JSON (")
    assert "is not the digest of identity" in reasons["h/edited"]
    assert reasons["i/empty"].startswith("not complete JSON (")
    assert reasons["k/more"].endswith("; and 1 more")
    assert reasons["l"] == "it is a folder, and a file is wanted"
    assert reasons["m"] == "not UTF-8 text"
    assert not any("\n" in problem for problem in problems)


def test_load_records_warns_without_a_list(tmp_path, make_record):
    RunStore(tmp_path).write(make_record())
    (tmp_path / "record.json").write_text("{}")
    with pytest.warns(UserWarning, match=r"record left out: record\.json: not a vclipbench record"):
        assert load_records(tmp_path) == [make_record()]


def test_load_records_of_no_folder_and_of_an_empty_one(tmp_path):
    assert load_records(tmp_path) == []
    with pytest.raises(StoreError, match="there is no folder"):
        load_records(tmp_path / "missing")
