"""Readers of the retrieval sets on files written here; on the real ones: test_captioned_counts.py."""

import json

import pytest
from vclipbench.datasets import activitynet, didemo, lsmdc, msrvtt, msvd
from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.table import check
from vclipbench.datasets.video_files import find_videos, forget_videos


def write(folder, **files):
    """Files by name ("__" for the dot): a text, or what is written as JSON."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return folder


MSRVTT = {
    "MSRVTT_JSFUSION_test__csv": "key,vid_key,video_id,sentence\n"
    'ret0,msr1,video1,"a dog,  and a cat"\r\nret1,msr2,video2,a man\n',
    "MSRVTT_train__9k__csv": "video_id\nvideo7\nvideo3\n",
    "MSRVTT_data__json": {
        "videos": [{"video_id": "video3"}, {"video_id": "video7"}, {"video_id": "video1"}],
        "sentences": [
            {"video_id": "video7", "caption": "one"},
            {"video_id": "video3", "caption": "two\n"},
            {"video_id": "video7", "caption": "three"},
        ],
    },
}


def msrvtt_root(folder, **changed):
    return write(folder, **{**MSRVTT, **changed})


def test_msrvtt(tmp_path):
    root = msrvtt_root(tmp_path)
    test = msrvtt.read(root, "test", allow_unpinned=True)
    assert test.columns.tolist() == ["id", "path", "captions"]
    assert test["captions"].tolist() == [("a dog, and a cat",), ("a man",)]
    train = msrvtt.read(root, "train-9k", allow_unpinned=True)
    assert train["id"].tolist() == ["video7", "video3"]
    assert train["captions"].tolist() == [("one", "three"), ("two",)]
    assert train.attrs["unpinned"] == ("MSRVTT_train.9k.csv", "MSRVTT_data.json")
    bare = msrvtt.read(root, "train-9k", captions=False, allow_unpinned=True)
    assert bare.columns.tolist() == ["id", "path"]


@pytest.mark.parametrize(
    ("changed", "split", "words"),
    [
        (
            {"MSRVTT_JSFUSION_test__csv": "key,video_id\na,b\n"},
            "test",
            r"test\.csv, line 1: the columns video_id,sentence are wanted",
        ),
        (
            {"MSRVTT_JSFUSION_test__csv": "video_id,sentence\nvideo1,a, b\n"},
            "test",
            r"line 2: 3 fields where the header has 2",
        ),
        (
            {"MSRVTT_JSFUSION_test__csv": "video_id,sentence\nvideo1, \n"},
            "test",
            r"line 2: a text is wanted under 'sentence'",
        ),
        (
            {"MSRVTT_JSFUSION_test__csv": "video_id,sentence\nvideo1,a\nvideo1,b\n"},
            "test",
            r"line 3: the video video1 is already listed in .*line 2",
        ),
        ({"MSRVTT_JSFUSION_test__csv": "video_id,sentence\n"}, "test", "lists no videos"),
        (
            {"MSRVTT_train__9k__csv": "video_id\nvideo1\n"},
            "train-9k",
            r"line 2: video1 has no caption in .*MSRVTT_data\.json",
        ),
        (
            {
                "MSRVTT_data__json": {
                    "videos": [],
                    "sentences": MSRVTT["MSRVTT_data__json"]["sentences"],
                }
            },
            "train-9k",
            r"MSRVTT_data\.json, sentence 0: the video video7 is not among 'videos'",
        ),
        ({"MSRVTT_data__json": '{"videos": [],\n "sen'}, "train-9k", r"line 2: this is not JSON"),
        ({"MSRVTT_data__json": []}, "train-9k", "line 1: an object is wanted"),
        ({"MSRVTT_data__json": {"videos": []}}, "train-9k", "'videos' and 'sentences' are wanted"),
    ],
)
def test_msrvtt_bad_files(tmp_path, changed, split, words):
    with pytest.raises(DatasetError, match=words):
        msrvtt.read(msrvtt_root(tmp_path, **changed), split, allow_unpinned=True)


def test_another_version_names_both_digests(tmp_path):
    with pytest.raises(DatasetError, match=r"has the sha256 [0-9a-f]{64} and e61144b312c8a2fc"):
        msrvtt.read(msrvtt_root(tmp_path), "test")
    with pytest.raises(ValueError, match="there is no split of MSR-VTT 'val'"):
        msrvtt.read(tmp_path, "val")


MSVD = {
    "captions_msvd__json": {"a_1_2": ["x", "y", "x"], "b_1_2": ["x"], "c_1_2": ["z"]},
    "train_list__txt": "a_1_2\n",
    "val_list__txt": "b_1_2\n",
    "test_list__txt": "c_1_2",
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"test_list__txt": "q_1_2\nc_1_2\n"}, r"test_list\.txt, line 1: q_1_2 has no caption"),
        ({"val_list__txt": "a_1_3\n"}, r"1 videos have captions and are in no list, first b_1_2"),
        ({"val_list__txt": "\n"}, r"val_list\.txt lists no videos for the split 'val'"),
        ({"test_list__txt": "c_1_2\nc_1_2\n"}, r"line 2: the video c_1_2 is already listed"),
        (
            {"captions_msvd__json": {**MSVD["captions_msvd__json"], "c_1_2": []}},
            r"video c_1_2: captions are wanted",
        ),
        (
            {"captions_msvd__json": {**MSVD["captions_msvd__json"], "c_1_2": ["x", 3]}},
            r"video c_1_2: a text is wanted under 'caption'",
        ),
        (
            {"captions_msvd__json": '{"c_1_2": ["x"], "c_1_2": ["y"]}'},
            r"captions_msvd\.json: 'c_1_2' is there twice",
        ),
    ],
)
def test_msvd_bad_files(tmp_path, changed, words):
    with pytest.raises(DatasetError, match=words):
        msvd.read(write(tmp_path, **{**MSVD, **changed}), "test", allow_unpinned=True)


def test_msvd_keeps_every_caption(tmp_path):
    table = msvd.read(write(tmp_path, **MSVD), "train", allow_unpinned=True)
    assert table["captions"].tolist() == [("x", "y", "x")]


DIDEMO = {
    "val_list__txt": "1@N_a.mts\n2@N_b.\n",
    "val_data__json": [
        {"video": "2@N_b.", "description": "first. "},
        {"video": "1@N_a.mp4", "description": "the same under another name"},
        {"video": "1@N_a.mts", "description": "alone"},
        {"video": "2@N_b.", "description": "second"},
    ],
}


def test_didemo_joins_descriptions_and_finds_files_of_either_name(tmp_path):
    table = didemo.read(write(tmp_path, **DIDEMO), "val", allow_unpinned=True)
    assert table.columns.tolist() == ["id", "path", "file", "captions"]
    assert table["id"].tolist() == ["1@N_a", "2@N_b"]
    assert table["captions"].tolist() == [("alone",), ("first. second",)]
    whole = didemo.read(tmp_path, "val", all_names=True, allow_unpinned=True)
    assert whole["captions"][0] == ("the same under another name alone",)
    for files in (("1@N_a.mov", "2@N_b.mp4"), ("1@N_a.mts.mp4", "2@N_b..mp4")):
        videos = tmp_path / files[0]
        videos.mkdir()
        for name in files:
            (videos / name).touch()
        forget_videos()
        found = didemo.find_videos(table, [videos])
        assert [path.name for path in found["path"]] == list(files)
        assert check(found, didemo.CARD)[-1].problem.startswith("val_data.json has a sha256")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"val_list__txt": "1@N_a.mts\n2@N_b.\n3@N_c.mov\n"},
            r"val_list\.txt, line 3: the video has no description",
        ),
        (
            {"val_list__txt": "1@N_a.mts\n"},
            r"val_data\.json, entry 0: the video 2@N_b\. is not in the list",
        ),
        (
            {"val_list__txt": "1@N_a.mts\n2@N_b.\n2@N_b.\n"},
            r"line 3: the video 2@N_b is already listed in",
        ),
        ({"val_data__json": {}}, "a list is wanted"),
        ({"val_data__json": [{"video": "1@N_a.mts"}]}, r"entry 0: a text is wanted under 'desc"),
        ({"val_data__json": ["1@N_a.mts"]}, r"entry 0: a text is wanted under 'video'"),
    ],
)
def test_didemo_bad_files(tmp_path, changed, words):
    with pytest.raises(DatasetError, match=words):
        didemo.read(write(tmp_path, **{**DIDEMO, **changed}), "val", allow_unpinned=True)


def test_activitynet_joins_sentences_and_finds_files_of_either_name(tmp_path):
    content = {
        "v_aaaaaaaaaaa": {
            "duration": 3.0,
            "timestamps": [[0, 1], [1, 3]],
            "sentences": ["A.", "  B."],
        },
        "v_bbbbbbbbbbb": {"duration": 3.0, "timestamps": [[0, 1]], "sentences": ["\nC."]},
        "v_ccccccccccc": {"duration": 3.0, "timestamps": [[0, 1]], "sentences": ["D."]},
    }
    table = activitynet.read(write(tmp_path, val_1__json=content), "val_1", allow_unpinned=True)
    assert table["captions"].tolist() == [("A. B.",), ("C.",), ("D.",)]
    for name in ("v_aaaaaaaaaaa.mkv", "bbbbbbbbbbb.mp4"):
        (tmp_path / name).touch()
    forget_videos()
    found = activitynet.find_videos(table, [tmp_path])
    assert [path and path.name for path in found["path"]] == [
        "v_aaaaaaaaaaa.mkv",
        "bbbbbbbbbbb.mp4",
        None,
    ]
    assert find_videos(table, [tmp_path])["path"].isna().tolist() == [False, True, True]
    (tmp_path / "bbbbbbbbbbb.webm").touch()
    forget_videos()
    assert set(activitynet.find_videos(table, [tmp_path]).attrs["ambiguous"]) == {"v_bbbbbbbbbbb"}


@pytest.mark.parametrize("row", [{}, {"sentences": []}, {"sentences": ["A.", " "]}, ["A."]])
def test_activitynet_videos_without_sentences_are_refused(tmp_path, row):
    root = write(tmp_path, train__json={"v_aaaaaaaaaaa": row})
    with pytest.raises(DatasetError, match=r"video v_aaaaaaaaaaa: .* wanted"):
        activitynet.read(root, "train", allow_unpinned=True)


CLIP = "0001_American_Beauty_00.00.51.926-00.00.54.129"


def test_lsmdc_official_lines(tmp_path):
    other = CLIP.replace("54.129", "57.000")
    lines = [
        f'{CLIP}\t1\t2\t1\t2\tSomeone says "no.\n',
        f"{other}\t1\t2\t1\t2\tShe looks.\n",
        f"{CLIP}\t1\t2\t1\t2\tAgain.\n",
    ]
    root = write(tmp_path, LSMDC16_annos_training__csv="".join(lines))
    table = lsmdc.read(root, "train")
    assert table["id"].tolist() == [CLIP, other]
    assert table["captions"].tolist() == [('Someone says "no.', "Again."), ("She looks.",)]
    movie = tmp_path / "0001_American_Beauty"
    movie.mkdir()
    (movie / f"{CLIP}.avi").touch()
    forget_videos()
    assert find_videos(table, [tmp_path])["path"].tolist() == [movie / f"{CLIP}.avi", None]


def test_lsmdc_as_clip_vip_lists_it(tmp_path):
    rows = [{"clip_id": f"0001_American_Beauty/{CLIP}", "text": "She looks."}]
    rows.append({"clip_id": "b", "text": ["one", "two"]})
    text = "\n".join(map(json.dumps, rows))
    table = lsmdc.read(write(tmp_path, test_1k_frame__jsonl=text), "test")
    assert table["id"].tolist() == [CLIP, "b"]
    assert table["captions"].tolist() == [("She looks.",), ("one", "two")]
    assert "lists 2 videos where 1,000 are expected" in check(table, lsmdc.CARD)[0].problem


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("LSMDC16_challenge_1000_publictect__csv", "a\tb\n", "line 1: 6 fields separated by tabs"),
        ("LSMDC16_challenge_1000_publictect__csv", "\n", "lists no videos"),
        ("test_1k_frame__jsonl", '{"clip_id": "a", "text": "b"}\n{', "line 2: this is not JSON"),
        ("test_1k_frame__jsonl", '{"text": "b"}', "line 1: a text is wanted under 'clip_id'"),
        ("test_1k_frame__jsonl", '{"clip_id": "a"}', "line 1: captions are wanted"),
    ],
)
def test_lsmdc_bad_files(tmp_path, name, text, words):
    with pytest.raises(DatasetError, match=words):
        lsmdc.read(write(tmp_path, **{name: text}), "test")


def test_the_root_of_another_dataset(tmp_path):
    with pytest.raises(DatasetError, match=r"looks like the root of msrvtt"):
        lsmdc.read(msrvtt_root(tmp_path), "test")


@pytest.mark.parametrize("module", [msrvtt, msvd, didemo, activitynet, lsmdc])
def test_cards(module):
    card = module.CARD
    names = [a.name for a in card.annotations]
    assert len(set(names)) == len(names)
    assert all(name in card.layout for name in names)
    assert all("https://" in a.source for a in card.annotations)
    assert all(len(digest) == 64 for a in card.annotations for digest in a.sha256)
    assert card.homepage.startswith("https://")
