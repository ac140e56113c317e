"""Weights between Hugging Face's and open_clip's CLIP: names, values, and the functions they give."""

import open_clip
import pytest
import torch
from transformers import CLIPConfig, CLIPModel
from vclipbench.methods.checkpoint import WeightsError
from vclipbench.methods.hf_clip import from_open_clip, to_open_clip

TEXT = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2}
VISION = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 3}
OURS = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 3, "width": 128, "patch_size": 16},
    "text_cfg": {"vocab_size": 100, "width": 64, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def theirs():
    text = TEXT | {"num_attention_heads": 2, "vocab_size": 100, "eos_token_id": 99}
    vision = VISION | {"num_attention_heads": 2, "image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=32)).eval()
    with torch.no_grad():  # biases and layer norms of a fresh model would hide a swap
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def test_open_clip_with_mapped_weights_is_the_same_function(theirs):
    ours = open_clip.CLIP(**OURS).eval()
    ours.load_state_dict(to_open_clip(theirs.state_dict()), strict=True)
    image = torch.randn(2, 3, 32, 32)
    text = torch.randint(1, 98, (3, 77))
    text[:, 20] = 99
    with torch.inference_mode():
        wanted = theirs(input_ids=text, pixel_values=image)
        torch.testing.assert_close(ours.encode_image(image, normalize=True), wanted.image_embeds)
        torch.testing.assert_close(ours.encode_text(text, normalize=True), wanted.text_embeds)


def test_round_trip_loses_nothing(theirs):
    state = {k: v for k, v in theirs.state_dict().items() if not k.endswith("position_ids")}
    back = from_open_clip(to_open_clip(state))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[k], v) for k, v in state.items())
    ours = open_clip.CLIP(**OURS).state_dict()
    again = to_open_clip(from_open_clip(ours))
    assert again.keys() == ours.keys()
    assert all(torch.equal(again[k], v) and again[k].is_contiguous() for k, v in ours.items())


def test_old_buffers_are_dropped_and_types_kept(theirs):
    state = {k: v.half() for k, v in theirs.state_dict().items()}
    state["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    state["vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    ours = to_open_clip(state)
    assert not [k for k in ours if "position_ids" in k]
    assert {v.dtype for v in ours.values()} == {torch.float16}


def test_faults_are_named(theirs):
    state = theirs.state_dict()
    with pytest.raises(WeightsError, match=r"'visual\.proj' is not of Hugging Face's"):
        to_open_clip({"visual.proj": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"layers\.0\.mlp\.fc3\.bias' is not of Hugging Face's"):
        to_open_clip({"text_model.encoder.layers.0.mlp.fc3.bias": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"'text_projection\.weight' is not of open_clip's"):
        from_open_clip({"text_projection.weight": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"resblocks\.0\.attn\.q' is not of open_clip's"):
        from_open_clip({"transformer.resblocks.0.attn.q": torch.zeros(1)})
    for part in ("q_proj", "k_proj", "v_proj"):
        key = f"vision_model.encoder.layers.1.self_attn.{part}.bias"
        with pytest.raises(WeightsError, match=key):
            to_open_clip({k: v for k, v in state.items() if k != key})
