"""Properties of Open-VCLIP and Open-VCLIP++ that need no reference outputs."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode
from vclipbench.bench.config import schema
from vclipbench.methods import Batch, build_method
from vclipbench.methods.blocks import heads, joined
from vclipbench.methods.card import Card
from vclipbench.methods.open_vclip import (
    OpenVCLIP,
    OpenVCLIPPlus,
    info_nce,
    neighbour_attention,
)

IDS = ("open-vclip", "open-vclip++")
TEXTS = ["a red star moving left.", "a blue circle growing."]


def clips(b=2, t=4, seed=0):
    return torch.randn(b, t, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def batch(b=2, **more):
    return Batch(clips(b), list(TEXTS), torch.eye(2)[torch.arange(b) % 2], **more)


@pytest.fixture(scope="module")
def method():
    return build_method("open-vclip", "shapes-tiny")


def plus(**options):
    return build_method("open-vclip++", "shapes-tiny", **options)


def trained(name, **options):
    """A method away from CLIP's weights, as after some training."""
    built = build_method(name, "shapes-tiny", **options)
    built.stages("classes")[0].apply(built)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in built.clip.visual.parameters():
            parameter += 0.01 * torch.randn(parameter.shape, generator=generator)
    return built


def by_hand(attention, x, mask):
    """The attention frame by frame: out_t = sum exp(s) v / (sum exp(s) + N * missing neighbours)."""
    frames = []
    t, n = x.shape[1:3]
    for i in range(t):
        q = heads(attention, x[:, i])[0]
        near = [j for j in (i + 1, i - 1, i) if 0 <= j < t]
        _, k, v = heads(attention, torch.cat([x[:, j] for j in near], dim=1))
        weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).exp()
        missing = 0 if mask else n * (3 - len(near))
        out = weights @ v / (weights.sum(-1, keepdim=True) + missing)
        frames.append(joined(attention, out))
    return torch.stack(frames, dim=1)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("t", [1, 2, 3, 5])
def test_attention_is_the_formula(method, t, mask):
    attention = method.clip.visual.transformer.resblocks[0].attn
    x = torch.randn(3, t, 65, 128, generator=torch.Generator().manual_seed(t))
    with torch.inference_mode():
        got, wanted = neighbour_attention(attention, x, mask), by_hand(attention, x, mask)
    assert torch.allclose(got, wanted, atol=1e-5)


def test_gradients_of_the_attention(method):
    attention = method.clip.visual.transformer.resblocks[0].attn
    x = torch.randn(2, 3, 65, 128, generator=torch.Generator().manual_seed(0))
    gradients = []
    for attend in (neighbour_attention, by_hand):
        own = x.clone().requires_grad_()
        attend(attention, own, False).square().sum().backward()
        gradients.append(own.grad)
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_the_direction_of_time_is_not_seen_but_the_neighbourhood_is(method):
    video = clips(t=5)
    feature = method.encode_video(video)
    assert torch.allclose(method.encode_video(video.flip(1)), feature, atol=1e-5)
    assert (method.encode_video(video[:, [0, 2, 4, 1, 3]]) - feature).abs().max() > 1e-3


@torch.inference_mode()
def test_one_frame(method):
    video = clips(t=1)
    image = F.normalize(method.clip.visual(video[:, 0]), dim=-1)
    assert (method.encode_video(video) - image).abs().max() > 1e-2  # zeros stay in the softmax
    masked = build_method("open-vclip", "shapes-tiny", missing_neighbours="mask")
    assert torch.allclose(masked.encode_video(video), image, atol=1e-5)


@torch.inference_mode()
def test_the_video_row_is_the_mean_of_unit_frame_rows(method):
    video = clips()
    rows = F.normalize(method.encode_frames(video), dim=-1)
    feature = method.encode_video(video)
    assert torch.allclose(feature, rows.mean(1))
    assert (feature.norm(dim=-1) < 1).all()
    text = method.encode_text(TEXTS)
    by_frame = method.clip.logit_scale.exp() * rows @ text.T
    assert torch.allclose(method.scores(feature, text), by_frame.mean(1), atol=1e-4)


@pytest.mark.parametrize("name", IDS)
def test_no_parameter_is_new(name):
    ours = build_method(name, "shapes-tiny").state_dict()
    clip = build_method("clip", "shapes-tiny").state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in clip.items()}


@pytest.mark.parametrize("name", IDS)
def test_what_learns(name):
    built = build_method(name, "shapes-tiny")
    (stage,) = built.stages("classes")
    chosen = set(stage.apply(built))
    names = {n for n, _ in built.clip.visual.named_parameters()}
    assert chosen == {f"clip.visual.{n}" for n in names} | {"clip.logit_scale"}


def test_clips_of_another_length_are_refused():
    built = build_method("open-vclip", "shapes-tiny", frames=8)
    with pytest.raises(ValueError, match=r"frames=8 and got 4"):
        built.encode_video(clips(t=4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 0}, "option frames must be a whole number"),
        ({"frames": True}, "option frames must be a whole number"),
        ({"missing_neighbours": "repeat"}, "must be zero or mask, not 'repeat'"),
        ({"interpolation_low": -0.1}, "interpolation_low must be a number from 0 to 1"),
        ({"interpolation_low": 0.7}, "interpolation_high must be a number from 0.7 to 1"),
        ({"interpolation_high": 1.5}, "interpolation_high must be a number from 0 to 1"),
        ({"interpolation_weight": float("nan")}, "interpolation_weight must be a number of at"),
        ({"chain_rule": "yes"}, "chain_rule must be true or false"),
        ({"alignment_weight": -1}, "alignment_weight must be a number of at least 0"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        plus(**options)


def test_flops_of_the_attention_are_counted(method):
    flops = []
    for built in (build_method("vifi", "shapes-tiny"), method):
        fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            built.encode_video(clips(1, 8))
        torch.backends.mha.set_fastpath_enabled(fused)
        flops.append(counter.get_total_flops())
    # 4 blocks, 8 frames, 65 queries: 2 x 65 keys more, twice, two operations each, width 128
    assert flops[1] - flops[0] == 4 * 8 * 65 * (2 * 65) * 2 * 2 * 128


def test_the_second_pass_is_the_loss_at_weights_between():
    low_high = {"interpolation_low": 0.4, "interpolation_high": 0.4}
    built = trained("open-vclip", interpolation_weight=0.5, **low_high)
    result = built.loss(batch())
    plain = trained("open-vclip", interpolation_weight=0)
    main = plain.loss(batch())
    assert set(main) == {"loss", "top1"}
    with torch.no_grad():
        for name, value in built.original().items():
            own = plain.get_parameter(name)
            own.copy_(0.4 * value + 0.6 * own)
    between = plain.loss(batch())["loss"]
    assert result["interpolated"].item() == pytest.approx(between.item(), rel=1e-5)
    total = main["loss"] + 0.5 * between
    assert result["loss"].item() == pytest.approx(total.item(), rel=1e-5)


def test_alpha_follows_the_seed_of_torch_and_fills_its_range():
    built = trained("open-vclip", interpolation_low=0.2, interpolation_high=0.3)
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append([float(built.loss(batch())["alpha"]) for _ in range(4)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 4
    assert all(0.2 <= alpha <= 0.3 for alpha in drawn[0])


def test_alpha_one_still_trains_by_the_authors_gradient():
    fixed = {"interpolation_low": 1, "interpolation_high": 1}
    gradients = {}
    for chain_rule in (False, True):
        built = trained("open-vclip", interpolation_weight=1, chain_rule=chain_rule, **fixed)
        built.loss(batch())["loss"].backward()
        gradients[chain_rule] = built.clip.visual.proj.grad
    one = trained("open-vclip", interpolation_weight=0)
    one.loss(batch())["loss"].backward()
    assert torch.allclose(gradients[True], one.clip.visual.proj.grad, atol=1e-6)
    assert not torch.allclose(gradients[False], gradients[True], atol=1e-3)


def test_weights_of_clip_are_kept_only_where_they_are_needed():
    built = trained("open-vclip")
    state = build_method("clip", "shapes-tiny").state_dict()
    assert all(torch.equal(v, state[k]) for k, v in built.original().items())
    with pytest.raises(RuntimeError, match="keep_original"):
        build_method("open-vclip", "shapes-tiny", interpolation_weight=0).original()


def test_no_gradient_reaches_the_text_encoder():
    built = build_method("open-vclip", "shapes-tiny")
    built.requires_grad_()
    built.loss(batch())["loss"].backward()
    with_gradient = {n for n, p in built.named_parameters() if p.grad is not None}
    assert all(n.startswith("clip.visual.") or n == "clip.logit_scale" for n in with_gradient)
    assert len(with_gradient) == 1 + len(list(built.clip.visual.parameters()))


def test_class_features_are_made_once_until_texts_or_weights_change(monkeypatch):
    built = build_method("open-vclip", "shapes-tiny")
    calls = []
    encode = built.encode_text
    monkeypatch.setattr(
        built, "encode_text", lambda texts: calls.append(len(texts)) or encode(texts)
    )
    with torch.inference_mode():
        built.loss(batch())
    built.loss(batch())["loss"].backward()  # features made in inference mode serve in training
    assert calls == [2]
    other = batch()
    other.texts[0] = "a green cross."
    built.loss(other)
    built.loss(batch())
    assert calls == [2, 2, 2]
    built.load_published({"model_state": built.published_state()})
    built.loss(batch())
    assert len(calls) == 4


def test_several_templates_are_averaged():
    built = build_method("open-vclip", "shapes-tiny", interpolation_weight=0)
    texts = [t.format(n) for n in ("star", "heart") for t in ("a {}.", "a photo of a {}.")]
    loss = built.loss(Batch(clips(), texts, torch.eye(2), templates=2))["loss"]
    rows = built.encode_text(texts).unflatten(0, (2, 2)).mean(1)
    logits = built.scores(built.encode_video(clips()), F.normalize(rows, dim=-1))
    assert loss.item() == pytest.approx(F.cross_entropy(logits, torch.arange(2)).item(), rel=1e-5)


def test_alignment_is_added_in_both_passes():
    described = batch(b=3, descriptions=["a star goes left", "a circle grows", "it spins"])
    options = {"interpolation_low": 0.4, "interpolation_high": 0.4}
    built = trained("open-vclip++", alignment_weight=2.0, **options)
    result = built.loss(described)
    bare = trained("open-vclip", **options).loss(described)
    video = F.normalize(built.encode_video(described.frames), dim=-1)
    text = built.encode_text(described.descriptions)
    logits = built.clip.logit_scale.exp() * video @ text.T
    pairs = torch.arange(3)
    wanted = (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
    assert result["alignment"].item() == pytest.approx(wanted.item(), rel=1e-5)
    more = result["interpolated"] - bare["interpolated"]
    total = bare["loss"] + 2 * wanted + 0.5 * more
    assert more > 0
    assert result["loss"].item() == pytest.approx(total.item(), rel=1e-5)


def test_videos_without_description_are_left_out():
    built = plus(interpolation_weight=0)
    described = batch(b=3, descriptions=["a star", " ", "a circle"])
    rest = batch(b=3, descriptions=["a star", "a circle", ""])
    rest.frames = described.frames[[0, 2, 1]]
    alignment = built.loss(described)["alignment"]
    assert alignment > 0
    assert alignment.item() == pytest.approx(built.loss(rest)["alignment"].item(), rel=1e-5)
    alone = built.loss(batch(descriptions=["a star", ""]))
    assert alone["alignment"] == 0
    plain = build_method("open-vclip", "shapes-tiny", interpolation_weight=0).loss(batch())
    assert alone["loss"].item() == pytest.approx(plain["loss"].item(), rel=1e-6)


@pytest.mark.parametrize("left", [(), (0,), (0, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3, 4)])
@pytest.mark.parametrize("kind", [torch.float64, torch.float16])
def test_masked_rows_are_as_if_they_were_not_there(left, kind):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, 5, 8, generator=generator, dtype=torch.float64)
    video, text = F.normalize(rows, dim=-1).to(kind)
    text[list(left)] = 0
    there = [n for n in range(5) if n not in left]
    scale = torch.tensor(20, dtype=kind)
    one, other = (video.clone().requires_grad_() for _ in range(2))
    loss = info_nce(one, text, scale)
    loss.backward()
    alone = info_nce(other[there], text[there], scale) if there else 0 * other.sum()
    alone.backward()
    near = {"rtol": 1e-9, "atol": 1e-12} if kind == torch.float64 else {"rtol": 2e-3, "atol": 2e-3}
    torch.testing.assert_close(loss, alone, **near)
    torch.testing.assert_close(one.grad, other.grad, **near)
    assert len(there) > 1 or not loss.item()


def test_descriptions_are_asked_for():
    with pytest.raises(ValueError, match=r"descriptions.*data\.descriptions"):
        plus().loss(batch())


def test_features_of_descriptions_are_kept_up_to_a_bound(monkeypatch):
    monkeypatch.setattr("vclipbench.methods.open_vclip._DESCRIPTIONS_KEPT", 3)
    built = plus(interpolation_weight=0)
    one = batch(descriptions=["a star", "a circle"])
    two = batch(descriptions=["a heart", "a cross"])
    first = [built.loss(x)["loss"].item() for x in (one, two)]
    assert len(built._descriptions) == 2
    assert [built.loss(x)["loss"].item() for x in (one, two)] == pytest.approx(first)


@pytest.mark.parametrize("cls", [OpenVCLIP, OpenVCLIPPlus])
def test_recipes(cls):
    card = Card.of(cls)
    for recipe in card.recipes:
        schema.Train.model_validate(recipe.set.get("train", {}))
        schema.ViewsSettings.model_validate(recipe.set.get("views", {}))
        schema.Preprocessing.model_validate(recipe.set.get("preprocess", {}))
        schema.Evaluation.model_validate(recipe.set.get("eval", {}))
    chosen = {}
    for dataset in ("ucf101", "hmdb51", "shapes"):
        for backbone in ("ViT-B-32-quickgelu", "ViT-B-16-quickgelu", "ViT-L-14-quickgelu"):
            facts = {"family": "zs", "dataset": dataset, "backbone": backbone}
            chosen[dataset, backbone[4:8]] = card.recipe(**facts).set
    assert (
        chosen["ucf101", "B-16"]["eval"] == chosen["ucf101", "B-32"]["eval"] == {"patching": [0.5]}
    )
    assert (
        chosen["ucf101", "L-14"]["eval"] == chosen["hmdb51", "L-14"]["eval"] == {"patching": [0.6]}
    )
    assert chosen["hmdb51", "B-16"]["views"]["sampling"] == "stride-torchvision"
    assert len(chosen["hmdb51", "B-16"]["prompts"]) == 28
    assert chosen["hmdb51", "B-16"]["train"] == chosen["ucf101", "L-14"]["train"]
    assert "prompts" not in chosen["shapes", "B-16"]
    assert card.needs == (["descriptions"] if cls is OpenVCLIPPlus else [])
