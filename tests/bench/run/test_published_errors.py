"""Bad input to published protocols, by the command line: one sentence, an exit code, nothing written."""

import gzip
import hashlib
import json
import shutil

import pytest
from annotation_roots import ANNOTATIONS, FOLDERS
from published import protocol
from session_roots import fake_root
from vclipbench.datasets import hmdb51, msvd, reference_lists, ucf101
from vclipbench.datasets.roots import Roots
from vclipbench.leaderboard import load_records
from vclipbench.protocols.split import Data

pytestmark = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason="the annotation files ../shared/data/annotations are absent"
)
FAST = ("--set", "views.frames=1", "--set", "data.workers=0", "--set", "data.limit=4")
TINY = ("--backbone", "shapes-tiny", "--set", "train.precision=fp32")
SKIP, ANY = ("--on-bad-video", "skip"), ("--allow-unpinned",)
HMDB_SPLITS = "hmdb51/testTrainMulti_7030_splits"
WAVE = f"{HMDB_SPLITS}/wave_test_split2.txt"
VIFI_NAMES = "vifi-clip/labels/hmdb_51_labels.csv"
VIFI_LIST = "vifi-clip/datasets_splits/hmdb_splits/val1.txt"
VIFI_BASE = "vifi-clip/datasets_splits/base2novel_splits/hmdb_splits/base_train.txt"
UCF_NAMES = "ucf101/classInd.txt"
MSVD_CAPTIONS, MSVD_LIST = "msvd/captions_msvd.json.gz", "msvd/test_list.txt"


@pytest.fixture(scope="module")
def root(shapes_cache, tmp_path_factory):
    return fake_root(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def _no_other_data(monkeypatch):
    monkeypatch.delenv("VCLIPBENCH_DATA", raising=False)


@pytest.fixture
def copied(root, tmp_path):
    """A copy of some folders of the miniature root; of UCF101 the lists, as it has no videos here."""

    def make(*folders):
        for folder in folders:
            place = ANNOTATIONS / FOLDERS[folder] if folder == "ucf101" else root / folder
            shutil.copytree(place, tmp_path / "data" / folder)
        return tmp_path / "data"

    return make


@pytest.fixture
def changed(copied):
    """A copy of some folders, one file of it changed: text -> text."""

    def make(folders, file, change):
        data = copied(*folders)
        path = data / file
        raw = path.read_bytes()
        before = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        after = change(before)
        assert after != before
        path.write_bytes(gzip.compress(after.encode()) if path.suffix == ".gz" else after.encode())
        return data

    return make


@pytest.fixture
def run(quick, tmp_path):
    """Run a protocol without a model, or another method."""

    def start(protocol, *more, method="random", check=None):
        words = ("run", "--method", method, "--protocol", protocol, "--out", tmp_path / "runs")
        small = ("--set", "preprocess.size=32") if method == "random" else TINY
        return quick(*words, *FAST, *small, *more, check=check)

    return start


@pytest.fixture
def refused(run, tmp_path):
    """Run a protocol that must be refused -> the sentence, which holds these words."""

    def start(protocol, *more, words=(), method="random"):
        done = run(protocol, *more, method=method)
        said = done.stderr.strip()
        assert done.returncode == 2, done.stdout + done.stderr
        assert said.startswith("error: ")
        assert (
            "\n" not in said or "videos on disk" in said
        )  # below: where it is got, and its layout
        assert "Traceback" not in done.stdout + done.stderr
        lacking = [word for word in words if str(word) not in said]
        assert not lacking, f"{lacking} not in: {said}"
        written = [path for path in tmp_path.glob("runs/**/*") if path.is_file()]
        assert not written, f"refused, but written: {written}"
        return said

    return start


def first_twice(text):
    return text + text.splitlines()[0] + "\n"


# --- another version of a file


@pytest.mark.parametrize(
    ("protocol", "file", "old", "new", "pinned"),
    [
        ("zs-hmdb51", WAVE, " 2", " 1", hmdb51.CARD.annotations[1].sha256[0]),
        ("ret-msvd", MSVD_CAPTIONS, "a", "b", msvd.CAPTIONS.sha256[0]),
        (
            "fs-hmdb51-clean",
            VIFI_NAMES,
            "cartwheel",
            "cartwheal",
            reference_lists.files()["vifi-clip/labels/hmdb_51_labels.csv"].sha256,
        ),
        ("zs-ucf101", UCF_NAMES, "Yo", "yo", ucf101.CARD.annotations[0].sha256[0]),
    ],
)
def test_one_byte_changed(refused, changed, protocol, file, old, new, pinned):
    folders = {file.partition("/")[0], "hmdb51"} if "hmdb51" in protocol else [file.split("/")[0]]
    data = changed(folders, file, lambda text: text.replace(old, new, 1))
    name = file.replace("wave", "*")  # a family of files is named as one
    said = refused(protocol, "--data", data, *SKIP, words=[data / name, "--allow-unpinned"])
    assert f"{pinned} is expected: this is another version" in said
    if "*" not in name:
        raw = (data / name).read_bytes()
        content = gzip.decompress(raw) if name.endswith(".gz") else raw
        assert f"has the sha256 {hashlib.sha256(content).hexdigest()} and" in said


def test_another_version_is_recorded(run, changed, root, tmp_path):
    data = changed(["hmdb51"], WAVE, lambda text: text.replace(" 2", " 1", 1))
    run("zs-hmdb51", "--data", data, *SKIP, *ANY, check=0)
    (record,) = load_records(tmp_path / "runs")
    name = "testTrainMulti_7030_splits/*_test_split2.txt"
    plan = record.observed.effective_plan
    assert plan["unpinned"] == [name]
    assert plan["annotations"][name] != hmdb51.CARD.annotations[1].sha256[0]
    pinned = protocol("zs-hmdb51").digest(Data(roots=Roots(common=root)))
    assert record.identity.protocol.digest != pinned  # never in one column


def test_other_names_of_an_unpinned_list_make_another_protocol(run, changed, root, tmp_path):
    data = changed(
        ["hmdb51", "vifi-clip"], VIFI_NAMES, lambda text: text.replace("cartwheel", "cart wheel")
    )
    run("fs-hmdb51-clean", "--data", data, *SKIP, *ANY, check=0)
    record, *_ = load_records(tmp_path / "runs")  # one for each number of shots
    assert record.observed.effective_plan["unpinned"] == ["labels/hmdb_51_labels.csv"]
    assert "cart wheel" in record.data["split1"].classes
    pinned = protocol("fs-hmdb51-clean").digest(Data(roots=Roots(common=root)))
    assert record.identity.protocol.digest != pinned


# --- class names in another order or spelling


def ids_swapped(text):
    first, second, *rest = text.splitlines()
    names = [line.partition(" ")[2] for line in (first, second)]
    return "\n".join([f"1 {names[1]}", f"2 {names[0]}", *rest]) + "\n"


def lines_swapped(text):
    first, second, *rest = text.splitlines()
    return "\n".join([second, first, *rest]) + "\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (ids_swapped, ["trainlist01.txt", "line 1", "ApplyEyeMakeup has the id 1, and 2 in"]),
        (lines_swapped, ["classInd.txt", "line 1", "should be '1 <Class>'"]),
        (
            lambda text: text.replace("YoYo", "YoYos"),
            ["trainlist01.txt", "class YoYo is not in classInd.txt"],
        ),
        (
            lambda text: text.replace("YoYo", "Basketball"),
            ["classInd.txt", "line 101", "Basketball is already listed"],
        ),
    ],
    ids=["ids-swapped", "lines-swapped", "spelling", "twice"],
)
def test_names_of_ucf101(refused, changed, change, words):
    data = changed(["ucf101"], UCF_NAMES, change)
    refused("zs-ucf101-full", "--data", data, *ANY, words=words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1,cartwheel", "1,brush hair", ["line 3", "'brush hair' is already listed"]),
        ("50,wave", "51,wave", ["ids 0 to 50 are wanted, [50] lack"]),
        ("id,name", "name,id", ["must start with 'id,name', not 'name,id'"]),
        ("1,cartwheel", "1,", ["line 3", "the name is empty"]),
    ],
)
def test_names_of_a_label_file(refused, changed, old, new, words):
    data = changed(["hmdb51", "vifi-clip"], VIFI_NAMES, lambda text: text.replace(old, new, 1))
    words = [data / VIFI_NAMES, *words]
    refused("fs-hmdb51-clean", "--data", data, *SKIP, *ANY, words=words)


def test_a_split_with_another_class_than_the_first(refused, copied):
    """The files of HMDB51 are named by class: one that sorts elsewhere would shift all labels."""
    data = copied("hmdb51")
    (data / WAVE).rename(data / WAVE.replace("wave", "awave"))
    refused("zs-hmdb51", "--data", data, *SKIP, *ANY, words=["awave"])


# --- videos listed twice, and lists without any


@pytest.mark.parametrize(
    ("protocol", "file", "folders", "change", "line"),
    [
        ("fs-hmdb51-clean", VIFI_LIST, ["hmdb51", "vifi-clip"], first_twice, 1531),
        ("ret-msvd", MSVD_LIST, ["msvd"], first_twice, 671),
        (
            "zs-hmdb51",
            WAVE,
            ["hmdb51"],
            lambda text: text + next(x for x in text.splitlines() if " 2" in x) + "\n",
            105,
        ),
    ],
)
def test_a_video_listed_twice(refused, changed, protocol, file, folders, change, line):
    data = changed(folders, file, change)
    words = [f"{data / file}, line {line}: the video", "is already listed in"]
    refused(protocol, "--data", data, *SKIP, *ANY, words=words)


@pytest.mark.parametrize(
    ("protocol", "file", "folders"),
    [
        ("fs-hmdb51-clean", VIFI_LIST, ["hmdb51", "vifi-clip"]),
        ("zs-ucf101", "ucf101/testlist02.txt", ["ucf101"]),
        ("ret-msvd", MSVD_LIST, ["msvd"]),
    ],
)
def test_an_empty_list(refused, changed, protocol, file, folders):
    data = changed(folders, file, lambda text: "\n")
    refused(protocol, "--data", data, *SKIP, *ANY, words=[data / file, "no videos"])


def test_a_split_of_no_video(refused, copied):
    data = copied("hmdb51")
    for path in (data / HMDB_SPLITS).glob("*_test_split2.txt"):
        path.write_text(path.read_text().replace(" 2", " 0"))
    words = ["_test_split2.txt", "lists no videos for the split 'test2'"]
    refused("zs-hmdb51", "--data", data, *SKIP, *ANY, words=words)


def test_more_shots_than_a_class_has_videos(refused, changed):
    def ten_of_class_3(text):
        rows = text.splitlines()
        those = [row for row in rows if row.endswith(" 3")]
        return "\n".join(row for row in rows if row not in those[10:]) + "\n"

    data = changed(["hmdb51", "vifi-clip"], VIFI_BASE, ten_of_class_3)
    said = refused(*("b2n-hmdb51-clean", "--data", data, *SKIP, *ANY, "--seed", 1), method="vifi")
    assert "of vifi-clip/hmdb51/base-train has 10 videos, and draw 1 of 16 shots needs 16" in said


def test_a_fourth_draw(refused, root):
    words = ["b2n-hmdb51-clean has three training lists: --seed 1, 2, 3, not 4"]
    more = ("--data", root, *SKIP, "--seed", 4)
    refused("b2n-hmdb51-clean", *more, words=words, method="vifi")


# --- captions and videos that do not fit


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c, id: c | {"zzz_1_2": ["x"]}, ["in no list, first zzz_1_2"]),
        (
            lambda c, id: {k: v for k, v in c.items() if k != id},
            [MSVD_LIST, "line 1", "no caption"],
        ),
        (lambda c, id: c | {id: []}, ["captions are wanted, a list of texts that is not empty"]),
        (lambda c, id: c | {id: [" "]}, ["a text is wanted"]),
    ],
    ids=["no-video", "no-caption", "empty-list", "blank"],
)
def test_captions_and_videos_of_msvd(refused, changed, root, change, words):
    id = (root / MSVD_LIST).read_text().split()[0]
    data = changed(["msvd"], MSVD_CAPTIONS, lambda text: json.dumps(change(json.loads(text), id)))
    named = [data / MSVD_CAPTIONS, *([] if "zzz" in str(words) else [id])]
    refused("ret-msvd", "--data", data, *SKIP, *ANY, words=[*named, *words])


@pytest.mark.parametrize(
    ("sentences", "words"),
    [
        (["video1", "video9"], ["sentence 1", "the video video9 is not among 'videos'"]),
        (["video1"], ["MSRVTT_train.9k.csv", "line 3", "video2 has no caption in"]),
    ],
)
def test_captions_and_videos_of_msrvtt(refused, tmp_path, sentences, words):
    folder = tmp_path / "data" / "msrvtt"
    folder.mkdir(parents=True)
    (folder / "MSRVTT_JSFUSION_test.csv").write_text(
        "key,vid_key,video_id,sentence\nret0,msr0,video0,a dog runs\n"
    )
    (folder / "MSRVTT_train.9k.csv").write_text("video_id\nvideo1\nvideo2\n")
    told = {
        "videos": [{"video_id": f"video{n}"} for n in (1, 2)],
        "sentences": [{"video_id": id, "caption": "a cat sits"} for id in sentences],
    }
    (folder / "MSRVTT_data.json").write_text(json.dumps(told))
    more = ("--data", tmp_path / "data", *SKIP, *ANY)
    refused("ret-msrvtt", *more, words=[folder / "MSRVTT_data.json", *words], method="vifi")


# --- folders


def test_the_root_of_another_dataset(refused, root):
    words = [f"in {root / 'msvd'} (it looks like the root of msvd)", "*_test_split1.txt"]
    refused("zs-hmdb51", "--data", f"hmdb51={root / 'msvd'}", words=words)
    refused("zs-hmdb51", "--data", root / "msvd", words=words)


def test_a_folder_of_roots_without_the_dataset(refused, root, monkeypatch):
    refused("zs-ucf101", "--data", root, words=[root, "ucf101"])
    monkeypatch.setenv("VCLIPBENCH_DATA", str(root))
    words = ["the folder of ucf101 is not known: give --data ucf101=DIR", "VCLIPBENCH_DATA"]
    refused("zs-ucf101", words=words)


def test_lists_without_any_video(refused, root, tmp_path):
    place = tmp_path / "lists" / "hmdb51"
    place.mkdir(parents=True)
    name = "testTrainMulti_7030_splits"
    (place / name).symlink_to(root / "hmdb51" / name)
    words = [f"none of the 1,530 videos of split1 is in {place}", "bench data describe hmdb51"]
    refused("zs-hmdb51", "--data", tmp_path / "lists", *SKIP, words=words)


def test_folders_that_are_not_there(refused, root, tmp_path):
    none = tmp_path / "nowhere"
    refused("zs-hmdb51", "--data", none, words=[f"--data {none} does not exist"])
    refused("zs-hmdb51", "--data", f"hmdb51={none}", words=[none, "does not exist"])
    refused("zs-hmdb51", words=["the folder of hmdb51 is not known: give --data hmdb51=DIR"])
    file = root / "hmdb51" / "README.txt"
    for word in (file, f"hmdb51={file}"):
        refused("zs-hmdb51", "--data", word, words=[f"{file} is a file; the root folder of hmdb51"])
    two = ("--data", f"hmdb51={root}/hmdb51", "--data", f"hmdb51={root}")
    refused("zs-hmdb51", *two, words=["--data gives two folders for hmdb51"])


def test_too_few_videos(refused, root):
    words = [
        *("1,478 of the 1,530 videos of split1 (hmdb51)", root / "hmdb51", "zs-hmdb51 wants 100%"),
        *("bench data check hmdb51", "--on-bad-video skip"),
    ]
    refused("zs-hmdb51", "--data", root, words=words)


# --- words that are unknown, or for other protocols


@pytest.mark.parametrize(
    ("protocol", "flag", "word", "words"),
    [
        (
            "zs-hmdb51",
            "--class-names",
            "vificlip",
            ["'vificlip'", "official, vifi-clip, open-vclip"],
        ),
        ("zs-hmdb51", "--prompts", "vify", ["'vify'", "vifi, bare, open-vclip"]),
        ("ret-msvd", "--tie-rule", "pesimistic", ["'pesimistic'", "pessimistic, expected, refer"]),
        ("zs-hmdb51", "--tie-rule", "expected", ["--tie-rule is for retrieval; zs-hmdb51 has"]),
        ("zs-hmdb51", "--trained-on", "k40", ["--trained-on k40", "k400", "vifi-clip/k400/train"]),
        ("zs-hmdb51", "--trained-on", "k400/nothing", ["'k400/nothing'", "such as k400/train"]),
        ("ret-msvd", "--class-names", "vifi-clip", ["--class-names vifi-clip", "no class names"]),
        ("ml-charades", "--class-names", "vifi-clip", ["'vifi-clip'", "it can be official"]),
        ("zs-shapes", "--class-names", "vifi-clip", ["--class-names is for protocols on publ"]),
        ("ret-msvd", "--prompts", "bare", ["ret-msvd takes no prompts"]),
    ],
)
def test_words(refused, root, protocol, flag, word, words):
    data = () if protocol == "zs-shapes" else ("--data", root, *SKIP)
    refused(protocol, *data, flag, word, words=words, method="clip")


def test_a_plan_without_videos_is_no_run(refused, root):
    refused("zs-hmdb51", "--data", root, "--no-videos", words=["--no-videos", "--dry-run"])
