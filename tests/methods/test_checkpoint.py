"""Weight files of others: read without running their code, refused with one sentence."""

import argparse
import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from vclipbench.methods import unpickle
from vclipbench.methods.checkpoint import WeightsError, read_weights, unwrap

W = {"w": torch.arange(6.0).reshape(2, 3), "h": torch.ones(2).half()}


@pytest.fixture
def yacs():
    """A stand-in for the package, there only while a file is written: pickle then needs it to read."""
    code = """
class CfgNode(dict):
    def __init__(self, values=None):
        super().__init__()
        for key, value in (values or {}).items():
            self[key] = CfgNode(value) if isinstance(value, dict) else value
        self.__dict__["__immutable__"] = True
        self.__dict__["__deprecated_keys__"] = set()
        self.__dict__["__renamed_keys__"] = {}
        self.__dict__["__new_allowed__"] = False
"""
    module = types.ModuleType("yacs.config")
    module.__dict__["__name__"] = "yacs.config"
    exec(code, module.__dict__)

    class Installed:
        def __enter__(self):
            sys.modules["yacs"] = types.ModuleType("yacs")
            sys.modules["yacs.config"] = module
            return module.CfgNode

        def __exit__(self, *_):
            del sys.modules["yacs"], sys.modules["yacs.config"]

    return Installed()


def published(config, **more):
    """What ViFi-CLIP's trainer saves: a DistributedDataParallel model and all that was at hand."""
    model = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    return {
        "model": OrderedDict((f"module.{k}", v) for k, v in model.state_dict().items()),
        "optimizer": optimiser.state_dict(),
        "lr_scheduler": {"base_values": [8e-6], "t_in_epochs": False, "warmup_t": 5, "_step": None},
        "max_accuracy": np.float64(81.5),
        "epoch": 10,
        "config": config,
        **more,
    }


@pytest.mark.parametrize("legacy", [False, True])
def test_a_checkpoint_with_the_trainers_settings(tmp_path, yacs, legacy):
    settings = {"TRAIN": {"LR": 8e-6, "EPOCHS": 10, "BETAS": (0.9, 0.98)}, "TAGS": ["a", None]}
    path = tmp_path / "best.pth"
    with yacs as node:
        content = published(node(settings))
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    assert "yacs" not in sys.modules
    read = read_weights(path)
    state = unwrap(read)
    assert state.keys() == {"weight", "bias"}
    assert torch.equal(state["weight"], content["model"]["module.weight"])
    assert read["config"] == settings
    assert read["max_accuracy"] == 81.5
    assert type(read["config"]) is OrderedDict
    assert "yacs" not in sys.modules
    assert not set(unpickle.SAFE) & set(torch.serialization.get_safe_globals())


def test_other_harmless_settings(tmp_path):
    path = tmp_path / "x.pt"
    more = {"i": np.int64(-3), "f": np.float32(0.5), "b": np.bool_(True), "big": np.dtype(">f8")}
    torch.save({"model": W, "args": argparse.Namespace(lr=0.1, names=["a"]), **more}, path)
    read = read_weights(path)
    assert (read["i"], read["f"], read["b"]) == (-3, 0.5, True)
    assert isinstance(read["args"], unpickle.Namespace)
    assert read["args"].state == {"lr": 0.1, "names": ["a"]}
    assert torch.equal(unwrap(read)["w"], W["w"])


@pytest.mark.parametrize("wrapper", ["model", "model_state", "model_state_dict", "state_dict", ""])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_wrappers_and_prefixes(wrapper, prefix):
    inside = {f"{prefix}{k}": v for k, v in W.items()}
    content = {wrapper: inside, "epoch": 3, "cfg": "TRAIN: 1"} if wrapper else inside
    assert unwrap(content).keys() == W.keys()


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, call, path):
        self.call, self.path = call, path

    def __reduce__(self):
        if self.call == "eval":
            return eval, (f"open({str(self.path)!r}, 'w').close()",)
        if self.call == "exec":
            return exec, (f"open({str(self.path)!r}, 'w').close()",)
        if self.call == "open":
            return open, (str(self.path), "w")
        import os

        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("call", ["system", "eval", "exec", "open"])
@pytest.mark.parametrize("place", ["top", "config", "legacy", "plain pickle", "numpy"])
def test_no_code_of_a_file_runs(tmp_path, yacs, call, place):
    made, path = tmp_path / "made", tmp_path / "evil.pth"
    evil = Payload(call, made)
    if place == "plain pickle":
        path.write_bytes(pickle.dumps({"model": W, "x": evil}))
    elif place == "config":
        with yacs as node:
            torch.save(published(node({"A": {"B": [evil]}})), path)
    else:
        content = {"numpy": {"model": W, "x": np.array([evil], object)}, "top": evil}
        content = content.get(place, {"model": W, "x": evil})
        torch.save(content, path, _use_new_zipfile_serialization=place != "legacy")
    refused = r"evil\.pth is refused.*would run its code \(\S+\)"
    refused = r"evil\.pth is neither" if place == "plain pickle" else refused
    with pytest.raises(WeightsError, match=refused):
        read_weights(path)
    assert not made.exists()
    pickle_of_it = pickle.dumps(Payload("system", made))  # the payload works where it is let run
    pickle.loads(pickle_of_it)
    assert made.exists()


class Module(torch.nn.Module):
    """Parameters of several types, a buffer, and tensors that are neither."""

    def __init__(self):
        super().__init__()
        self.block = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4))
        self.twin = torch.nn.Linear(4, 3).half()
        self.scale = torch.nn.Parameter(torch.tensor(2.5))
        self.across = torch.nn.Parameter(torch.randn(2, 5).t())
        self.register_buffer("size", torch.tensor(224))
        self.neither = torch.zeros(3)
        self.numbers = [1, 2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block(x) * self.scale


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", ["script", "trace"])
def test_torchscript_archive_without_running_it(tmp_path, monkeypatch, how):
    path, module = tmp_path / "archive.pt", Module()
    made = (
        torch.jit.script(module) if how == "script" else torch.jit.trace(module, torch.ones(1, 3))
    )
    made.save(path)
    wanted = dict(torch.jit.load(path).state_dict())
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("runs the archive's code"))
    read = read_weights(path)
    assert read.keys() == wanted.keys()
    for key, value in wanted.items():
        assert torch.equal(read[key], value)
        assert read[key].dtype == value.dtype


def test_torchscript_archive_that_names_something_else_is_refused(tmp_path):
    import zipfile

    path, made = tmp_path / "evil.pt", tmp_path / "made"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil/data.pkl", pickle.dumps(Payload("system", made), 2))
        archive.writestr("evil/constants.pkl", b"")
    with pytest.raises(WeightsError, match=r"would run its code \(posix\.system\)"):
        read_weights(path)
    assert not made.exists()


def content_of(path, kind):
    if kind == "safetensors":
        save_file(W, path)
    else:
        torch.save(W, path, _use_new_zipfile_serialization=kind == "zip")
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
@pytest.mark.parametrize("share", [0.0, 0.005, 0.1, 0.5, 0.9, 0.99])
def test_files_cut_short(tmp_path, kind, share):
    data = content_of(tmp_path / "whole", kind)
    path = tmp_path / "cut.pt"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match=r"cut short|is empty") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
@pytest.mark.parametrize("name", ["x.safetensors", "x.pt", "x.bin"])
def test_the_kind_is_told_from_the_content(tmp_path, kind, name):
    (tmp_path / name).write_bytes(content_of(tmp_path / "whole", kind))
    assert torch.equal(read_weights(tmp_path / name)["w"], W["w"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><html>Google Drive</html>", "is a web page"),
        (b"\n <HTML><head>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (b"hello, this is a text", "neither a safetensors nor a torch weights file"),
        (b"\x00" * 64, "neither a safetensors nor a torch weights file"),
        (pickle.dumps([1, 2]), "neither a safetensors nor a torch"),
    ],
)
def test_files_of_other_kinds(tmp_path, data, said):
    path = tmp_path / "x.pt"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=said) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_a_state_dict(tmp_path):
    torch.save(torch.zeros(3), tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="holds a Tensor, not a state dict"):
        read_weights(tmp_path / "x.pt")
