"""support/fake_root.py: miniature roots that the readers take for real ones."""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import fake_root
import numpy as np
import pytest
from annotation_roots import ANNOTATIONS, link_roots
from vclipbench.datasets import catalog, reference_lists
from vclipbench.datasets.folder import EXTENSIONS
from vclipbench.datasets.roots import Roots
from vclipbench.datasets.video.read import read_clip
from vclipbench.protocols.lists import VideoList, read_list
from vclipbench.protocols.split import Data

SUPPORT = Path(__file__).parent / "support"
CLIPS = ANNOTATIONS.parent / "clips"
PER_CLASS = 2
real = pytest.mark.skipif(
    not (ANNOTATIONS.is_dir() and CLIPS.is_dir()),
    reason=f"the real annotation files and clips are not in {ANNOTATIONS.parent}",
)
CLASS_LISTS = [
    *(
        f"{id}/{part}{n}"
        for id in ("ucf101", "hmdb51")
        for part in ("train", "test")
        for n in "123"
    ),
    *("k400/train", "k400/val", "ssv2/train", "ssv2/validation"),
    *(
        id
        for id in reference_lists.lists()
        if id not in ("vifi-clip/k400/train-tiny", "open-vclip/k600/val")
        and not id.startswith("open-vclip/hmdb51/train")
    ),
]
CAPTIONED = [
    *("msrvtt/test", "msrvtt/train-9k", "msrvtt/train-7k", "msvd/test", "msvd/train"),
    *("didemo/test", "didemo/train", "activitynet/val_1", "activitynet/train"),
    *("lsmdc/test", "lsmdc/train"),
]


@pytest.fixture(scope="module")
def root(shapes_cache, tmp_path_factory):
    """A root of all datasets, made by the command line."""
    annotations = link_roots(tmp_path_factory.mktemp("annotations"))
    out = tmp_path_factory.mktemp("fake") / "root"
    command = [sys.executable, SUPPORT / "fake_root.py", "all", "--out", out]
    command += ["--annotations", annotations, "--clips", CLIPS, "--per-class", str(PER_CLASS)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert all(id in done.stdout for id in catalog.PUBLISHED)
    return out


def table_of(root, name):
    """A list with the videos found in the root, and how many rows its makers count (None: unknown)."""
    head, _, part = name.partition("/")
    if head in reference_lists.REPOSITORIES:
        file = reference_lists.files()[name]
        table = reference_lists.read(root / head, name)
        return catalog.find_videos(file.dataset, table, [root / file.dataset]), file.rows
    table = catalog.find_videos(head, catalog.read(head, root / head, part), [root / head])
    return table, catalog.card(head).counts.get(part)


@real
@pytest.mark.parametrize("name", CLASS_LISTS)
def test_every_list_has_videos_of_every_class(root, name):
    table, rows = table_of(root, name)
    found = Counter(table["class"][table["path"].notna()])
    assert all(found[name] >= PER_CLASS for name in table["class"].unique())
    assert not table.attrs["ambiguous"]
    if name != "ssv2/train":  # made up out of the lists that can be had, which are of fewer videos
        assert len(table) == (rows or len(table))


@real
@pytest.mark.parametrize("draw", [1, 2, 3])
@pytest.mark.parametrize("id", ["ucf101", "hmdb51", "ssv2"])
def test_training_lists_that_protocols_draw_have_videos_of_every_class(root, id, draw):
    drawn = VideoList("drawn", id, f"vifi-clip/{id}/base-train", shots=16, draw=draw)
    split = read_list(drawn, Data(roots=Roots(common=root)))
    found = Counter(s.label for s in split.samples if s.path is not None)
    assert all(found[label] >= PER_CLASS for label in range(len(split.classes)))


@real
def test_the_lists_are_not_shortened_and_the_videos_few(root):
    table, rows = table_of(root, "vifi-clip/k400/val")
    assert len(table) == rows == 19_877
    assert table["path"].notna().sum() < 1000


@real
@pytest.mark.parametrize("repository", ["vifi-clip", "open-vclip"])
def test_made_up_training_lists_agree_with_the_table(root, repository):
    official, _ = table_of(root, "k400/train")
    listed, _ = table_of(root, f"{repository}/k400/train")
    classes = dict(zip(official["group"], official["class"], strict=True))
    assert dict(zip(listed["group"], listed["class"], strict=True)) == classes
    assert len(classes) == 400 * PER_CLASS


@real
def test_official_clips_of_the_unseen_classes_of_k600(root):
    official, _ = table_of(root, "k600/val")
    drawn = {
        name
        for draw in "123"
        for name in reference_lists.read(root / "open-vclip", f"open-vclip/k600/draw{draw}")[
            "class"
        ]
    }
    found = Counter(official["class"][official["path"].notna()])
    assert len(drawn) == 217
    assert set(found) == drawn
    assert min(found.values()) >= PER_CLASS


@real
@pytest.mark.parametrize("name", CAPTIONED)
def test_every_captioned_list_has_videos(root, name):
    table, rows = table_of(root, name)
    assert list(table["path"].notna())[:40] == [True] * 40
    assert all(table["captions"])
    assert len(table) == (rows or len(table))
    assert not table.attrs["ambiguous"]


@real
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_label_of_charades_has_a_video(root, split):
    table, _ = table_of(root, f"charades/{split}")
    found = table[table["path"].notna()]
    assert len(found) == 40
    assert {label for labels in found["labels"] for label in labels} == set(range(157))


@real
def test_every_video_decodes_and_some_are_real(root):
    videos = [p for p in root.rglob("*") if p.suffix in EXTENSIONS]
    contents = {(p.stat().st_size, p.suffix): p for p in videos}  # a content has a size of its own
    sizes = Counter()
    for path in contents.values():
        frames = read_clip(path, lambda count: np.linspace(0, count - 1, 8).astype(int)).frames
        sizes[frames.shape[1:]] += 1
    assert sizes[64, 64, 3] > 100
    assert len(sizes) > 5
    assert len({p.stat().st_ino for p in videos}) < len(videos) / 5  # most share their bytes


@real
def test_whole_root_is_small_and_nothing_is_a_link(root):
    files = {}
    for path in root.rglob("*"):
        assert not path.is_symlink()
        files[path.stat().st_ino] = path.stat().st_size
    assert sum(files.values()) < 200e6


@real
def test_what_is_made_up_is_said(root):
    assert "  kinetics-400_train.csv\n" in (root / "k400/README.txt").read_text()
    assert "base_train.txt" in (root / "vifi-clip/README.txt").read_text()
    assert "Made up" not in (root / "ucf101/README.txt").read_text()


@real
def test_training_videos_of_msrvtt_have_twenty_captions(root):
    table, _ = table_of(root, "msrvtt/train-9k")
    numbers = table["captions"].map(len)
    assert set(numbers[table["path"].notna()]) == {20}
    assert set(numbers[table["path"].isna()]) == {1}


@real
def test_more_shots_than_a_list_has_are_all_it_has(shapes_cache, tmp_path):
    annotations = link_roots(tmp_path / "annotations")
    words = ["hmdb51", "--annotations", str(annotations), "--out", str(tmp_path / "out")]
    assert fake_root.main([*words, "--per-class", "3"]) == 0
    for name, least in (("vifi-clip/hmdb51/few2", 2), ("vifi-clip/hmdb51/few4", 3)):
        table, _ = table_of(tmp_path / "out", name)
        assert min(Counter(table["class"][table["path"].notna()]).values()) == least
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "hmdb51",
        "open-vclip",
        "vifi-clip",
    ]


def content(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def lsmdc(shapes_cache, tmp_path):
    """Make LSMDC, all of whose lists are made up; exit status."""
    (tmp_path / "annotations").mkdir()

    def make(*more, id="lsmdc", out="out"):
        words = [id, "--annotations", tmp_path / "annotations", "--out", tmp_path / out, *more]
        return fake_root.main(list(map(str, words)))

    return make


def test_again_with_one_seed_is_the_same(lsmdc, tmp_path):
    assert lsmdc() == lsmdc(out="again") == lsmdc("--seed", 1, out="other") == 0
    made = content(tmp_path / "out")
    assert sum(name.endswith(".avi") for name in made) == 80
    assert content(tmp_path / "again") == made
    other = content(tmp_path / "other")
    assert other.keys() == made.keys()
    assert {name[-4:] for name in made if other[name] != made[name]} == {".avi", ".csv"}


def test_bytes_are_not_shared_with_the_cache(lsmdc, shapes_cache, tmp_path):
    assert lsmdc() == 0
    cached = {p.stat().st_ino for p in shapes_cache.rglob("*.mp4")}
    assert len(cached) >= 48
    assert cached.isdisjoint(p.stat().st_ino for p in (tmp_path / "out").rglob("*.avi"))


def test_own_folder_is_renewed(lsmdc, tmp_path):
    assert lsmdc() == 0
    before = content(tmp_path / "out")
    (tmp_path / "out/lsmdc/stray.avi").touch()
    (tmp_path / "out/other.txt").touch()
    assert lsmdc() == 0
    assert content(tmp_path / "out") == before | {"other.txt": b""}


def test_foreign_folder_is_left_alone(lsmdc, tmp_path, capsys):
    (tmp_path / "out/lsmdc").mkdir(parents=True)
    (tmp_path / "out/lsmdc/README.txt").write_text("my videos\n")
    assert lsmdc() == 2
    error = capsys.readouterr().err
    assert "out/lsmdc is in the way and was not made by this script" in error
    assert content(tmp_path / "out") == {"lsmdc/README.txt": b"my videos\n"}


def test_real_list_goes_before_a_made_up_one(lsmdc, tmp_path):
    given = tmp_path / "annotations/lsmdc"
    given.mkdir()
    clip = "0001_A_Film_00.00.01.000-00.00.02.000"
    (given / "LSMDC16_annos_training.csv").write_text(f"{clip}\t0\t0\t0\t0\tSOMEONE nods.\n")
    assert lsmdc() == 0
    made = tmp_path / "out/lsmdc"
    assert catalog.read("lsmdc", made, "train")["captions"].tolist() == [("SOMEONE nods.",)]
    assert (made / f"videos/0001_A_Film/{clip}.avi").is_file()
    assert "training.csv" not in (made / "README.txt").read_text()
    assert "publictect.csv" in (made / "README.txt").read_text()


def test_failure_leaves_what_was_there(lsmdc, tmp_path, capsys):
    assert lsmdc() == 0
    before = content(tmp_path / "out")
    given = tmp_path / "annotations/lsmdc"
    given.mkdir()
    (given / "LSMDC16_annos_val.csv.gz").write_bytes(b"no gzip")
    assert lsmdc() == 2
    assert f"cannot read {given / 'LSMDC16_annos_val.csv.gz'}" in capsys.readouterr().err
    assert content(tmp_path / "out") == before
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["lsmdc"]


@pytest.mark.parametrize(
    ("id", "more", "sentence"),
    [
        ("ucf10", (), "there is no dataset 'ucf10'; it can be ucf101, hmdb51,"),
        ("lsmdc", ("--per-class", 0), "--per-class must be at least 1, not 0"),
        ("lsmdc", ("--annotations", "nowhere"), "there is no folder nowhere, given as --annota"),
        (
            "lsmdc",
            ("--clips", "nowhere"),
            "there is no file nowhere/clips.csv, the list of the real clips",
        ),
        ("ucf101", (), "annotations/ucf101; the root folder of ucf101 is wanted"),
    ],
)
def test_bad_input_is_one_sentence_and_makes_nothing(lsmdc, tmp_path, capsys, id, more, sentence):
    assert lsmdc(*more, id=id) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists() or not content(tmp_path / "out")


def test_clips_that_cannot_be_read_are_left_out(lsmdc, shapes_cache, tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "broken.mp4").write_bytes(b"no video")
    with (clips / "clips.csv").open("w", newline="") as text:
        csv.writer(text).writerows([["file"], ["broken.mp4"], ["absent.mp4"]])
    assert lsmdc("--clips", clips) == 2
    assert "none of the 2 clips of" in capsys.readouterr().err
    lsmdc(out="first")
    (clips / "absent.mp4").write_bytes(next((tmp_path / "first").rglob("*.avi")).read_bytes())
    assert lsmdc("--clips", clips) == 0
    shown = Counter(p.read_bytes() for p in sorted((tmp_path / "out").rglob("*.avi")))
    assert shown[(clips / "absent.mp4").read_bytes()] >= 80 // 5
    assert b"no video" not in shown
