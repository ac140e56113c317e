"""Layouts of weight files: told apart, converted both ways without loss, refused by name."""

import itertools
from dataclasses import replace

import pytest
import torch
from vclipbench.methods import build_method
from vclipbench.methods.checkpoint import WeightsError
from vclipbench.methods.conversion import convert, sizes, wrapped
from vclipbench.methods.layouts import LAYOUTS, TAKES, detect, explain_mismatch

TINY = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 3},
}
OPTIONS = {
    "vifi": {},
    "vifi-prompt": {"vision_prompts": 3, "text_prompts": 5, "vision_depth": 2, "text_depth": 3},
    "open-vclip": {},
    "clip-vip": {"added_proxies": 3, "temporal_size": 4},
}
PUBLISHED = tuple(OPTIONS)
WHOLE_CLIP = ("open_clip", "openai", "huggingface", "open-vclip")


def method(name, seed=0, **options):
    torch.manual_seed(seed)
    made = build_method(name, TINY, **(OPTIONS.get(name, {}) | options))
    with torch.no_grad():
        for (
            parameter
        ) in made.parameters():  # no zeros or ones: every tensor is told from every other
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.fixture(scope="module")
def clip():
    return {k: v.clone() for k, v in method("clip").clip.state_dict().items()}


@pytest.fixture(scope="module")
def files(clip):
    """A file's content in every layout."""
    made = {name: method(name).published_state() for name in PUBLISHED}
    ours = method("vifi-prompt").state_dict()
    return made | {
        "vclipbench": ours,
        "open_clip": clip,
        "openai": convert(clip, "openai").state,
        "huggingface": convert(clip, "huggingface").state,
    }


def same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert value.dtype == other[key].dtype
        assert value.shape == other[key].shape
        assert value.contiguous().view(-1).numpy().tobytes() == other[key].numpy().tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_told_from_their_keys(files, layout):
    assert detect(files[layout]) == layout
    assert detect(wrapped(files[layout], layout)) == layout
    assert detect({"state_dict": {f"module.{k}": v for k, v in files[layout].items()}}) == layout


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_to_our_names_and_back_without_loss(files, layout, dtype):
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in files[layout].items()}
    ours = convert(wrapped(state, layout), "vclipbench")
    assert ours.source == layout
    assert not ours.dropped
    back = convert(ours.state, layout)
    assert not back.dropped
    same(back.state, state)


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(WHOLE_CLIP, 2)))
def test_between_layouts_that_hold_a_whole_clip(files, one, other):
    there = convert(files[one], other)
    same(convert(there.state, one).state, files[one])
    same(convert(there.state, "vclipbench").state, convert(files[one], "vclipbench").state)


@pytest.mark.parametrize("name", PUBLISHED)
def test_methods_load_what_was_converted(files, name):
    source = method(name)
    converted = wrapped(convert(source.state_dict(), name, drop=True).state, name)
    other = method(name, seed=1)
    report = other.load_published(converted)
    lacks = ["token_embedding.weight"] if name.startswith("vifi") else []
    assert report.missing_keys == lacks
    state = other.state_dict()
    for key, value in source.state_dict().items():
        assert torch.equal(state[key], value) or key == "clip.token_embedding.weight"
    same(convert(source.state_dict(), name, drop=True).state, source.published_state())


def test_what_follows_from_other_things_is_left_and_named(files):
    vifi = dict(files["vifi"])
    vifi["prompt_learner.complete_text_embeddings"] = torch.zeros(3, 77, 32)
    prompts = dict(files["vifi-prompt"])
    prompts["prompt_learner.token_prefix"] = torch.zeros(3, 1, 32)
    vip = dict(files["clip-vip"])
    vip["clipmodel.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    for layout, content, names in (
        ("vifi", vifi, ["prompt_learner.complete_text_embeddings"]),
        ("vifi-prompt", prompts, ["prompt_learner.token_prefix"]),
        ("clip-vip", vip, ["clipmodel.text_model.embeddings.position_ids"]),
    ):
        made = convert(content, "vclipbench")
        assert (made.source, made.derived) == (layout, names)
        same(convert(made.state, layout).state, files[layout])
    names = ["context_length", "input_resolution", "vocab_size"]
    assert convert(files["openai"], "open_clip").derived == names


def test_the_numbers_of_an_openai_file(files):
    numbers = {k: int(files["openai"][k]) for k in ("input_resolution", "vocab_size")}
    assert numbers == {"input_resolution": 16, "vocab_size": 49408}
    assert int(files["openai"]["context_length"]) == 77


@pytest.mark.parametrize("target", ["openai", "open_clip", "huggingface", "open-vclip", "clip-vip"])
def test_prompts_have_no_place_elsewhere(files, target):
    with pytest.raises(WeightsError, match=r"no place for text_context, text_deep\.0.*--drop"):
        convert(files["vclipbench"], target)
    if target != "clip-vip":
        made = convert(files["vclipbench"], target, drop=True)
        assert made.dropped == [
            *("text_context", "text_deep.0", "text_deep.1", "vision_deep.0", "vision_prompt")
        ]
        same(
            convert(made.state, "vclipbench").state,
            {k: v for k, v in files["vclipbench"].items() if k.startswith("clip.")},
        )


def test_vifi_has_no_token_table(files, clip):
    with pytest.raises(WeightsError, match=r"layout vifi has no place for clip\.token_embedding"):
        convert(clip, "vifi")
    made = convert(clip, "vifi", drop=True)
    assert made.dropped == ["clip.token_embedding.weight"]
    with pytest.raises(WeightsError, match=r"needs clip\.token_embedding\.weight.*--clip FILE"):
        convert(made.state, "open_clip")
    back = convert(made.state, "open_clip", clip=files["huggingface"])
    assert back.filled == ["clip.token_embedding.weight"]
    same(back.state, clip)
    assert convert(files["vifi"], "vifi", clip=clip).filled == []


def test_a_checkpoint_of_ours_that_holds_only_what_learned(files, clip):
    visual = {f"clip.{k}": v + 1 for k, v in clip.items() if k.startswith("visual.")}
    with pytest.raises(WeightsError, match=r"needs clip\.logit_scale.* more, which the file does"):
        convert(visual, "open-vclip")
    made = convert(visual, "open-vclip", clip=clip)
    assert torch.equal(made.state["model.visual.proj"], clip["visual.proj"] + 1)
    assert torch.equal(made.state["model.ln_final.bias"], clip["ln_final.bias"])
    assert len(made.filled) == len(clip) - len(visual)


def test_what_a_method_adds_is_not_made_up(files, clip):
    for target, title in (("clip-vip", "CLIP-ViP"), ("vifi-prompt", "bridge-and-prompt")):
        with pytest.raises(WeightsError, match=rf"{title} adds to CLIP, which the file does not"):
            convert(clip, target, drop=True)


def test_a_clip_of_other_sizes_is_refused(files, clip):
    other = {k: torch.cat([v, v], -1) if k == "visual.proj" else v for k, v in clip.items()}
    with pytest.raises(WeightsError, match=r"--clip is a CLIP of other sizes: clip\.visual\.proj"):
        convert(files["vifi"], "open_clip", clip=other)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([], "holds no tensors"),
        (["logit_scale"], "of none of the layouts vclipbench, open_clip"),
        (["a.weight", "b.weight"], r"\(a\.weight, b\.weight\) are of none of the layouts"),
        (["visual.proj", "transformer.x", "head.weight"], r"looks like open_clip's.* 1 of its 3"),
        (["model.visual.proj", "clip.visual.proj"], "looks like"),
        (["text_model.x", "clip.visual.proj"], "looks like"),
        (["clipmodel.logit_scale", "vision_model.x", "extra"], r"CLIP-ViP.*\(extra\)"),
    ],
)
def test_files_that_no_layout_fits(keys, said):
    with pytest.raises(WeightsError, match=said):
        detect({key: torch.zeros(2, 2) for key in keys})


def test_a_file_that_several_layouts_fit(clip, monkeypatch):
    monkeypatch.setitem(LAYOUTS, "twin", replace(LAYOUTS["open_clip"], id="twin"))
    with pytest.raises(WeightsError, match=r"fit several layouts \(open_clip, twin\); say which"):
        detect(clip)
    assert convert(clip, "vclipbench", source="open_clip").source == "open_clip"


def test_files_that_are_not_what_they_are_said_to_be(files, clip):
    with pytest.raises(WeightsError, match=r"not of the layout vifi: \d+ of its \d+ keys do not"):
        convert(clip, "open_clip", source="vifi")
    with pytest.raises(WeightsError, match=r"not of the layout openai: no key is typical"):
        convert(clip, "open_clip", source="openai")
    resnet = clip | {"visual.attnpool.positional_embedding": torch.zeros(2)}
    with pytest.raises(WeightsError, match=r"holds clip\.visual\.attnpool.*vision transformer"):
        convert(resnet, "vclipbench")
    misshapen = files["huggingface"] | {"visual_projection.weight": torch.zeros(2, 2, 2)}
    with pytest.raises(WeightsError, match="do not fit the layout huggingface"):
        convert(misshapen, "open_clip")
    holed = {k: v for k, v in files["huggingface"].items() if "1.self_attn.k_proj.weight" not in k}
    with pytest.raises(WeightsError, match=r"self_attn\.k_proj\.weight"):
        convert(holed, "open_clip")


@pytest.mark.parametrize("without", ["visual.proj", "transformer.resblocks.1.ln_1.bias"])
def test_missing_parts_are_named(clip, without):
    part = {k: v for k, v in clip.items() if k != without}
    with pytest.raises(WeightsError, match=rf"needs clip\.{without}, which the file does not hold"):
        convert(part, "huggingface")


def test_sizes(files):
    found = sizes(convert(files["clip-vip"], "vclipbench").ours)
    assert found["image encoder"] == "ViT, 2 layers, width 64, patch 8, 16 px"
    assert found["text encoder"] == "3 layers, width 32, context 77, 49408 tokens"
    assert found["joint dimension"] == "16"
    assert found["beside CLIP"] == "added_proxies [3, 64], temporal_embedding [1, 4, 64]"
    assert "no token table" in sizes(convert(files["vifi"], "vclipbench").ours)["text encoder"]


def test_hugging_face_computes_the_same(files, clip):
    from transformers import CLIPConfig, CLIPModel

    config = CLIPConfig(
        projection_dim=16,
        vision_config={
            **{"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2},
            **{"num_attention_heads": 2, "image_size": 16, "patch_size": 8},
            **{"hidden_act": "quick_gelu"},
        },
        text_config={
            **{"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 3},
            **{"num_attention_heads": 1, "hidden_act": "quick_gelu", "eos_token_id": 49407},
        },
    )
    theirs, mine = CLIPModel(config).eval(), method("clip")
    theirs.load_state_dict(files["huggingface"], strict=True)
    mine.clip.load_state_dict(clip)
    frames, texts = torch.randn(3, 3, 16, 16), ["a red star", "archery", "a long name of a class"]
    with torch.inference_mode():
        image = theirs.visual_projection(theirs.vision_model(frames).pooler_output)
        ids = mine.backbone.tokenizer(texts)
        text = theirs.text_projection(theirs.text_model(ids).pooler_output)
        torch.testing.assert_close(image, mine.clip.visual(frames), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(text, mine.backbone.text_features(texts), atol=1e-5, rtol=1e-5)
    same(convert(theirs.state_dict(), "open_clip").state, clip)


@pytest.mark.parametrize(("wanted", "given"), list(itertools.permutations(PUBLISHED, 2)))
def test_the_checkpoint_of_another_method_is_explained(files, wanted, given):
    said = explain_mismatch(wrapped(files[given], given), wanted)
    if given in TAKES[wanted]:
        assert said is None
        return
    assert f"this is a {LAYOUTS[given].title} checkpoint (layout {given}); " in said
    assert f"method {wanted} wants a checkpoint of {LAYOUTS[TAKES[wanted][0]].title}" in said
    with pytest.raises(WeightsError):
        method(wanted).load_published(wrapped(files[given], given))


def test_more_mismatches(files):
    for name in PUBLISHED:
        assert explain_mismatch(wrapped(files[name], name), name) is None
        assert "given with --pretrained; method" in explain_mismatch(files["openai"], name)
    assert "bench convert" in explain_mismatch(files["huggingface"], "vifi")
    assert "wants one of its own" in explain_mismatch(files["vifi"], "clip")
    ours = files["vclipbench"]
    prompts = {k: v for k, v in ours.items() if not k.startswith("clip.")}
    for content in (ours, prompts):
        assert "vclipbench checkpoint of the method vifi-prompt; method open-vclip wants" in (
            explain_mismatch(content, "open-vclip")
        )
        assert explain_mismatch(content, "vifi-prompt", ours) is None
    assert explain_mismatch(ours, "vifi-prompt") is None
    assert "has no text_deep.1 here" in explain_mismatch(
        ours, "vifi-prompt", set(ours) - {"text_deep.1"}
    )
    assert explain_mismatch({"x": torch.zeros(1)}, "vifi") is None
    assert explain_mismatch(files["vifi"], "a-plugin") is None
