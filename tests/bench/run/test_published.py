"""Whole runs of published protocols on a miniature root: real lists and names, few videos."""

import csv
import gzip
import json
import re

import numpy as np
import pytest
from annotation_roots import ANNOTATIONS
from session_roots import fake_root
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.record.predictions import load_predictions
from vclipbench.protocols.split import digest

pytestmark = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason="the annotation files ../shared/data/annotations are absent"
)
ONE_FRAME = ("--set", "views.frames=1", "--set", "data.workers=0")
TINY = {
    "clip": ("--backbone", "shapes-tiny", *ONE_FRAME),
    "random": ("--set", "preprocess.size=32", *ONE_FRAME),
}


@pytest.fixture(scope="module")
def root(shapes_cache, tmp_path_factory):
    return fake_root(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Where the runs of this file go, so that they share features."""
    return tmp_path_factory.mktemp("published") / "runs"


@pytest.fixture
def run(quick, root, shared):
    """Run a protocol on the miniature root; the new record and what was printed."""

    def start(protocol, *more, method="clip", out=shared, check=0):
        known = {r.run_id for r in load_records(out)} if out.exists() else set()
        done = quick(
            *("run", "--method", method, "--protocol", protocol, "--data", root, "--out", out),
            *("--on-bad-video", "skip", *TINY[method], *more),
            check=check,
        )
        new = [r for r in load_records(out) if r.run_id not in known]
        return new, done.stdout + done.stderr

    return start


def predictions(out, record):
    names = record.identity
    folder = out / names.protocol.id / names.method.name / record.run_id
    return load_predictions(folder / record.predictions.file, record.predictions.sha256)


def plan_of(record):
    return record.observed.effective_plan


def captions_of(folder):
    """Captions of MSVD, video -> texts."""
    return json.loads(gzip.decompress((folder / "captions_msvd.json.gz").read_bytes()))


def there(root, dataset):
    """Ids of the videos in a root; they have the one extension that their makers gave them."""
    return {p.name.rpartition(".")[0] for p in (root / dataset).rglob("*.avi")}


def test_zero_shot_says_what_was_there(run, root, shared):
    (record,), printed = run("zs-hmdb51")
    assert record.status == "done"
    assert record.primary == "top1_mean"
    assert record.metric("top1_mean").value == pytest.approx(
        np.mean([record.metric("top1", f"split{n}").value for n in (1, 2, 3)])
    )
    found = there(root, "hmdb51")
    for n in (1, 2, 3):
        data = record.data[f"split{n}"]
        assert data.n_expected == 1530
        assert 51 <= data.n_found == data.n_scored < 200
        assert (data.n_unreadable, data.unreadable_ids) == (0, [])
        scored = predictions(shared, record)[f"split{n}"]
        assert set(scored["ids"]) <= found
        assert data.ids_digest == digest(sorted(scored["ids"].tolist()))
        assert scored["scores"].shape == (data.n_scored, 51)
        assert len(set(scored["target"])) == 51
        assert f"split{n}: {1530 - data.n_scored:,} of 1,530 videos not scored" in printed
        assert f"1,530 videos, {data.n_scored} of them there" in printed
    sources = plan_of(record)["annotations"]
    assert len(sources) == 3
    assert all(
        re.fullmatch(r"testTrainMulti_7030_splits/\*_test_split[123].txt", x) for x in sources
    )
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in sources.values())
    assert plan_of(record)["unpinned"] == []
    assert str(root) not in record.model_dump_json()


def test_names_of_vifi_clip_swap_four_columns_and_nothing_else(run, shared):
    run("zs-hmdb51")
    (swapped,), printed = run("zs-hmdb51", "--class-names", "vifi-clip")
    official = next(
        r
        for r in load_records(shared)
        if r.identity.protocol.id == "zs-hmdb51" and r.run_id != swapped.run_id
    )
    assert re.search(r"class names +vifi-clip", printed)
    one, other = official.identity.protocol, swapped.identity.protocol
    assert one.digest != other.digest
    assert one.class_names_digest != other.class_names_digest
    assert one.templates == other.templates
    before, after = (predictions(shared, r) for r in (official, swapped))
    order = np.arange(51)
    order[[20, 21, 44, 45]] = [21, 20, 45, 44]
    for split, arrays in before.items():
        assert arrays["ids"].tolist() == after[split]["ids"].tolist()
        assert arrays["target"].tolist() == after[split]["target"].tolist()
        np.testing.assert_allclose(arrays["scores"][:, order], after[split]["scores"], atol=1e-5)
        assert np.abs(arrays["scores"] - after[split]["scores"]).max() > 1e-3
    # the videos are the same: none was decoded again
    assert plan_of(swapped)["reused_features"] == sum(d.n_scored for d in swapped.data.values())


def test_a_second_protocol_on_the_same_videos_decodes_nothing(run):
    run("zs-hmdb51")
    records, printed = run("fs-hmdb51-clean")
    assert {r.identity.protocol.variant for r in records} == {"k2", "k4", "k8", "k16"}
    assert {r.identity.protocol.k_shot for r in records} == {2, 4, 8, 16}
    for record in records:
        assert list(record.data) == ["split1"]
        assert plan_of(record)["reused_features"] == record.data["split1"].n_scored >= 51
    assert "features of" in printed
    assert len({r.metric("top1", "split1").value for r in records}) == 1


def test_prompts_by_the_name_of_a_set(run, shared):
    run("zs-hmdb51")
    (bare,), _ = run("zs-hmdb51", "--prompts", "bare")
    (many,), _ = run("zs-hmdb51", "--prompts", "open-vclip")
    assert bare.identity.protocol.templates == ["{}"]
    assert len(many.identity.protocol.templates) == 28
    assert many.identity.protocol.prompt_ensembling == "mean-of-unit-features"
    digests = {r.identity.protocol.digest for r in load_records(shared) if r.primary == "top1_mean"}
    assert len(digests) >= 3
    # the set called vifi is the protocol's own template
    again, printed = run("zs-hmdb51", "--prompts", "vifi")
    assert again == []
    assert "is done: skipped" in printed


def test_retrieval_and_its_tie_rules(run, root, shared):
    (record,), _ = run("ret-msvd")
    data = record.data["test"]
    assert (data.n_expected, data.n_found, data.n_scored) == (670, 40, 40)
    arrays = predictions(shared, record)["test"]
    captions = captions_of(root / "msvd")
    assert arrays["captions"].tolist() == [len(captions[id]) for id in arrays["ids"]]
    queries = arrays["captions"].sum()
    assert arrays["scores"].shape == (40, queries)
    assert record.metric("t2v_r1", "test").n == queries
    assert record.metric("v2t_r1", "test").n == 40
    assert record.metric("t2v_tied", "test").value > 0  # many names share one clip here
    (expected,), _ = run("ret-msvd", "--tie-rule", "expected")
    (counted,), _ = run("ret-msvd", "--tie-rule", "reference")
    r1 = {r.identity.eval.tie_rule: r.metric("t2v_r10", "test").value for r in (record, expected)}
    assert r1["expected"] > r1["pessimistic"]
    assert expected.metric("t2v_mnr", "test").value < record.metric("t2v_mnr", "test").value
    assert len({r.run_id for r in (record, expected, counted)}) == 3
    assert plan_of(expected)["reused_features"] == 40
    found = predictions(shared, expected)["test"]["scores"]
    np.testing.assert_allclose(found, arrays["scores"], atol=1e-6)


def test_multi_label(run, root, shared):
    (record,), printed = run("ml-charades")
    assert "157 labels, 52 of them novel, 1,814 videos, 40 of them" in printed
    assert {m.split for m in record.metrics} == {"all", "base", "novel", None}
    assert [record.metric("map", part).n for part in ("all", "base", "novel")] == [157, 105, 52]
    assert record.primary == "hm"
    arrays = predictions(shared, record)["test"]
    with gzip.open(root / "charades" / "Charades_v1_test.csv.gz", "rt", newline="") as table:
        wanted = {r["id"]: r for r in csv.DictReader(table)}
    for id, marks, group in zip(arrays["ids"], arrays["target"], arrays["groups"], strict=True):
        actions = {int(a[1:4]) for a in wanted[id]["actions"].split(";")}
        assert set(np.flatnonzero(marks)) == actions
        assert group == wanted[id]["subject"]


def test_clean_kinetics_600_by_chance(run, tmp_path):
    (record,), _ = run("zs-k600-clean", method="random", out=tmp_path / "runs")
    for n in (1, 2, 3):
        data = record.data[f"draw{n}"]
        assert data.n_expected == 8000
        assert data.n_found == data.n_scored >= 160
        assert plan_of(record)["classes"][f"draw{n}"] == 160
    names = set(plan_of(record)["annotations"])
    assert any("kinetics-600_val" in name for name in names)
    assert any(name.startswith("zs_label_db") for name in names)


def test_videos_that_cannot_be_read_are_counted_and_left_out(run, root, tmp_path):
    """A root where one video is broken, and one has no byte."""
    copy = tmp_path / "msvd"
    copy.mkdir()
    for file in (root / "msvd").rglob("*"):
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    listed = (copy / "test_list.txt").read_text().split()
    broken = sorted([listed[3], listed[7]])
    (copy / f"{listed[3]}.avi").write_bytes(b"no video")
    (copy / f"{listed[7]}.avi").write_bytes(b"")
    (record,), printed = run("ret-msvd", "--data", f"msvd={copy}", out=tmp_path / "runs")
    data = record.data["test"]
    assert (data.n_expected, data.n_found, data.n_unreadable, data.n_scored) == (670, 40, 2, 38)
    assert data.unreadable_ids == broken
    captions = captions_of(copy)
    lost = sum(len(captions[id]) for id in broken)
    arrays = predictions(tmp_path / "runs", record)["test"]
    assert arrays["scores"].shape[1] == sum(len(captions[id]) for id in listed[:40]) - lost
    assert record.metric("t2v_r1", "test").n == arrays["scores"].shape[1]
    assert "632 of 670 videos not scored" in printed


def test_a_plan_without_any_video(quick, root, tmp_path):
    lists = tmp_path / "lists"
    (lists / "hmdb51").mkdir(parents=True)
    (lists / "hmdb51" / "testTrainMulti_7030_splits").symlink_to(
        root / "hmdb51" / "testTrainMulti_7030_splits"
    )
    plan = ("run", "--method", "clip", "--protocol", "zs-hmdb51", "--dry-run", "--no-videos")
    done = quick(*plan, "--data", lists, check=0)
    assert "split3: 51 classes, 1,530 videos" in done.stdout
    assert "of them there" not in done.stdout
    assert "lists only" in done.stdout
    words = " ".join(done.stdout.split())
    assert "openai, not loaded for this plan" in words
    assert "paper reports top1 mean 40.8 ~ (vanilla CLIP, ViT-B-16, ViFi-CLIP 2023" in words
    assert not (tmp_path / "runs").exists()
