"""Runs on videos of one's own are known by the bytes of their files, and say what was wrong with them."""

import json
import shutil

import av
import numpy as np
import pytest
from vclipbench.leaderboard.record.predictions import load_predictions

RUN = ("run", "--method", "random", "--protocol", "zs-folder", "--set", "data.workers=0")


def write(path, frames, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 32
        for n in range(frames):
            image = np.full((32, 32, 3), (shade + 9 * n) % 255, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode())


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    write(folder / "a" / "v.mp4", 12)
    write(folder / "b" / "v.mp4", 12, 99)
    return folder


def records(tmp_path):
    found = (tmp_path / "runs").rglob("record.json")
    return {path.parent.name: json.loads(path.read_text()) for path in found}


def test_other_videos_under_the_same_names_are_another_run(quick, tmp_path, videos):
    quick(*RUN, "--data", videos, check=0)
    assert "is done: skipped" in quick(*RUN, "--data", videos, check=0).stdout
    (first,) = records(tmp_path)
    write(videos / "a" / "v.mp4", 12, 50)
    assert "skipped" not in quick(*RUN, "--data", videos, check=0).stdout
    (second,) = set(records(tmp_path)) - {first}
    said = quick("runs", "diff", first, second, check=0).stdout
    assert "files: 1 of 2 videos of all are other files under the same id\n  a/v.mp4: " in said
    told = quick("leaderboard", "runs", check=0)
    assert "other files under the same names" in told.stderr
    assert "a name for each with --data NAME=DIR" in told.stderr
    quick("verify", second, "--data", videos, check=0)
    wrong = quick("verify", first, "--data", videos, check=1).stdout
    assert "other files than those of the run are here, of all: a/v.mp4" in wrong


def test_the_same_files_elsewhere_are_the_same_run(quick, tmp_path, videos):
    quick(*RUN, "--data", videos, check=0)
    shutil.copytree(videos, tmp_path / "copy")
    assert "is done: skipped" in quick(*RUN, "--data", tmp_path / "copy", check=0).stdout
    (record,) = records(tmp_path).values()
    assert "name" not in record["command"]["config_resolved"]["data"]
    (path,) = (tmp_path / "runs").rglob("predictions.npz")
    assert [len(text) for text in load_predictions(path)["all"]["content"].tolist()] == [16, 16]


def test_a_name_heads_the_column_and_is_no_part_of_the_identity(quick, tmp_path, videos):
    quick(*RUN, "--data", f"pets={videos}", check=0)
    assert "is done: skipped" in quick(*RUN, "--data", videos, check=0).stdout
    write(videos / "a" / "v.mp4", 12, 50)
    quick(*RUN, "--data", f"birds={videos}", check=0)
    told = quick("leaderboard", "runs", check=0)
    assert "| zs-folder birds all | zs-folder pets all |" in told.stdout
    assert "digests" not in told.stderr
    wrong = quick(*RUN, "--data", videos, "--set", "data.name=a b", check=2).stderr
    assert "'a b' is no name of videos" in wrong


def test_what_differs_between_digests_is_said(quick, videos):
    quick(*RUN, "--data", videos, check=0)
    quick(*RUN, "--data", videos, "--set", "views.clips=3", check=0)
    (line,) = quick("leaderboard", "runs", check=0).stderr.splitlines()
    assert "views.clips" in line
    assert "; to compare: --set views.clips=1 for all" in line


def test_repeated_frames_are_said(quick, tmp_path, videos):
    write(videos / "a" / "short.mp4", 3)
    done = quick(*RUN, "--data", videos, check=0)
    assert "1 of 3 videos has fewer than 8 frames, which were repeated: a/short.mp4" in done.stderr
    (record,) = records(tmp_path).values()
    assert record["observed"]["effective_plan"]["repeated_frames"] == {
        "all": {"number": 1, "ids": ["a/short.mp4"]}
    }
    assert "§ some videos have fewer frames than wanted" in quick("leaderboard", "runs").stdout
    checked = quick("data", "check", "folder", "--data", videos, "--jobs", 1, check=0).stdout
    assert "1 of 3 videos: a/short.mp4 (3)" in checked
    (videos / "a" / "short.mp4").unlink()
    quick(*RUN, "--data", videos, "--out", "whole", check=0)
    assert "repeated_frames" not in next((tmp_path / "whole").rglob("record.json")).read_text()


def test_videos_that_are_skipped_are_named(quick, videos):
    for n in range(7):
        (videos / "a" / f"bad{n}.mp4").write_bytes(b"no video")
    said = quick(*RUN, "--data", videos, "--on-bad-video", "skip", check=0).stderr
    assert "all: 7 of 9 videos not scored; cannot be read: a/bad0.mp4, a/bad1.mp4," in said
    assert "a/bad4.mp4 and 2 more" in said


def test_an_audit_that_could_not_look(quick, tmp_path, videos, monkeypatch):
    monkeypatch.delenv("VCLIPBENCH_DATA", raising=False)
    words = ("audit", "--protocol", "zs-folder", "--trained-on", "k400", "--data", videos)
    done = quick(*words, check=1)
    assert "classes also in training: unknown" in done.stdout
    assert "give their folder with --data k400=DIR" in done.stderr
    quick(*RUN, "--data", videos, "--trained-on", "k400", check=0)
    (record,) = records(tmp_path).values()
    assert record["exposure"]["class_overlap"] is None
    assert record["exposure"]["audits"][0]["classes"] is None
    assert "¿ training data is declared, and was not checked" in quick("leaderboard", "runs").stdout
    quick("verify", "runs", check=0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--data", ""), "--data is empty: a file or folder is wanted"),
        (("run", "--out="), "--out is empty: a file or folder is wanted"),
        (("describe", "b2n-k400", "--data", "/nope"), "--data /nope does not exist"),
        (("describe", "zs-folder", "--data", "/nope"), "--data /nope does not exist"),
        (("describe", "vifi", "--data", "/nope"), "--data is for protocols, and vifi is none"),
        (("data", "check", "folder", "--data", "/nope"), "--data /nope does not exist"),
        (("data", "check", "folder", "--data", "x="), "--data x= names no folder"),
    ],
)
def test_folders_that_are_not_there(words, said, quick):
    assert quick(*words, check=2).stderr.startswith(f"error: {said}")


@pytest.mark.parametrize(
    "words",
    [
        ("describe", "b2n-k400"),
        ("describe", "zs-folder"),
        ("data", "describe", "ucf101"),
        ("data", "check", "ucf101"),
        ("audit", "--protocol", "zs-ucf101", "--trained-on", "k400"),
        ("run", "--method", "clip", "--protocol", "zs-ucf101", "--dry-run"),
    ],
)
def test_a_folder_of_the_environment_that_is_not_there(words, quick, monkeypatch):
    monkeypatch.setenv("VCLIPBENCH_DATA", "/nope")
    assert "VCLIPBENCH_DATA=/nope does not exist" in quick(*words, check=2).stderr
