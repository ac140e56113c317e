"""llm-multilabel: what learns, losses, sampled labels, regularisers."""

import pytest
import torch
import torch.nn.functional as F
from vclipbench.methods import Batch, build_method
from vclipbench.methods.multilabel_loss import asymmetric_loss

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


# --- training


def test_gradient_reaches_what_the_stage_trains_and_nothing_else(model):
    for position in ("prefix", "suffix"):
        method = shaken(build(model, prompt_position=position))
        names = method.stages("labels")[0].apply(method)
        method.loss(multilabel())["loss"].backward()
        got = {n for n, p in method.named_parameters() if p.grad is not None and p.grad.any()}
        assert got == set(names)
        assert {"bias", "logit_scale", "attributes.queries"} < got
        assert ("attributes.prefix" in got) == (position == "prefix")
        assert not any("language_model" in n or n.startswith("clip.transformer") for n in got)


def test_at_the_start_only_gamma_of_a_branch_has_a_gradient(model):
    method = build(model)
    method.stages("labels")[0].apply(method)
    method.loss(multilabel())["loss"].backward()
    for branch in method.temporal:
        assert branch.gamma.grad.any()
        assert not branch.attn.in_proj_weight.grad.any()
        assert not branch.positions.grad.any()


def test_stages(model):
    method = build(model, finetune_vision=False)
    names = method.stages("classes")[0].apply(method)
    assert "bias" not in names
    assert "logit_scale" in names
    assert not any(n.startswith("clip.") for n in names)


def test_a_few_steps_learn(model):
    method = build(model)
    method.stages("labels")[0].apply(method)
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
    assert method.scores(video, text).mean().item() == pytest.approx(-1.386294, abs=1e-4)
    with torch.no_grad():
        method.bias += 1  # as a training would
    set_by_training = method.bias.clone()
    method.loss(multilabel())
    assert torch.equal(method.bias, set_by_training)


def test_prior_of_the_first_batch(model):
    method = build(model)
    method.loss(multilabel())
    video, text = method.encode_video(clips()), method.encode_text(LABELS)
    assert method.scores(video, text).mean().item() == pytest.approx(
        float(torch.logit(torch.tensor(0.25))), abs=1e-4
    )


def test_multilabel_loss_is_binary_cross_entropy(model):
    method = build(model)
    loss = method.loss(multilabel())["loss"]
    p = method.scores(method.encode_video(clips()), method.encode_text(LABELS)).sigmoid()
    y = marks()
    assert loss.item() == pytest.approx(
        -(y * p.log() + (1 - y) * (1 - p).log()).mean().item(), rel=1e-5
    )


def test_method_uses_the_asymmetric_loss(model):
    method = build(model, asymmetric=True, gamma_negative=2.0, margin=0.1)
    loss = method.loss(multilabel())["loss"]
    logits = method.scores(method.encode_video(clips()), method.encode_text(LABELS))
    assert loss.allclose(asymmetric_loss(logits, marks(), 1.0, 2.0, 0.1))


def test_loss_encodes_only_the_sampled_labels(model):
    method = build(model, label_samples=3)
    seen = []
    encode = method._encode_text
    method._encode_text = lambda texts: seen.append(list(texts)) or encode(texts)
    labels = [f"{w} {n}." for n in range(20) for w in ("a", "the")]  # two templates
    y = torch.zeros(3, 20)
    y[:, 4] = 1
    batch = Batch(clips(), labels, y, templates=2, multilabel=True)
    method.loss(batch)
    assert len(seen) == 2  # once to set the bias
    seen.clear()
    method.loss(batch)
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
    names = [n for n in method.stages("labels")[0].apply(method) if n.startswith("clip.")]
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
