"""`bench data describe` and `bench data check` of the published datasets."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import annotation_roots
import numpy as np
import pytest
from vclipbench.datasets import catalog
from vclipbench.datasets.shapes.store import write_video
from vclipbench.datasets.video import check as video_check
from vclipbench.datasets.video_files import forget_videos

CLIPS = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "clips"
# name of a video of class Archery -> the real bad clip under it, and what is said of it
BAD = {
    "v_Archery_g08_c01": ("text_not_video.mp4", "does not take it for a video"),
    "v_Archery_g08_c02": ("truncated_faststart.mp4", "it is cut off"),
    "v_Archery_g08_c03": ("truncated_moov_missing.mp4", "without an index"),
    "v_Archery_g08_c04": ("zero_bytes.mp4", "the file is empty"),
}


@pytest.fixture(autouse=True)
def own_cache(quick, tmp_path, monkeypatch):
    monkeypatch.setenv("VCLIPBENCH_CACHE", str(tmp_path / "cache"))
    forget_videos()


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that were decoded, as the checks go on."""
    names, usual = [], video_check.decode_all

    def spy(paths, *more):
        names.extend(path.name for path in paths)
        return usual(paths, *more)

    monkeypatch.setattr(video_check, "decode_all", spy)
    return names


@pytest.fixture(scope="session")
def real_roots(tmp_path_factory):
    if not annotation_roots.ANNOTATIONS.is_dir():
        pytest.skip("the annotation files ../shared/data/annotations are absent")
    return annotation_roots.link_roots(tmp_path_factory.mktemp("roots"))


def video(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(np.full((3, 32, 32, 3), 90, np.uint8), path, 8)


def lists(root: Path) -> Path:
    """Small lists in the layout of UCF101: two classes, five videos."""
    folder = root / "ucfTrainTestlist"
    folder.mkdir(parents=True)
    (folder / "classInd.txt").write_text("1 Archery\n2 YoYo\n")
    train = [f"Archery/v_Archery_g08_c0{n}.avi 1" for n in (1, 2)]
    train += [f"YoYo/v_YoYo_g08_c0{n}.avi 2" for n in (1, 2)]
    (folder / "trainlist01.txt").write_text("\n".join(train) + "\n")
    (folder / "testlist01.txt").write_text("YoYo/v_YoYo_g01_c01.avi\n")
    return root


def small(root: Path) -> Path:
    """The same with videos: all but one are there, and one is empty."""
    lists(root)
    for name in ("v_Archery_g08_c01", "v_YoYo_g08_c01", "v_YoYo_g01_c01"):
        video(root / "UCF-101" / name.split("_")[1] / f"{name}.mp4")
    (root / "UCF-101" / "v_YoYo_g08_c02.avi").write_bytes(b"")
    return root


@pytest.mark.parametrize("id", catalog.PUBLISHED)
def test_describe(id, quick):
    card, out = catalog.card(id), quick("data", "describe", id, check=0).stdout
    for text in (card.title, card.homepage, *card.layout.splitlines()):
        assert text in out
    for annotation in card.annotations:
        pin = f"(sha256 {annotation.sha256[0][:12]}" if annotation.sha256 else "(no digest pinned"
        assert f"{annotation.name} {pin}" in out
    flat = " ".join(out.split())
    for text in (card.what, card.licence, *card.faults, *(a.source for a in card.annotations)):
        assert " ".join(text.split()) in flat
    assert all(f"{split} {number:,}" in flat for split, number in card.counts.items())


def test_describe_the_rest(quick):
    for id in ("shapes", "folder"):
        assert (
            quick("data", "describe", id, check=0).stdout == f"{id}: {catalog.card(id).summary}\n"
        )
    out = quick("data", "describe", "vifi-clip", check=0).stdout
    assert "git clone https://github.com/muzairkhattak/ViFi-CLIP" in out
    assert "65, of which 63 have a pinned digest" in out
    assert "did you mean 'ucf101'?" in quick("data", "describe", "ucf10", check=2).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ucf101", "--data", "gone"), "gone does not exist; the root folder of ucf101 is wanted"),
        (("ucf101",), "the folder of ucf101 is not known: give --data ucf101=DIR"),
        (("ucf101", "--data", ".", "--split", "tset1"), "no split 'tset1'; did you mean 'test1'?"),
        (("ucf101", "--data", ".", "--class-names", "vifi"), "did you mean 'vifi-clip'?"),
        (("msvd", "--data", ".", "--class-names", "vifi-clip"), "is none of official"),
        (("ucf101", "--data", ".", "--out", "no/x.csv"), "a folder that exists is wanted"),
        (("ufc101", "--data", "."), "did you mean 'ucf101'?"),
    ],
)
def test_what_cannot_be_checked(words, said, quick, monkeypatch):
    monkeypatch.delenv("VCLIPBENCH_DATA", raising=False)
    assert said in quick("data", "check", *words, check=2).stderr


def test_a_small_root(quick, decoded, tmp_path):
    root, table = small(tmp_path / "ucf"), tmp_path / "found.csv"
    words = ("data", "check", "ucf101", "--data", root, "--allow-unpinned", "--jobs", 2)
    out = quick(*words, "--out", table, check=1).stdout
    assert "ucf101 train1 lists 4 videos where 9,537 are expected; get the official" in out
    assert "ucf101 has 2 class names where 101 are expected" in out
    assert "classes without a video in test1: 1" in out
    assert "1 of 5 videos are not in" in out
    assert "1 of 4 videos cannot be decoded to their end" in out
    assert "v_YoYo_g08_c02 (the file is empty (0 bytes); copy or download it again)" in out
    assert "trainlist02.txt is not there (get the train/test splits" in out
    assert "it was read all the same (--allow-unpinned)" in out
    assert "4 videos checked by decoding them, 0 known from the last check" in out
    with table.open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert rows["v_Archery_g08_c02"]["path"] == ""
    assert "not in" in rows["v_Archery_g08_c02"]["problem"]
    assert rows["v_YoYo_g08_c02"] == {
        "id": "v_YoYo_g08_c02",
        "path": str(root / "UCF-101" / "v_YoYo_g08_c02.avi"),
        "problem": "the file is empty (0 bytes)",
        "remedy": "copy or download it again",
    }
    assert len(decoded) == 4
    again = quick(*words, check=1).stdout
    assert "4 videos checked by decoding them, 4 known from the last check" in again
    assert "v_YoYo_g08_c02 (the file is empty" in again
    assert len(decoded) == 4


def test_lists_of_other_versions_are_refused(quick, tmp_path):
    out = quick("data", "check", "ucf101", "--data", lists(tmp_path / "ucf"), check=1).stdout
    assert out.count("testlist01.txt has the sha256") == 1
    assert "or go on with --allow-unpinned" in out
    assert "videos listed" not in out


def test_a_split_that_is_asked_for_must_be_there(quick, tmp_path):
    root = lists(tmp_path / "ucf")
    words = ("data", "check", "ucf101", "--data", root, "--no-videos", "--allow-unpinned")
    asked = quick(*words, "--split", "test2", check=1).stdout
    assert "there is no ucfTrainTestlist/testlist02.txt in" in asked
    assert "without it there is no test2" in asked
    assert "not checked" not in asked
    assert "not checked: test2: ucfTrainTestlist/testlist02.txt" in quick(*words, check=1).stdout


def test_stopped(quick, tmp_path, decoded, monkeypatch):
    root, usual = small(tmp_path / "ucf"), video_check.check_videos

    def stop_after_two(*words, **more):
        found = usual(*words, **more)
        yield from (next(found), next(found))
        raise KeyboardInterrupt

    words = ("data", "check", "ucf101", "--data", root, "--allow-unpinned", "--jobs", 1)
    monkeypatch.setattr(video_check, "check_videos", stop_after_two)
    assert "stopped: 2 of 4 videos are checked" in quick(*words, check=130).stdout
    monkeypatch.setattr(video_check, "check_videos", usual)
    decoded.clear()
    assert "2 known from the last check" in quick(*words, check=1).stdout
    assert len(decoded) == 2


@pytest.mark.parametrize(
    ("sign", "other"),
    [
        ("testTrainMulti_7030_splits/x.txt", "hmdb51"),
        ("val_data.json", "didemo"),
        ("val_1.json", "activitynet"),
        ("videos/v_uqiMw7tQ1Cc.mp4", "activitynet"),
        ("LSMDC16_annos_val.csv", "lsmdc"),
    ],
)
def test_the_root_of_another_dataset(sign, other, quick, tmp_path):
    file = tmp_path / "root" / sign
    file.parent.mkdir(parents=True)
    file.write_text("")
    out = quick("data", "check", "ucf101", "--data", tmp_path / "root", check=1).stdout
    assert f"(it looks like the root of {other})" in out
    assert "1 finding\n" in out


def test_folder(quick, tmp_path, decoded):
    for name in ("a/x.mp4", "b/y.mp4"):
        video(tmp_path / "own" / name)
    words = ("data", "check", "folder", "--data", tmp_path / "own", "--jobs", 1)
    assert "2 videos listed of 2 classes" in quick(*words, check=0).stdout
    (tmp_path / "own" / "b" / "[red]z.m2ts").write_bytes(b"no video")
    out = quick(*words, check=1).stdout
    assert "  b/[red]z.m2ts (FFmpeg does not take it for a video" in out
    assert decoded == ["x.mp4", "y.mp4", "[red]z.m2ts"]


def test_the_real_lists(quick, real_roots):
    words = ("--data", real_roots, "--no-videos")
    out = quick("data", "check", "ucf101", *words, check=0).stdout
    assert "7 of 7 annotation files have their pinned digest" in out
    assert "all: 13,320 videos listed of 101 classes" in out
    out = quick("data", "check", "msrvtt", *words, check=0).stdout
    assert "not checked: train-9k, train-7k with captions: MSRVTT_data.json is not there" in out
    out = quick("data", "check", "hmdb51", *words, "--class-names", "vifi-clip", check=0).stdout
    assert "known fault of these names: kick and kick ball" in out
    out = quick("data", "check", "ssv2", *words, check=1).stdout
    assert "there is no something-something-v2-validation.json in" in out
    wrong = ("--data", f"ucf101={real_roots / 'hmdb51'}")
    out = quick("data", "check", "ucf101", *wrong, check=1).stdout
    assert "not one of the 7 annotation files of ucf101" in out
    assert "(it looks like the root of hmdb51)" in out


def test_the_real_checkouts(quick, real_roots, tmp_path):
    for id in ("vifi-clip", "open-vclip"):
        assert "no findings" in quick("data", "check", id, "--data", real_roots, check=0).stdout
    copy = tmp_path / "checkout"
    shutil.copytree(real_roots / "vifi-clip", copy)
    (copy / "labels" / "ucf_101_labels.csv").unlink()
    (copy / "labels" / "hmdb_51_labels.csv").write_text("id,name\n")
    out = quick("data", "check", "vifi-clip", "--data", copy, check=1).stdout
    assert "there is no labels/ucf_101_labels.csv in" in out
    assert "hmdb_51_labels.csv has the sha256" in out
    assert "2 findings\n" in out


def test_real_bad_clips_under_the_names_of_ucf101(quick, real_roots, tmp_path):
    if not CLIPS.is_dir():
        pytest.skip("the clips ../shared/data/clips are absent")
    root = tmp_path / "ucf"
    shutil.copytree(real_roots / "ucf101", root, symlinks=True)
    (root / "UCF-101" / "Archery").mkdir(parents=True)
    for id, (clip, _) in BAD.items():
        shutil.copy(CLIPS / "derived" / clip, root / "UCF-101" / "Archery" / f"{id}.avi")
    shutil.copy(CLIPS / "mmaction2_test.avi", root / "v_Archery_g08_c05.avi")
    words = ("--data", root, "--split", "train1", "--jobs", 2)
    out = quick("data", "check", "ucf101", *words, check=1).stdout
    assert "9,532 of 9,537 videos are not in" in out
    assert "  and 9,527 more: all are in --out FILE.csv" in out
    assert "4 of 5 videos cannot be decoded to their end" in out
    for id, (_, words) in BAD.items():
        assert any(id in line and words in line for line in out.splitlines())
