"""Weights by a tag: no network is said soon, with the file wanted and where to put it."""

import time

import open_clip
import pytest
import torch
from vclipbench.methods import backbone, download
from vclipbench.methods.backbone_sizes import PARAMETERS, weights_megabytes
from vclipbench.methods.checkpoint import WeightsError

SOURCE = {"hf_hub": "someone/a-clip/", "url": "https://example.com/a.pt"}


@pytest.fixture(autouse=True)
def _empty_cache(monkeypatch):
    monkeypatch.setattr(download, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(download.urllib.request, "getproxies", dict)


@pytest.mark.parametrize("name", ["ViT-B-16", "ViT-B-32"])
def test_sizes_are_those_of_the_models(name):
    with torch.device("meta"):
        clip = open_clip.CLIP(**open_clip.get_model_config(name))
    assert sum(p.numel() for p in clip.parameters()) == PARAMETERS[name]
    assert weights_megabytes(f"{name}-quickgelu") == weights_megabytes(name)
    assert weights_megabytes("ViT-B-16") == 600
    assert weights_megabytes("a model of tomorrow") is None


def test_offline_by_the_variable(monkeypatch):
    monkeypatch.setattr(download.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(download, "_answers", lambda *_: pytest.fail("the network was asked"))
    with pytest.raises(WeightsError) as caught:
        download.fetched("ViT-B-16", "openai", SOURCE)
    said = str(caught.value)
    assert "weights 'openai' of 'ViT-B-16' (about 600 MB) are not on this machine" in said
    assert "HF_HUB_OFFLINE forbids to fetch them" in said
    assert "fetch open_clip_model.safetensors of someone/a-clip" in said
    assert "--pretrained FILE" in said


def test_a_network_that_is_silent(monkeypatch):
    monkeypatch.setattr(download.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(download, "PATIENCE", 0.2)
    monkeypatch.setattr(download.socket, "create_connection", lambda *_, **__: time.sleep(60))
    start = time.monotonic()
    with pytest.raises(WeightsError, match=r"does not answer within 0\.2 s .with HF_HUB_OFFLINE=1"):
        download.fetched("ViT-B-16", "openai", SOURCE)
    assert time.monotonic() - start < 5  # and not until someone gives up


def test_what_is_there_needs_no_network(monkeypatch):
    monkeypatch.setattr(download, "try_to_load_from_cache", lambda *_: "/a/file")
    monkeypatch.setattr(download, "_no_network", lambda _: pytest.fail("the network was asked"))
    monkeypatch.setattr(open_clip, "download_pretrained", lambda _: "/a/file")
    assert str(download.fetched("ViT-B-16", "openai", SOURCE)) == "/a/file"


def test_which_backbones_can_be_used():
    for name in ("ViT-B-16-SigLIP2", "PE-Core-B-16"):
        with pytest.raises(WeightsError) as caught:
            backbone.build_backbone(name, "none")
        assert "custom_text" not in str(caught.value)
        assert "SigLIP 2, PE-Core and other relatives cannot be used yet" in str(caught.value)
