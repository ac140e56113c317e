"""Stages with their own lists, texts and settings; weight averaging, patching, probes, sweeps."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from vclipbench.bench.score.evaluate import probe_frames
from vclipbench.leaderboard import load_records
from vclipbench.methods import build_method

TINY = ("--set", "data.limit=16", "--set", "views.frames=2", "--set", "train.epochs=1")
TWO = """
import torch
from vclipbench.methods.base import METHODS, Stage
from vclipbench.methods.vifi import ViFiCLIP


@METHODS.register_module("two-stages")
class TwoStages(ViFiCLIP):
    \"\"\"Repeats ViFi-CLIP on the source, then learns a bias from pairs of the target.\"\"\"

    card = {"summary": "two stages", "recipes": [{"when": {"dataset": "shapes"}, "set": {
        "train": {"batch_size": 8, "lr": 1e-3}, "stages": {"second": {"lr": 0.5, "epochs": 3}}}}]}

    def __init__(self, backbone, **options):
        super().__init__(backbone, **options)
        self.bias = torch.nn.Parameter(torch.zeros(()))
        self.stage = "none"

    def stages(self, target):
        first = super().stages(target)[0]
        return [
            Stage("first", first.trains, first.frozen, data="source", replaceable=True, same_as="vifi"),
            Stage("second", ("bias",), texts="omnisource"),
        ]

    def enter(self, stage):
        self.stage = stage.name if stage else "none"

    def loss(self, batch):
        if self.stage == "first":
            return super().loss(batch)
        assert self.stage == "second" and batch.paired and batch.frames.shape[1] == 2
        assert batch.images.shape[1:] == batch.frames[:, :1].shape[1:]
        assert len(batch.captions) == len(batch.texts) == len(batch.ids)
        assert torch.equal(batch.targets, torch.eye(len(batch.ids)))
        assert all("photo" not in text for text in batch.texts)
        return {"loss": (self.bias - 1) ** 2}
"""


def records(out):
    problems = []
    found = load_records(out, problems)
    assert not problems
    return found


def test_stages_share_trainings_and_have_their_own_settings(bench, quick, tmp_path):
    (tmp_path / "two.py").write_text(TWO)
    run = ("run", "--protocol", "zs-shapes", *TINY, "--out", "runs", "--set", "train.batch_size=8")
    quick(*run, "--method", "vifi", check=0)
    (vifi,) = (tmp_path / "runs" / "trainings").iterdir()
    mine = (*run, "--method", "two-stages", "--plugin", "two.py")
    recipe = json.loads((vifi / "training.json").read_text())["train"]
    same = [
        f"stages.first.{k}={json.dumps(recipe[k])}"
        for k in ("lr", "lr_factors", "grad_clip", "warmup_share")
    ]
    shared = bench(*mine, *(word for s in same for word in ("--set", s)), check=0)
    assert "training first" in shared.stdout
    assert "found: not trained again" in shared.stdout
    assert len(list((tmp_path / "runs" / "trainings").iterdir())) == 2
    record = next(r for r in records(tmp_path / "runs") if r.identity.method.name == "two-stages")
    first, second = record.identity.method.stages
    assert first["training_list"] == second["training_list"] if "training_list" in second else True
    assert first["lr"] == recipe["lr"]
    assert record.identity.train["lr"] == 0.5
    assert record.observed.effective_plan["steps"] == 2 + 6
    weights = load_file(
        tmp_path
        / "runs"
        / "trainings"
        / record.observed.effective_plan["training"]
        / "final.safetensors"
    )
    assert "clip.visual.proj" in weights  # of the first stage: the file is whole
    assert weights["bias"] > 0.5


def test_a_checkpoint_replaces_the_first_stage(bench, tmp_path):
    (tmp_path / "two.py").write_text(TWO)
    method = build_method("vifi", "shapes-tiny")
    torch.save({"model": method.published_state()}, tmp_path / "stage1.pth")
    run = ("run", "--method", "two-stages", "--plugin", "two.py", "--checkpoint", "stage1.pth")
    done = bench(*run, "--protocol", "b2n-shapes", *TINY, "--out", "runs", check=0)
    assert "first" not in done.stdout
    (record,) = records(tmp_path / "runs")
    assert [s["name"] for s in record.identity.method.stages] == ["second"]


def test_settings_of_a_stage_that_there_is_not(quick):
    run = ("run", "--method", "vifi", "--protocol", "b2n-shapes", "--set", "stages.tune.lr=1")
    assert "'tune' is none of fine-tune; did you mean" in quick(*run, check=2).stderr
    slip = quick(*run[:-1], "stages.fine-tune.lrr=1", check=2)
    assert "fine-tune.lrr is no training setting; did you mean 'lr'?" in slip.stderr
    late = quick(*run[:-1], "train.average_from=100", check=2)
    assert "train.average_from 100 is beyond train.epochs" in late.stderr


def test_averaging_is_the_mean_of_the_epochs(quick, tmp_path):
    """With rate 0 in all but one step the mean can be computed from two trainings."""
    run = ("run", "--method", "vifi-text", "--protocol", "b2n-shapes", *TINY[:4])
    run = (
        *run,
        "--set",
        "train.schedule=constant",
        "--set",
        "train.warmup_epochs=0",
        "--set",
        "train.warmup_share=null",
    )
    finals = {}
    for name, epochs, more in (
        ("one", 1, ()),
        ("two", 2, ()),
        ("mean", 2, ("--set", "train.average_from=1")),
    ):
        quick(*run, "--out", name, "--set", f"train.epochs={epochs}", *more, check=0)
        finals[name] = load_file(next((tmp_path / name).glob("trainings/*/final.safetensors")))
    for key, value in finals["mean"].items():
        wanted = (finals["one"][key].double() + finals["two"][key].double()) / 2
        assert torch.allclose(value, wanted.float(), atol=1e-7), key


def test_patching_tests_interpolated_weights_of_one_training(quick, tmp_path):
    run = ("run", "--method", "vifi", "--protocol", "b2n-shapes", *TINY, "--out", "runs")
    quick(*run, "--set", "eval.patching=[0, 0.5, 1]", check=0)
    assert len(list((tmp_path / "runs" / "trainings").iterdir())) == 1
    found = {r.identity.eval.patching: r for r in records(tmp_path / "runs")}
    assert set(found) == {None, 0.5, 1.0}
    quick("run", "--method", "clip", *run[3:7], *TINY[:4], "--out", "plain", check=0)
    (plain,) = records(tmp_path / "plain")
    assert found[1.0].observed.tensors_digest == plain.observed.tensors_digest
    assert found[0.5].observed.tensors_digest != found[None].observed.tensors_digest
    redone = quick(*run, "--set", "eval.patching=[0, 0.5]", "--if-exists", "redo", check=0)
    assert redone.stdout.count("found: not trained again") == 1
    again = quick("run", "--method", "clip", *run[3:7], *TINY[:4], "--out", "plain",
                  "--set", "eval.patching=[0.5]", check=0)  # fmt: skip
    assert "is done: skipped" in again.stdout


def test_probe_frames():
    clips = torch.arange(8.0).view(1, 8, 1, 1, 1)
    found = {
        name: frames.flatten().tolist() for name, frames in probe_frames(clips, "time").items()
    }
    assert found[""] == list(range(8))
    assert found["reversed"] == list(range(7, -1, -1))
    assert sorted(found["shuffled"]) == list(range(8))
    assert found["shuffled"] not in (found[""], found["reversed"])
    assert found["frozen"] == [4] * 8
    assert list(probe_frames(clips, None)) == [""]


def test_a_sweep_runs_all_and_reports_what_failed(bench, tmp_path):
    (tmp_path / "bad.py").write_text(
        TWO.replace("two-stages", "bad").replace(
            '"loss": (self.bias - 1)', '"loss": float("nan") * (self.bias)'
        )
    )
    sweep = (
        "sweep",
        "--methods",
        "clip,bad",
        "--plugin",
        "bad.py",
        "--protocols",
        "b2n-shapes",
        *TINY,
    )
    done = bench(*sweep, "--probe", "time", "--out", "runs", check=1)
    assert "failed: bad on b2n-shapes: the loss is nan" in done.stderr
    assert "1 of 2 runs failed" in done.stderr
    assert "Traceback" not in done.stderr
    (clip,) = [r for r in records(tmp_path / "runs") if r.status == "done"]
    names = {m.name for m in clip.metrics}
    assert {"top1_reversed", "top1_shuffled", "top1_frozen"} <= names
    by = {(m.name, m.split): m.value for m in clip.metrics}
    for split in ("base", "novel"):  # plain CLIP averages frames: their order cannot matter
        assert np.isclose(by["top1", split], by["top1_reversed", split])
        assert np.isclose(by["top1", split], by["top1_shuffled", split])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--methods", "vfi"), "did you mean 'vifi'?"),
        (("--methods", ","), "--methods holds no id"),
        (("--protocols", "shape"), "unknown protocol 'shape'"),
    ],
)
def test_a_sweep_checks_its_ids_first(words, message, quick):
    done = quick("sweep", *words, check=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_prompts_of_a_recipe_leave_the_column_those_of_a_user_do_not(quick):
    def digest(*words):
        printed = quick("run", "--protocol", "b2n-shapes", "--dry-run", *words, check=0).stdout
        return printed.partition("digest ")[2][:12]

    assert digest("--method", "vifi-prompt") == digest("--method", "clip")
    assert digest("--method", "clip", "--prompt", "{}.") != digest("--method", "clip")


@pytest.mark.parametrize(
    ("classes", "message"),
    [("()", "has no classes"), ("('a wave', 'a wave')", "has the class name 'a wave' twice")],
)
def test_lists_of_a_protocol_that_nothing_could_be_right_on(classes, message, bench, tmp_path):
    (tmp_path / "odd.py").write_text(f"""
from dataclasses import dataclass
from pathlib import Path
from vclipbench.protocols.base import Plan, Protocol, Sample, Split

@dataclass(frozen=True)
class Odd(Protocol):
    def plan(self, variant, seed, data):
        return Plan(variant, (Split("all", {classes}, (Sample("x", Path("x.mp4"), 0),)),))
    def summarise(self, metrics):
        return []

ODD = Odd(id="zs-odd", summary="odd", family="zs", dataset="odd", metric="top-1", primary="top1",
          defaults={{"backbone": {{"name": "shapes-tiny", "pretrained": "shapes-tiny"}}}})
""")
    done = bench("run", "--method", "clip", "--protocol", "zs-odd", "--plugin", "odd.py", check=2)
    assert f"split all of zs-odd {message}" in done.stderr
    assert done.stderr.count("\n") == 1
