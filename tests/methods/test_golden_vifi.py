"""ViFi-CLIP against the outputs of the authors' code, through the public interface."""

import numpy as np
import pytest
import torch
from golden import clip_config, clip_input, load, rebuilt, relative
from vclipbench.methods import Batch, build_method
from vclipbench.methods.checkpoint import WeightsError

CASES = ("tiny_plain", "tiny_vanilla", "full_plain")


class Case:
    """A golden case with its weights rebuilt: the CLIP below, and the authors' checkpoint on top."""

    def __init__(self, name):
        self.case, self.expected = load(f"vifi/{name}")
        c = self.case
        self.config = clip_config(c["architecture"])
        state = rebuilt(c["seed"], c["shapes"])
        self.checkpoint = {"model": {f"module.{k}": v for k, v in state.items()}, "epoch": 10}
        shape = {"image_encoder.": "visual.", "text_encoder.": ""}
        self.clip = rebuilt(c["seed"], c["clip_only_shapes"])
        for key, value in state.items():
            prefix = next((p for p in shape if key.startswith(p)), "")
            self.clip[shape.get(prefix, "") + key.removeprefix(prefix)] = torch.zeros_like(value)
        self.video = clip_input(c, c["input"])
        self.texts = [c["prompt_template"].format(n) for n in c["class_names"]]

    def method(self, name="vifi"):
        built = build_method(name, self.config, self.clip)
        report = built.load_published(self.checkpoint)
        assert report.missing_keys == ["token_embedding.weight"]
        return built


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return Case(request.param)


def test_features_and_scores(case):
    method = case.method()
    with torch.inference_mode():
        video, text = method.encode_video(case.video), method.encode_text(case.texts)
        scores = method.scores(video, text)
    assert relative(video, case.expected["video_embedding"]) < 1e-5
    assert relative(text, case.expected["text_embedding"]) < 1e-5
    assert relative(scores, case.expected["logits"]) < 1e-5


def test_token_ids(case):
    ids = case.method().backbone.tokenizer(case.texts)
    assert (ids.numpy() == case.expected["token_ids"]).all()


def test_losses_and_gradients():
    case = Case("tiny_plain")
    method, k = case.method(), len(case.texts)
    method.stages("classes")[0].apply(method)
    hard = torch.nn.functional.one_hot(torch.tensor(case.case["labels"]), k).float()
    smoothing = case.case["label_smoothing"]
    smooth = hard * (1 - smoothing) + smoothing / k
    smoothed = method.loss(Batch(case.video, case.texts, smooth))["loss"]
    assert relative(smoothed, case.expected["loss_smoothed"]) < 1e-5
    loss = method.loss(Batch(case.video, case.texts, hard))["loss"]
    assert relative(loss, case.expected["loss"]) < 1e-5
    loss.backward()
    own = {**dict(method.clip.named_parameters())}
    for i, name in enumerate(case.case["gradient_parameters"]):
        key = name.replace("image_encoder.", "visual.").replace("text_encoder.", "")
        grad = own[key].grad
        assert float(grad.norm()) == pytest.approx(float(case.expected["grad_norms"][i]), rel=1e-4)
        first = grad.reshape(-1)[:8].numpy()
        wanted = case.expected["grad_values"][i][: len(first)]
        assert np.abs(first - wanted).max() < 1e-4 * max(1.0, np.abs(wanted).max())


@pytest.mark.parametrize(
    ("name", "tensors", "scalars"),
    [("vifi", 301, 124_323_841), ("vifi-image", 152, 86_192_640), ("vifi-text", 148, 38_131_200)],
)
def test_trainable_parameters_of_vit_b_16(name, tensors, scalars):
    with torch.device("meta"):
        import open_clip

        clip = open_clip.CLIP(**open_clip.get_model_config("ViT-B-16-quickgelu"))
    from vclipbench.methods.backbone import Backbone
    from vclipbench.methods.build import method_class

    method = method_class(name)(Backbone(clip, None, "ViT-B-16-quickgelu", None, None))
    names = method.stages("classes")[0].apply(method)
    sizes = {n: p.numel() for n, p in method.named_parameters()}
    assert len(names) == tensors
    assert sum(sizes[n] for n in names) == scalars


def test_published_layout_round_trip():
    case = Case("tiny_plain")
    state = case.method().published_state()
    wanted = {k.removeprefix("module."): v for k, v in case.checkpoint["model"].items()}
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[k], wanted[k]) for k in wanted)


def test_checkpoint_that_does_not_fit_names_the_keys():
    case = Case("tiny_plain")
    model = dict(case.checkpoint["model"])
    model["module.image_encoder.VPT"] = torch.zeros(3, 128)
    with pytest.raises(WeightsError, match=r"unexpected \(visual.VPT\)"):
        build_method("vifi", case.config, case.clip).load_published({"model": model})
    del model["module.image_encoder.VPT"], model["module.image_encoder.proj"]
    with pytest.raises(WeightsError, match=r"missing \(visual.proj\)"):
        build_method("vifi", case.config, case.clip).load_published({"model": model})


def test_buffers_of_the_class_list_are_dropped():
    case = Case("tiny_plain")
    model = dict(case.checkpoint["model"])
    model["module.prompt_learner.complete_text_embeddings"] = torch.zeros(5, 77, 64)
    build_method("vifi", case.config, case.clip).load_published({"model": model})
