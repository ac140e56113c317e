"""`bench convert`: what it prints and writes, and that it leaves nothing half done."""

import os
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from vclipbench.bench import cli
from vclipbench.methods import build_method
from vclipbench.methods.checkpoint import read_weights, unwrap

TINY = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 16, "layers": 1, "width": 64, "head_width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 1},
}


@pytest.fixture
def convert(monkeypatch, capsys, tmp_path):
    """Run `bench convert` in this process, in a folder of its own: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def convert(*words):
        monkeypatch.setattr(sys, "argv", ["bench", "convert", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code
        return (code or 0, *capsys.readouterr())

    return convert


@pytest.fixture(scope="module")
def clip():
    torch.manual_seed(0)
    return {k: v.clone() for k, v in build_method("clip", TINY).clip.state_dict().items()}


@pytest.fixture(scope="module")
def vip():
    torch.manual_seed(0)
    return build_method("clip-vip", TINY, temporal_size=2).published_state()


def test_there_and_back(convert, clip, tmp_path):
    save_file(clip, tmp_path / "clip.safetensors")
    code, out, err = convert("clip.safetensors", "hf.pt", "--to", "huggingface")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].endswith("clip.safetensors, layout open_clip (open_clip's CLIP)")
    assert "ViT, 1 layers, width 64, patch 8, 16 px" in out
    assert lines[-1].split("  ")[0] == "written"
    assert "hf.pt, layout huggingface: 46 tensors (46 of float32), 6.3 MiB" in lines[-1]
    assert convert("hf.pt", "back.safetensors", "--to", "open_clip")[0] == 0
    back = load_file(tmp_path / "back.safetensors")
    assert back.keys() == clip.keys()
    assert all(torch.equal(back[k], clip[k]) for k in clip)
    assert sorted(os.listdir(tmp_path)) == ["back.safetensors", "clip.safetensors", "hf.pt"]


@pytest.mark.parametrize(
    ("layout", "key", "prefix"),
    [("vifi", "model", "module.image_encoder."), ("open-vclip", "model_state", "model.visual.")],
)
def test_the_authors_wrapping(convert, clip, tmp_path, layout, key, prefix):
    torch.save(clip, tmp_path / "clip.pth")
    for out in ("x.pth", "x.safetensors"):
        assert convert("clip.pth", out, "--to", layout, "--drop")[0] == 0
    content = read_weights(tmp_path / "x.pth")
    assert list(content) == [key]
    assert f"{prefix}proj" in content[key]
    flat = load_file(tmp_path / "x.safetensors")
    assert flat.keys() == unwrap(content).keys()
    method = build_method(layout, TINY)
    method.load_published(content)
    assert torch.equal(method.clip.visual.proj, clip["visual.proj"])


def test_dtypes(convert, clip, tmp_path):
    save_file(clip, tmp_path / "clip.safetensors")
    code, out, _ = convert("clip.safetensors", "half.pt", "--to", "openai", "--dtype", "fp16")
    assert code == 0
    assert "(38 of float16, 3 of int64)" in out.splitlines()[-1]
    half = read_weights(tmp_path / "half.pt")
    assert half["visual.proj"].dtype == torch.float16
    assert convert("half.pt", "kept.pt", "--to", "open_clip")[0] == 0
    kept = read_weights(tmp_path / "kept.pt")
    assert {v.dtype for v in kept.values()} == {torch.float16}
    assert convert("half.pt", "full.pt", "--to", "open_clip", "--dtype", "fp32")[0] == 0
    assert {v.dtype for v in read_weights(tmp_path / "full.pt").values()} == {torch.float32}


def test_what_is_dropped_or_filled_is_printed(convert, clip, vip, tmp_path):
    torch.save(vip, tmp_path / "vip.pt")
    save_file(clip, tmp_path / "clip.safetensors")
    code, out, err = convert("vip.pt", "out.pt", "--to", "vifi")
    assert (code, out) == (2, "")
    assert err.startswith("error: vip.pt: layout vifi has no place for added_proxies, clip.token")
    assert "--drop" in err
    assert not (tmp_path / "out.pt").exists()
    code, out, _ = convert("vip.pt", "out.pt", "--to", "vifi", "--drop")
    assert code == 0
    assert "dropped" in out
    assert "added_proxies, clip.token_embedding.weight, temporal_embedding" in out
    code, _, err = convert("out.pt", "whole.pt", "--to", "open_clip")
    assert code == 2
    assert "needs clip.token_embedding.weight, which the file does not hold" in err
    words = ("out.pt", "whole.pt", "--to", "open_clip", "--clip", "clip.safetensors")
    code, out, _ = convert(*words)
    assert code == 0
    assert "from --clip" in out
    whole = read_weights(tmp_path / "whole.pt")
    assert torch.equal(whole["token_embedding.weight"], clip["token_embedding.weight"])


def test_nothing_is_overwritten_unless_forced(convert, clip, tmp_path):
    save_file(clip, tmp_path / "clip.safetensors")
    (tmp_path / "out.pt").write_bytes(b"mine")
    code, _, err = convert("clip.safetensors", "out.pt", "--to", "openai")
    assert (code, err) == (2, "error: OUT out.pt exists; overwrite it with --force\n")
    assert (tmp_path / "out.pt").read_bytes() == b"mine"
    assert convert("clip.safetensors", "out.pt", "--to", "openai", "--force")[0] == 0
    words = ("clip.safetensors", "clip.safetensors", "--to", "vclipbench", "--force")
    assert convert(*words)[0] == 0
    assert "clip.visual.proj" in load_file(tmp_path / "clip.safetensors")


def test_a_write_that_fails_leaves_the_target_as_it_was(convert, clip, tmp_path, monkeypatch):
    save_file(clip, tmp_path / "clip.safetensors")
    (tmp_path / "out.pt").write_bytes(b"mine")

    def full(state, path):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full)
    code, _, err = convert("clip.safetensors", "out.pt", "--to", "openai", "--force")
    assert (code, err) == (1, "error: cannot write out.pt: No space left on device\n")
    assert (tmp_path / "out.pt").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["clip.safetensors", "out.pt"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no.pt", "out.pt", "--to", "openai"), "weights file no.pt does not exist"),
        (("page.pt", "out.pt", "--to", "openai"), "page.pt is a web page"),
        (("evil.pt", "out.pt", "--to", "openai"), "evil.pt is refused"),
        (("odd.pt", "out.pt", "--to", "openai"), "odd.pt: the file's keys (w) are of none of the"),
        (("clip.pt", "out.pt", "--to", "opneai"), "did you mean 'openai'"),
        (("clip.pt", "out.pt", "--to", "openai", "--from", "hf"), "--from 'hf' is none of"),
        (("clip.pt", "out.pt", "--to", "openai", "--from", "vifi"), "not of the layout vifi"),
        (("clip.pt", "out.pt", "--to", "openai", "--dtype", "int8"), "keep, fp32, fp16"),
        (("clip.pt", "out.npz", "--to", "openai"), "ends in none of .safetensors"),
        (("clip.pt", "no/out.pt", "--to", "openai"), "the folder of OUT no/out.pt does not exist"),
        (("clip.pt", "folder.pt", "--to", "openai"), "is a folder"),
        (("clip.pt", "out.pt", "--to", "vifi", "--clip", "no.pt"), "no.pt does not exist"),
    ],
)
def test_bad_input_is_one_sentence(convert, clip, tmp_path, words, said):
    torch.save(clip, tmp_path / "clip.pt")
    torch.save({"w": torch.zeros(1)}, tmp_path / "odd.pt")
    torch.save({"state_dict": clip, "x": os.system}, tmp_path / "evil.pt")
    (tmp_path / "page.pt").write_text("<html></html>")
    (tmp_path / "folder.pt").mkdir()
    before = sorted(os.listdir(tmp_path))
    code, out, err = convert(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err
    assert sorted(os.listdir(tmp_path)) == before
