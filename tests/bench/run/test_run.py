"""Whole runs on the embedded world: records, skipping, sharing, resuming after a kill, bad input."""

import json
import os
import signal
import time
from pathlib import Path

import forked
import numpy as np
import pytest
from safetensors.numpy import load_file
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.record.predictions import load_predictions

TINY = ("--set", "data.limit=24", "--set", "views.frames=2")
SMALL = (*TINY, "--set", "train.epochs=2", "--set", "train.batch_size=8")
NOISY = """
import random
import numpy as np
import torch
from vclipbench.methods.base import METHODS
from vclipbench.methods.vifi import ViFiCLIP


@METHODS.register_module("noisy")
class Noisy(ViFiCLIP):
    \"\"\"Fine-tuning that draws from every global random stream.\"\"\"

    card = {"summary": "draws in its loss", "recipes": [{"when": {"dataset": "shapes"},
            "set": {"train": {"epochs": 4, "batch_size": 4, "lr": 1e-4, "average_from": 2}}}]}

    def loss(self, batch):
        batch.frames = batch.frames + 0.1 * torch.randn(()) + 0.1 * random.random()
        batch.frames = batch.frames + 0.1 * float(np.random.rand())
        return super().loss(batch)
"""


def only_record(out):
    problems = []
    (record,) = load_records(out, problems)
    assert not problems
    return record


@pytest.fixture(scope="module")
def clip_run(shapes_cache, tmp_path_factory):
    """One small run of plain CLIP, shared by the tests that only look at it."""
    out = tmp_path_factory.mktemp("clip") / "runs"
    command = ["run", "--method", "clip", "--protocol", "b2n-shapes", "--out", out, *TINY]
    done = forked.run(command, out.parent, out.parent)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_record_of_an_untrained_run(clip_run):
    out, printed = clip_run
    record = only_record(out)
    assert record.status == "done"
    assert record.limited
    assert record.identity.train is None
    assert record.primary == "hm"
    assert {m.name for m in record.metrics} == {"top1", "top5", "hm"}
    assert all(m.ci_low <= m.value <= m.ci_high for m in record.metrics)
    assert record.cost.flops_per_view > 2 * 1e8  # 2 frames of 65 tokens in 4 layers of width 128
    assert "24 classes, 24 videos" in printed
    text = (out / "b2n-shapes" / "clip" / record.run_id / "record.json").read_text()
    assert str(out) not in text


def test_predictions_recompute_the_metrics(clip_run):
    out, _ = clip_run
    record = only_record(out)
    folder = out / "b2n-shapes" / "clip" / record.run_id
    stored = load_predictions(folder / record.predictions.file, record.predictions.sha256)
    for split, arrays in stored.items():
        hits = (arrays["scores"].argmax(1) == arrays["target"]).mean()
        assert 100 * hits == pytest.approx(record.metric("top1", split).value)
        assert len(set(arrays["ids"])) == 24


def test_scores_do_not_depend_on_batch_size_or_workers(clip_run, quick, tmp_path):
    out, _ = clip_run
    first = only_record(out)
    more = ("--set", "data.workers=0", "--set", "eval.batch_size=7", *TINY)
    quick("run", "--method", "clip", "--protocol", "b2n-shapes", *more, "--out", "r", check=0)
    second = only_record(tmp_path / "r")
    assert first.run_id == second.run_id
    a, b = (
        load_predictions(o / "b2n-shapes" / "clip" / first.run_id / "predictions.npz")
        for o in (out, tmp_path / "r")
    )
    for split in a:
        np.testing.assert_allclose(a[split]["scores"], b[split]["scores"], atol=1e-4)


def test_a_done_run_is_skipped_and_fail_fails(clip_run, quick):
    out, _ = clip_run
    same = ("run", "--method", "clip", "--protocol", "b2n-shapes", "--out", out)
    same = (*same, *TINY)
    assert "skipped" in quick(*same, check=0).stdout
    refused = quick(*same, "--if-exists", "fail", check=2)
    assert "exists (done)" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_broken_record_is_reported_by_the_leaderboard(clip_run, quick, tmp_path):
    import shutil

    out, _ = clip_run
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "old").mkdir()
    (copy / "old" / "record.json").write_text('{"schema_version": 0}')
    done = quick("leaderboard", copy)
    assert "old/record.json" in done.stderr
    assert quick("leaderboard", copy, "--strict").returncode != 0


def test_a_training_is_shared_and_found_again(quick, tmp_path):
    run = ("run", "--method", "vifi", "--protocol", "b2n-shapes", *SMALL, "--out", "runs")
    quick(*run, check=0)
    trainings = list((tmp_path / "runs" / "trainings").iterdir())
    assert len(trainings) == 1
    assert not (trainings[0] / "last.pth").exists()
    other = quick(*run, "--set", "views.clips=2", check=0)
    assert "found: not trained again" in other.stdout
    assert len(list((tmp_path / "runs" / "trainings").iterdir())) == 1
    assert len(load_records(tmp_path / "runs")) == 2


def start(out, plugin, every="1e-6"):
    command = ["run", "--method", "noisy", "--plugin", plugin, "--protocol", "b2n-shapes"]
    command += ["--out", out, *TINY, "--set", f"train.checkpoint_every={every}"]
    return forked.start(command, out.parent, out.parent)


def end(process, out, seconds=300):
    """Its exit code, and what it had to say of errors."""
    process.join(seconds)
    return process.exitcode, (out.parent / "err.txt").read_text()


@pytest.fixture(scope="module")
def whole_run(shapes_cache, tmp_path_factory):
    """The plugin, and the results of a training that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "noisy.py").write_text(NOISY)
    whole = start(folder / "runs", folder / "noisy.py", every="1000")
    assert end(whole, folder / "runs")[0] == 0, end(whole, folder / "runs")
    return folder / "noisy.py", folder / "runs"


def wait_for_checkpoint(out, process, number=3):
    """Until the resumable checkpoint was written `number` times."""
    seen = set()
    deadline = time.time() + 200
    while len(seen) < number and time.time() < deadline and process.exitcode is None:
        for path in Path(out).glob("trainings/*/last.pth"):
            seen.add(path.stat().st_mtime_ns)
        time.sleep(0.01)
    assert len(seen) >= number, end(process, out)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_to_the_same_weights_bit_for_bit(how, whole_run, tmp_path):
    plugin, whole = whole_run
    out = tmp_path / "runs"
    cut = start(out, plugin)
    wait_for_checkpoint(out, cut)
    os.kill(cut.pid, how)
    assert end(cut, out, 120)[0] == (130 if how == signal.SIGINT else -9)
    assert not list(out.glob("trainings/*/final.safetensors"))
    record = next(out.glob("b2n-shapes/noisy/*/record.json"))
    status = json.loads(record.read_text())["status"]
    assert status == ("partial" if how == signal.SIGINT else "running")
    again = start(out, plugin)
    assert end(again, out)[0] == 0, end(again, out)
    finals = [load_file(next(o.glob("trainings/*/final.safetensors"))) for o in (whole, out)]
    assert finals[0].keys() == finals[1].keys()
    assert all((finals[0][k] == finals[1][k]).all() for k in finals[0])
    assert only_record(whole).metrics == only_record(out).metrics


def test_nan_loss_stops_and_names_the_batch(quick, tmp_path):
    run = ("run", "--method", "vifi", "--protocol", "b2n-shapes", *SMALL, "--set", "train.lr=1e30")
    done = quick(*run, check=1)
    assert "loss is nan" in done.stderr
    assert "base-train/" in done.stderr
    assert "Traceback" not in done.stderr
    record = next((tmp_path / "runs").glob("b2n-shapes/vifi/*/record.json"))
    assert json.loads(record.read_text())["error"]["phase"] == "train"


def test_results_folder_that_cannot_be_written_is_found_first(quick, tmp_path):
    (tmp_path / "file").write_text("")
    done = quick(
        "run", "--method", "clip", "--protocol", "b2n-shapes", "--out", "file/runs", check=1
    )
    assert "file/runs" in done.stderr
    assert "Traceback" not in done.stderr
    assert "evaluate on" not in done.stdout


def test_checkpoint_of_another_kind_names_keys(quick, tmp_path):
    import torch

    torch.save({"model": {"module.backbone.weight": torch.zeros(1)}}, tmp_path / "other.pth")
    run = ("run", "--method", "vifi", "--protocol", "zs-shapes", "--checkpoint", "other.pth")
    done = quick(*run, check=2)
    assert "backbone.weight" in done.stderr
    assert "other.pth" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--reader", "decord", "--on-bad-video", "salvage"), "needs --reader pyav"),
        (("--data", "."), "takes no --data"),
        (("--plugin", "broken.py"), "broken.py is broken: ModuleNotFoundError"),
        (("--if-exists", "mising"), "did you mean 'missing'"),
        (("--checkpoint", "nowhere.pth"), "nowhere.pth does not exist"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(words, message, quick, tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    done = quick("run", "--method", "vifi", "--protocol", "b2n-shapes", *words, check=2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def make_folder(root):
    """Two classes of real files, and one that is no video."""
    from vclipbench.datasets.shapes.splits import clip
    from vclipbench.datasets.shapes.store import ensure

    clips = [clip("zs1-val", i) for i in range(4)]
    for i, path in enumerate(ensure(clips)):
        folder = root / ("wave" if i % 2 else "jump_up")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.mp4").write_bytes(path.read_bytes())
    (root / "wave" / "broken.mp4").write_bytes(b"no video")


def test_own_videos_with_a_broken_one(quick, tmp_path):
    make_folder(tmp_path / "mine")
    run = ("run", "--method", "clip", "--protocol", "zs-folder", "--data", "mine")
    run = (*run, "--backbone", "shapes-tiny", "--set", "views.frames=2")
    failed = quick(*run, check=1)
    assert "broken.mp4" in failed.stderr
    assert "Traceback" not in failed.stderr
    quick(*run, "--on-bad-video", "skip", check=0)
    (record,) = [r for r in load_records(tmp_path / "runs") if r.status == "done"]
    assert record.data["all"].n_scored == 4
    assert record.data["all"].n_expected == 5
    assert record.data["all"].unreadable_ids == ["wave/broken.mp4"]
    table = quick("leaderboard", "runs", check=0).stdout
    assert "◦" in table
    again = quick(*run, check=1)  # the policy belongs to the identity: nothing is skipped
    assert "broken.mp4" in again.stderr


def test_predict_prints_ranked_scores(quick, tmp_path):
    make_folder(tmp_path / "mine")
    words = ("--video", "mine/wave/1.mp4", "--classes", "a red circle,a blue star,nothing")
    done = quick("predict", "--method", "clip", *words, "--backbone", "shapes-tiny", check=0)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:4]] == ["1", "2", "3"]
    broken = ("--video", "mine/wave/broken.mp4", "--classes", "a,b", "--backbone", "shapes-tiny")
    assert "broken.mp4" in quick("predict", *broken, check=1).stderr
