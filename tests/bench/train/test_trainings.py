"""What is kept of a training: equal tensors are equal files, and no log of an interrupted try stays."""

import json
import signal

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from vclipbench.bench.train import train, trainings

MAKER = {"method": "vifi", "stage": "fine-tune"}
WORDS = ("run", "--method", "vifi", "--protocol", "b2n-shapes", "--set", "data.limit=16")


def test_equal_tensors_are_equal_files(tmp_path):
    state = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(2, dtype=torch.float16)}
    for n in range(12):  # the order of two words is drawn each time
        trainings._save(state, tmp_path / f"{n}.safetensors", MAKER)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    with safe_open(tmp_path / "0.safetensors", "pt") as file:
        assert file.metadata() == MAKER
    read = load_file(tmp_path / "0.safetensors")
    assert all(torch.equal(state[name], read[name]) for name in state)


def test_resuming_is_silent_and_logs_are_removed(quick, tmp_path, monkeypatch):
    small = ("--set", "train.epochs=2", "--set", "views.frames=2", "--set", "data.workers=0")
    told = train.StepReport.after_train_iter

    def interrupted(self, *args, **kwargs):
        told(self, *args, **kwargs)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(train.StepReport, "after_train_iter", interrupted)
        quick(*WORDS, *small)
    (folder,) = (tmp_path / "runs" / "trainings").iterdir()
    assert (folder / train.LAST).is_file()
    done = quick(*WORDS, *small, check=0)
    assert "Loads checkpoint" not in done.stdout + done.stderr
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["final.safetensors", "lock", "log.csv", "training.json"]
    assert json.loads((folder / "training.json").read_text())["stage"] == "fine-tune"
