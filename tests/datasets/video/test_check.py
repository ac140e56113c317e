"""Decoding many videos in processes that may die or hang, and verdicts that outlast a check."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from vclipbench.datasets.shapes.store import CacheError, write_video
from vclipbench.datasets.video import check as video_check
from vclipbench.datasets.video.check import VerdictFile, check_videos, decode_all

CLIPS = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "clips"


def video(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(np.full((4, 32, 32, 3), 90, np.uint8), path, 8)
    return path


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that die of a video called dies and hang on one called hangs, else do as always."""
    script = """
        import os, sys, time
        from vclipbench.datasets.video import check as video_check
        usual = video_check._reason
        def reason(path, seconds):
            if os.path.basename(path) == "dies.mp4":
                os.kill(os.getpid(), 9)
            if os.path.basename(path) == "hangs.mp4":
                time.sleep(600)
            return usual(path, seconds)
        video_check._reason = reason
        video_check._main()
    """
    file = tmp_path / "child.py"
    file.write_text(textwrap.dedent(script))
    real = video_check.subprocess.Popen
    monkeypatch.setattr(
        video_check.subprocess, "Popen", lambda _, **more: real([sys.executable, file], **more)
    )


def test_a_process_that_dies_or_hangs_does_not_end_the_check(tmp_path: Path, child: None) -> None:
    names = ("a.mp4", "dies.mp4", "b.mp4", "hangs.mp4", "c.mp4")
    paths = [video(tmp_path / name) for name in names]
    found = {v.path.name: v for v in decode_all(paths, jobs=2, seconds=3, grace=2)}
    assert sorted(found) == sorted(names)
    assert [n for n in names if not found[n].reason] == ["a.mp4", "b.mp4", "c.mp4"]
    assert "died (exit -9)" in found["dies.mp4"].reason
    assert "hung and was ended after 5 s" in found["hangs.mp4"].reason
    assert not found["dies.mp4"].lasting
    assert not found["hangs.mp4"].lasting


def test_closing_ends_the_processes_at_once(tmp_path: Path, child: None) -> None:
    paths = [video(tmp_path / name) for name in ("a.mp4", "hangs.mp4")]
    decoded = decode_all(paths, jobs=1, seconds=300, grace=300)
    assert next(decoded).path.name == "a.mp4"
    decoded.close()  # waits for the threads, and they for their children


def test_a_process_that_does_not_start_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = video_check.subprocess.Popen
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(video_check.subprocess, "Popen", lambda _, **more: real(command, **more))
    with pytest.raises(CacheError, match="does not start: it ends with code 3; see why with"):
        list(decode_all([video(tmp_path / "a.mp4")]))


def count(file: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], int]:
    """Names of the files that a check decoded, and the number of verdicts it gave."""
    decoded: list[str] = []

    def spy(todo, *more):
        decoded.extend(p.name for p in todo)
        return decode_all(todo, *more)

    monkeypatch.setattr(video_check, "decode_all", spy)
    return decoded, len(list(check_videos(paths, VerdictFile(file), 2)))


def test_only_what_is_new_or_changed_is_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, paths = tmp_path / "cache" / "v.jsonl", [video(tmp_path / f"{n}.mp4") for n in "abc"]
    paths[1].write_bytes(b"")
    assert count(file, paths, monkeypatch) == (["a.mp4", "b.mp4", "c.mp4"], 3)
    known = {Path(r["path"]).name: r for r in map(json.loads, file.read_text().splitlines())}
    assert known["a.mp4"]["reason"] == ""
    assert "empty (0 bytes)" in known["b.mp4"]["reason"]
    assert count(file, paths, monkeypatch) == ([], 3)
    os.utime(paths[0], ns=(1, 1))
    video(paths[1])
    new = video(tmp_path / "d.mp4")
    assert count(file, [*paths, new], monkeypatch) == (["a.mp4", "b.mp4", "d.mp4"], 4)
    monkeypatch.setattr(video_check, "reader_version", lambda _: "pyav 0")
    assert count(file, paths, monkeypatch)[0] == ["a.mp4", "b.mp4", "c.mp4"]


def test_a_check_that_is_stopped_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, paths = tmp_path / "v.jsonl", [video(tmp_path / f"{n}.mp4") for n in "abc"]
    stopped = check_videos(paths, VerdictFile(file))
    next(stopped)
    stopped.close()
    with file.open("a") as text:  # and one was being written when the disk was full
        text.write('{"path": "x')
    assert count(file, paths, monkeypatch) == (["b.mp4", "c.mp4"], 3)
    assert count(file, paths, monkeypatch) == ([], 3)


def test_what_may_change_without_the_file_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone.mp4"
    for _ in range(2):
        assert count(tmp_path / "v.jsonl", [gone], monkeypatch) == (["gone.mp4"], 1)


def test_a_file_of_verdicts_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match=r"cannot write .*set VCLIPBENCH_CACHE"):
        list(check_videos([video(tmp_path / "a.mp4")], VerdictFile(tmp_path / "file" / "v.jsonl")))


def test_large_videos_are_decoded_without_keeping_their_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_check, "LARGE", 1)
    monkeypatch.setattr(video_check, "read_clip", None)
    assert video_check._reason(str(video(tmp_path / "a.mp4")), 9) == ("", True)
    if not CLIPS.is_dir():
        pytest.skip("the clips ../shared/data/clips are absent")
    reason = video_check._reason(str(CLIPS / "decord_corrupted.mp4"), 9)[0]
    assert "of its 50 frames decode undamaged" in reason


def test_real_clips_that_are_bad(tmp_path: Path) -> None:
    if not CLIPS.is_dir():
        pytest.skip("the clips ../shared/data/clips are absent")
    bad = {
        "derived/text_not_video.mp4": "does not take it for a video",
        "derived/truncated_faststart.mp4": "index lists 32 packets, 16 are there",
        "derived/truncated_moov_missing.mp4": "no moov box",
        "derived/zero_bytes.mp4": "empty",
        "decord_corrupted.mp4": "packet 31 of 50 is damaged",
    }
    good = ("derived/editlist_copycut.mp4", "derived/one_frame.mp4", "mmaction2_test.avi")
    for name in (*bad, *good):
        shutil.copy(CLIPS / name, tmp_path)
    found = {v.path.name: v for v in decode_all(sorted(tmp_path.iterdir()), jobs=2)}
    assert len(found) == len(bad) + len(good)
    for name, words in bad.items():
        assert words in found[Path(name).name].reason
        assert found[Path(name).name].lasting
    assert [found[Path(name).name].reason for name in good] == ["", "", ""]
