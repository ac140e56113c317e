"""CLIP-ViP against the outputs of the authors' code, through the public interface."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from golden import FILL, clip_config, clip_input, load, rebuilt, relative
from vclipbench.bench.config.schema import Train
from vclipbench.bench.train.optimiser import build_optimiser
from vclipbench.bench.train.schedule import factor
from vclipbench.methods import Batch, build_method
from vclipbench.methods.clip_vip import temporal
from vclipbench.methods.clip_vip_losses import LOSSES, Sources

VISION = "clipmodel.vision_model.embeddings."


class Case:
    """A golden case with the authors' checkpoint rebuilt."""

    def __init__(self, name):
        self.case, self.expected = load(f"clip_vip/{name}")
        c = self.case
        self.config = clip_config(c["architecture"])
        self.floats = rebuilt(c["seed"], c["shapes"])
        buffers = {k: torch.arange(s[-1]).expand(s) for k, s in c["int_buffers"].items()}
        self.checkpoint = {**self.floats, **buffers}

    def input(self, name):
        spec = {"video": self.case["input"], **self.case["more_inputs"]}[name]
        return clip_input(self.case, spec)

    def method(self, without=(), **options):
        m = self.case["model"]
        known = {"added_proxies": m["add_cls_num"], "temporal_size": m["temporal_size"]}
        known["max_text_length"] = self.case["max_txt_len"]
        built = build_method("clip-vip", self.config, **{**known, **options})
        report = built.load_published(
            {k: v for k, v in self.checkpoint.items() if k not in without}
        )
        assert not report.missing_keys
        return built


class Forward:
    """One forward pass of a case, with the states between blocks."""

    def __init__(self, name):
        self.case = case = Case(name)
        method, self.states, raw = case.method(), [], []
        visual, captions, self.video = (
            method.clip.visual,
            case.case["captions"],
            case.input("video"),
        )
        handles = [visual.ln_post.register_forward_hook(lambda m, i, o: raw.append(o))]
        for block in visual.transformer.resblocks:  # what enters ln_1 is what the block before gave
            hook = block.ln_1.register_forward_hook(lambda m, i, o: self.states.append(i[0]))
            handles.append(hook)
        with torch.inference_mode():
            self.features = method.encode_video(self.video)
            self.raw = raw[0] @ visual.proj
            for handle in handles:
                handle.remove()
            self.image = method.encode_video(case.input("image"))
            self.raw_text = method.backbone.text_features(captions)
            self.text = method.encode_text(captions)
            self.scores = method.scores(self.features, self.text)
        self.ids = method.backbone.tokenizer(captions).numpy()


@pytest.fixture(scope="module", params=["tiny", "full_b16"])
def forward(request):
    with pytest.warns(UserWarning, match="is cut"):  # the last caption is longer than max_txt_len
        return Forward(request.param)


def test_features_and_scores(forward):
    wanted = forward.case.expected
    assert relative(forward.features, wanted["video_features"]) < 1e-5
    assert relative(forward.image, wanted["image_features"]) < 1e-5
    assert relative(forward.text, wanted["text_features"]) < 1e-5
    assert relative(forward.text @ forward.features.T, wanted["similarity"]) < 1e-5
    assert relative(forward.scores.T, wanted["logits_per_text"]) < 1e-5


def test_states_before_normalisation(forward):
    wanted, layers = forward.case.expected, forward.case.case["hidden_layers"]
    assert relative(forward.raw, wanted["video_features_raw"]) < 1e-5
    assert relative(forward.raw_text, wanted["text_features_raw"]) < 1e-5
    proxies = wanted["proxy_hidden_states"].shape[2]
    for i, layer in enumerate(layers[:-1]):
        got = forward.states[layer][:, :proxies]
        assert relative(got, wanted["proxy_hidden_states"][i]) < 1e-5
    patches = forward.states[0][:, proxies:].unflatten(1, (forward.video.shape[1], -1))
    assert relative(patches[:, 0, :2], wanted["patch_hidden_first"]) < 1e-5


def test_token_ids_are_cut_before_the_end_of_text(forward):
    wanted, seen = forward.case.expected["input_ids"], forward.case.expected["attention_mask"]
    assert (
        forward.ids == wanted * seen
    ).all()  # the authors pad with the end-of-text token, unseen


def test_variants():
    case = Case("tiny")
    video, wanted = case.input("video"), case.expected
    time, added = VISION + "temporal_embedding", VISION + "added_cls"
    with torch.inference_mode():
        native = case.method().encode_video(case.input("video_native"))
        mean = case.method((time, added), pooling="mean").encode_video(video)
        still = case.method((time,), temporal_embedding=False).encode_video(video)
        for frames in case.case["temporal_sizes"]:
            rows = temporal(case.floats[time], frames)
            assert relative(rows, wanted[f"temporal_{frames}"]) < 1e-5
    assert relative(native, wanted["video_native_features"]) < 1e-5
    assert relative(mean, wanted["meanpool_video_features"]) < 1e-5
    assert relative(still, wanted["no_temporal_video_features"]) < 1e-5


def batch_of(case, kind):
    videos, captions = case.input("video"), case.case["captions"]
    n = len(videos)
    batch = Batch(videos, captions[:n], torch.eye(n), paired=True)
    if kind == "ocl":
        batch.images, batch.captions = case.input("image"), captions[n : 2 * n]
    return batch


def published_gradients(method):
    """Gradients under the authors' names: they are mapped as the weights are."""
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.copy_(parameter.grad)
    return method.published_state()


@pytest.mark.parametrize("kind", ["retrieval", "ocl"])
def test_losses_through_the_model_and_all_gradients(kind):
    case = Case("tiny")
    method, wanted = case.method(), case.expected
    loss = method.loss(batch_of(case, kind))["loss"]
    assert relative(loss, wanted[f"loss/{kind}"]) < 1e-5
    loss.backward()
    gradients = published_gradients(method)
    for i, key in enumerate(sorted(case.case["shapes"])):
        got, norm = float(gradients[key].norm()), float(wanted[f"grad_norm/{kind}"][i])
        floor = 1e-5 if key.endswith("k_proj.bias") else 0  # zero but for rounding
        assert got == pytest.approx(norm, rel=1e-4, abs=floor), key
    for key in case.case["train"]["named"]:
        values = wanted[f"grad/{kind}/{key}"]
        assert relative(gradients[key].reshape(-1)[: len(values)], values) < 1e-4, key


def test_three_steps_of_the_authors_optimiser():
    case = Case("tiny")
    method, wanted, o = case.method(), case.expected, case.case["train"]["optim"]
    method.stages("captions")[1].apply(method)
    train = Train(
        optimiser="adamw-late-decay",
        lr=o["learning_rate"],
        betas=o["betas"],
        eps=1e-6,
        weight_decay=o["weight_decay"],
        no_decay=["*bias*", "*logit_scale*"],
        lr_factors={"*logit_scale*": o["lr_mul"]},
    )
    optimiser = build_optimiser(method, train)
    rates = [group["lr"] for group in optimiser.param_groups]
    total, warmup = o["num_train_steps"], int(o["warmup_ratio"] * o["num_train_steps"])
    for step in range(case.case["train"]["steps"]):
        share = factor("cosine-zero", step, total, warmup, 1e-8 / o["learning_rate"])
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * share
        optimiser.zero_grad()
        loss = method.loss(batch_of(case, "retrieval"))["loss"]
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(method.parameters(), o["grad_norm"])
        optimiser.step()
        assert share * o["learning_rate"] == pytest.approx(float(wanted["step/lr"][step]), rel=1e-6)
        assert loss.item() == pytest.approx(float(wanted["step/losses"][step]), rel=1e-5)
        assert float(norm) == pytest.approx(float(wanted["step/grad_norm"][step]), rel=1e-4)
    after = method.published_state()
    for key in case.case["train"]["named"]:
        values = wanted[f"step/param/{key}"]
        got = after[key].detach().reshape(-1)[: len(values)].numpy()
        assert np.abs(got - values).max() < 2e-6, key  # 1 % of what three steps move


# --- the losses alone

NAMES = {
    "NCELearnableTempLoss": "vs",
    "NCELearnableTempDSLLoss": "vs_dsl",
    "VidImgNCELearnableTempLoss": "vf_sc",
    "VidImgDivideNCELearnableTempLoss": "vs_fc",
    "NCELearnableTempLoss_vs_vc": "vs_vc",
    "NCELearnableTempLoss_vs_vc_fc": "vs_vc_fc",
    "NCELearnableTempLoss_vsc": "vsc",
    "NCELearnableTempLoss_vsc_fc": "vsc_fc",
}
FIXED = {
    "NCEContrastiveLoss": "nce",
    "MILNCEContrastiveLoss": "mil_nce",
    "HardNegLoss": "hard_negatives",
    "Triplet/cosine_sum": "triplet",
    "Triplet/cosine_max": "triplet_hardest",
    "Triplet/order_sum": "triplet_order",
}
SOURCES = {"vis": "video", "text": "text", "img": "image", "cap": "caption"}


@pytest.fixture(scope="module")
def features():
    case, expected = load("clip_vip/losses")
    n, d, k = case["n"], case["dim"], case["captions_per_video"]

    def noise(name, rows=n):
        return torch.from_numpy(FILL.clip_input(case["seed"], (rows, d), f"loss/{name}"))

    a, rows = noise("vis"), {}
    rows["video"] = F.normalize(a, dim=-1)
    for name in ("text", "img", "cap"):
        rows[SOURCES[name]] = F.normalize(a + case["noise"][name] * noise(name), dim=-1)
    several = a.repeat_interleave(k, 0) + case["noise"]["text_mil"] * noise("text_mil", n * k)
    return case, expected, rows, F.normalize(several, dim=-1)


@pytest.mark.parametrize("name", NAMES)
def test_learned_scale_losses_and_their_gradients(features, name):
    case, wanted, rows, _ = features
    for i, logarithm in enumerate(case["logit_scales"]):
        free = {key: value.clone().requires_grad_() for key, value in rows.items()}
        scale = torch.tensor(logarithm, requires_grad=True)
        loss = LOSSES[NAMES[name]](Sources(scale=scale.exp(), **free))
        assert relative(loss, wanted[f"{name}/{i}"]) < 1e-5
        if i == 0:
            loss.backward()
            assert relative(scale.grad, wanted[f"{name}/grad_logit_scale"]) < 1e-4
            for theirs, mine in SOURCES.items():
                key = f"{name}/grad_{theirs}"
                assert (free[mine].grad is not None) == (key in wanted)
                if key in wanted:
                    assert relative(free[mine].grad[:2], wanted[key]) < 1e-4


@pytest.mark.parametrize("name", FIXED)
def test_losses_without_a_learned_scale(features, name):
    case, wanted, rows, several = features
    settings = case["other_losses"][name]
    names = {"temp": "temperature", "margin": "margin", "hard_negative_num": "hard_negatives"}
    fixed = {mine: settings[theirs] for theirs, mine in names.items() if theirs in settings}
    text = several if FIXED[name] == "mil_nce" else rows["text"]
    got = LOSSES[FIXED[name]](Sources(rows["video"], text, torch.tensor(1.0), **fixed))
    assert relative(got, wanted[name]) < 1e-5
