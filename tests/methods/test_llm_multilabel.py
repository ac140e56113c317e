"""llm-multilabel: the start equals CLIP, prompts to the language model, options and errors."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM
from vclipbench.methods import Batch, build_method
from vclipbench.methods.checkpoint import WeightsError, tensors_digest

CLIP = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": 32,
        "layers": 4,
        "width": 64,
        "head_width": 16,
        "patch_size": 16,
    },
    "text_cfg": {
        "context_length": 20,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    },
}
LABELS = ["star", "a red circle that is growing", "something moving left", "x"]


@pytest.fixture
def model(language_model):
    return language_model


def build(model, seed=0, **options):
    torch.manual_seed(seed)
    return build_method("llm-multilabel", CLIP, language_model=model, **options)


def clips(b=3, t=5, seed=1):
    return torch.randn(b, t, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def marks(rows=3, k=4):
    return (torch.arange(rows)[:, None] % k == torch.arange(k)).float()


def multilabel(t=5, texts=LABELS, targets=None):
    targets = marks(k=len(texts)) if targets is None else targets
    return Batch(clips(t=t), list(texts), targets, multilabel=True)


def shaken(method):
    """The method with branches that do something."""
    with torch.no_grad():
        for branch in method.temporal:
            branch.gamma.fill_(0.7)
            branch.positions.normal_()
    return method


# --- video side


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("frames", [1, 5, 8, 11])
def test_start_is_frame_averaged_clip_exactly(model, frames, grad):
    method = build(model, temporal_blocks=4)
    plain = build_method("clip", CLIP, dict(method.clip.state_dict()))
    with torch.set_grad_enabled(grad):
        x = clips(t=frames)
        assert torch.equal(method.encode_video(x), plain.encode_video(x))


def test_start_is_exact_on_shapes_tiny_with_its_own_language_model():
    method, plain = (
        build_method("llm-multilabel", "shapes-tiny"),
        build_method("clip", "shapes-tiny"),
    )
    x = torch.randn(2, 8, 3, 64, 64)
    assert torch.equal(method.encode_video(x), plain.encode_video(x))
    assert method.attributes.language_model.name == "shapes-lm"


def test_order_of_frames_counts_once_gamma_is_not_zero(model):
    method, x = shaken(build(model)), clips()
    forward, backward = method.encode_video(x), method.encode_video(x.flip(1))
    assert (forward - backward).abs().max() > 1e-3
    assert forward.norm(dim=-1).allclose(torch.ones(3))
    same = method.encode_video(x[1:2])  # and clips of a batch do not mix
    assert same.allclose(forward[1:2], atol=1e-6)


def test_branch_is_attention_over_time_at_each_place(model):
    branch = shaken(build(model, temporal_size=5)).temporal[0]
    x = torch.randn(2, 5, 3, 64)
    out = branch(x)
    normed = F.layer_norm(x[1, :, 2], (64,), branch.norm.weight, branch.norm.bias)
    one = (normed + branch.positions)[None]
    wanted = branch.gamma * branch.attn(one, one, one, need_weights=False)[0][0]
    assert out[1, :, 2].allclose(wanted, atol=1e-6)


def test_branches_start_as_copies_of_the_last_blocks(model):
    method = build(model)
    blocks = method.clip.visual.transformer.resblocks
    assert len(method.temporal) == 2
    for block, branch in zip(blocks[2:], method.temporal, strict=True):
        assert torch.equal(branch.attn.in_proj_weight, block.attn.in_proj_weight)
        assert branch.attn.in_proj_weight is not block.attn.in_proj_weight
        assert torch.equal(branch.norm.weight, block.ln_1.weight)


# --- text side


def states(method, labels):
    soft = method.attributes
    return soft.language_model.read(labels, soft.prefix, soft.queries)


def test_labels_of_different_lengths_share_a_batch(any_language_model):
    method = build(any_language_model, prefix_sets=2)
    together = states(method, LABELS)
    alone = torch.cat([states(method, [label]) for label in LABELS], 1)
    assert together.shape == (2, 4, 4, 32)
    assert together.allclose(alone, atol=1e-5)
    text = method.encode_text(LABELS)
    single = torch.cat([method.encode_text([label]) for label in LABELS])
    assert text.allclose(single, atol=1e-5)
    assert text.norm(dim=-1).allclose(torch.ones(4))


def test_language_model_reads_prefix_label_queries(model):
    method = build(model)
    soft = method.attributes
    lm = soft.language_model
    ids = torch.tensor(lm.tokenizer("star", add_special_tokens=False)["input_ids"])
    words = lm.model.get_input_embeddings()(ids)
    x = torch.cat((soft.prefix[0], words, soft.queries))[None]
    wanted = lm.model(inputs_embeds=x, output_hidden_states=True).hidden_states[-1][:, -4:]
    assert states(method, ["star"])[0].allclose(wanted, atol=1e-5)


@pytest.mark.parametrize("labels", [LABELS, ["", "a b"], [""]])
def test_remembered_labels_give_what_a_full_pass_gives(any_language_model, labels):
    method = build(any_language_model, prompt_position="suffix")
    soft = method.attributes
    lm = soft.language_model
    full = lm.read(labels, soft.queries.new_zeros(1, 0, lm.width), soft.queries)[0]
    with torch.inference_mode():  # an evaluation fills the memory, then training goes on with it
        method.encode_text(labels)
    again = lm.read_after(labels, soft.queries)
    assert again.allclose(full, atol=1e-5)
    some = torch.randn_like(full)
    a = torch.autograd.grad((some * full).sum(), soft.queries)[0]
    b = torch.autograd.grad((some * again).sum(), soft.queries)[0]
    assert a.allclose(b, rtol=1e-3, atol=1e-5 * float(a.abs().max()))
    assert lm.read_after(labels[::-1], soft.queries).allclose(full.flip(0), atol=1e-5)


def test_memory_of_labels_has_a_limit(model, monkeypatch):
    monkeypatch.setattr("vclipbench.methods.language_model._REMEMBERED", 3)
    method = build(model, prompt_position="suffix")
    first = method.encode_text(LABELS[:2])
    for some in (LABELS[2:], [*LABELS, "y"], LABELS[:2]):
        method.encode_text(some)
    assert len(method.attributes.language_model._memory) <= 5
    assert method.encode_text(LABELS[:2]).allclose(first, atol=1e-6)


def clip_text(method, embeddings, end):
    clip = method.clip
    x = embeddings[None] + clip.positional_embedding[: len(embeddings)]
    mask = clip.attn_mask[: len(embeddings), : len(embeddings)]
    x = clip.ln_final(clip.transformer(x, attn_mask=mask))[:, end]
    return F.normalize(x @ clip.text_projection, dim=-1)


def test_text_is_start_attributes_label_full_stop_end(model):
    method = build(model, prefix_sets=2)
    table, encode = method.clip.token_embedding, method.backbone.tokenizer.encode
    ids = torch.tensor([49406, *encode("a red star"), *encode("."), 49407])
    soft = method.attributes(["a red star"])
    assert soft.shape == (2, 1, 4, 32)
    norm = table.weight.norm(dim=1).mean()
    assert soft.norm(dim=-1).allclose(norm.expand(2, 1, 4), rtol=1e-5)
    rows = [
        clip_text(method, torch.cat((table(ids[:1]), s[0], table(ids[1:]))), len(ids) + 3)
        for s in soft
    ]
    wanted = F.normalize(torch.cat(rows).mean(0), dim=-1)
    for text in ("a red star", "a red star.", "a red star. "):
        # trailing marks are part of what the language model reads, so only the first is exact
        got = method.encode_text([text])[0]
        assert got.allclose(wanted, atol=1e-5) == (text == "a red star")
    long = clip_text(method, torch.cat((table(ids[:1]), soft[0, 0], table(ids[1:]))), len(ids) + 3)
    assert not long.allclose(wanted, atol=1e-4)


def test_no_second_full_stop(model):
    method = build(model)
    seen = []
    tokenizer = method.backbone.tokenizer
    method.backbone.tokenizer = lambda texts, **more: seen.extend(texts) or tokenizer(texts, **more)
    method.encode_text(["a star", "a star.", "a star. "])
    assert seen == ["a star."] * 3


def test_long_label_is_cut_and_counted(model):
    method = build(model)
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    with pytest.warns(UserWarning, match="is cut"):
        features = method.encode_text([long, "star"])
    assert method.backbone.truncated == 1
    assert features.isfinite().all()
    assert method.encode_text(["word " * 500]).isfinite().all()  # also longer than the LM's context


def test_parts_of_a_long_list_give_what_the_whole_gives(model, monkeypatch):
    method = build(model)
    whole = method.encode_text(LABELS)
    monkeypatch.setattr("vclipbench.methods.llm_multilabel._TEXTS_AT_ONCE", 3)
    with torch.inference_mode():
        assert method.encode_text(LABELS).allclose(whole, atol=1e-5)


# --- what is kept, and errors


def test_state_dict_holds_no_language_model(model):
    method = build(model)
    state = method.state_dict()
    assert {k.split(".")[0] for k in state} == {
        *("clip", "attributes", "temporal", "logit_scale", "bias")
    }
    assert not any("lm" in k or "language" in k for k in state)
    lm = AutoModelForCausalLM.from_pretrained(model)
    digest = tensors_digest(lm.state_dict())
    assert method.language_model_sha256 == digest
    name = Path(model).name
    assert method.facts() == {"language_model": name, "language_model_sha256": digest}
    method.train()
    assert not method.attributes.language_model.model.training
    other = build(model, seed=5)
    other.load_state_dict(state)
    assert torch.equal(other.encode_text(LABELS), method.encode_text(LABELS))


def test_no_published_checkpoint(model):
    with pytest.raises(NotImplementedError, match="no published"):
        build(model).load_published({})


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"prompt_position": "middle"}, "prompt_position must be one of prefix, suffix"),
        ({"regulariser": "both"}, "regulariser must be one of none, feature, weight"),
        ({"prefix": 0}, "prefix must be a whole number of at least 1, not 0"),
        ({"queries": True}, "queries must be a whole number"),
        ({"queries": 18}, "at most 17, not 18"),
        ({"prompt_position": "suffix", "prefix_sets": 2}, "prefix_sets must be 1"),
        ({"temporal_blocks": 5}, "whole number from 0 to 4, not 5"),
        ({"label_prior": 1.0}, "label_prior must be null or between 0 and 1"),
        ({"gamma_negative": 0.5}, "gamma_negative must be 0 or at least 1, not 0.5"),
        ({"regulariser_weight": -1.0}, "regulariser_weight must be at least 0"),
        ({"margin": 1.0}, "margin must be at least 0 and below 1"),
        ({"margin": "wide"}, "margin must be a number, not 'wide'"),
        ({"asymmetric": "no"}, "asymmetric must be true or false, not 'no'"),
        ({"interpolation_low": 0.7}, "interpolation_low and interpolation_high"),
        ({"regulariser": "weight", "finetune_vision": False}, "needs options.finetune_vision"),
    ],
)
def test_bad_options(model, options, match):
    with pytest.raises(ValueError, match=match):
        build(model, **options)


def test_smallest_options_work(model):
    method = build(model, prefix=1, queries=1, prompt_layers=0, temporal_blocks=0)
    assert method.loss(multilabel())["loss"].isfinite()


def test_language_model_that_cannot_be_had(model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"needs options\.language_model"):
        build_method("llm-multilabel", CLIP)
    with pytest.raises(WeightsError, match="is a folder without safetensors"):
        build(str(tmp_path))
    with pytest.raises(WeightsError, match=r"language model '.*nowhere' cannot be loaded"):
        build(str(tmp_path / "nowhere"))
    shutil.copytree(model, tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    from safetensors.torch import load_file, save_file

    state = load_file(weights)
    state.pop("model.norm.weight")
    save_file(state, weights, {"format": "pt"})
    with pytest.raises(WeightsError, match=r"lack 1 tensors.*model\.norm\.weight"):
        build(str(tmp_path / "cut"))
    weights.write_bytes(b"no tensors at all")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        build(str(tmp_path / "cut"))
    config = tmp_path / "cut" / "config.json"
    config.write_text(json.dumps({"model_type": "of nobody"}))
    with pytest.raises(WeightsError, match="cannot be loaded"):
        build(str(tmp_path / "cut"))
