"""`bench verify`: predictions against the lists of their protocol, by a forger who mends all numbers."""

import json

import numpy as np
import pytest
from made_runs import classes_of, edit, forge, make_run, mend
from vclipbench.bench.registry import protocol
from vclipbench.bench.verify.check import verify_file
from vclipbench.leaderboard.record.predictions import load_predictions
from vclipbench.protocols.split import Data


def arrays_of(path, split="test"):
    return load_predictions(path.with_name("predictions.npz"))[split]


def found_rows(part):
    """The places of the videos whose class was found."""
    own = part["scores"][np.arange(len(part["target"])), part["target"]]
    return np.flatnonzero((part["scores"] >= own[:, None]).sum(1) == 1)


def some_of(path, rows):
    return {name: array[rows] for name, array in arrays_of(path).items()}


def test_only_videos_that_were_found(tmp_path, quick):
    path = make_run(tmp_path / "runs", "full-shapes", levels=7)
    rows = found_rows(arrays_of(path))
    mend(forge(path, "test", **some_of(path, rows)))
    edit(path, "predictions", "n", value=len(rows))
    found = verify_file(path)
    assert found.record.primary_metric().value == 100
    (problem,) = found.problems
    assert problem == (
        f"648 videos of test were there, {len(rows)} are scored and 0 unreadable: some are left out"
    )
    edit(path, "data", "test", "n_found", value=len(rows))
    (problem,) = verify_file(path).problems
    assert f"{648 - len(rows)} videos of test are said to be missing, and Shapes makes" in problem
    edit(path, "data", "test", "n_found", value=648)
    left = sorted(set(arrays_of(make_run(tmp_path / "whole", "full-shapes", levels=7))["ids"]))
    left = [id for id in left if id not in set(arrays_of(path)["ids"])]
    edit(path, "data", "test", "unreadable_ids", value=list(map(str, left)))
    edit(path, "data", "test", "n_unreadable", value=len(left))
    assert verify_file(path).problems == []  # as if they could not be read, which is shown
    done = quick("verify", path, check=0)
    assert f"(scored: {len(rows)} of 648 videos of test)" in done.stdout
    edit(path, "identity", "preprocess", value={"on_bad_video": "fail"}, new_id=True)
    (problem,) = verify_file(path).problems
    assert problem.endswith("videos of test are unreadable, at which this run would fail")


def test_a_video_cannot_be_scored_and_unreadable(tmp_path):
    path = make_run(tmp_path, "full-shapes", levels=7)
    rows = np.arange(647)
    mend(forge(path, "test", **some_of(path, rows)))
    edit(path, "predictions", "n", value=647)
    edit(path, "data", "test", "unreadable_ids", value=["few-val/00000"])
    edit(path, "data", "test", "n_unreadable", value=1)
    (problem,) = verify_file(path).problems
    assert problem == "few-val/00000 of test is said to be unreadable, and is scored or in no list"
    edit(path, "data", "test", "unreadable_ids", value=["few-val/00647"])
    assert verify_file(path).problems == []


def test_a_limited_run_is_of_a_part_of_the_list(tmp_path):
    path = make_run(tmp_path, "full-shapes", levels=7)
    mend(forge(path, "test", **some_of(path, np.arange(0, 648, 3))))
    edit(path, "predictions", "n", value=216)
    for key in ("n_expected", "n_found"):
        edit(path, "data", "test", key, value=216)
    edit(path, "limited", value=True)
    edit(path, "identity", "eval", "limit", value=216, new_id=True)
    assert verify_file(path).problems == []
    edit(path, "limited", value=False)
    (problem,) = verify_file(path).problems
    assert "identity.eval.limit is 216, and limited is false" in problem


def test_settings_that_decide_no_list_do_not_keep_lists_from_being_compared(tmp_path):
    path = make_run(tmp_path, "full-shapes", levels=7)
    edit(path, "command", "config_resolved", value={"data": {"reader": "x", "workers": -1}})
    assert (verify_file(path).problems, verify_file(path).notes) == ([], [])
    mend(forge(path, "test", target=arrays_of(path)["scores"].argmax(1)))
    (problem,) = verify_file(path).problems
    assert problem.startswith("what is right for ")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"size": "x"}, "its lists cannot be made: data.size of its configuration"),
        ({"class_names": 3}, "its lists cannot be made: data.class_names of its"),
        ({"size": 32}, "the digest of full-shapes is"),
        (None, "config_resolved.data is no section"),
        ("abc", "config_resolved.data is no section"),
    ],
)
def test_lists_that_are_always_to_be_had_must_be(tmp_path, data, words):
    path = make_run(tmp_path, "full-shapes", levels=7)
    edit(path, "command", "config_resolved", value={"data": data})
    (problem,) = verify_file(path).problems
    assert words in problem


def test_videos_in_training_and_test(tmp_path):
    path = make_run(tmp_path, "full-shapes", levels=7)
    edit(path, "data", "test", "train_test_overlap", value=5)
    said = "train_test_overlap of test is 5, and 0 of its videos are in the training lists"
    assert verify_file(path).problems == [said]
    train = {"seed": 1, "training_list": "few-train"}
    edit(path, "identity", "train", value=train, new_id=True)
    edit(path, "exposure", "audits", value=[{"classes": []}])
    assert verify_file(path).problems == [said]
    edit(path, "identity", "train", value=train | {"training_list": "mine"}, new_id=True)
    (problem,) = verify_file(path).problems
    assert "its training list is mine, and of full-shapes few-train, source" in problem


def test_a_setting_that_is_none_does_not_pass_for_lists_that_are_away(tmp_path):
    videos = tmp_path / "videos"
    for name in ("a/1.mp4", "b/1.mp4"):
        (videos / name).parent.mkdir(parents=True, exist_ok=True)
        (videos / name).touch()
    plan = protocol("zs-folder").plan("main", 1, Data(root=videos))
    path = make_run(tmp_path / "runs", "zs-folder", plan=plan)
    edit(path, "command", "config_resolved", value={"data": {"class_names": "x"}})
    assert verify_file(path).problems == []
    (problem,) = verify_file(path, data=[str(videos)]).problems
    assert "its lists cannot be made: data.class_names of its configuration" in problem


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ucf101=/nonexistent",), "--data /nonexistent does not exist"),
        (("/nonexistent",), "--data /nonexistent does not exist"),
        (("ucf10=.",), "there is no dataset 'ucf10'"),
        ((".", ".."), "--data gives . and ..: say which is what"),
        (("ucf101=.", "ucf101=.."), "--data gives two folders for ucf101"),
    ],
)
def test_words_of_data_that_name_nothing(tmp_path, quick, words, message):
    path = make_run(tmp_path / "runs", "zs-ucf101-full", plan=classes_of("ucf101", ("a", "b")))
    flags = [flag for word in words for flag in ("--data", word)]
    for command in (("verify",), ("publish", "--out", "pub")):
        assert message in quick(*command, path, *flags, check=2).stderr


def test_splits_of_published_protocols_are_known_without_their_lists(tmp_path):
    path = make_run(tmp_path, "zs-ucf101-full", plan=classes_of("ucf101", ("a", "b")))
    record = json.loads(path.read_text())
    record["identity"]["protocol"] |= {"id": "zs-ucf101", "metric_set": "top1_mean"}
    path.write_text(json.dumps(record))
    edit(path, "primary", value="top1", new_id=True)
    problems = verify_file(path).problems
    assert "its splits are all, and split1, split2, split3 in zs-ucf101" in problems
