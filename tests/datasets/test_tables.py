"""Readers, search and checks on small files written here: the rules, and one sentence for each error."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from vclipbench.datasets import catalog, hmdb51, kinetics, reference_lists, ssv2, ucf101
from vclipbench.datasets.annotation import Annotation
from vclipbench.datasets.annotation_files import files_sha256, load
from vclipbench.datasets.card import DatasetCard
from vclipbench.datasets.class_names import CLASS_NAMES
from vclipbench.datasets.errors import DatasetError, MissingAnnotation
from vclipbench.datasets.table import check, make_table
from vclipbench.datasets.video_files import find_videos, forget_videos

CARD = DatasetCard(id="toy", title="Toy", layout="ROOT/\n  x.mp4", counts={"test": 3})
CLIP = "0wR5jVB-WPk"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    return root


def table(*ids: str, **columns: list[str]) -> pd.DataFrame:
    found = pd.DataFrame({"id": list(ids), "path": None, **columns})
    found.attrs = {"dataset": "toy", "split": "test"}
    return found


def paths(found: pd.DataFrame, root: Path) -> list[str | None]:
    return [p and p.relative_to(root).as_posix() for p in found["path"]]


UCF = {
    "ucfTrainTestlist/classInd.txt": "1 Archery\r\n2 YoYo\r\n",
    "ucfTrainTestlist/trainlist01.txt": "Archery/v_Archery_g08_c01.avi 1\r\n"
    "YoYo/v_YoYo_g09_c01.avi 2\r\n",
    "ucfTrainTestlist/testlist01.txt": "Archery/v_Archery_g01_c01.avi\r\n",
}
HMDB = {
    "testTrainMulti_7030_splits/kick_test_split1.txt": "a_kick_u_nm_np1_ba_goo_0.avi 1 \n"
    "b!(#)_kick.avi 2 \n",
    "testTrainMulti_7030_splits/kick_ball_test_split1.txt": "c.avi 0 \nd.avi 2",
}
KINETICS = {
    "kinetics-400_val.csv": "label,youtube_id,time_start,time_end,split,is_cc\n"
    f'zumba,{CLIP},417,427,val,0\n"a, b",-wR5jVB-WPk,3,13,val,0\n',
    "kinetics-400_train.csv": "label,youtube_id,time_start,time_end,split,is_cc\n"
    "zumba,1wR5jVB-WPk,1,11,train,0\n",
    "kinetics-400_test.csv": "youtube_id,time_start,time_end,split\n2wR5jVB-WPk,1,11,test\n",
}
SSV2 = {
    "something-something-v2-labels.json": '{"Moving A, B": "1", "Holding something": "0"}',
    "something-something-v2-validation.json": json.dumps(
        [{"id": "7", "template": "Holding [something]"}, {"id": "9", "template": "Moving A, B"}]
    ),
    "something-something-v2-test.json": '[{"id": "11"}]',
}


def test_ucf101(tmp_path: Path) -> None:
    root = write(tmp_path, UCF)
    found = ucf101.read(root, "all", allow_unpinned=True)
    assert list(found["id"]) == ["v_Archery_g08_c01", "v_YoYo_g09_c01", "v_Archery_g01_c01"]
    assert list(found["label"]) == [0, 1, 0]
    assert list(found["group"]) == ["g08", "g09", "g01"]
    assert len(found.attrs["unpinned"]) == 3
    assert ucf101.classes(root, allow_unpinned=True) == ("Archery", "Yo Yo")
    with pytest.raises(ValueError, match="no split of ucf101 'val'; it can be train1"):
        ucf101.read(root, "val")


def test_hmdb51(tmp_path: Path) -> None:
    root = write(tmp_path, HMDB)
    found = {s: hmdb51.read(root, f"{s}1", allow_unpinned=True) for s in ("train", "test", "used")}
    assert list(found["train"]["group"]) == ["a"]
    assert list(found["test"]["id"]) == ["b!(#)_kick", "d"]
    assert list(found["test"]["class"]) == ["kick", "kick_ball"]  # not by the names of the files
    assert list(found["test"]["label"]) == [0, 1]
    assert len(found["used"]) == 3
    assert len(hmdb51.read(root, "all", allow_unpinned=True)) == 4
    assert hmdb51.classes(root, "vifi-clip", allow_unpinned=True) == ("kick ball", "kick")


def test_kinetics(tmp_path: Path) -> None:
    root = write(tmp_path, KINETICS)
    val = kinetics.read(root, "val", allow_unpinned=True)
    assert list(val["id"]) == [f"{CLIP}_000417_000427", "-wR5jVB-WPk_000003_000013"]
    assert list(val["label"]) == [1, 0]
    assert list(val["class"]) == ["zumba", "a, b"]
    assert list(kinetics.read(root, "train", allow_unpinned=True)["label"]) == [1]
    assert list(kinetics.read(root, "test").columns) == ["id", "path", "group"]
    with pytest.raises(ValueError, match="no Kinetics 'k700'; it can be k400, k600"):
        kinetics.read(root, "val", dataset="k700")


def test_ssv2(tmp_path: Path) -> None:
    root = write(tmp_path, SSV2)
    found = ssv2.read(root, "validation", allow_unpinned=True)
    assert list(found["class"]) == ["Holding something", "Moving A, B"]
    assert list(found["label"]) == [0, 1]
    assert list(ssv2.read(root, "test").columns) == ["id", "path"]


READERS = {
    "ucf": (ucf101.read, UCF),
    "hmdb": (hmdb51.read, HMDB),
    "kinetics": (kinetics.read, KINETICS),
    "ssv2": (ssv2.read, SSV2),
}
NOTHING = UCF["ucfTrainTestlist/testlist01.txt"]


@pytest.mark.parametrize(
    ("reader", "split", "file", "before", "after", "words"),
    [
        ("ucf", "train1", "train", "YoYo/v_YoYo", "Bowling/v_YoYo", "line 2: .* Bowling is not in"),
        (
            "ucf",
            "train1",
            "train",
            "avi 2",
            "avi 1",
            "line 2: YoYo has the id 1, and 2 in classInd",
        ),
        ("ucf", "train1", "train", " 2", "", "line 2: .* should be '<Class>/<file> <id>'"),
        ("ucf", "test1", "test", "Archery/", "", "line 1: .* should be '<Class>/<file>'"),
        ("ucf", "test1", "test", NOTHING, "\r\n", "lists no videos for the split 'test1'"),
        ("ucf", "test1", "class", "1 ", "0 ", "line 1: .* ids count from 1 on"),
        ("ucf", "test1", "class", "YoYo", "Archery", "line 2: the class Archery is already listed"),
        (
            "ucf",
            "all",
            "test",
            "g01",
            "g08",
            "line 1: the video .* is already listed in .*, line 1",
        ),
        ("hmdb", "test1", "kick_ball", "0", "3", "line 1: .* the flag 0, 1 or 2"),
        ("hmdb", "test1", "kick_ball", "d.avi", "b!(#)_kick.avi", "line 2: .* already listed in"),
        ("kinetics", "val", "val", "417", "4m", "line 2: times in seconds are wanted"),
        ("kinetics", "val", "val", CLIP, "short", "line 2: 'short' .* an id of 11 characters"),
        ("kinetics", "val", "val", "427", "400", "line 2: .* a start before the end"),
        ("kinetics", "val", "val", '"a, b"', "a, b", "line 3: 7 fields where the header has 6"),
        ("kinetics", "val", "val", '"a, b"', '"a, b', "line 3: unexpected end of data"),
        ("kinetics", "val", "val", "youtube_id", "id", "has no column youtube_id"),
        ("kinetics", "train", "train", "zumba", "Zumba", "line 2: the class 'Zumba' is not in"),
        ("ssv2", "validation", "-val", "Moving A", "Moving", "entry 2: the class 'Moving, B'"),
        ("ssv2", "validation", "-val", '"9"', '""', "entry 2: no 'id'; id and template"),
        ("ssv2", "validation", "-val", "]", "", "line 1: "),
        ("ssv2", "validation", "labels", '"1"', '"2"', "their ids 0, 1, ... is wanted"),
        ("ssv2", "validation", "labels", "Moving A, B", "Holding something", "named twice"),
    ],
)
def test_what_is_malformed_is_named(
    reader: str, split: str, file: str, before: str, after: str, words: str, tmp_path: Path
) -> None:
    read, files = READERS[reader]
    changed = {n: t.replace(before, after) if file in Path(n).name else t for n, t in files.items()}
    assert changed != files
    with pytest.raises(DatasetError, match=words) as caught:
        read(write(tmp_path, changed), split, allow_unpinned=True)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


LISTS = {
    "datasets_splits/hmdb_splits/val1.txt": "a b.avi 0\r\nc.mp4.mkv 1",
    "labels/hmdb_51_labels.csv": 'id,name\r\n0,kick ball\r\n1,"run, far"\r\n',
}


def test_a_list_of_a_repository(tmp_path: Path) -> None:
    root, id = write(tmp_path, LISTS), "vifi-clip/hmdb51/test1"
    found = reference_lists.read(root, id, allow_unpinned=True)
    assert list(found["id"]) == ["a b", "c"]
    assert list(found["class"]) == ["kick", "run,_far"]
    assert list(found["listed"]) == ["a b.avi", "c.mp4.mkv"]
    assert "after each other" in found.attrs["faults"][0]
    named = reference_lists.names(root, id, "vifi-clip", allow_unpinned=True)
    assert named == ("kick ball", "run, far")
    assert reference_lists.names(root, id, allow_unpinned=True) == ("kick", "run, far")
    with pytest.raises(ValueError, match="no list 'vifi-clip/hmdb51/val1'"):
        reference_lists.read(root, "vifi-clip/hmdb51/val1")
    with pytest.raises(ValueError, match="no draw of half of the classes '10'"):
        reference_lists.half_classes(51, 10)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("mkv 1", "mkv 2", r"val1.txt, line 2: the label 2 is none of the 2"),
        ("mkv 1", "mkv", r"val1.txt, line 2: .* should be '<path> <label>'"),
        ("c.mp4", "a b.avi", r"val1.txt, line 2: the video a b is already listed"),
        ("id,name", "name,id", r"must start with 'id,name'"),
        ("1,", "2,", r"ids 0 to 1 are wanted, \[1\] lack"),
        ("1,", "0,", r"line 3: the class 0 'run, far' is already listed"),
        ('"', "", r"line 3: 3 fields where the header has 2"),
        ("kick ball", " ", r"line 2: the name is empty"),
    ],
)
def test_malformed_lists_of_a_repository(
    before: str, after: str, words: str, tmp_path: Path
) -> None:
    files = {name: text.replace(before, after) for name, text in LISTS.items()}
    with pytest.raises(DatasetError, match=words):
        reference_lists.read(write(tmp_path, files), "vifi-clip/hmdb51/test1", allow_unpinned=True)


def test_another_version_is_refused_with_both_digests(tmp_path: Path) -> None:
    root = write(tmp_path, {"annotations/list.txt": "b\n", "old/list.txt": "a\n"})
    pin = files_sha256([("list.txt", b"a\n")])
    one = Annotation("old/list.txt", (pin,), "get it from the makers")
    assert load(root, one, dataset="toy").pinned
    other = Annotation("list.txt", (pin,), "get it from the makers")
    found = files_sha256([("list.txt", b"b\n")])
    with pytest.raises(
        DatasetError, match=f"{found} and {pin} is expected.*get it from.*--allow-unp"
    ):
        load(root, other, dataset="toy")
    with pytest.raises(MissingAnnotation, match="there is no x in"):
        load(root, Annotation("x", (), ""), dataset="toy")
    loaded = load(root, other, dataset="toy", allow_unpinned=True)
    assert (loaded.pinned, loaded.sha256) == (False, found)
    noted = make_table([{"id": "x", "where": ""}], [loaded], dataset="toy", split="test")
    assert noted.attrs["annotations"] == {"list.txt": found}
    assert check(noted, CARD)[1].problem == "list.txt has a sha256 that is not pinned"


def test_a_family_of_files_plain_or_zipped_has_one_digest(tmp_path: Path) -> None:
    family = Annotation("lists/*_1.txt", (), "")
    plain = write(tmp_path / "a", {"lists/b_1.txt": "2\n", "lists/a_1.txt": "1\n"})
    zipped = write(tmp_path / "b", {"a_1.txt": "1\n"})
    (zipped / "b_1.txt.gz").write_bytes(gzip.compress(b"2\n"))
    first, second = load(plain, family, dataset="toy"), load(zipped, family, dataset="toy")
    assert first.sha256 == second.sha256
    assert [line for _, line in second.lines()] == ["1", "2"]
    assert second.files[1][0].name == "b_1.txt.gz"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there is no ucfTrainTestlist/classInd.txt in .*; get the train/test splits"),
        ({"testTrainMulti_7030_splits/x": ""}, r"\(it looks like the root of hmdb51\)"),
        ({"kinetics-600_val.csv.gz": ""}, r"\(it looks like the root of k600\)"),
        ({"classInd.txt.gz": "no gzip"}, "cannot read .*classInd.txt.gz"),
    ],
)
def test_a_root_without_the_lists(files: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=words):
        ucf101.read(write(tmp_path, files), "test1")


def test_a_root_that_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"file": "", "classInd.txt": ""})
    (tmp_path / "classInd.txt").write_bytes(b"1 \xff")
    for root, words in ((tmp_path / "x", "no folder"), (tmp_path / "file", "is a file")):
        with pytest.raises(DatasetError, match=words):
            ucf101.read(root, "test1")
        with pytest.raises(DatasetError, match=r"does not exist|is a file"):
            find_videos(table("a"), [root])
    with pytest.raises(DatasetError, match="not UTF-8"):
        ucf101.read(tmp_path, "test1", allow_unpinned=True)


@pytest.mark.parametrize(
    ("layout", "id"),
    [
        ("a.avi", "a"),
        ("UCF-101/HandStandPushups/a.AVI", "a"),
        ("deep/er/a.mp4.mkv", "a"),
        ("x/a.b.webm", "a.b"),
        ("val/abseiling/0wR5jVB-WPk_000417_000427.mp4", f"{CLIP}_000417_000427"),
        ("0wR5jVB-WPk.mkv", f"{CLIP}_000417_000427"),
        ("val/0wR5jVB-WPk_000417_000427.mp4", CLIP),
        ("a.mov", "a.mp4"),
    ],
)
def test_layouts_of_videos(layout: str, id: str, tmp_path: Path) -> None:
    root = write(tmp_path, {layout: "", "notes.txt": "", ".hidden/a.mp4": "", "._a.mp4": ""})
    found = find_videos(table(id, "zzz"), [root])
    assert paths(found, root) == [layout, None]
    assert found.attrs["ambiguous"] == {}


def test_a_clip_with_other_times_or_another_case_is_another_clip(tmp_path: Path) -> None:
    root = write(tmp_path, {f"{CLIP}_000001_000011.mp4": "", "0wr5jvb-wpk.mp4": ""})
    assert find_videos(table(f"{CLIP}_000417_000427"), [root])["path"].isna().all()


def test_of_two_files_the_one_in_the_folder_of_the_class_counts(tmp_path: Path) -> None:
    root = write(tmp_path, {"a/brush_hair/x.mp4": "", "a/other/x.avi": ""})
    found = find_videos(table("x", **{"class": ["Brush hair"]}), [root])
    assert paths(found, root) == ["a/brush_hair/x.mp4"]
    assert found.attrs["ambiguous"] == {}
    found = find_videos(table("x"), [root])
    assert paths(found, root) == ["a/brush_hair/x.mp4"]
    assert list(found.attrs["ambiguous"]) == ["x"]
    assert len(found.attrs["ambiguous"]["x"]) == 2


def test_two_clips_cannot_share_one_file_of_their_video(tmp_path: Path) -> None:
    root = write(tmp_path, {f"{CLIP}.mp4": ""})
    found = find_videos(table(f"{CLIP}_000001_000011", f"{CLIP}_000020_000030"), [root])
    assert found["path"].isna().all()
    assert len(found.attrs["ambiguous"]) == 2


def test_roots_are_joined_followed_and_remembered(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1", {"a.mp4": ""}), write(tmp_path / "2", {"b.mp4": ""})
    (one / "link").symlink_to(two)
    (two / "round").symlink_to(one)
    found = find_videos(table("a", "b"), [one])
    assert paths(found, one) == ["a.mp4", "link/b.mp4"]
    found = find_videos(table("b", "a"), [one, one / "link"])
    assert list(found.attrs["ambiguous"]) == []
    write(one, {"c.mp4": ""})
    assert find_videos(table("c"), [one])["path"].isna().all()
    forget_videos()
    assert paths(find_videos(table("c"), [one]), one) == ["c.mp4"]


def test_findings(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.mp4": "", "x/a.avi": "", "b.mp4": ""})
    assert check(table("a", "b", "c"), CARD) == []  # videos were not looked for
    found = check(find_videos(table("a", "b", "c"), [root]), CARD)
    assert [f.ids for f in found] == [("c",), ("a",)]
    assert re.match(r"1 of 3 videos are not in .*", found[0].problem)
    assert found[1].problem.startswith("1 videos could be several files")
    found = check(find_videos(table("x", "y", "x", "z"), [root]), CARD)
    assert [f.problem.split(" is ")[0][:40] for f in found] == [
        "toy test lists 4 videos where 3 are expe",
        "1 ids occur twice",
        "none of the 4 videos",
    ]
    assert "root of another dataset" in found[2].remedy


@pytest.mark.parametrize("class_names", CLASS_NAMES)
def test_names_are_spelled_and_read_back(class_names: str) -> None:
    raw = {
        "ucf101": ("ApplyEyeMakeup", "YoYo", "TaiChi", "Punch"),
        "hmdb51": ("kick", "kick_ball", "sword", "sword_exercise", "brush_hair", "pullup"),
        "k400": ("passing American football (in game)", "zumba"),
        "ssv2": ("Moving A, B", "Holding something"),
    }
    spellings = {id: catalog.card(id).spelling for id in catalog.PUBLISHED}
    for dataset, names in raw.items():
        one = spellings[dataset]
        assert one.unspelled(one.spelled(names, class_names), class_names) == names
    assert {c for one in spellings.values() if one for c in one.faults} <= set(CLASS_NAMES)
    with pytest.raises(ValueError, match="no set of class names 'x'; it can be official"):
        spellings["k400"].spelled((), "x")
