"""Plugins that do everything wrong: one sentence, the right exit code, none of our own frames."""

import json
import re

import pytest
from safetensors.torch import save_file
from vclipbench.bench import registry
from vclipbench.bench.plan import code
from vclipbench.methods.base import METHODS
from vclipbench.methods.build import build_method

METHOD = """
import torch
from torch.nn.functional import normalize
from vclipbench.methods.base import METHODS, Method, Stage

CARD = {"summary": "a hostile method", "recipes": [{"set": {"train": {"lr": 1e-3}}}]}


@METHODS.register_module("hostile")
class Hostile(Method):
    card = CARD

    def __init__(self, backbone, **options):
        super().__init__(backbone, **options)
        self.map = torch.nn.Linear(128, 128)

    def encode_video(self, frames):
        b, t = frames.shape[:2]
        rows = self.clip.visual(frames.flatten(0, 1)).view(b, t, -1).mean(1)
        return normalize(self.map(rows), dim=-1)

    def stages(self, target):
        return [Stage("fit", trains=("map.*",))]

"""
PROTOCOL = """
from dataclasses import dataclass, replace
from pathlib import Path
from vclipbench.protocols.base import Metric, Plan, Protocol, ProtocolError, Sample, Split
from vclipbench.protocols.supervised import SupervisedShapes
from vclipbench.protocols import shapes


@dataclass(frozen=True)
class Hostile(SupervisedShapes):
    def lists(self, variant, data):
        return super().plan(variant, 1, data)

    def tested(self, variant, data, **changes):
        lists = self.lists(variant, data)
        return replace(lists, evaluate=(replace(lists.evaluate[0], **changes),))

{body}

KEYS = dict(
    id="full-hostile",
    summary="a hostile protocol",
    family="full",
    dataset="shapes",
    metric="top-1",
    primary="top1",
    defaults=shapes.DEFAULTS,
)
HOSTILE = Hostile(**{{**KEYS, {keys}}})
"""
SMALL = ("--set", "data.limit=4", "--set", "data.workers=0", "--out", "o")
TRAIN = (*SMALL, "--set", "train.epochs=1", "--set", "train.batch_size=4")
SCORES = "def scores(self, video, text):\n    return "
VIDEO = "def encode_video(self, frames):\n    return "
TEXT = "def encode_text(self, texts):\n    return "
LOSS = "def loss(self, batch):\n    return "
STAGES = "def stages(self, target):\n    return "
USUAL = "super().scores(video, text)"

# body of the class, exit code, what the sentence says
WRONG_METHODS = {
    "loss: no dict": (
        LOSS + "super().loss(batch)['loss']",
        1,
        "the loss of method hostile is a Tensor",
    ),
    "loss: one a video": (
        LOSS + "{'loss': super().loss(batch)['loss'].expand(4)}",
        1,
        "is [4], no scalar",
    ),
    "loss: detached": (
        LOSS + "{'loss': super().loss(batch)['loss'].detach()}",
        1,
        "no gradient comes from it",
    ),
    "loss: a word to log": (
        LOSS + "{**super().loss(batch), 'note': 'hello'}",
        1,
        "'note' is a str; a number to log is wanted",
    ),
    "scores: numpy": (SCORES + f"{USUAL}.detach().numpy()", 1, "are a ndarray"),
    "scores: whole numbers": (SCORES + f"{USUAL}.long()", 1, "scores of method hostile are int64"),
    "scores: sparse": (SCORES + f"{USUAL}.to_sparse()", 1, "a sparse coo tensor; a dense one"),
    "scores: infinite when tested": (
        SCORES + f"{USUAL} if self.training else {USUAL} / 0",
        1,
        "scores of method hostile are not finite for 4 of 4 videos",
    ),
    "video: a pair": (
        VIDEO + "(super().encode_video(frames), None)",
        1,
        "are a tuple; a tensor or",
    ),
    "video: an empty dict": (VIDEO + "{}", 1, "are an empty dict"),
    "video: on no device": (
        VIDEO + "super().encode_video(frames).to('meta')",
        1,
        "are on meta; cpu is wanted",
    ),
    "video: another length": (
        VIDEO + "super().encode_video(frames)[:, :64]",
        1,
        "rows of one length are wanted",
    ),
    "text: a generator": (TEXT + "(t for t in texts)", 1, "are a generator"),
    "stages: no list": (STAGES + "Stage('fit', trains=('map.*',))", 2, "gives a Stage; a list of"),
    "stages: words": (STAGES + "['map.*']", 2, "holds a str; a list of Stage"),
    "stages: a text for a tuple": (
        STAGES + "[Stage('fit', trains='map.*')]",
        2,
        "trains is 'map.*'; a tuple of patterns is wanted",
    ),
    "stages: a list that is none": (
        STAGES + "[Stage('fit', trains=('map.*',), data='sources')]",
        2,
        "data is 'sources', none of target, source; did you mean 'source'?",
    ),
    "stages: one name twice": (
        STAGES + "[Stage('fit', trains=('map.*',)), Stage('fit', trains=('map.*',))]",
        2,
        "has two stages 'fit'",
    ),
    "stages: all frozen": (
        STAGES + "[Stage('fit', trains=('map.*',), frozen=('*',))]",
        2,
        "trains nothing: all that it names is frozen by *",
    ),
    "stages: a stranger's training": (
        STAGES + "[Stage('fit', trains=('map.*',), same_as='vify')]",
        2,
        "did you mean 'vifi'?",
    ),
    "an error that cannot be printed": (
        "def encode_text(self, texts):\n    class Odd(Exception):\n        def __str__(self):\n"
        "            raise RuntimeError\n    raise Odd",
        1,
        "method hostile failed in loss",
    ),
    "an error beside Exception": (
        "def encode_video(self, frames):\n    import asyncio\n    raise asyncio.CancelledError('no')",
        1,
        "CancelledError: no (plugin.py, line",
    ),
    "an error of a thousand lines": (
        "def encode_video(self, frames):\n    raise ValueError('\\udcff' + 'long ' * 9999 + '\\n' * 99)",
        1,
        "ValueError: \\udcfflong long",
    ),
    "click's exit": (
        "def loss(self, batch):\n    import typer\n    raise typer.Exit(0)",
        1,
        "method hostile failed in loss",
    ),
    "out of recursion": (
        "def loss(self, batch):\n    return self.loss(batch)",
        1,
        "RecursionError: maximum recursion depth",
    ),
    "a generator's end": (
        "def enter(self, stage):\n    next(iter(()))",
        1,
        "method hostile failed in enter: StopIteration",
    ),
    "facts: no JSON": (
        "def facts(self):\n    return {'x': {1, 2}}",
        2,
        "facts() of method hostile",
    ),
    "facts: nothing": ("def facts(self):\n    return None", 2, "facts() of method hostile"),
    "version: a number": ("version = 2", 2, "version of method hostile is 2; a text is wanted"),
    "init: no options": (
        "def __init__(self, backbone, width):\n    super().__init__(backbone)",
        1,
        "missing 1 required positional argument: 'width' (plugin.py)",
    ),
    "init: no super": (
        "def __init__(self, backbone, **options):\n    self.map = torch.nn.Linear(2, 2)",
        1,
        "method hostile failed in __init__: AttributeError",
    ),
    "init: an exit with a word": (
        "def __init__(self, backbone, **options):\n    raise SystemExit('bye')",
        1,
        "it left the process with sys.exit('bye')",
    ),
}
# changes of the file, exit code, what the sentence says
WRONG_FILES = {
    "no Python": (
        "\nclass ::\n",
        2,
        "plugin.py is broken: SyntaxError: invalid syntax (plugin.py, line",
    ),
    "an exit at import": ("\nraise SystemExit(0)\n", 2, "plugin.py is broken: SystemExit: 0"),
    "a warning that is an error": (
        "\nimport warnings\nwarnings.simplefilter('error')\nwarnings.warn('x')\n",
        2,
        "plugin.py is broken: UserWarning: x",
    ),
    "another folder at import": (
        "\nimport os\nos.chdir('/')\n",
        2,
        "plugin.py is broken: it changes the current folder when it is imported",
    ),
    "another default at import": (
        "\ntorch.set_default_dtype(torch.float64)\n",
        2,
        "plugin.py is broken: it changes torch's default type when it is imported",
    ),
    "no gradients at import": (
        "\ntorch.set_grad_enabled(False)\n",
        2,
        "plugin.py is broken: it turns gradients off when it is imported",
    ),
    "a name that is taken": (
        "\nHostile.__name__ = 'Twin'\nMETHODS.register_module('vifi', force=True)(Hostile)\n",
        2,
        "the id is taken (built in)",
    ),
    "no method": (
        "\nMETHODS.register_module('hostile', force=True)(dict)\n",
        2,
        "dict is no Method",
    ),
    "card: a text": (
        "\nHostile.card = 'a card'\n",
        2,
        "its card is wrong: it is a str, and a dict",
    ),
    "card: two mistakes": (
        "\nHostile.card = {'paperr': 'x', 'recipes': [{'wen': {}}]}\n",
        2,
        "there is no key 'recipes.0.wen'; did you mean 'when'?",
    ),
    "card: an option without default": (
        "\nHostile.card = {'options': {'width': {'help': 'x'}}}\n",
        2,
        "options.width.default is missing",
    ),
    "card: a setting that is none": (
        "\nHostile.card = {'recipes': [{'set': {'train': {'lrr': 1}}}]}\n",
        2,
        "did you mean 'train.lr'?",
    ),
    "card: a broken property": (
        "\nHostile.card = {'options': {1: {'default': 1, 'help': 'x'}}}\n",
        2,
        "its card is wrong: options.1",
    ),
}
PLAN = "    def plan(self, variant, seed, data):\n        return "
# body of the class, keys of the protocol, exit code, what the sentence says
WRONG_PROTOCOLS = {
    "plan: nothing": (
        PLAN + "None",
        "",
        2,
        "plan() of protocol full-hostile gives None; a Plan is",
    ),
    "plan: no test": (
        PLAN + "replace(self.lists(variant, data), evaluate=())",
        "",
        2,
        "evaluates (); a tuple of Splits is wanted",
    ),
    "plan: no split": (
        PLAN + "replace(self.lists(variant, data), train=['a.mp4'])",
        "",
        2,
        "has a list as train; a Split is wanted",
    ),
    "plan: no videos": (PLAN + "self.tested(variant, data, samples=())", "", 2, "has no videos"),
    "plan: a label outside": (
        PLAN + "self.tested(variant, data, samples=(Sample('v', None, 99),))",
        "",
        2,
        "the label of v is 99; a row of its 24 classes is wanted in split test of full-hostile",
    ),
    "plan: a text for classes": (
        PLAN + "self.tested(variant, data, classes='abc')",
        "",
        2,
        "has a str as classes",
    ),
    "plan: a text for a path": (
        PLAN + "self.tested(variant, data, samples=(Sample('v', 'v.mp4', 0),))",
        "",
        2,
        "the path of v is a str; a Path is wanted",
    ),
    "plan: a kind that is none": (
        PLAN + "self.tested(variant, data, kind='class')",
        "",
        2,
        "is of kind 'class'; classes, labels, captions are wanted",
    ),
    "plan: a key": (
        PLAN + "{}[variant]",
        "",
        1,
        "protocol full-hostile failed in plan: KeyError: 'main'",
    ),
    "plan: a sentence": (
        PLAN + "(_ for _ in ()).throw(ProtocolError('no lists today'))",
        "",
        2,
        "no lists today",
    ),
    "variants: a text": (
        "    variants = 'main'",
        "",
        2,
        "variants of protocol full-hostile are 'main'",
    ),
    "digest: nothing": (
        "    def digest(self, *a, **k):\n        return None",
        "",
        2,
        "digest() of",
    ),
    "prepare: an error": (
        "    def prepare(self, *a, **k):\n        raise OSError(28, 'No space left')",
        "",
        1,
        "protocol full-hostile failed in prepare: OSError",
    ),
    "measure: numbers": (
        "    def measure(self, outcome, tie_rule=''):\n        return [0.5]",
        "",
        1,
        "measure() of protocol full-hostile gives a float among its metrics",
    ),
    "measure: no number": (
        "    def measure(self, outcome, tie_rule=''):\n"
        "        return [Metric('top1', float('nan'), 'test', 4)]",
        "",
        1,
        "metric top1 of test is nan; a finite number",
    ),
    "summarise: nothing": (
        "    def summarise(self, metrics):\n        return None",
        "",
        1,
        "summarise() of protocol full-hostile gives None",
    ),
    "a headline that is none": ("", "'primary': 'top9'", 1, "no metric 'top9'"),
    "an id that is taken": ("", "'id': 'zs-shapes'", 2, "the id is taken (built in)"),
    "a field of another type": (
        "",
        "'family': None",
        2,
        "the field family is None; a text is wanted",
    ),
    "a setting that is none": ("", "'defaults': {'views': {'frame': 8}}", 2, "'views.frames'"),
    "settings that are none": (
        "",
        "'defaults': 'none'",
        2,
        "the field defaults is 'none'; a dict of settings",
    ),
}


@pytest.fixture
def here(quick, monkeypatch):
    """The command line in this process, which forgets the plugin afterwards.

    Nothing here asks which code made a run, and looking for it takes a third of the time.
    """
    monkeypatch.setattr(code, "code_digest", lambda *_: "0" * 64)
    yield quick
    registry._FILES.clear()
    METHODS.module_dict.pop("hostile", None)


def build(file):
    registry.check_files([file])
    return build_method("hostile", "shapes-tiny")


def told(done, exit_code, sentence):
    """The exit code, one sentence, and below it at most frames of the plugin."""
    printed = done.stdout + done.stderr
    assert done.returncode == exit_code, printed
    lines = done.stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, printed
    assert sentence in errors[0]
    assert len(errors[0]) < 700
    assert "Traceback" not in printed
    frames = re.findall(r'File "([^"]+)"', done.stderr)
    assert all(frame.endswith("plugin.py") for frame in frames), frames
    if not frames and "shows where" not in printed:
        assert lines[-1] == errors[0], printed


def indented(body):
    return "".join(f"    {line}\n" for line in body.splitlines())


@pytest.mark.parametrize("case", WRONG_METHODS)
def test_a_method(case, here, tmp_path):
    body, exit_code, sentence = WRONG_METHODS[case]
    (tmp_path / "plugin.py").write_text(METHOD + indented(body))
    words = ("--method", "hostile", "--protocol", "b2n-shapes", "--plugin", "plugin.py")
    told(here("run", *words, *TRAIN), exit_code, sentence)


def test_an_exit_in_a_loss_is_a_failed_run_and_a_sweep_goes_on(here, tmp_path):
    body = "def loss(self, batch):\n    raise SystemExit(0)"
    (tmp_path / "plugin.py").write_text(METHOD + indented(body))
    words = ("--methods", "hostile,random", "--protocols", "b2n-shapes", "--plugin", "plugin.py")
    done = here("sweep", *words, *TRAIN, check=1)
    assert "failed: hostile on b2n-shapes: method hostile failed in loss" in done.stderr
    assert "it left the process with sys.exit(0) (plugin.py, line" in done.stderr
    assert "1 of 2 runs failed" in done.stderr
    told = [json.loads(p.read_text()) for p in (tmp_path / "o").rglob("record.json")]
    assert {r["identity"]["method"]["name"]: r["status"] for r in told} == {
        "hostile": "failed",
        "random": "done",
    }


def test_a_pattern_that_matches_nothing_names_what_may_be_meant(here, tmp_path):
    body = STAGES + "[Stage('fit', trains=('mapp.*',))]"
    (tmp_path / "plugin.py").write_text(METHOD + indented(body))
    words = ("--method", "hostile", "--protocol", "b2n-shapes", "--plugin", "plugin.py")
    done = here("run", *words, *TRAIN, check=2)
    assert done.stderr == (
        "error: stage 'fit' of method hostile names no parameter: mapp.*; did you mean map.*?\n"
    )


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            SCORES + f"{USUAL}.mean(0, keepdim=True)",
            "are [1, 24] for 4 videos and 24 classes; [4, 24]",
        ),
        (TEXT + "super().encode_text(texts)[:1]", "are [1, 128] for 24 texts; [24, ...] is wanted"),
    ],
)
def test_shapes_that_would_spread_are_refused_in_evaluation_and_check(
    body, sentence, here, tmp_path
):
    (tmp_path / "plugin.py").write_text(METHOD + indented(body))
    words = ("--method", "hostile", "--plugin", "plugin.py", "--set", "train.epochs=1", *SMALL)
    words = (*words, "--checkpoint", "c.safetensors")  # nothing is trained
    method = build(tmp_path / "plugin.py")
    save_file(
        {"map.weight": method.map.weight.data, "map.bias": method.map.bias.data},
        tmp_path / "c.safetensors",
    )
    done = here("run", "--protocol", "zs-shapes", *words, check=1)
    assert sentence in done.stderr
    failed = here("check", "method", "hostile", "--plugin", "plugin.py", check=1).stdout
    lines = [line for line in failed.splitlines() if line.startswith("run zs-shapes")]
    assert "FAIL" in lines[0]


def test_lists_and_folders(here, tmp_path):
    (tmp_path / "plugin.py").write_text("import no_such_module\n")
    (tmp_path / "dir.py").mkdir()
    done = here("list", "methods", "--plugin", "plugin.py", check=2)
    assert "broken: ModuleNotFoundError" in done.stdout
    assert done.stderr.startswith("error: plugin file plugin.py is broken: ModuleNotFoundError")
    done = here("list", "methods", "--plugin", "dir.py", check=2)
    assert done.stderr == "error: plugin dir.py is a folder; the file in it is wanted\n"


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_file(case, here, tmp_path):
    text, exit_code, sentence = WRONG_FILES[case]
    (tmp_path / "plugin.py").write_text(METHOD + text)
    name = "vifi" if "taken" in case else "hostile"
    words = ("--method", name, "--protocol", "b2n-shapes", "--plugin", "plugin.py")
    told(here("run", *words, *TRAIN, "--dry-run"), exit_code, sentence)


@pytest.mark.parametrize("case", WRONG_PROTOCOLS)
def test_a_protocol(case, here, tmp_path):
    body, keys, exit_code, sentence = WRONG_PROTOCOLS[case]
    (tmp_path / "plugin.py").write_text(PROTOCOL.format(body=body, keys=keys))
    name = "zs-shapes" if "taken" in case else "full-hostile"
    words = ("--method", "random", "--protocol", name, "--plugin", "plugin.py")
    told(here("run", *words, *SMALL), exit_code, sentence)
