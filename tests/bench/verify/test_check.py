"""`bench verify`: what was changed in a record or its predictions is found and named."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from made_runs import classes_of, edit, forge, make_run, several_captions
from vclipbench.bench.registry import protocol
from vclipbench.bench.verify.check import verify_file
from vclipbench.leaderboard.record.predictions import load_predictions
from vclipbench.leaderboard.statistics.intervals import wilson
from vclipbench.protocols.split import Data

FAMILIES = ("zs-shapes", "b2n-shapes", "fs-shapes", "full-shapes", "ret-shapes", "ml-shapes")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One made-up run of each family, with many ties; to be copied, not changed."""
    root = tmp_path_factory.mktemp("made")
    return {id: make_run(root, id, levels=7) for id in FAMILIES}


@pytest.fixture
def copied(made, tmp_path):
    def copy(id):
        folder = tmp_path / id / "made-up" / made[id].parent.name
        shutil.copytree(made[id].parent, folder)
        return folder / "record.json"

    return copy


def predictions(path):
    return load_predictions(path.with_name("predictions.npz"))


def only_problem(path, **how):
    (problem,) = verify_file(path, **how).problems
    return problem


@pytest.mark.parametrize("id", FAMILIES)
def test_untouched_runs_are_all_right(made, id):
    found = verify_file(made[id])
    assert (found.problems, found.notes) == ([], [])
    assert found.metrics == len(found.record.metrics)


@pytest.mark.parametrize("rule", ["pessimistic", "expected", "reference"])
def test_several_captions_are_measured_by_the_tie_rule_of_the_record(tmp_path, rule):
    path = make_run(tmp_path, "ret-msvd", tie_rule=rule, levels=4, plan=several_captions())
    found = verify_file(path)
    assert found.problems == []
    assert found.metrics == 12
    other = "expected" if rule != "expected" else "pessimistic"
    edit(path, "identity", "eval", "tie_rule", value=other, new_id=True)
    assert any("metric t2v_" in problem for problem in verify_file(path).problems)


def test_a_changed_prediction_is_found_by_its_digest(copied):
    path = copied("full-shapes")
    file = path.with_name("predictions.npz")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert "is not the file of its record: its SHA-256 is another" in only_problem(path)


@pytest.mark.parametrize(("id", "split"), [("b2n-shapes", "novel"), ("zs-shapes", "zs2-val")])
def test_a_forger_who_mends_the_digest_is_found_by_the_metrics(copied, id, split):
    path = copied(id)
    part = predictions(path)[split]
    own = part["scores"][np.arange(len(part["target"])), part["target"]]
    wrong = int(np.flatnonzero((part["scores"] >= own[:, None]).sum(1) > 1)[0])
    scores = part["scores"].copy()
    scores[wrong, part["target"][wrong]] = 9
    forge(path, split, scores=scores)
    problems = verify_file(path).problems
    assert any(p.startswith(f"metric top1 of {split} is ") for p in problems)
    summary = {"b2n-shapes": "hm", "zs-shapes": "top1_mean"}[id]
    assert any(p.startswith(f"metric {summary} is ") for p in problems)
    assert any(p.startswith(f"per_class of {split} ") for p in problems)


@pytest.mark.parametrize("id", ["zs-shapes", "ret-shapes", "ml-shapes"])
def test_scores_that_do_not_depend_on_the_video(copied, id):
    path = copied(id)
    split = next(iter(predictions(path)))
    scores = predictions(path)[split]["scores"]
    forge(path, split, scores=np.repeat(scores[:1], len(scores), 0))
    problems = verify_file(path).problems
    assert any(f"scores of {split} are equal for all" in problem for problem in problems)


def test_one_score_of_retrieval_and_of_labels(copied):
    path = copied("ret-shapes")
    scores = predictions(path)["test"]["scores"].copy()
    scores[0, 0] = 9
    forge(path, "test", scores=scores)
    assert any("metric t2v_mnr of test" in p for p in verify_file(path).problems)
    path = copied("ml-shapes")
    scores = predictions(path)["test"]["scores"].copy()
    scores[0, 0] = 9
    forge(path, "test", scores=scores)
    assert any("metric ece of all" in p for p in verify_file(path).problems)


def test_a_changed_metric(copied):
    path = copied("full-shapes")
    value = json.loads(path.read_text())["metrics"][0]["value"]
    edit(path, "metrics", 0, "value", value=value + 1e-3)
    assert f"is {value + 1e-3!r} in the record, and {value!r} from" in only_problem(path)


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("metrics", 0, "n"), 647, "n of metric top1 of test is 647 in the record, not 648"),
        (("metrics", 0, "unit"), "", "unit of metric top1 of test"),
        (
            ("metrics", 0, "ci_high"),
            99.0,
            "interval of top1 of test is not that of its predictions",
        ),
        (("metrics", 1, "name"), "top3", "metric top5 of test is missing"),
        (("primary",), "top5", "primary is top5, and top1 in full-shapes"),
        (("data", "test", "n_scored"), 647, "predictions of 648 videos, and the record says 647"),
        (("data", "test", "ids_digest"), "0" * 64, "ids_digest of test"),
        (("data", "test", "manifest_digest"), "0" * 64, "manifest_digest of test"),
        (("data", "test", "kind"), "labels", "a shape that is none of labels"),
        (("data", "test", "classes"), ["a"], "scores of 24 classes, and the record names 1"),
        (("predictions", "n"), 1, "hold 648 items, and the record says 1"),
        (("predictions", "keys"), [], "other arrays than the record says"),
        (("per_class", "test"), {}, "per_class of test"),
    ],
)
def test_a_changed_field(copied, keys, value, words):
    path = edit(copied("full-shapes"), *keys, value=value)
    assert any(words in problem for problem in verify_file(path).problems)


def test_a_changed_identity(copied):
    path = edit(copied("full-shapes"), "identity", "protocol", "frames", value=16)
    assert "is not the digest of identity" in only_problem(path)


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("digest",), "0" * 64, "the digest of full-shapes is 000000000000 in the record"),
        (("templates",), ["{}"], "templates_digest is not that of its templates"),
        (("class_names_digest",), "0" * 64, "class_names_digest is not that of its classes"),
        (("views", "clips"), 1, "other lists, class names, prompts or views"),
    ],
)
def test_a_changed_identity_with_a_new_id(copied, keys, value, words):
    path = edit(copied("full-shapes"), "identity", "protocol", *keys, value=value, new_id=True)
    assert any(words in problem for problem in verify_file(path).problems)


def test_a_changed_id_or_target_is_found_by_the_list_of_the_protocol(copied):
    path = copied("full-shapes")
    part = predictions(path)["test"]
    ids = part["ids"].astype("<U20")
    ids[3] = "few-val/99999"
    forge(path, "test", ids=ids)
    assert only_problem(path) == "an id of test is not in the list of the protocol: few-val/99999"
    path = copied("zs-shapes")
    target = predictions(path)["zs1-val"]["target"].copy()
    target[:2] = target[1::-1]
    forge(path, "zs1-val", target=target)
    (first, *_) = verify_file(path).problems
    assert first.startswith(
        "what is right for 2 videos of zs1-val is not as in the protocol's list"
    )


def test_swapped_ids_are_not_in_the_order_of_the_list(copied):
    path = copied("ret-shapes")
    ids = predictions(path)["test"]["ids"].copy()
    ids[:2] = ids[1::-1]
    forge(path, "test", ids=ids)
    assert verify_file(path).problems[0] == "the ids of test are not in the order of the list"


def test_novel_labels_are_those_of_the_protocol(copied):
    path = edit(copied("ml-shapes"), "data", "test", "novel", value=[0])
    problems = verify_file(path).problems
    assert "novel of test is not as in the protocol's list" in problems
    assert any("metric map of novel" in problem for problem in problems)


def test_aggregates_are_those_of_the_protocol(copied):
    path = copied("b2n-shapes")
    parts = [{"name": "top5", "split": "base"}, {"name": "top1", "split": "novel"}]
    edit(path, "aggregates", 0, "parts", value=parts)
    assert "aggregates do not name the metrics" in only_problem(path)


def metric_at(path, place):
    return json.loads(path.read_text())["metrics"][place]


@pytest.mark.parametrize(("id", "place", "how"), [
    ("b2n-shapes", 4, "bootstrap-items"), ("full-shapes", 0, "wilson"),
])  # fmt: skip
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ci_high": 99.0}, "the interval of {} is not that of its predictions"),
        ({"ci_low": None, "ci_high": None, "ci_method": None, "level": None}, "{} has no interval"),
        ({"ci_method": "mine"}, "the interval of {} is by mine at the level 0.95, and not by"),
        ({"level": 0.01}, "the level 0.01, and not by"),
        ({"stderr": 1e-9}, "the standard error of {} is not that of its predictions"),
        ({"stderr": None}, "the standard error of {} is not that of its predictions"),
    ],
)
def test_intervals_are_those_that_a_finishing_run_writes(copied, id, place, how, changes, words):
    path = copied(id)
    metric = metric_at(path, place)
    assert metric["ci_method"] == how
    for key, value in changes.items():
        edit(path, "metrics", place, key, value=value)
    name = f"{metric['name']} of {metric['split']}" if metric["split"] else metric["name"]
    assert words.format(name) in only_problem(path)


def test_a_narrow_interval_of_another_level(copied):
    path = copied("full-shapes")
    metric = metric_at(path, 0)
    low, high = wilson(round(metric["value"] * metric["n"] / 100), metric["n"], 0.01)
    for key, value in (("ci_low", 100 * low), ("ci_high", 100 * high), ("level", 0.01)):
        edit(path, "metrics", 0, key, value=value)
    assert "is by wilson at the level 0.01, and not by wilson at the level 0.95" in (
        only_problem(path)
    )


def test_compact_predictions_have_the_same_intervals(copied, tmp_path, quick):
    paths = [copied("full-shapes"), copied("ret-shapes")]
    quick("publish", *paths, "--out", "pub", check=0)
    for path in (tmp_path / "pub").rglob("record.json"):
        found = verify_file(path)
        assert (found.problems, found.notes) == ([], [])
        edit(path, "metrics", 0, "stderr", value=1e-9)
        assert "the standard error of" in only_problem(path)


def test_of_an_unknown_protocol_what_its_kind_of_list_tells(copied):
    path = copied("b2n-shapes")
    edit(path, "identity", "protocol", "id", value="b2n-elsewhere", new_id=True)
    found = verify_file(path)
    assert found.problems == []
    assert found.metrics == 5
    assert "unknown protocol 'b2n-elsewhere'" in found.notes[0]
    edit(path, "metrics", 4, "ci_method", value="another")
    assert "1 intervals not computed again" in verify_file(path).notes
    value = metric_at(path, 4)["value"] + 0.01
    edit(path, "metrics", 4, "value", value=value)
    assert f"metric hm is {value!r} in the record" in only_problem(path)


def test_lists_of_another_version_are_not_compared(copied):
    path = copied("full-shapes")
    edit(path, "identity", "protocol", "version", value="0", new_id=True)
    problem = "version is 0, and the digest is that of version 1 of full-shapes"
    assert only_problem(path) == problem
    edit(path, "identity", "protocol", "digest", value="0" * 64, new_id=True)
    found = verify_file(path)
    assert found.problems == []
    assert "version 0 of full-shapes, and here is 1" in found.notes[0]


def test_what_only_a_protocol_with_its_lists_can_measure_is_said(tmp_path):
    names = ("ApplyEyeMakeup", "Typing", "Biking", "a", "b", "c")
    path = make_run(tmp_path, "zs-ucf101-full", plan=classes_of("ucf101", names))
    found = verify_file(path)
    assert found.problems == []
    assert found.metrics == 2
    assert "not computed again: top1_same of all, top1_rest of all" in found.notes


def test_lists_of_a_users_folder(tmp_path):
    videos = tmp_path / "videos"
    for name in ("a/1.mp4", "a/2.mp4", "b/1.mp4"):
        (videos / name).parent.mkdir(parents=True, exist_ok=True)
        (videos / name).touch()
    folder = protocol("zs-folder")
    path = make_run(tmp_path, "zs-folder", plan=folder.full_plan("main", 1, Data(root=videos)))
    own = folder.digest(Data(root=videos))
    edit(path, "identity", "protocol", "digest", value=own, new_id=True)
    assert verify_file(path).notes == ["lists not compared: give their folders with --data"]
    found = verify_file(path, data=[str(videos)])
    assert (found.problems, found.notes) == ([], [])
    (videos / "a" / "1.mp4").write_bytes(b"another video")
    problems = verify_file(path, data=[str(videos)]).problems
    assert "other files than those of the run are here, of all: a/1.mp4" in problems
    (videos / "b" / "1.mp4").unlink()
    (videos / "b" / "2.mp4").touch()
    problems = verify_file(path, data=[str(videos)]).problems
    assert any("an id of all is not in the list of the protocol" in p for p in problems)


def test_a_users_folder_of_an_old_record_is_compared_by_names(tmp_path):
    videos = tmp_path / "videos"
    for name in ("a/1.mp4", "b/1.mp4"):
        (videos / name).parent.mkdir(parents=True, exist_ok=True)
        (videos / name).touch()
    folder, by_name = protocol("zs-folder"), Data(root=videos, contents=False)
    path = make_run(tmp_path, "zs-folder", plan=folder.full_plan("main", 1, by_name))
    edit(path, "identity", "protocol", "digest", value=folder.digest(by_name), new_id=True)
    found = verify_file(path, data=[str(videos)])
    assert found.problems == []
    assert "own videos were known by their names alone" in found.notes[0]


@pytest.mark.parametrize("gone", ["ids", "target", "scores"])
def test_arrays_that_are_not_there(copied, gone):
    path = copied("full-shapes")
    file = path.with_name("predictions.npz")
    part = {f"test/{k}": v for k, v in predictions(path)["test"].items() if k != gone}
    np.savez(file, **part)
    edit(path, "predictions", "sha256", value=hashlib.sha256(file.read_bytes()).hexdigest())
    assert any("predictions of test lack" in problem for problem in verify_file(path).problems)


def test_files_that_are_no_records(made, tmp_path):
    text = made["full-shapes"].read_text()
    path = tmp_path / "record.json"
    path.write_text(text[:-40])
    assert "not complete JSON" in only_problem(path)
    path.write_text(text.replace('"schema_version": 2', '"schema_version": 99'))
    assert "schema version 99 is newer than 2" in only_problem(path)
    path.write_text(text)
    assert "cannot read" in only_problem(path)  # no predictions beside it
    path.write_text(text.replace('"tags": []', '"tags": ["\\ud800"]'))
    assert "holds '\\ud800', which is no Unicode text" in only_problem(path)
    path.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in only_problem(path)


def test_runs_that_are_not_done_have_nothing_to_check(copied):
    path = edit(copied("full-shapes"), "status", value="partial")
    found = verify_file(path)
    assert (found.problems, found.notes) == ([], ["status partial: nothing to compute again"])
    path = edit(copied("zs-shapes"), "predictions", value=None)
    assert only_problem(path) == "there are no predictions to compute its metrics from"


def test_the_command_names_what_is_wrong(quick, copied, tmp_path):
    good, bad = copied("full-shapes"), copied("ret-shapes")
    done = quick("verify", tmp_path, check=0)
    assert done.stdout.count("ok     ") == 2
    edit(bad, "metrics", 0, "n", value=99)
    done = quick("verify", tmp_path, check=1)
    assert f"ok     full-shapes made-up {good.parent.name}: 2 metrics computed again" in done.stdout
    assert f"WRONG  ret-shapes made-up {bad.parent.name}: n of metric t2v_r1 of test" in done.stdout
    assert "1 of 2 records are not what they say" in done.stderr
    assert quick("verify", good.parent, check=0).stdout.count("\n") == 1
    prefix = good.parent.name[:6]
    assert quick("verify", prefix, "--results", tmp_path, check=0).stdout.startswith("ok")


def test_one_run_with_two_contents(quick, copied, tmp_path):
    path = copied("full-shapes")
    shutil.copytree(path.parent, tmp_path / "z" / "same")
    assert "has the same run_id and content" in quick("verify", tmp_path, check=0).stdout
    edit(tmp_path / "z" / "same" / "record.json", "tags", value=["mine"])
    assert "has the same run_id and other content" in quick("verify", tmp_path, check=1).stdout


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("nowhere", "neither a file or folder nor the beginning of a run_id"),
        ("abcd", "no folder runs (--results)"),
        (".", "there is no record.json in ."),
    ],
)
def test_words_that_name_no_run(quick, word, words):
    assert words in quick("verify", word, check=2).stderr
