"""`bench verify`: the identity of a record against its protocol, and other blocks against the identity."""

import json

import pytest
from made_runs import edit, make_run, mend
from vclipbench.bench.verify.check import verify_file
from vclipbench.leaderboard.record.predictions import load_predictions, save_predictions
from vclipbench.leaderboard.record.record import identity_id
from vclipbench.protocols.split import digest


def changed(path, **changes):
    """Change fields of `identity.protocol`, and hide it by the digest of the identity."""
    record = json.loads(path.read_text())
    record["identity"]["protocol"] |= changes
    record["run_id"] = identity_id(record["identity"])
    path.write_text(json.dumps(record))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": "zs"}, "family is zs, and full in full-shapes"),
        ({"dataset": "ucf101"}, "dataset is ucf101, and shapes in full-shapes"),
        ({"metric_set": "x"}, "metric_set is x, and top1 in full-shapes"),
        ({"variant": "k99"}, "full-shapes has no variant k99: main"),
        ({"k_shot": 3}, "k_shot is 3, and None in full-shapes"),
        ({"sampling": "y"}, "sampling is y, which is none of segment-centres, stride-pyav"),
        ({"prompt_ensembling": "z"}, "prompt_ensembling is z, which is none of single"),
        ({"version": "2"}, "version is 2, and the digest is that of version 1 of full-shapes"),
    ],
)
def test_what_the_protocol_decides(tmp_path, changes, words):
    path = changed(make_run(tmp_path, "full-shapes", levels=7), **changes)
    (problem,) = verify_file(path).problems
    assert words in problem


def test_variants_of_few_shot(tmp_path):
    path = make_run(tmp_path, "fs-shapes", levels=7)
    assert verify_file(changed(path, variant="k4", k_shot=4)).problems == []  # the same test list
    (problem,) = verify_file(changed(path, variant="k99", k_shot=99)).problems
    assert problem == "fs-shapes has no variant k99: k2, k4, k8, k16"


def test_the_tie_rule(tmp_path):
    path = make_run(tmp_path, "full-shapes", levels=7)
    edit(path, "identity", "eval", "tie_rule", value="expected", new_id=True)
    (problem,) = verify_file(path).problems
    assert problem == "eval.tie_rule is expected, and pessimistic in full-shapes"


def test_the_best_of_three_splits(tmp_path):
    path = make_run(tmp_path, "zs-shapes", levels=7)
    file = path.with_name("predictions.npz")
    arrays = {"zs2-val": load_predictions(file)["zs2-val"]}
    record = json.loads(path.read_text())
    record["predictions"] = save_predictions(file, arrays)
    record["data"] = {"zs2-val": record["data"]["zs2-val"]}
    path.write_text(json.dumps(record))
    names = digest([record["data"]["zs2-val"]["classes"]])
    mend(changed(path, splits=["zs2-val"], class_names_digest=names))
    (problem,) = verify_file(path).problems
    assert problem == "its splits are zs2-val, and zs1-val, zs2-val, zs3-val in zs-shapes"


def of_recipe(path, templates):
    """A record that says that its templates are of its method's recipe."""
    edit(path, "command", "config_sources", value={"prompts": "method recipe"})
    return changed(path, templates=templates, templates_digest=digest(templates))


def test_templates_of_a_recipe_are_those_of_the_method(tmp_path):
    path = make_run(tmp_path, "full-shapes", levels=7, method="vifi-prompt")
    assert verify_file(of_recipe(path, ["{}."])).problems == []
    (problem,) = verify_file(of_recipe(path, ["foo {}"])).problems
    assert problem.startswith("its templates are not those of the recipe of vifi-prompt")
    path = make_run(tmp_path, "full-shapes", levels=7, method="random")
    (problem,) = verify_file(of_recipe(path, ["a photo of a {}."])).problems
    assert "of the recipe of random" in problem
    path = make_run(tmp_path, "full-shapes", levels=7)
    found = verify_file(of_recipe(path, ["foo {}"]))
    assert found.problems == []
    assert found.notes[0].startswith("prompts not compared with its method's recipe: ")


def test_captions_stand_for_themselves(tmp_path):
    path = of_recipe(make_run(tmp_path, "ret-shapes", levels=7), ["foo {}"])
    assert "captions stand for themselves, and it has other templates" in (
        verify_file(path).problems
    )
    path = changed(make_run(tmp_path, "ret-shapes"), class_names_digest="0" * 64)
    assert verify_file(path).problems == ["class_names_digest is not that of its classes"]


AUDIT = {"classes": [{"class_name": "b"}, {"class_name": "a"}]}


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("exposure", "class_overlap"), ["x"], "class_overlap is not that of its audits"),
        (("exposure", "audits"), [AUDIT], "class_overlap is not that of its audits"),
        (("exposure", "audits"), [{"classes": 3}], "its audits are none that a run writes"),
        (("exposure", "audits"), [{"classes": [{"class_name": []}]}], "its audits are none that"),
        (("predictions", "compact"), True, "compact is true, and they hold no ranks"),
        (
            ("command", "config_resolved"),
            {"method": "vifi"},
            "method is vifi in the configuration, and made-up in the identity",
        ),
        (("command", "config_resolved"), {"protocol": "x"}, "protocol is x in the configuration"),
        (("created_utc",), "9999-99-99T99:99:99Z", "there is no time 9999-99-99T99:99:99Z"),
    ],
)
def test_blocks_beside_the_identity(tmp_path, keys, value, words):
    path = edit(make_run(tmp_path, "full-shapes", levels=7), *keys, value=value)
    (problem,) = verify_file(path).problems
    assert words in problem


def test_classes_of_audits_and_trainings_without_one(tmp_path):
    path = make_run(tmp_path, "full-shapes", levels=7)
    edit(path, "identity", "train", value={"seed": 1, "training_list": "few-train"}, new_id=True)
    assert verify_file(path).problems == ["it has no audit of what it was trained on"]
    edit(path, "exposure", "audits", value=[AUDIT])
    edit(path, "exposure", "class_overlap", value=["a", "b"])
    assert verify_file(path).problems == []


def test_ranks_that_are_said_to_be_scores(tmp_path, quick):
    make_run(tmp_path / "runs", "full-shapes", levels=7)
    quick("publish", "runs", "--out", "pub", check=0)
    (path,) = (tmp_path / "pub").rglob("record.json")
    edit(path, "predictions", "compact", value=False)
    assert verify_file(path).problems == ["predictions.compact is false, and they hold no scores"]
