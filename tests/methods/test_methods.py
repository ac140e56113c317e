"""The method interface, backbones, and weight files."""

import pickle

import pytest
import torch
from vclipbench.methods import build_method
from vclipbench.methods.backbone import build_backbone
from vclipbench.methods.checkpoint import WeightsError, read_weights, tensors_digest

TINY = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 2},
}
TEXTS = ["a photo of a cat.", "a dog", "a photo of a very long name of a class that goes on"]


def tiny(name="vifi", **options):
    torch.manual_seed(0)
    return build_method(name, TINY, **options)


@pytest.mark.parametrize("name", ["clip", "vifi", "vifi-image", "vifi-text", "random"])
@pytest.mark.parametrize("frames", [1, 3])
def test_shapes_unit_norms_and_batch_independence(name, frames):
    method = tiny(name) if name != "random" else build_method("random")
    clips = torch.randn(4, frames, 3, 16, 16)
    with torch.inference_mode():
        video, text = method.encode_video(clips), method.encode_text(TEXTS)
        one = method.encode_video(clips[2:3])
        scores = method.scores(video, text)
    assert video.shape[0] == 4
    assert scores.shape == (4, 3)
    torch.testing.assert_close(video.norm(dim=-1), torch.ones(4))
    torch.testing.assert_close(text.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(one[0], video[2], atol=1e-6, rtol=1e-5)


def test_text_features_equal_open_clips_own():
    backbone = build_backbone(TINY)
    with torch.inference_mode():
        own = backbone.text_features(TEXTS)
        reference = backbone.clip.encode_text(backbone.tokenizer(TEXTS))
    torch.testing.assert_close(own, reference, atol=1e-6, rtol=1e-5)


def test_mean_of_frames_ignores_their_order():
    method, clips = tiny("clip"), torch.randn(2, 5, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(method.encode_video(clips), method.encode_video(clips.flip(1)))


def test_what_a_stage_trains_gets_gradients_and_nothing_else():
    from vclipbench.methods import Batch

    for name in ("vifi", "vifi-image", "vifi-text"):
        method = tiny(name)
        names = set(method.stages("classes")[0].apply(method))
        targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        method.loss(Batch(torch.randn(2, 2, 3, 16, 16), TEXTS, targets))["loss"].backward()
        got = {n for n, p in method.named_parameters() if p.grad is not None}
        assert got == names
        assert "clip.token_embedding.weight" not in names
        assert ("clip.logit_scale" in names) == (name == "vifi")


def test_text_longer_than_the_context_is_cut_counted_and_warned_about():
    method = tiny("clip")
    long = "word " * 100
    with pytest.warns(UserWarning, match="more than the 77 tokens"), torch.inference_mode():
        method.encode_text([long, "a cat"])
    assert method.backbone.truncated == 1
    assert torch.isfinite(method.encode_text([long])).all()


def test_unknown_names_and_options_are_refused_with_a_suggestion():
    with pytest.raises(KeyError, match="did you mean 'vifi'"):
        build_method("vify", TINY)
    with pytest.raises(TypeError, match="no option 'depth'"):
        build_method("vifi", TINY, depth=3)
    with pytest.raises(WeightsError, match="did you mean 'ViT-B-16'"):
        build_method("clip", "ViT-B16")


def test_weights_that_cannot_be_had_say_what_to_do(tmp_path):
    with pytest.raises(WeightsError, match="neither a file nor a tag of backbone 'ViT-B-32'"):
        build_method("clip", "ViT-B-32", "opanai")
    with pytest.raises(WeightsError, match="does not exist"):
        read_weights(tmp_path / "no.safetensors")
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"not a weight file")
    with pytest.raises(WeightsError, match=r"broken\.pt"):
        read_weights(broken)


def test_download_that_fails_points_to_a_file(monkeypatch):
    import open_clip

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(open_clip, "download_pretrained", refuse)
    with pytest.raises(WeightsError, match="--pretrained FILE"):
        build_method("clip", "ViT-B-32", "openai")


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    torch.save({"model": {"w": torch.zeros(1)}, "config": Evil()}, path)
    with pytest.raises(WeightsError, match="would run its code"):
        read_weights(path)
    plain = tmp_path / "plain.pkl"
    plain.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsError):
        read_weights(plain)
    assert "code ran" not in capsys.readouterr().out


def test_pretrained_from_file_and_from_state_dict_agree(tmp_path):
    source = build_backbone(TINY)
    state = source.clip.state_dict()
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "w.pt")
    from_file = build_backbone(TINY, tmp_path / "w.pt")
    extra = {**state, "input_resolution": torch.tensor(16)}
    from_dict = build_backbone(TINY, extra)
    assert from_file.weights_sha256 == from_dict.weights_sha256 == tensors_digest(state)


def test_shapes_tiny_ships_with_us():
    first, second = build_backbone("shapes-tiny"), build_backbone("shapes-tiny", "shapes-tiny")
    assert first.weights_sha256 == second.weights_sha256
    assert first.image_size == 64
    assert build_backbone("shapes-tiny", "none").weights_sha256 is None


@pytest.mark.parametrize("name", ["vifi-prompt", "open-vclip", "clip-vip", "llm-multilabel"])
def test_methods_that_rewire_a_vit_refuse_a_resnet(name):
    resnet = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 32, "patch_size": None}
    with pytest.raises(ValueError, match="needs a backbone whose image encoder is a ViT"):
        build_method(name, {**TINY, "vision_cfg": resnet})


@pytest.mark.parametrize("name", ["ViT-L-14-CLIPA", "ViT-H-14-worldwide", "coca_ViT-B-32"])
def test_relatives_of_clip_are_refused(name):
    with pytest.raises(WeightsError, match="is not a plain CLIP"):
        build_method("clip", name)


def test_asking_what_a_stage_trains_changes_nothing():
    method = build_method("vifi", TINY)
    (stage,) = method.stages("classes")
    before = {name: p.requires_grad for name, p in method.named_parameters()}
    names = stage.names(method)
    assert {name: p.requires_grad for name, p in method.named_parameters()} == before
    assert stage.apply(method) == names
    assert [name for name, p in method.named_parameters() if p.requires_grad] == names
