"""Digests of files are remembered, and never of bytes that are others now."""

import hashlib
import os

import pytest
from vclipbench.datasets import contents
from vclipbench.datasets.contents import digest_of, digests_of
from vclipbench.datasets.files import NotRegular, open_regular


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("VCLIPBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(contents, "_SEEN", {})
    monkeypatch.setattr(contents, "RECENT", 0)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_each_file_is_read_once_by_all_processes(tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(path.name.encode())
    read = []
    usual = contents._digest
    monkeypatch.setattr(contents, "_digest", lambda key: read.append(key) or usual(key))
    assert digests_of([*paths, None, tmp_path / "gone"]) == [sha(b"a"), sha(b"b"), "", ""]
    monkeypatch.setattr(contents, "_SEEN", {})  # as another process
    assert digests_of(paths) == [sha(b"a"), sha(b"b")]
    assert len(read) == 2
    paths[0].write_bytes(b"c")
    assert digests_of(paths) == [sha(b"c"), sha(b"b")]


def test_another_file_of_the_same_size_and_time(tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"1")
    assert digest_of(path) == sha(b"1")
    other.write_bytes(b"2")
    about = path.stat()
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    os.replace(other, path)
    assert digest_of(path) == sha(b"2")


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 3000])
def test_a_damaged_memory_is_made_anew(tmp_path, damage):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / contents.NAME).write_bytes(damage)
    (tmp_path / "a").write_bytes(b"1")
    assert digest_of(tmp_path / "a") == sha(b"1")
    assert digest_of(tmp_path / "a") == sha(b"1")


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name, words in (("pipe", "a named pipe"), ("link", "a device"), (".", "a folder")):
        with pytest.raises(NotRegular, match=words):
            open_regular(tmp_path / name)
        assert digests_of([tmp_path / name]) == [""]
