"""CLIP-ViP's properties: who sees whom, time, options, stages, losses, checkpoints and recipes."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode
from vclipbench.bench.config.schema import schema_for
from vclipbench.methods import Batch, build_method
from vclipbench.methods.blocks import heads, joined
from vclipbench.methods.card import Card
from vclipbench.methods.checkpoint import WeightsError
from vclipbench.methods.clip_vip import CLIPViP, proxy_attention
from vclipbench.methods.clip_vip_losses import LOSSES, WITH_CAPTIONS, Sources
from vclipbench.methods.hf_clip import from_open_clip

TINY = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 2},
}
TEXTS = ["a red star moves left", "a blue disc falls", "a green square"]


def tiny(timed=True, **options):
    torch.manual_seed(0)
    method = build_method("clip-vip", TINY, **options)
    if timed and method.temporal_embedding is not None:
        torch.nn.init.normal_(method.temporal_embedding)
    return method


def clips(number=3, frames=5):
    return torch.randn(number, frames, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def distance(method, one, other):
    return float((method.encode_video(one) - method.encode_video(other)).abs().max())


def test_order_of_frames_counts_once_time_is_learned():
    frames, order = clips(), torch.tensor([3, 0, 4, 1, 2])
    assert distance(tiny(), frames, frames.flip(1)) > 1e-3
    for method in (tiny(timed=False), tiny(temporal_embedding=False)):
        assert distance(method, frames, frames[:, order]) < 1e-6
    assert distance(tiny(timed=False), frames, clips().roll(1, 0)) > 1e-3


def test_mean_pooling_is_the_mean_of_clips_frames():
    method, frames = tiny(pooling="mean"), clips()
    with torch.inference_mode():
        rows = F.normalize(method.clip.visual(frames.flatten(0, 1)), dim=-1).unflatten(0, (3, 5))
        got = method.encode_video(frames)
    torch.testing.assert_close(got, F.normalize(rows.mean(1), dim=-1))
    assert {n.split(".")[0] for n, _ in method.named_parameters()} == {"clip"}


def test_one_frame_without_added_proxies_is_clip():
    method, frames = tiny(timed=False, added_proxies=0), clips(frames=1)
    with torch.inference_mode():
        wanted = F.normalize(method.clip.visual(frames[:, 0]), dim=-1)
        torch.testing.assert_close(method.encode_video(frames), wanted, atol=1e-6, rtol=1e-5)


def test_two_dense_calls_equal_one_masked_attention():
    attention = tiny().clip.visual.transformer.resblocks[0].attn
    t, m, patches = 5, 4, 7
    x = torch.randn(2, m + t * patches, 64)
    place = torch.cat([torch.full((m,), -1), torch.arange(t).repeat_interleave(patches)])
    mask = (place[:, None] == place) | (place[:, None] < 0) | (place < 0)
    q, k, v = heads(attention, x)
    wanted = joined(attention, F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        got = proxy_attention(attention, x, t, m)
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-5)
    tokens, width = 2 * x.shape[1], 64
    linear = 2 * tokens * width * 4 * width
    pairs = 2 * (m * x.shape[1] + t * patches * (m + patches))
    assert counter.get_total_flops() == linear + 4 * pairs * width


def test_features_do_not_depend_on_the_batch():
    method, frames = tiny(), clips()
    assert distance(method, frames[1:2], frames[1:2]) == 0
    with torch.inference_mode():
        whole, alone = method.encode_video(frames), method.encode_video(frames[1:2])
    torch.testing.assert_close(whole[1:2], alone, atol=1e-6, rtol=1e-5)


def test_texts_are_cut_at_the_option_and_counted():
    method, text = tiny(max_text_length=6), "one two three four five six"
    with pytest.warns(UserWarning, match="more than the 6 tokens"), torch.inference_mode():
        cut = method.encode_text([text])
    with torch.inference_mode():
        torch.testing.assert_close(cut, method.encode_text(["one two three four"]))
        assert not torch.allclose(cut, tiny().encode_text([text]))
    assert method.backbone.truncated == 1


def test_initial_values():
    method = tiny(timed=False)
    assert float(method.clip.logit_scale.detach()) == pytest.approx(4.6)
    assert method.added_proxies.shape == (3, 64)
    assert 0.8 < float(method.added_proxies.detach().std()) < 1.2
    assert not method.temporal_embedding.any()
    assert float(tiny(logit_scale_init=None).clip.logit_scale.detach()) == pytest.approx(
        math.log(1 / 0.07)
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("pooling", "max"),
        ("loss", "vsc_fc"),
        ("pretraining_loss", "nce2"),
        ("added_proxies", -1),
        ("temporal_size", 0),
        ("max_text_length", 78),
        ("temperature", 0.0),
        ("margin", "wide"),
        ("logit_scale_init", float("nan")),
        ("temporal_embedding", "no"),
        ("hard_negatives", True),
    ],
)
def test_wrong_options_are_named(option, value):
    with pytest.raises(ValueError, match=f"option {option} is"):
        tiny(**{option: value})


def test_stages():
    method = tiny()
    pretrain, finetune = method.stages("captions")
    assert (pretrain.data, pretrain.texts, pretrain.replaceable) == ("source", "omnisource", True)
    assert (finetune.data, finetune.texts) == ("target", "captions")
    assert method.stages("classes")[1].texts == "classes"
    assert [s.name for s in tiny(pooling="mean").stages("captions")] == ["finetune"]
    assert set(pretrain.apply(method)) == {n for n, _ in method.named_parameters()}


def batch(kind):
    frames = clips()
    made = Batch(frames, TEXTS, torch.eye(3), paired=kind != "classes")
    if kind == "omnisource":
        made.images, made.captions = frames[:, 2:3], ["a star", "a disc", "something"]
    return made


@pytest.mark.parametrize("kind", ["classes", "paired", "omnisource"])
def test_everything_learns_from_every_kind_of_batch(kind):
    method = tiny()
    method.loss(batch(kind))["loss"].backward()
    assert all(p.grad is not None and p.grad.any() for p in method.parameters())


def test_the_batch_decides_the_loss():
    method, paired, omni = tiny(), batch("paired"), batch("omnisource")
    with torch.inference_mode():
        v, x, c = map(method.encode_text, (TEXTS, TEXTS, omni.captions))
        v, f = method.encode_video(paired.frames), method.encode_video(omni.images)
        s = Sources(v, x, method.clip.logit_scale.exp(), f, c)
        for name, got in (("vs", method.loss(paired)), ("vsc_fc", method.loss(omni))):
            torch.testing.assert_close(got["loss"], LOSSES[name](s), atol=1e-5, rtol=1e-5)
        assert float(got["top1"]) == pytest.approx(
            100 * float((v @ x.T).argmax(1).eq(torch.arange(3)).float().mean())
        )
        classes = method.loss(batch("classes"))["loss"]
        rows = method.scores(v, x).log_softmax(1).diagonal()
        torch.testing.assert_close(classes, -rows.mean())


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_finite_and_reaches_the_model(name):
    if name in WITH_CAPTIONS:
        method, made = tiny(pretraining_loss=name), batch("omnisource")
    else:
        method, made = tiny(loss=name), batch("paired")
    loss = method.loss(made)["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(method.added_proxies.grad).all()
    assert method.added_proxies.grad.any()


def test_several_texts_a_video():
    made = batch("paired")
    made.texts = [f"{t}, {i}" for t in TEXTS for i in range(2)]
    assert torch.isfinite(tiny(loss="mil_nce").loss(made)["loss"])


def test_images_without_captions_are_refused():
    made = batch("omnisource")
    made.captions = None
    with pytest.raises(ValueError, match="needs the middle frames and their captions"):
        tiny().loss(made)


def test_logit_scale_is_limited_before_pretraining_and_after_fine_tuning():
    limit = torch.tensor(math.log(200))
    losses = {}
    for kind in ("paired", "omnisource"):
        method, at_limit = tiny(logit_scale_init=6.0), tiny(logit_scale_init=float(limit))
        losses[kind] = method.loss(batch(kind))["loss"], at_limit.loss(batch(kind))["loss"]
        torch.testing.assert_close(method.clip.logit_scale.detach(), limit)
    assert losses["omnisource"][0] == losses["omnisource"][1]
    assert losses["paired"][0] != losses["paired"][1]


def test_checkpoints_as_published_and_training_states():
    source = tiny()
    state = source.published_state()
    assert all(key.startswith("clipmodel.") for key in state)
    buffers = {"clipmodel.text_model.embeddings.position_ids": torch.arange(77)[None]}
    halves = {key: value.half() for key, value in state.items()}
    for content, exact in (
        ({**state, **buffers}, True),
        ({"global_step": 3, "model_state_dict": halves, "optim_state_dict": {}}, False),
    ):
        method = tiny(timed=False)
        method.load_published(content)
        again = method.published_state()
        assert again.keys() == state.keys()
        wanted = state if exact else {key: value.float() for key, value in halves.items()}
        assert all(torch.equal(again[key], wanted[key]) for key in wanted)


def test_checkpoints_that_do_not_fit_name_the_keys():
    plain = from_open_clip(tiny().clip.state_dict())
    with pytest.raises(WeightsError, match=r"2 missing \(added_proxies, temporal_embedding\)"):
        tiny().load_published(plain)
    state = tiny().published_state()
    finer = {**TINY, "vision_cfg": {**TINY["vision_cfg"], "patch_size": 8}}
    other = build_method("clip-vip", finer)
    with pytest.raises(
        WeightsError, match=r"conv1\.weight is \[64, 3, 16, 16\], wanted \[64, 3, 8"
    ):
        other.load_published(state)
    with pytest.raises(WeightsError, match=r"temporal_embedding is \[1, 12, 64\], wanted \[1, 6"):
        tiny(temporal_size=6).load_published(state)
    with pytest.raises(WeightsError, match=r"2 unexpected \(added_proxies, temporal_embedding\)"):
        tiny(pooling="mean").load_published(state)
    with pytest.raises(
        WeightsError, match=r"CLIP-ViP checkpoint .*: the key 'image_encoder\.proj'"
    ):
        tiny().load_published({"model": {"module.image_encoder.proj": torch.zeros(2, 2)}})
    with pytest.raises(WeightsError, match="holds no tensors"):
        tiny().load_published({"state_dict": {}})


def test_parameters_of_vit_b_16():
    with torch.device("meta"):
        import open_clip

        clip = open_clip.CLIP(**open_clip.get_model_config("ViT-B-16-quickgelu"))
    from vclipbench.methods.backbone import Backbone

    defaults = {key: option.default for key, option in Card.of(CLIPViP).options.items()}
    method = CLIPViP(Backbone(clip, None, "ViT-B-16-quickgelu", None, None), **defaults)
    assert sum(p.numel() for p in method.parameters()) == 149_632_257
    assert len(method.published_state()) == 400


def test_recipes_are_valid_settings():
    card = Card.of(CLIPViP)
    schema = schema_for(card.options)
    for recipe in card.recipes:
        config = schema.model_validate({"method": "clip-vip", "protocol": "any", **recipe.set})
        for stage in config.stages:
            config.train_of(stage)
    b16 = {"family": "ret", "backbone": "ViT-B-16-quickgelu"}
    didemo = schema.model_validate(
        {"method": "clip-vip", "protocol": "any", **card.recipe(dataset="didemo", **b16).set}
    )
    assert didemo.train_of("pretrain").lr_factors == {}
    assert didemo.train_of("pretrain").batch_size == 512
    assert didemo.train_of("finetune").lr_factors == {"*logit_scale*": 10}
    assert card.recipe(dataset="activitynet", **b16).set["train"]["batch_size"] == 64
