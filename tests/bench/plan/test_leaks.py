"""The leak audit by the command line, in the records of runs, and in the table of a leaderboard."""

import csv
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from annotation_roots import ANNOTATIONS, link_roots
from fault_files import judged
from session_roots import fake_root
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.record.predictions import load_predictions

pytestmark = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason="the annotation files ../shared/data/annotations are absent"
)
ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "protocols" / "audit.md"
OVERLAP = ROOT / "protocols" / "overlap_k400.csv"
SMALL = (
    *("--backbone", "shapes-tiny", "--on-bad-video", "skip", "--set", "data.workers=0"),
    *("--set", "views.frames=1"),
)
STEP = (
    *("--set", "data.limit=16", "--set", "train.epochs=1", "--set", "train.precision=fp32"),
    *("--set", "train.batch_size=16", "--set", "train.micro_batch=8"),
)


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    return link_roots(tmp_path_factory.mktemp("lists") / "roots")


@pytest.fixture(scope="module")
def root(shapes_cache, tmp_path_factory):
    return fake_root(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def _no_other_data(monkeypatch):
    monkeypatch.delenv("VCLIPBENCH_DATA", raising=False)


def of_the_page(evaluation):
    """Numbers of a row of the table "After training on Kinetics-400", as they are printed."""
    row = next(
        line for line in PAGE.read_text().splitlines() if line.startswith(f"| {evaluation} ")
    )
    return [int(cell.strip(" *")) for cell in row.split("|")[2:-2]]


def hmdb_ids(place, flag):
    """Videos of HMDB51's split files with a flag, read without our reader."""
    return {
        line.rpartition(" ")[0].removesuffix(".avi")
        for file in (ANNOTATIONS / "official/hmdb51").rglob(f"*_test_split{place}.txt")
        for line in map(str.strip, file.read_text().splitlines())
        if line.endswith(f" {flag}")
    }


def few_ids(lists, shots):
    """Videos of ViFi-CLIP's list of so many shots a class."""
    folder = lists / "vifi-clip" / "datasets_splits" / "hmdb_splits"
    (file,) = folder.glob(f"train1_few_shot_{shots}.txt*")
    raw = file.read_bytes()
    text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
    return {Path(line.rpartition(" ")[0]).stem for line in text.splitlines() if line.strip()}


# --- the command


@pytest.mark.parametrize("dataset", ["HMDB51", "UCF101"])
def test_counts_after_kinetics_400(quick, lists, dataset):
    id = f"zs-{dataset.lower()}"
    words = ("audit", "--protocol", id, "--trained-on", "k400", "--data", lists)
    out = quick(*words, check=0).stdout
    assert f"{id}, trained on k400\n" in out
    total, named, worded, judged_same, seen, near, *_ = of_the_page(dataset)
    reasons = f"{named} same name, {worded} same words, {judged_same} judged same"
    assert f"classes also in training: {seen} of {total} ({reasons})" in out
    assert f"classes near one in training, not counted: {near}" in out
    assert "videos also in training: unknown" in out
    assert "note: no training list of k400 could be read: videos were not compared" in out
    # each class by name: those that were judged, by hand and elsewhere, one activity
    found = re.findall(r"^    (.+) = .+ \((?:same name|same words|judged same)\)$", out, re.M)
    assert len(found) == seen
    if dataset == "HMDB51":
        assert set(found) == judged("HMDB51", "same")


def test_own_lists_of_few_shot(quick, lists, tmp_path):
    words = ("audit", "--protocol", "fs-hmdb51", "--trained-on", "own", "--data", lists)
    out = quick(*words, "--out", tmp_path / "audit.json", check=0).stdout
    told = json.loads((tmp_path / "audit.json").read_text())
    tested = set.union(*(hmdb_ids(n, 2) for n in (1, 2, 3)))
    assert [one["list"] for one in told] == [f"k{k}, few{k}" for k in (2, 4, 8, 16)]
    for k, one in zip((2, 4, 8, 16), told, strict=True):
        shared = few_ids(lists, k) & tested
        assert set(one["videos"]) == shared
        assert len(one["videos"]) == len(shared) > 0
        assert (one["n_videos"], one["trained_on"]) == (len(tested), "hmdb51")
        assert (one["n_classes"], one["classes"]) == (0, [])  # classes are shared by design
        assert f"videos also in training: {len(shared):,} of {len(tested):,}" in out
    # the counts that docs/protocols/audit.md prints for 2 shots, split by split
    assert [len(few_ids(lists, 2) & hmdb_ids(n, 2)) for n in (1, 2, 3)] == [0, 36, 35]


def test_two_lists_and_another_dataset(quick, lists):
    """What cannot be compared is told, and is not reported as nothing."""
    words = ("audit", "--protocol", "zs-hmdb51", "--data", lists)
    more = ("--trained-on", "vifi-clip/hmdb51/few16", "--trained-on", "ucf101/train1")
    out = quick(*words, *more, check=0).stdout
    first, second = out.split("trained on ucf101/train1\n", 1)
    assert "classes also in training: 51 of 51 (51 same name)" in first
    tested = set.union(*(hmdb_ids(n, 2) for n in (1, 2, 3)))
    assert f"videos also in training: {len(few_ids(lists, 16) & tested)} of 4,243" in first
    assert "videos also in training: cannot be compared" in second
    assert "nobody has judged what they mean" in second


@pytest.mark.parametrize(
    ("protocol", "trained_on", "words"),
    [
        ("zs-hmdb51", "k40", ["--trained-on k40: a dataset is wanted", "k400", "or own"]),
        ("zs-hmdb51", "vifi-clip/k400/no", ["no list 'vifi-clip/k400/no'", "vifi-clip/k400/train"]),
        ("zs-hmdb51", "own", ["kinetics-400_train.csv"]),  # its own list is Kinetics-400
        ("zs-hmdb5", "k400", ["'zs-hmdb5'", "zs-hmdb51"]),
    ],
)
def test_what_cannot_be_audited(quick, lists, tmp_path, protocol, trained_on, words):
    said = ("audit", "--protocol", protocol, "--trained-on", trained_on, "--data", lists)
    done = quick(*said, "--out", tmp_path / "audit.json", check=2)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert not (tmp_path / "audit.json").exists()


def test_a_protocol_without_a_list_of_its_own(quick, root, tmp_path):
    data = root / "hmdb51" / "hmdb51_org"
    words = ("audit", "--protocol", "zs-folder", "--data", data, "--trained-on", "own")
    done = quick(*words, check=2)
    assert "zs-folder has no training list of its own: name one with --trained-on" in done.stderr


def test_a_result_that_cannot_be_written(quick, lists, tmp_path):
    out = tmp_path / "nowhere" / "audit.json"
    words = ("audit", "--protocol", "zs-hmdb51", "--trained-on", "k400", "--data", lists)
    done = quick(*words, "--out", out, check=2)
    assert done.stderr == f"error: --out {out} cannot be written: No such file or directory\n"


# --- in records


@pytest.fixture(scope="module")
def checkpoint(shapes_cache, tmp_path_factory):
    """The tiny backbone in the layout of ViFi-CLIP's authors."""
    from vclipbench.methods import build_method

    path = tmp_path_factory.mktemp("weights") / "vifi.pth"
    torch.save(build_method("vifi", "shapes-tiny").published_state(), path)
    return path


@pytest.fixture
def run(quick, root, tmp_path):
    """Run a method on a protocol -> its record, and its predictions."""

    def start(method, protocol, *more, out="runs"):
        words = ("run", "--method", method, "--protocol", protocol, "--data", root)
        quick(*words, *SMALL, *more, "--out", tmp_path / out, check=0)
        problems = []
        (record,) = load_records(tmp_path / out, problems)
        assert not problems
        folder = tmp_path / out / protocol / method / record.run_id
        file = record.predictions
        return record, load_predictions(folder / file.file, file.sha256)

    return start


def test_a_checkpoint_that_saw_classes(quick, run, checkpoint, lists, tmp_path):
    words = ("--checkpoint", checkpoint, "--trained-on", "k400")
    few = ("--trained-on", "vifi-clip/hmdb51/few16")
    record, stored = run("vifi", "zs-hmdb51", *words, *few)
    exposure = record.exposure
    assert exposure.declared == "partial"
    assert exposure.training_data == {"checkpoint": ["k400", "vifi-clip/hmdb51/few16"]}
    first, second = exposure.audits
    assert (first["trained_on"], first["n_classes"], first["videos"]) == ("k400", 51, None)
    seen = {one["class_name"] for one in first["classes"]}
    assert seen == judged("HMDB51", "same")
    assert (len(second["classes"]), second["n_videos"]) == (51, 4243)
    tested = set.union(*(hmdb_ids(n, 2) for n in (1, 2, 3)))
    assert set(second["videos"]) == few_ids(lists, 16) & tested
    assert len(exposure.class_overlap) == 51  # all that occur in any of the lists
    table = quick("leaderboard", tmp_path / "runs", check=0).stdout
    row = next(line for line in table.splitlines() if line.startswith("| vifi"))
    assert row.count("†") == 4  # three splits and their mean
    assert "† classes that should be unseen are among the declared training data" in table
    assert_parts(record, stored)


def assert_parts(record, stored):
    """Accuracy on the classes judged as in Kinetics-400 and on the others, from the scores alone."""
    with OVERLAP.open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["dataset"] == "hmdb51"]
    same = {row["class"].replace("_", " ") for row in rows if row["verdict"] == "same"}
    for name, arrays in stored.items():
        classes = record.data[name].classes
        assert len(same & set(classes)) == len(same) == 23
        inside = np.array([classes[n] in same for n in arrays["target"]])
        hits = arrays["scores"].argmax(1) == arrays["target"]
        for metric, part in (("top1_same", inside), ("top1_rest", ~inside)):
            found = record.metric(metric, name)
            assert found.n == part.sum() > 0
            assert found.value == pytest.approx(100 * hits[part].mean())
        assert inside.sum() + (~inside).sum() == record.metric("top1", name).n


def test_a_checkpoint_of_which_nothing_is_said(quick, run, checkpoint, tmp_path):
    record, _ = run("vifi", "zs-hmdb51", "--checkpoint", checkpoint)
    assert record.exposure.declared == "unknown"
    assert (record.exposure.audits, record.exposure.class_overlap) == ([], None)
    table = quick("leaderboard", tmp_path / "runs", check=0).stdout
    row = next(line for line in table.splitlines() if line.startswith("| vifi"))
    assert "†" not in table
    assert row.count("?") == 4


def test_own_training_of_base_to_novel(run):
    record, _ = run("vifi", "b2n-hmdb51", *STEP, "--seed", 1)
    exposure = record.exposure
    assert exposure.declared == "full"  # the tiny backbone saw nothing but Shapes
    assert exposure.training_data == {"fine-tune": ["hmdb51:base-few16-1"]}
    (audit,) = exposure.audits
    assert (audit["trained_on"], audit["n_classes"], audit["n_videos"]) == ("hmdb51", 25, 32)
    assert (audit["classes"], audit["videos"]) == ([], [])
    assert exposure.class_overlap == []


def test_own_training_on_what_is_tested(run):
    """Zero-shot after training on the dataset itself: every class was seen, and the record says so."""
    record, _ = run("vifi", "zs-hmdb51", *STEP, "--set", "data.train_list=hmdb51/used2")
    exposure = record.exposure
    assert exposure.training_data == {"fine-tune": ["hmdb51:hmdb51-used2"]}
    (audit,) = exposure.audits
    assert (audit["trained_on"], audit["n_classes"]) == ("hmdb51", 51)
    assert {one["how"] for one in audit["classes"]} == {"same name"}
    assert len(exposure.class_overlap) == 51
    assert exposure.declared == "full"
