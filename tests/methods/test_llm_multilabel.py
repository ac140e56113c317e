"""llm-multilabel: the start equals CLIP, prompts to the language model, losses, regularisers, options."""

import json

import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedTokenizerFast,
)
from vclipbench.methods import Batch, build_method
from vclipbench.methods.checkpoint import WeightsError, tensors_digest
from vclipbench.methods.multilabel_loss import asymmetric_loss, label_sample

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
SIZES = {"llama": LlamaConfig, "gpt2": GPT2Config}


def tiny_language_model(folder, kind="llama"):
    """A causal language model with random weights and a tokenizer of bytes, in a folder."""
    torch.manual_seed(7)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    table = {token: i for i, token in enumerate(["<s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=table, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>").save_pretrained(folder)
    ends = {"bos_token_id": 0, "eos_token_id": 0, "vocab_size": len(table)}
    if kind == "llama":
        config = LlamaConfig(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=96,
            initializer_range=0.3,
            **ends,
        )
    else:
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}
        config = GPT2Config(initializer_range=0.3, **sizes, **ends)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def any_model(request, tmp_path_factory):
    return tiny_language_model(tmp_path_factory.mktemp("lm"), request.param)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_language_model(tmp_path_factory.mktemp("lm"))


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


def test_labels_of_different_lengths_share_a_batch(any_model):
    method = build(any_model, prefix_sets=2)
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
def test_remembered_labels_give_what_a_full_pass_gives(any_model, labels):
    method = build(any_model, prompt_position="suffix")
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


# --- training


def test_gradient_reaches_what_the_stage_trains_and_nothing_else(model):
    for position in ("prefix", "suffix"):
        method = shaken(build(model, prompt_position=position))
        names = method.stages("ml")[0].apply(method)
        method.loss(multilabel())["loss"].backward()
        got = {n for n, p in method.named_parameters() if p.grad is not None and p.grad.any()}
        assert got == set(names)
        assert {"bias", "logit_scale", "attributes.queries"} < got
        assert ("attributes.prefix" in got) == (position == "prefix")
        assert not any("language_model" in n or n.startswith("clip.transformer") for n in got)


def test_at_the_start_only_gamma_of_a_branch_has_a_gradient(model):
    method = build(model)
    method.stages("ml")[0].apply(method)
    method.loss(multilabel())["loss"].backward()
    for branch in method.temporal:
        assert branch.gamma.grad.any()
        assert not branch.attn.in_proj_weight.grad.any()
        assert not branch.positions.grad.any()


def test_stages(model):
    method = build(model, finetune_vision=False)
    names = method.stages("b2n")[0].apply(method)
    assert "bias" not in names
    assert "logit_scale" in names
    assert not any(n.startswith("clip.") for n in names)


def test_a_few_steps_learn(model):
    method = build(model)
    method.stages("ml")[0].apply(method)
    optimiser = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(30):
        loss = method.loss(multilabel())["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_scores_and_bias(model):
    method = build(model, label_prior=0.2)
    assert method.bias.item() == pytest.approx(-1.386294, abs=1e-5)
    video, text = method.encode_video(clips()), method.encode_text(LABELS)
    scores = method.scores(video, text)
    wanted = method.clip.logit_scale.exp() * video @ text.T + method.bias
    assert scores.allclose(wanted)
    method.loss(multilabel())
    assert float(method.scores(video, text).mean()) == pytest.approx(-1.386294, abs=1e-4)
    with torch.no_grad():
        method.bias += 1  # as a training would
    set_by_training = method.bias.clone()
    method.loss(multilabel())
    assert torch.equal(method.bias, set_by_training)


def test_prior_of_the_first_batch(model):
    method = build(model)
    method.loss(multilabel())
    video, text = method.encode_video(clips()), method.encode_text(LABELS)
    assert float(method.scores(video, text).mean()) == pytest.approx(
        float(torch.logit(torch.tensor(0.25))), abs=1e-4
    )


def test_multilabel_loss_is_binary_cross_entropy(model):
    method = build(model)
    loss = method.loss(multilabel())["loss"]
    p = method.scores(method.encode_video(clips()), method.encode_text(LABELS)).sigmoid()
    y = marks()
    assert loss.item() == pytest.approx(
        float(-(y * p.log() + (1 - y) * (1 - p).log()).mean()), rel=1e-5
    )


@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_asymmetric_loss_against_its_formula(margin):
    torch.manual_seed(0)
    logits = (3 * torch.randn(5, 7)).double().requires_grad_()
    y = (torch.rand(5, 7) < 0.3).double()
    total = 0.0
    for z, t in zip(logits.detach().flatten().tolist(), y.flatten().tolist(), strict=True):
        p = 1 / (1 + torch.tensor(-z).double().exp())
        q = max(p - margin, torch.zeros(()).double())
        total += float(-t * (1 - p) ** 1 * p.log() - (1 - t) * q**4 * (1 - q).log())
    assert asymmetric_loss(logits, y, 1, 4, margin).item() == pytest.approx(total / 35, rel=1e-9)
    assert torch.autograd.gradcheck(lambda z: asymmetric_loss(z, y, 1, 4, margin), logits)
    far = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = asymmetric_loss(far, torch.tensor([[1.0, 0.0]]), 1, 4, margin)
    assert loss.isfinite()
    assert torch.autograd.grad(loss, far)[0].isfinite().all()


def test_asymmetric_without_focus_is_binary_cross_entropy():
    logits, y = torch.randn(4, 6), (torch.rand(4, 6) < 0.5).float()
    wanted = F.binary_cross_entropy_with_logits(logits, y)
    assert asymmetric_loss(logits, y, 0, 0, 0).allclose(wanted)


def test_method_uses_the_asymmetric_loss(model):
    method = build(model, asymmetric=True, gamma_negative=2.0, margin=0.1)
    loss = method.loss(multilabel())["loss"]
    logits = method.scores(method.encode_video(clips()), method.encode_text(LABELS))
    assert loss.allclose(asymmetric_loss(logits, marks(), 1.0, 2.0, 0.1))


def test_label_sample():
    y = torch.zeros(3, 50)
    y[0, 7] = y[1, 7] = y[2, 40] = 1
    torch.manual_seed(3)
    first, second = label_sample(y, 10), label_sample(y, 10)
    assert len(first) == len(set(first.tolist())) == 10
    assert {7, 40} <= set(first.tolist()) & set(second.tolist())
    assert first.tolist() == sorted(first.tolist()) != second.tolist()
    torch.manual_seed(3)
    assert torch.equal(label_sample(y, 10), first)
    assert torch.equal(label_sample(y, 1), torch.tensor([7, 40]))  # positives are never dropped
    assert torch.equal(label_sample(y, 50), torch.arange(50))
    assert torch.equal(label_sample(y, 256), torch.arange(50))
    assert len(label_sample(torch.zeros(3, 5), 2)) == 2  # a batch without any label


def test_loss_encodes_only_the_sampled_labels(model):
    method = build(model, label_samples=3)
    seen = []
    encode = method._encode_text
    method._encode_text = lambda texts: seen.append(list(texts)) or encode(texts)
    labels = [f"{w} {n}." for n in range(20) for w in ("a", "the")]  # two templates
    y = torch.zeros(3, 20)
    y[:, 4] = 1
    method.loss(Batch(clips(), labels, y, templates=2, multilabel=True))
    assert len(seen) == 1
    assert len(seen[0]) == 6
    i = seen[0].index("a 4.")
    assert seen[0][i + 1] == "the 4."
    assert all(a[2:] == b[4:] for a, b in zip(seen[0][::2], seen[0][1::2], strict=True))


def test_classes_are_a_softmax_and_pairs_go_both_ways(model):
    method = build(model)
    x = clips()
    logits = method.scores(method.encode_video(x), method.encode_text(LABELS[:3]))
    target = torch.arange(3)
    classes = method.loss(Batch(x, LABELS[:3], torch.eye(3)))
    assert classes["loss"].allclose(F.cross_entropy(logits, target))
    pairs = method.loss(Batch(x, LABELS[:3], torch.eye(3), paired=True))
    both = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    assert pairs["loss"].allclose(both)
    one = method.loss(Batch(x, ["star"], torch.ones(3, 1)))["loss"]
    assert one.item() == pytest.approx(0, abs=1e-6)
    assert method.loss(multilabel(t=1, texts=["star"]))["loss"].isfinite()


def test_feature_regulariser(model):
    method = build(model, regulariser="feature", regulariser_weight=2.0)
    plain = build_method("clip", CLIP, dict(method.clip.state_dict()))
    shaken(method)
    with torch.no_grad():
        method.clip.visual.conv1.weight.mul_(1.5)  # weights that left CLIP
    got = method.loss(multilabel())
    video, text = method.encode_video(clips()), method.encode_text(LABELS)
    video0 = plain.encode_video(clips())
    text0 = plain.encode_text([f"{label}." for label in LABELS])
    wanted = 1 - (video * video0).sum(-1).mean() + 1 - (text * text0).sum(-1).mean()
    assert got["regulariser"].allclose(wanted, atol=1e-5)
    task = F.binary_cross_entropy_with_logits(method.scores(video, text), marks())
    assert got["loss"].allclose(task + 2 * wanted, atol=1e-4)


def test_weight_regulariser(model):
    share = 0.4
    method = build(
        model,
        regulariser="weight",
        interpolation_low=share,
        interpolation_high=share,
        regulariser_weight=0.5,
        finetune_vision=True,
    )
    names = [n for n in method.stages("ml")[0].apply(method) if n.startswith("clip.")]
    own = dict(method.named_parameters())
    clip = {n: own[n].detach().clone() for n in names}
    with torch.no_grad():
        for n in names:
            own[n] += 0.05 * torch.randn_like(own[n])
    here = {n: own[n].detach().clone() for n in names}
    method.loss(multilabel())  # sets the bias
    got = method.loss(multilabel())
    gradient = torch.autograd.grad(got["loss"], [own[n] for n in names])

    def at(weights):
        with torch.no_grad():
            for n in names:
                own[n].copy_(weights[n])
        logits = method.scores(method.encode_video(clips()), method.encode_text(LABELS))
        loss = F.binary_cross_entropy_with_logits(logits, marks())
        return loss.item(), torch.autograd.grad(loss, [own[n] for n in names])

    loss, g = at(here)
    loss_v, g_v = at({n: share * clip[n] + (1 - share) * here[n] for n in names})
    assert got["regulariser"].item() == pytest.approx(loss_v, rel=1e-5)
    assert got["loss"].item() == pytest.approx(loss + 0.5 * loss_v, rel=1e-5)
    for mine, a, b in zip(gradient, g, g_v, strict=True):  # without the factor 1 - share
        assert mine.allclose(a + 0.5 * b, atol=1e-6, rtol=1e-3)


def test_half_precision_and_moves(model):
    for position in ("prefix", "suffix"):
        method = build(model, prompt_position=position)
        before = method.encode_text(LABELS)
        with torch.autocast("cpu", torch.bfloat16):
            loss = method.loss(multilabel())["loss"]
        loss.backward()
        assert loss.isfinite()
        method.double()
        assert method.attributes.language_model.model.dtype == torch.float64
        assert method.encode_text(LABELS).allclose(before.double(), atol=1e-5)


# --- what is kept, and errors


def test_state_dict_holds_no_language_model(model):
    method = build(model)
    state = method.state_dict()
    assert {k.split(".")[0] for k in state} == {
        *("clip", "attributes", "temporal", "logit_scale", "bias")
    }
    assert not any("lm" in k or "language" in k for k in state)
    lm = AutoModelForCausalLM.from_pretrained(model)
    assert method.language_model_sha256 == tensors_digest(lm.state_dict())
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
        ({"gamma_negative": -1.0}, "gamma_negative must be a number of at least 0"),
        ({"margin": 1.0}, "margin must be at least 0 and below 1"),
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
    tiny_language_model(tmp_path / "cut")
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
