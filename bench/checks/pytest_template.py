"""Tests of the method my-method; run them with `pytest`."""

from pathlib import Path

import pytest
import torch
from vclipbench.bench.checks import check_method
from vclipbench.bench.registry import check_files
from vclipbench.methods.build import build_method

FILE = Path(__file__).with_name("my_file.py")


@pytest.fixture(scope="module")
def method():
    """The method on the embedded CLIP, with its default options."""
    check_files([FILE])  # imports it, as --plugin does
    return build_method("my-method", "shapes-tiny")


def test_it_meets_the_requirements():
    """Everything that `bench check method` looks at, under one protocol."""
    findings = check_method("my-method", [FILE], protocols=["b2n-shapes"])
    assert [f for f in findings if f.verdict == "FAIL"] == []


def test_features_and_scores(method):
    """Shapes, with T = 8 frames of 64 x 64 pixels."""
    video = method.encode_video(torch.randn(2, 8, 3, 64, 64))
    text = method.encode_text(["a red star moving left", "a red star moving right"])
    assert video.shape == text.shape == (2, 128)
    assert method.scores(video, text).shape == (2, 2)


def test_order_of_frames_matters(method):
    """What is new in this method: it can tell a clip from its reverse, which averaging cannot.

    Replace it by a test of what is new in yours.
    """
    torch.nn.init.normal_(method.adapter[-1].weight, std=0.1)
    frames = torch.randn(1, 8, 3, 64, 64)
    forwards, backwards = method.encode_video(frames), method.encode_video(frames.flip(1))
    assert not torch.allclose(forwards, backwards, atol=1e-3)
