"""ViFi-CLIP bridge and prompt against the outputs of the authors' code, and what the harness relies on."""

import numpy as np
import pytest
import torch
from golden import clip_config, clip_input, load, rebuilt, relative
from vclipbench.methods import Batch, build_method
from vclipbench.methods.checkpoint import WeightsError
from vclipbench.methods.vifi_prompt import to_own

OPTIONS = {
    "n_ctx_vision": "vision_prompts",
    "n_ctx_text": "text_prompts",
    "prompt_depth_vision": "vision_depth",
    "prompt_depth_text": "text_depth",
    "ctx_init": "context_init",
}
PROMPTS = ("text_context", "text_deep", "vision_prompt", "vision_deep")


class Case:
    """A golden case with its weights rebuilt: the CLIP below, and the authors' checkpoint on top."""

    def __init__(self, name):
        self.case, self.expected = load(f"vifi/{name}")
        c = self.case
        self.config = clip_config(c["architecture"])
        self.state = rebuilt(c["seed"], c["shapes"])
        self.checkpoint = self.wrapped(self.state)
        self.clip = rebuilt(c["seed"], c["clip_only_shapes"])
        for key, value in self.plain().items():
            key = key.replace("image_encoder.", "visual.").replace("text_encoder.", "")
            self.clip[key] = torch.zeros_like(value)
        self.video = clip_input(c, c["input"])
        self.names = c["class_names"]
        self.options = {mine: c["model"][theirs] for theirs, mine in OPTIONS.items()}

    def plain(self):
        """The same weights without prompts, as a checkpoint of ViFi-CLIP has them."""
        return {k: v for k, v in self.state.items() if "VPT" not in k and "ctx" not in k}

    @staticmethod
    def wrapped(state):
        return {"model": {f"module.{k}": v for k, v in state.items()}, "epoch": 10}

    def empty(self, **options):
        return build_method("vifi-prompt", self.config, self.clip, **{**self.options, **options})

    def method(self):
        built = self.empty()
        assert built.load_published(self.checkpoint).missing_keys == ["token_embedding.weight"]
        return built


@pytest.fixture(scope="module", params=("tiny_prompted", "tiny_prompted_words", "full_prompted"))
def case(request):
    return Case(request.param)


@pytest.fixture(scope="module", params=("tiny_prompted", "tiny_prompted_words"))
def tiny(request):
    return Case(request.param)


@pytest.mark.parametrize("template", ["{}.", None])
def test_features_and_scores(case, template):
    method = case.method()
    texts = [(template or case.case["prompt_template"]).format(n) for n in case.names]
    with torch.inference_mode():
        video, text = method.encode_video(case.video), method.encode_text(texts)
        scores = method.scores(video, text)
    assert relative(video, case.expected["video_embedding"]) < 1e-5
    assert relative(text, case.expected["text_embedding"]) < 1e-5
    assert relative(scores, case.expected["logits"]) < 1e-5


def test_token_ids_follow_the_prefix(tiny, monkeypatch):
    method, seen = tiny.method(), []
    own = method.backbone.tokenizer
    monkeypatch.setattr(method.backbone, "tokenizer", lambda t: seen.append(own(t)) or seen[-1])
    method.encode_text([f"{n}." for n in tiny.names])
    assert (seen[0].numpy() == tiny.expected["token_ids"]).all()
    first = method.encode_text(["brush_hair."])
    torch.testing.assert_close(first, method.encode_text(["brush hair."]), rtol=0, atol=0)


def test_losses_and_gradients(tiny):
    method, texts = tiny.method(), [f"{n}." for n in tiny.names]
    assert len(method.stages("classes")[1].apply(method)) == tiny.case["trainable_parameters"]
    hard = torch.nn.functional.one_hot(torch.tensor(tiny.case["labels"]), len(texts)).float()
    smoothing = tiny.case["label_smoothing"]
    smooth = hard * (1 - smoothing) + smoothing / len(texts)
    smoothed = method.loss(Batch(tiny.video, texts, smooth))["loss"]
    assert relative(smoothed, tiny.expected["loss_smoothed"]) < 1e-5
    loss = method.loss(Batch(tiny.video, texts, hard))["loss"]
    assert relative(loss, tiny.expected["loss"]) < 1e-5
    loss.backward()
    own = dict(method.named_parameters())
    assert {n for n, p in own.items() if p.grad is not None} == set(prompt_names(method))
    for i, name in enumerate(tiny.case["gradient_parameters"]):
        grad, wanted = own[to_own(name)].grad, tiny.expected["grad_values"][i]
        assert float(grad.norm()) == pytest.approx(float(tiny.expected["grad_norms"][i]), rel=1e-4)
        assert np.abs(grad.reshape(-1)[:8].numpy() - wanted).max() < 1e-4 * np.abs(wanted).max()


def prompt_names(method):
    return [n for n in method.state_dict() if n.split(".")[0] in PROMPTS]


@pytest.mark.parametrize(
    ("size", "depth", "total", "tensors", "scalars"),
    [(16, 9, 319, 18, 184_320), (10, 12, 325, 24, 153_600)],
)
def test_parameters_of_vit_b_16(size, depth, total, tensors, scalars):
    import open_clip
    from vclipbench.methods.backbone import Backbone
    from vclipbench.methods.vifi_prompt import ViFiPrompt

    with torch.device("meta"):
        clip = open_clip.CLIP(**open_clip.get_model_config("ViT-B-16-quickgelu"))
    numbers = {f"{side}_prompts": size for side in ("vision", "text")}
    numbers |= {f"{side}_depth": depth for side in ("vision", "text")}
    bottom = Backbone(clip, None, "ViT-B-16-quickgelu", None, None)
    method = ViFiPrompt(bottom, context_init="a photo of a", **numbers)
    sizes = {n: p.numel() for n, p in method.named_parameters()}
    bridge, prompt = method.stages("classes")
    names = prompt.apply(method)
    assert len(names) == tensors
    assert sum(sizes[n] for n in names) == scalars
    assert len(bridge.apply(method)) == 301
    assert len(sizes) == total + 1  # the token table
    assert len(method.published_state()) == total


def test_the_bridge_is_vifi(tiny):
    method = tiny.method()
    plain = build_method("vifi", tiny.config, tiny.clip)
    plain.load_published(tiny.wrapped(tiny.plain()))
    bridge, prompt = method.stages("classes")
    ours = plain.stages("classes")[0]
    assert (bridge.trains, bridge.frozen) == (ours.trains, ours.frozen)
    assert (bridge.data, bridge.replaceable, bridge.same_as) == ("source", True, "vifi")
    assert (prompt.data, prompt.replaceable, prompt.same_as) == ("target", False, None)
    assert tiny.empty(context_init="").stages("classes")[0] == bridge
    assert tiny.empty(context_init="a video of a").stages("classes")[0].same_as is None
    method.enter(bridge)
    assert set(bridge.apply(method)) == set(ours.apply(plain))
    targets = torch.eye(len(tiny.names))[tiny.case["labels"]]
    got = method.loss(Batch(tiny.video, [f"{n}." for n in tiny.names], targets))
    want = plain.loss(Batch(tiny.video, [f"a photo of a {n}." for n in tiny.names], targets))
    assert torch.equal(got["loss"], want["loss"])
    got["loss"].backward()
    want["loss"].backward()
    own = dict(method.named_parameters())
    for name, parameter in plain.named_parameters():
        assert (parameter.grad is None) == (own[name].grad is None)
        assert parameter.grad is None or torch.equal(parameter.grad, own[name].grad)
    assert all(own[name].grad is None for name in prompt_names(method))
    method.enter(prompt)
    again = method.encode_text([f"{n}." for n in tiny.names])
    assert relative(again, tiny.expected["text_embedding"]) < 1e-5
    method.enter(bridge)
    method.enter(None)
    assert relative(method.encode_video(tiny.video), tiny.expected["video_embedding"]) < 1e-5


def test_no_vision_prompts_is_the_plain_image_encoder():
    case = Case("tiny_prompted")
    method = case.empty(vision_depth=0, vision_prompts=0)
    plain = build_method("vifi", case.config, case.clip)
    state = {k: v for k, v in case.state.items() if "image_encoder" not in k or "VPT" not in k}
    method.load_published(case.wrapped(state))
    plain.load_published(case.wrapped(case.plain()))
    assert not [n for n in method.state_dict() if n.startswith("vision")]
    with torch.inference_mode():
        assert torch.equal(method.encode_video(case.video), plain.encode_video(case.video))
        text = method.encode_text([f"{n}." for n in case.names])
    assert relative(text, case.expected["text_embedding"]) < 1e-5


def test_first_values_of_the_prompts():
    words, random = Case("tiny_prompted_words"), Case("tiny_prompted")
    method = words.empty()
    table = words.clip["token_embedding.weight"]
    wanted = table[words.expected["token_ids"][0][1:4]].half().float()
    assert torch.equal(method.text_context, wanted)
    assert method.prefix == "a photo of a"
    torch.manual_seed(0)
    method = random.empty(text_prompts=40, vision_prompts=40, context_init="")
    assert torch.equal(method.text_context, method.text_context.half().float())
    assert method.prefix == " ".join(["X"] * 40)
    for name in prompt_names(method):
        value = method.state_dict()[name]
        assert 0.018 < float(value.std()) < 0.022
        assert abs(float(value.mean())) < 0.002
    torch.manual_seed(0)
    again = random.empty(text_prompts=40, vision_prompts=40, context_init="")
    assert all(torch.equal(again.state_dict()[n], method.state_dict()[n]) for n in PROMPTS[::2])


def test_texts_longer_than_the_context_keep_the_prompts():
    method = Case("tiny_prompted").method()
    with pytest.warns(UserWarning, match="more than the 77 tokens"):
        long = method.encode_text(["word " * 100 + "."])
    cut = method.encode_text([" ".join(["word"] * 70)])  # start, 5 prompts, 70 words, end
    torch.testing.assert_close(long, cut)
    assert method.backbone.truncated == 1


def test_texts_do_not_depend_on_their_company():
    method = Case("tiny_prompted_words").method()
    texts = ["archery.", "brush hair with something that is long and has a name."]
    with torch.inference_mode():
        both, alone = method.encode_text(texts), method.encode_text(texts[:1])
    torch.testing.assert_close(both[:1], alone, rtol=1e-5, atol=1e-6)


def test_published_layout_round_trip(tiny):
    state = tiny.method().published_state()
    assert state.keys() == tiny.state.keys()
    assert all(torch.equal(state[k], tiny.state[k]) for k in state)


def test_a_plain_checkpoint_loads_the_encoders_and_names_the_prompts():
    case = Case("tiny_prompted")
    method = case.empty()
    before = {n: method.state_dict()[n].clone() for n in prompt_names(method)}
    report = method.load_published(case.wrapped(case.plain()))
    assert set(report.missing_keys) == {"token_embedding.weight", *before}
    assert all(torch.equal(method.state_dict()[n], v) for n, v in before.items())
    assert torch.equal(method.clip.visual.proj, case.state["image_encoder.proj"])


def test_buffers_and_half_precision():
    case = Case("tiny_prompted")
    state = {k: v.half() for k, v in case.state.items()}
    state["prompt_learner.token_prefix"] = torch.zeros(5, 1, 64)
    state["prompt_learner.token_suffix"] = torch.zeros(5, 71, 64)
    method = case.empty()
    method.load_published(case.wrapped(state))
    assert method.text_context.dtype == torch.float32


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (("prompt_learner.ctx",), r"only a part .* prompt_learner\.ctx"),
        (("image_encoder.VPT",), r"only a part .*: image_encoder\.VPT"),
        (
            ("text_encoder.transformer.resblocks.1.VPT_shallow",),
            r"only a part .*: text_encoder\.transformer\.resblocks\.1\.VPT_shallow",
        ),
        (("text_encoder.transformer.resblocks.2.VPT_shallow",), r"options text_depth=2, "),
        (("image_encoder.proj",), r"missing \(clip\.visual\.proj\)"),
    ],
)
def test_a_checkpoint_that_lacks_keys(gone, message):
    case = Case("tiny_prompted")
    method = case.empty()
    before = {k: v.clone() for k, v in method.state_dict().items()}
    state = {k: v for k, v in case.state.items() if k not in gone}
    with pytest.raises(WeightsError, match=message):
        method.load_published(case.wrapped(state))
    assert all(torch.equal(v, before[k]) for k, v in method.state_dict().items())


def test_a_checkpoint_with_other_prompts_says_which_options_fit():
    case = Case("tiny_prompted")
    fits = "text_depth=3, text_prompts=5, vision_depth=3, vision_prompts=3"
    for options in ({"text_prompts": 6}, {"vision_prompts": 2}, {"text_depth": 1}):
        with pytest.raises(WeightsError, match=fits):
            case.empty(**options).load_published(case.checkpoint)
    with pytest.raises(WeightsError, match=fits):
        case.empty(vision_depth=0).load_published(case.checkpoint)
    with pytest.raises(WeightsError, match="the method vifi-prompt takes"):
        build_method("vifi", case.config, case.clip).load_published(case.checkpoint)
    with pytest.raises(WeightsError, match="the checkpoint of another method"):
        case.empty().load_published({"model": {**case.state, "head.weight": torch.zeros(1)}})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"vision_prompts": 0},
            r"option vision_prompts is 0, .* \(vision_depth=0 leaves them out\)",
        ),
        ({"text_prompts": 0}, "option text_prompts is 0, it must be a whole number of at least 1"),
        ({"text_depth": 0}, "option text_depth is 0"),
        ({"vision_depth": -1}, "option vision_depth is -1"),
        ({"text_prompts": 2.0}, "option text_prompts is 2.0"),
        ({"context_init": None}, "option context_init is None, it must be a text"),
        ({"context_init": "a", "text_prompts": 3}, "has 1 tokens, fewer than the option"),
        ({"text_prompts": 75}, "leave no room for class names"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Case("tiny_prompted").empty(**options)


def test_a_depth_beyond_the_layers_means_all_of_them():
    case = Case("tiny_prompted")
    method = case.empty(vision_depth=12, text_depth=12)
    assert (len(method.vision_deep), len(method.text_deep)) == (3, 3)
