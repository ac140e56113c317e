"""Open-VCLIP against the outputs of the authors' code, through the public interface."""

import pytest
import torch
import torch.nn.functional as F
from golden import FILL, clip_config, clip_input, load, rebuilt, relative
from vclipbench.methods import Batch, build_method
from vclipbench.methods.base import Method
from vclipbench.methods.checkpoint import WeightsError

CASES = ("tiny", "vit_b_16")


class Case:
    """A golden case with its weights rebuilt: CLIP's, and the authors' checkpoint on top."""

    def __init__(self, name):
        self.case, self.expected = load(f"open_vclip/{name}")
        c = self.case
        self.config = clip_config(c["architecture"])
        self.main = rebuilt(c["seed"], c["shapes"])
        self.clip = dict(self.main)
        for key in c.get("pretrained", {}).get("keys", ()):
            value = FILL.fill(c["pretrained"]["seed"], key, c["shapes"][key])
            self.clip[key] = torch.from_numpy(value)
        self.checkpoint = {"model_state": {f"model.{k}": v for k, v in self.main.items()}}
        self.video = clip_input(c, c["input"])
        self.templates = c["templates"]
        self.texts = [t.format(n) for n in c["class_names"] for t in self.templates]

    def method(self, **options):
        built = build_method("open-vclip", self.config, self.clip, **options)
        report = built.load_published(self.checkpoint)
        assert not report.missing_keys
        return built

    def training(self, **options):
        """A method whose fixed alpha is the case's, and its batch."""
        alpha = self.case["interpolation"]["alpha"]
        fixed = {"interpolation_low": alpha, "interpolation_high": alpha}
        method = self.method(**{**fixed, **options})
        method.stages("classes")[0].apply(method)
        targets = F.one_hot(torch.tensor(self.case["labels"]), len(self.case["class_names"]))
        return method, Batch(self.video, self.texts, targets.float(), templates=len(self.templates))


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return Case(request.param)


@pytest.fixture(scope="module")
def tiny():
    return Case("tiny")


@torch.inference_mode()
def test_features_and_scores(case):
    method, expected = case.method(frames=case.video.shape[1]), case.expected
    frames, video = method.encode_frames(case.video), method.encode_video(case.video)
    text = method.encode_classes(case.texts, len(case.templates))
    first = method.encode_text(case.texts[:: len(case.templates)])
    by_frame = method.clip.logit_scale.exp() * F.normalize(frames, dim=-1) @ text.T
    assert relative(frames, expected["frame_features"]) < 1e-5
    assert relative(video, expected["video_features"]) < 1e-5
    assert relative(text, expected["text_features"]) < 1e-5
    assert relative(first, expected["text_features_first_template"]) < 1e-5
    assert relative(by_frame, expected["frame_logits"]) < 1e-5
    assert relative(method.scores(video, text), expected["logits"]) < 1e-5


@torch.inference_mode()
def test_frames_one_by_one_are_clip(case):
    method, expected = build_method("clip", case.config, case.main), case.expected
    frames = method.clip.visual(case.video.flatten(0, 1)).unflatten(0, case.video.shape[:2])
    text = method.encode_classes(case.texts, len(case.templates))
    assert relative(frames, expected["plain_frame_features"]) < 1e-5
    scores = method.scores(F.normalize(frames, dim=-1).mean(1), text)
    assert relative(scores, expected["plain_logits"]) < 1e-5


def test_token_ids(tiny):
    ids = tiny.method().backbone.tokenizer(tiny.texts[:: len(tiny.templates)])
    assert (ids.numpy() == tiny.expected["token_ids"]).all()


@torch.inference_mode()
def test_patched_weights(tiny):
    method, ratio = tiny.method(), tiny.case["patching"]["ratio"]
    for name, value in method.original().items():
        own = method.get_parameter(name)
        own.copy_(ratio * value + (1 - ratio) * own)
    text = method.encode_classes(tiny.texts, len(tiny.templates))
    video = method.encode_video(tiny.video)
    frames = method.encode_frames(tiny.video)
    assert relative(frames, tiny.expected["patched_frame_features"]) < 1e-5
    assert relative(method.scores(video, text), tiny.expected["patched_logits"]) < 1e-5


def check_gradients(case, method, kind):
    """Norms, entries, the logit scale's gradient and the norm of all, of "main", "interp" or "total"."""
    expected, count = case.expected, case.case["gradient_values"]
    own = dict(method.clip.named_parameters())
    assert relative(own["logit_scale"].grad, expected[f"grad_logit_scale_{kind}"]) < 1e-4
    gradients = [p.grad for p in own.values() if p.grad is not None]
    whole = torch.stack([g.norm() for g in gradients]).norm()
    assert relative(whole, expected[f"grad_norm_all_{kind}"]) < 1e-4
    for i, name in enumerate(case.case["gradient_parameters"]):
        grad = own[name].grad
        assert relative(grad.norm(), expected[f"grad_norms_{kind}"][i]) < 1e-4
        assert relative(entries(grad, count), expected[f"grad_values_{kind}"][i]) < 1e-4


def entries(tensor, count):
    flat = tensor.detach().reshape(-1)
    return flat[[i * flat.numel() // count for i in range(count)]]


def test_loss_and_gradients_of_one_pass(tiny):
    method, batch = tiny.training(interpolation_weight=0)
    loss = method.loss(batch)["loss"]
    loss.backward()
    assert relative(loss, tiny.expected["loss"]) < 1e-5
    check_gradients(tiny, method, "main")


def test_loss_gradients_and_step_of_two_passes(tiny):
    settings = tiny.case["optimizer"]
    weight = tiny.case["interpolation"]["loss_weight"]
    method, batch = tiny.training(interpolation_weight=weight)
    result = method.loss(batch)
    assert relative(result["loss"], tiny.expected["total_loss"]) < 1e-5
    assert relative(result["interpolated"], tiny.expected["interp_loss"]) < 1e-5
    result["loss"].backward()
    check_gradients(tiny, method, "total")
    own = {k: p for k, p in method.clip.named_parameters() if p.grad is not None}
    bare = [p for k, p in own.items() if p.ndim == 1 or k.endswith(".bias")]
    rest = [p for k, p in own.items() if p.ndim != 1 and not k.endswith(".bias")]
    optimiser = torch.optim.AdamW(
        [{"params": bare, "weight_decay": 0.0}, {"params": rest}],
        **{k: settings[k] for k in ("lr", "betas", "eps", "weight_decay")},
    )
    torch.nn.utils.clip_grad_norm_(list(own.values()), settings["clip_norm"])
    optimiser.step()
    assert relative(own["logit_scale"], tiny.expected["step_logit_scale"]) < 1e-5
    for i, name in enumerate(tiny.case["gradient_parameters"]):
        values = entries(own[name], tiny.case["gradient_values"])
        assert relative(values, tiny.expected["step_values"][i]) < 1e-5
        before = entries(tiny.main[name], tiny.case["gradient_values"])
        assert relative(values - before, tiny.expected["step_delta_values"][i]) < 1e-4


@pytest.mark.parametrize("chain_rule", [False, True])
def test_gradient_of_the_second_pass(tiny, chain_rule):
    case = tiny.case["interpolation"]
    one, batch = tiny.training(interpolation_weight=0)
    two, _ = tiny.training(interpolation_weight=case["loss_weight"], chain_rule=chain_rule)
    one.loss(batch)["loss"].backward()
    two.loss(batch)["loss"].backward()
    share = 1 - case["alpha"] if chain_rule else 1.0
    for name, own in two.clip.named_parameters():
        if own.grad is not None:
            own.grad = (own.grad - one.clip.get_parameter(name).grad) / share
    check_gradients(tiny, two, "interp")


@torch.inference_mode()
def test_scores_at_the_interpolated_weights(tiny):
    method, _ = tiny.training()
    weights = method._interpolated(tiny.case["interpolation"]["alpha"])
    for name, value in weights.items():
        method.get_parameter(name).copy_(value)
    text = method.encode_classes(tiny.texts, len(tiny.templates))
    scores = method.scores(method.encode_video(tiny.video), text)
    assert relative(scores, tiny.expected["interp_logits"]) < 1e-5


@pytest.mark.parametrize("prefix", ["model.", "module.model."])
def test_published_layout_round_trip(tiny, prefix):
    extra = {f"{prefix}{k}": torch.tensor(77) for k in ("input_resolution", "vocab_size")}
    half = {f"{prefix}{k}": v.half() for k, v in tiny.main.items()}
    method = build_method("open-vclip", tiny.config, tiny.clip)
    report = method.load_published({"model_state": half | extra, "epoch": 21})
    assert report.missing_keys == report.unexpected_keys == []
    state = method.published_state()
    assert state.keys() == {f"model.{k}" for k in tiny.main}
    assert all(torch.equal(state[f"model.{k}"], v.half().float()) for k, v in tiny.main.items())
    whole = tiny.method().published_state()
    assert all(torch.equal(whole[k], v) for k, v in tiny.checkpoint["model_state"].items())


def test_checkpoint_that_does_not_fit_names_the_keys(tiny):
    model = dict(tiny.checkpoint["model_state"])
    method: Method = build_method("open-vclip", tiny.config, tiny.clip)
    with pytest.raises(WeightsError, match=r"unexpected \(visual.adapter\)"):
        method.load_published({"model_state": model | {"model.visual.adapter": torch.zeros(2)}})
    with pytest.raises(
        WeightsError, match=r"of another shape \(logit_scale is \[1\], wanted \[\]\)"
    ):
        method.load_published({"model_state": model | {"model.logit_scale": torch.zeros(1)}})
    for plain in (tiny.clip, {"model_state": tiny.clip}):
        with pytest.raises(
            WeightsError, match=r"no keys that begin with 'model\.' .*or plain CLIP"
        ):
            method.load_published(plain)
    del model["model.visual.proj"]
    with pytest.raises(WeightsError, match=r"missing \(visual.proj\)"):
        method.load_published({"model_state": model})
