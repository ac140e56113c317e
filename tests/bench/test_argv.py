"""The command line as records keep it: no folder above the working directory."""

import sys

import pytest
from vclipbench.bench.environment import argv


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("../alice/secret", "secret"),
        ("--data=../alice/secret", "--data=secret"),
        ("ucf101=../alice/ucf", "ucf101=ucf"),
        ("/home/alice/videos", "videos"),
        ("data.root=/home/alice/videos", "data.root=videos"),
        ("data/ucf101", "data/ucf101"),
        ("a photo of a {}.", "a photo of a {}."),
        ("train.lr=1e-5", "train.lr=1e-5"),
    ],
)
def test_paths_are_cut(word, kept, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench", word])
    assert argv() == ["bench", kept]


def test_what_lies_below_the_working_directory_is_relative(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["bench", str(tmp_path / "a" / "b"), "../" + tmp_path.name + "/c"]
    )
    assert argv() == ["bench", "a/b", "c"]
