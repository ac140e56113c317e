import subprocess
import sys

import pytest
from pydantic import ValidationError
from vclipbench.bench import registry
from vclipbench.bench.config.resolve import resolve_config
from vclipbench.bench.config.schema import RunConfig, leaves
from vclipbench.bench.environment import argv
from vclipbench.bench.errors import UserError
from vclipbench.methods.card import Card


def resolve(*overrides, method="vifi", protocol="b2n-shapes", **kwargs):
    return resolve_config(method, protocol, overrides=overrides, **kwargs)


def refused(*overrides, **kwargs):
    with pytest.raises(UserError) as caught:
        resolve(*overrides, **kwargs)
    return str(caught.value)


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def options(monkeypatch):
    """A card with options of every type."""
    defaults = {
        "depth": 9,
        "scale": 0.5,
        "deep": True,
        "init": "a photo",
        "layers": [1],
        "any": None,
    }
    options = {key: {"default": value, "help": key} for key, value in defaults.items()}
    card = Card.model_validate({"options": options})
    monkeypatch.setattr(registry, "card", lambda id, plugins: card)


def test_every_key_says_what_it_means():
    assert [key for key, field in leaves().items() if not field.description] == []


def test_layers_and_their_names(write):
    file = write("mine.yaml", "train: {epochs: 5, weight_decay: 0.1}\nviews: {frames: 4}\n")
    found = resolve(
        "train.epochs=6", file=file, flags={"seeds": [4, 2], "data": {"reader": "decord"}}
    )
    config, sources = found.config, found.sources
    assert (config.train.label_smoothing, sources["train.label_smoothing"]) == (
        0.1,
        "schema default",
    )
    assert (config.train.augment.flip, sources["train.augment.flip"]) == (0.0, "protocol default")
    assert (config.train.lr, sources["train.lr"]) == (1e-3, "method recipe")
    assert (config.train.weight_decay, sources["train.weight_decay"]) == (0.1, "file mine.yaml")
    assert (config.views.frames, sources["views.frames"]) == (4, "file mine.yaml")
    assert (config.train.epochs, sources["train.epochs"]) == (6, "command line")
    assert (config.seeds, sources["seeds"]) == ([4, 2], "command line")
    assert (config.data.reader, sources["data.reader"]) == ("decord", "command line")
    assert (config.method, sources["method"]) == ("vifi", "command line")


def test_the_table_has_every_leaf_once():
    rows = resolve().table()
    keys = [key for key, _, _ in rows]
    assert sorted(keys) == sorted(k for k in leaves() if k != "options")
    assert ("train.betas", [0.9, 0.98], "schema default") in rows


def test_the_recipe_follows_the_protocol():
    assert resolve(protocol="zs-shapes").config.train.epochs == 1
    assert resolve(protocol="b2n-shapes").config.train.epochs == 6
    assert resolve(method="clip").sources["train.epochs"] == "schema default"


def test_the_recipe_follows_the_backbone_of_all_other_layers(monkeypatch, write):
    recipes = [{"when": {"backbone": "ViT-B-32"}, "set": {"train": {"epochs": 77}}}]
    card = Card.model_validate({"recipes": recipes})
    monkeypatch.setattr(registry, "card", lambda id, plugins: card)
    assert resolve().config.train.epochs == 10
    assert resolve("backbone.name=ViT-B-32").config.train.epochs == 77
    file = write("b.yaml", "backbone: {name: ViT-B-32}\n")
    assert resolve(file=file).sources["train.epochs"] == "method recipe"


def test_a_recipe_may_bring_its_own_backbone(monkeypatch, write):
    recipes = [{"when": {"backbone": "ViT-L-14"}, "set": {"backbone": {"name": "ViT-L-14"}}}]
    monkeypatch.setattr(registry, "card", lambda *_: Card.model_validate({"recipes": recipes}))
    alone = resolve()
    assert alone.config.backbone.name == "ViT-L-14"
    assert alone.sources["backbone.name"] == "method recipe"
    other = resolve(flags={"backbone.name": "ViT-B-32"})
    assert other.config.backbone.name == "ViT-B-32"
    file = write("a.yaml", "backbone: {name: ViT-L-14}")
    assert resolve(file=file).config.backbone.name == "ViT-L-14"


def test_numbers_and_truth_values_given_as_text(write):
    file = write(
        "a.yaml", "train: {lr: 5e-6, epochs: '3', betas: ['.8', 9e-1]}\nviews: {crops: '3'}"
    )
    config = resolve("train.eps=1e-9", "train.augment.jitter_per_frame='True'", file=file).config
    assert (config.train.lr, config.train.eps, config.train.epochs) == (5e-6, 1e-9, 3)
    assert config.train.betas == (0.8, 0.9)
    assert config.train.augment.jitter_per_frame is True
    assert config.views.crops == 3
    assert resolve("train.lr=5e-6").config.train.lr == 5e-6
    assert resolve("backbone.pretrained=none").config.backbone.pretrained is None
    assert resolve("train.warmup_epochs=1").config.train.warmup_epochs == 1.0


SEED = "a whole number of at least 0 and at most 4,294,967,295"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("train.lr=fast", "'fast' is not a number greater than 0"),
        ("train.lr=0", "0 is not a number greater than 0"),
        ("train.lr=", "null is not a number greater than 0"),
        ("train.lr=true", "true is not a number greater than 0"),
        ("train.lr=.nan", "nan is not a number greater than 0"),
        ("train.eps=inf", "'inf' is not a number greater than 0"),
        ("train.epochs=2.0", "2.0 is not a whole number of at least 1 and at most 10,000"),
        ("train.epochs='2.5'", "'2.5' is not a whole number of at least 1 and at most 10,000"),
        ("train.augment.flip=1.5", "1.5 is not a number of at least 0 and at most 1"),
        ("train.augment.jitter_per_frame=1", "1 is not true or false"),
        (
            "train.betas=[0.9]",
            "[0.9] is not a list of 2, each a number of at least 0 and less than 1",
        ),
        ("train.grad_clip=-1", "-1 is not a number greater than 0 or null"),
        (
            "train.schedule=steps",
            "'steps' is not one of cosine, cosine-overlap, cosine-floor, cosine-zero, linear, constant",
        ),
        ("views.crops=2", "2 is not one of 1, 3"),
        ("views.crops=true", "true is not one of 1, 3"),
        ("views.merge=max", "'max' is not one of scores, logits, features"),
        ("data.reader=cv2", "'cv2' is not one of pyav, decord, torchcodec"),
        ("checkpoint=3", "3 is not a text or null"),
        ("seeds=3", f"3 is not a list, each {SEED}"),
        ("seeds=[1, -1]", f"[1, -1] is not a list, each {SEED}"),
        ("seeds=[1, 2, 1]", "seed 1 is there twice"),
        ("seeds=[]", "it needs at least one seed"),
        ("prompts=[]", "it needs at least one template such as 'a photo of a {}.'"),
        ("prompts=['{} {}']", "the template '{} {}' must contain exactly one {}"),
        ("prompts=['{name}']", "the template '{name}' must contain exactly one {}"),
        (
            "prompts='a {}'",
            "'a {}' is no set of templates (vifi, bare, open-vclip) and no list of them, such as "
            "['a photo of a {}.']",
        ),
        ("data.size=7", "7 is not an even whole number of at least 32 and at most 1,024"),
        ("data.size=65", "65 is not an even whole number of at least 32 and at most 1,024"),
        ("data.workers=100000", "100000 is not a whole number of at least 0 and at most 256"),
        (
            "views.frames=100000000",
            "100000000 is not a whole number of at least 1 and at most 1,024",
        ),
        ("views.clips=101", "101 is not a whole number of at least 1 and at most 100"),
        (
            "preprocess.size=15",
            "15 is not a whole number of at least 16 and at most 4,096 or null",
        ),
        (
            "train.batch_size=65537",
            "65537 is not a whole number of at least 1 and at most 65,536",
        ),
        ("eval.batch_size=65537", "65537 is not a whole number of at least 1 and at most 65,536"),
        ("seeds=[99999999999999999999]", f"[99999999999999999999] is not a list, each {SEED}"),
        ("train.micro_batch=5", "5 does not divide train.batch_size 8"),
        ("preprocess.resize=63", "63 is smaller than preprocess.size 64"),
        ("train.augment=3", "3 is not a group of keys"),
    ],
)
def test_wrong_values_are_named_in_our_words(override, says):
    key = override.partition("=")[0]
    assert refused(override) == f"config key '{key}' (command line): {says}"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("lr=1e-5", "'lr' (command line); did you mean 'train.lr'?"),
        ("train.lrr=1", "'train.lrr' (command line); did you mean 'train.lr'?"),
        ("trian.lr=1", "'trian.lr' (command line); did you mean 'train.lr'?"),
        ("trian={}", "'trian' (command line); did you mean 'train'?"),
        ("size=1", "'size' (command line); did you mean 'data.size' or 'preprocess.size'?"),
        (
            "eval.xyz=1",
            "'eval.xyz' (command line); the keys there are batch_size, cache, "
            "patching, precision, probe, tie_rule",
        ),
        ("options.x=1", "'options.x' (command line); this method has no options"),
    ],
)
def test_unknown_keys_name_the_nearest(override, says):
    assert refused(override) == f"unknown config key {says}"


def test_misspelt_keys_of_every_layer_at_once(monkeypatch, write):
    card = Card.model_validate({"recipes": [{"set": {"train": {"epoch": 1}}}]})
    monkeypatch.setattr(registry, "card", lambda id, plugins: card)
    proto = registry.protocol("b2n-shapes")
    monkeypatch.setitem(proto.defaults, "vews", {"frames": 3})
    file = write("a.json", '{"views": {"frame": 0, "frames": 0}}')
    lines = refused("train.lrr=1", "train.lr=x", file=file).splitlines()
    assert lines == [
        "unknown config key 'vews' (protocol default); did you mean 'views'?",
        "unknown config key 'train.epoch' (method recipe); did you mean 'train.epochs'?",
        "unknown config key 'views.frame' (file a.json); did you mean 'views.frames'?",
        "unknown config key 'train.lrr' (command line); did you mean 'train.lr'?",
        "config key 'views.frames' (file a.json): 0 is not a whole number of at least 1 and at most 1,024",
        "config key 'train.lr' (command line): 'x' is not a number greater than 0",
    ]


def test_a_bad_set_is_explained():
    assert refused("train.lr").startswith("--set 'train.lr': KEY=VALUE is wanted")
    assert "need quotes" in refused("prompts=[a {} here]")
    assert refused("seeds=[2]", flags={"seeds": [1]}) == (
        "config key 'seeds' is given twice on the command line: [1] and [2]"
    )
    assert resolve("train={lr: 1e-3, epochs: 2}").config.train.lr == 1e-3


def test_options_have_the_types_of_their_defaults(options):
    found = resolve(
        "options.depth='3'", "options.scale=2", "options.deep='false'", "options.any=[1]"
    )
    expected = {
        "depth": 3,
        "scale": 2.0,
        "deep": False,
        "init": "a photo",
        "layers": [1],
        "any": [1],
    }
    assert found.config.options == expected
    assert isinstance(found.config.options["scale"], float)
    assert found.sources["options.depth"] == "command line"
    assert found.sources["options.init"] == "method default"
    assert refused("options.depht=3").endswith("did you mean 'options.depth'?")
    assert "2.5 is not a whole number" in refused("options.depth=2.5")
    assert "3 is not a text" in refused("options.init=3")


def test_inheritance_merges_mappings_and_replaces_lists(write):
    write(
        "base.yaml",
        "method: vifi\nprotocol: b2n-shapes\nseeds: [1, 2]\ntrain: {lr: 5e-6, epochs: 4}\n",
    )
    for name, text in {
        "a.yaml": "_base_: base.yaml\ntrain: {epochs: 9}\nseeds: [3]\n",
        "a.json": '{"_base_": ["base.yaml"], "train": {"epochs": 9}, "seeds": [3]}',
        "a.py": "_base_ = './base.yaml'\ntrain = dict(epochs=3 * 3)\nseeds = [3]\n",
    }.items():
        config = resolve(method=None, protocol=None, file=write(name, text)).config
        assert (config.train.lr, config.train.epochs, config.seeds) == (5e-6, 9, [3])


def test_file_and_command_line_name_one_method(write):
    file = write("a.yaml", "method: vifi\nprotocol: b2n-shapes\n")
    found = resolve(method=None, protocol="b2n-shapes", file=file)
    assert found.config.method == "vifi"
    assert found.sources["method"] == "file a.yaml"
    assert "two methods are named: 'vifi' (file a.yaml) and 'clip' (command line)" in refused(
        method="clip", file=file
    )
    assert refused(method=None) == "no method: say --method ID (bench list methods)"
    assert "'vifi'" in refused(method=None, file=write("b.yaml", "method: vfi\n"))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.yaml", "train:\n  lr: [1\nx: 2\n", "a.yaml, line 3: "),
        ("a.yaml", "train: 3\n", "config key 'train' (file a.yaml): 3 is not a group of keys"),
        (
            "a.yaml",
            "x: !!python/object/apply:os.getcwd []\n",
            "a.yaml, line 1: could not determine",
        ),
        ("a.yaml", "[]", "a.yaml: it holds no keys"),
        ("a.yaml", "_base_: a.yaml\n", "a.yaml inherits from itself"),
        ("a.yaml", "_base_: none.yaml\n", "none.yaml cannot be read: No such file"),
        ("a.yaml", "_base_: mmdet::x.py\n", "is not the path of a file"),
        ("a.json", '{"train":\n {"lr" 1}}', "a.json, line 2: Expecting ':' delimiter"),
        ("a.py", "train = dict(\n", "a.py, line 1: '(' was never closed"),
        ("a.py", "seeds = [1]\nlr = 1 / 0\n", "a.py, line 2: ZeroDivisionError: division by zero"),
        ("a.txt", "", "must end in .yaml, .yml, .json or .py"),
    ],
)
def test_bad_files_are_named_with_the_line(write, name, text, says):
    assert says in refused(file=write(name, text))


def test_a_missing_file_is_named(tmp_path):
    assert refused(file=tmp_path / "no.yaml").endswith(
        "no.yaml cannot be read: No such file or directory"
    )


def test_nothing_heavy_is_imported():
    code = """
import sys
from vclipbench.bench.config.resolve import resolve_config
from vclipbench.bench.environment import argv
resolve_config("vifi", "b2n-shapes", overrides=["train.lr=1e-5"])
print([m for m in ("torch", "open_clip", "mmengine", "pandas") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_config_file_imports_mmengine_but_not_torch(write):
    file = write("a.yaml", "train: {epochs: 2}\n")
    code = f"""
import sys
from vclipbench.bench.config.resolve import resolve_config
from vclipbench.bench.environment import argv
print(resolve_config("vifi", "b2n-shapes", file={str(file)!r}).config.train.epochs)
print([m for m in ("torch", "open_clip") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "[]"]


def test_the_schema_stands_on_its_own():
    assert RunConfig(method="a", protocol="b").train.batch_size == 64
    with pytest.raises(ValidationError):
        RunConfig.model_validate({"method": "a", "protocol": "b", "sed": 1})


def test_a_setting_of_a_stage_does_not_stay_for_the_next_run(monkeypatch):
    recipe = {"stages": {"fine-tune": {"augment": {"flip": 0.1, "grey": 0.0}}}}
    card = Card.model_validate({"recipes": [{"set": recipe}]})
    monkeypatch.setattr(registry, "card", lambda *_: card)
    for words, flip in ((("stages.fine-tune.augment.flip=0.4",), 0.4), ((), 0.1)):
        augment = resolve(*words).config.train_of("fine-tune").augment
        assert (augment.flip, augment.grey) == (flip, 0.0)


def test_folders_on_the_command_line_are_not_recorded(monkeypatch):
    words = [
        "bench",
        "run",
        "--data",
        "/home/me/videos",
        "--set",
        "data.descriptions=/home/me/a.jsonl",
    ]
    monkeypatch.setattr(sys, "argv", words)
    assert argv() == ["bench", "run", "--data", "videos", "--set", "data.descriptions=a.jsonl"]
