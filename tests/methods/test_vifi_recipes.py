"""The recipes of ViFi-CLIP and bridge and prompt: every one resolves, and has the authors' numbers."""

import pytest
from vclipbench.bench.config.schema import RunConfig, schema_for
from vclipbench.methods import BUILTIN
from vclipbench.methods.card import Card

METHODS = ("vifi", "vifi-image", "vifi-text", "vifi-prompt")
PAIRS = [
    *(("zs", d) for d in ("ucf101", "hmdb51", "k600", "folder")),
    *(("b2n", d) for d in ("k400", "hmdb51", "ucf101", "ssv2")),
    *(("fs", d) for d in ("hmdb51", "ucf101", "ssv2")),
    ("full", "k400"),
]
BRIDGE = (10, 256, 8e-6)  # as `vifi` on Kinetics-400 for the zero-shot protocols
# epochs, batch, rate; frames
FINE_TUNED = {
    "zs": ((10, 256, 8e-6), 32),
    "b2n": ((11, 64, 2e-6), 32),
    "fs": ((50, 64, 2e-6), 32),
    "full": ((30, 512, 2.2e-5), 16),
}
PROMPTED = {
    "zs": (BRIDGE, (11, 64, 4e-2), 32),
    "b2n": (BRIDGE, (11, 64, 4e-2), 32),
    "fs": (BRIDGE, (50, 64, 8e-3), 32),
    "full": ((30, 512, 2.2e-5), (11, 64, 4e-2), 16),
}


def card(method):
    return Card.builtin(method, BUILTIN[method])


def resolved(method, family, dataset, **facts):
    """The recipe of a run over the defaults of schema and card."""
    own = card(method)
    recipe = own.recipe(family=family, dataset=dataset, backbone="ViT-B-16-quickgelu", **facts)
    schema = schema_for(own.options)
    checked = schema.model_validate({"method": method, "protocol": "some", **recipe.set})
    return RunConfig.model_validate(checked.model_dump())


def numbers(train):
    return train.epochs, train.batch_size, train.lr


@pytest.mark.parametrize("method", METHODS)
def test_every_recipe_is_valid_and_names_its_source(method):
    own = card(method)
    for recipe in own.recipes:
        assert recipe.source.startswith(("authors: ", "ours"))
        checked = schema_for(own.options).model_validate(
            {"method": method, "protocol": "some", **recipe.set}
        )
        if method == "vifi-prompt":
            assert checked.prompts == ["{}."]
            assert set(checked.stages) == {"bridge"}
            checked.train_of("bridge")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("family", "dataset"), PAIRS)
def test_what_all_settings_share(method, family, dataset):
    config = resolved(method, family, dataset)
    train, augment = config.train, config.train.augment
    assert config.preprocess.model_dump() == {
        "size": None,
        "resize": 256,
        "interpolation": "bilinear",
        "normalise": "imagenet",
        "pipeline": "opencv",
    }
    views = (4, 3) if family == "full" else (1, 1)
    assert (config.views.clips, config.views.crops, config.views.merge) == (*views, "scores")
    for stage in (train, config.train_of("bridge")):
        assert (stage.optimiser, stage.betas, stage.eps) == ("adamw", (0.9, 0.98), 1e-8)
        assert (stage.weight_decay, stage.no_decay, stage.grad_clip) == (0.001, [], None)
        assert (stage.schedule, stage.warmup_epochs, stage.min_lr_ratio) == (
            "cosine-overlap",
            5,
            0.01,
        )
        assert (stage.micro_batch, stage.mixup, stage.cutmix) == (4, 0.8, 1.0)
        assert (stage.label_smoothing, stage.sampling, stage.precision) == (0.1, "segments", "amp")
    assert augment.multiscale == [1, 0.875, 0.75, 0.66]
    assert (augment.flip, augment.jitter, augment.grey) == (0.5, 0.8, 0.2)
    assert augment.jitter_per_frame
    assert augment.arithmetic == "pil"
    colours = (augment.brightness, augment.contrast, augment.saturation, augment.hue)
    assert colours == (0.4, 0.4, 0.2, 0.1)


@pytest.mark.parametrize("method", ["vifi", "vifi-image", "vifi-text"])
@pytest.mark.parametrize(("family", "dataset"), PAIRS)
def test_fine_tuning(method, family, dataset):
    config = resolved(method, family, dataset)
    wanted, frames = FINE_TUNED[family]
    if family == "full" and method != "vifi":
        wanted = (30, 256, 8e-6)
    assert (numbers(config.train), config.views.frames) == (wanted, frames)
    assert config.prompts == ["a photo of a {}."]


@pytest.mark.parametrize(("family", "dataset"), PAIRS)
def test_prompting(family, dataset):
    config = resolved("vifi-prompt", family, dataset)
    bridge, prompt, frames = PROMPTED[family]
    assert numbers(config.train_of("bridge")) == bridge
    assert (numbers(config.train_of("prompt")), config.views.frames) == (prompt, frames)
    size, depth = (10, 12) if family == "fs" else (16, 9)
    assert config.options == {
        "vision_prompts": size,
        "text_prompts": size,
        "vision_depth": depth,
        "text_depth": depth,
        "context_init": "a photo of a",
    }
    assert config.prompts == ["{}."]


@pytest.mark.parametrize(
    ("family", "dataset", "of"),
    [
        *((f, d, "zs") for f, d in PAIRS if f != "full"),
        ("full", "k400", "full"),
        *((f, "shapes", "zs") for f in ("zs", "b2n", "fs", "full")),
    ],
)
def test_the_bridge_repeats_the_training_of_vifi(family, dataset, of):
    ours = resolved("vifi-prompt", family, dataset)
    theirs = resolved("vifi", of, "shapes" if dataset == "shapes" else "k400")
    assert ours.train_of("bridge") == theirs.train
    assert ours.views.frames == theirs.views.frames
    assert ours.preprocess == theirs.preprocess


def test_few_shot_variants_share_one_recipe():
    for variant in ("k2", "k4", "k8", "k16"):
        assert numbers(resolved("vifi", "fs", "ssv2", variant=variant).train) == (50, 64, 2e-6)


@pytest.mark.parametrize("family", ["ret", "ml"])
def test_prompting_elsewhere_has_the_prompts_too(family):
    assert resolved("vifi-prompt", family, "some").prompts == ["{}."]
    assert card("vifi").recipe(family=family, dataset="some") is None


@pytest.mark.parametrize("method", METHODS[:3])
def test_recipes_for_shapes_come_first(method):
    given = [recipe.when for recipe in card(method).recipes]
    ours = [when for when in given if when.get("dataset") == "shapes"]
    assert given[: len(ours)] == ours
    assert ours[0] == {"family": "zs", "dataset": "shapes"}
    assert ours[-1] == {"dataset": "shapes"}  # for the families that have none of their own
    assert all(set(recipe.set) == {"train"} for recipe in card(method).recipes[: len(ours)])
