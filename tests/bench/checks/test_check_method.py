"""`bench check method`: built-in methods pass, and each requirement can fail."""

import pytest
from vclipbench.bench.checks import check
from vclipbench.bench.errors import UserError

PLUGIN = """
import torch
from torch.nn.functional import normalize
from vclipbench.methods.base import METHODS, Method, Stage

RECIPE = {{"set": {{"train": {{"lr": 1e-3}}}}}}


@METHODS.register_module("{id}")
class Plugin(Method):
    card = {{"summary": "a method with a fault", "recipes": [RECIPE]}}

    def __init__(self, backbone, **options):
        super().__init__(backbone, **options)
        self.map = torch.nn.Linear(128, 128)
        self.spare = torch.nn.Linear(128, 128)
        self.norm = torch.nn.BatchNorm1d(128)

    def features(self, frames):
        b, t = frames.shape[:2]
        return self.map(self.clip.visual(frames.flatten(0, 1)).view(b, t, -1).mean(1))

    def encode_video(self, frames):
        return normalize(self.features(frames), dim=-1)

    def stages(self, target):
        return [Stage("fit", trains=("map.*",))]

{body}
"""
NOT_UNIT = """
    def encode_video(self, frames):
        return 2 * normalize(self.features(frames), dim=-1)
"""
LIST = """
    def encode_video(self, frames):
        return list(super().encode_video(frames))
"""
FRAMES_FIRST = """
    def encode_video(self, frames):
        return {"x": self.features(frames).T}

    def scores(self, video, text):
        return video["x"].T @ text.T
"""
TRANSPOSED = """
    def scores(self, video, text):
        return text @ video.T
"""
INFINITE = """
    def scores(self, video, text):
        return video @ text.T / 0
"""
ONE_FRAME = """
    def encode_video(self, frames):
        change = frames[:, 1:] - frames[:, :-1]
        if not len(change[0]):
            raise IndexError("no second frame")
        return normalize(self.features(frames), dim=-1)
"""
ONE_CLASS = """
    def scores(self, video, text):
        return video @ ((text - text.mean(0)) / text.std(0)).T
"""
LONG = """
    def encode_text(self, texts):
        if any(len(t.split()) > 77 for t in texts):
            raise ValueError("too long")
        return super().encode_text(texts)
"""
LEAK = """
    def encode_video(self, frames):
        x = self.features(frames)
        return normalize(x - x.mean(0) / 2, dim=-1)
"""
TEXT_LEAK = """
    def scores(self, video, text):
        return (video @ text.T).softmax(-1)
"""
NOISE = """
    def encode_video(self, frames):
        x = self.features(frames)
        return normalize(x + 0.1 * torch.randn_like(x), dim=-1)
"""
UNREACHED = """
    def stages(self, target):
        return [Stage("fit", trains=("map.*", "spare.*"))]
"""
STRAY = """
    def loss(self, batch):
        with torch.no_grad():
            self.spare.weight += 1
        return super().loss(batch)
"""
NOTHING_NAMED = """
    def stages(self, target):
        return [Stage("fit", trains=("mapp.*",))]
"""
NO_LOSS = """
    def loss(self, batch):
        return {"loss": torch.zeros(())}
"""
NAN = """
    def loss(self, batch):
        return {"loss": super().loss(batch)["loss"] * float("nan")}
"""
RUNNING = """
    def encode_video(self, frames):
        return normalize(self.norm(self.features(frames)), dim=-1)
"""
NO_BUILD = """
    def to(self, *_):
        return self

    def eval(self):
        raise RuntimeError("it does not start")
"""
CRASH = """
    def loss(self, batch):
        if not batch.ids[0].startswith("noise/"):
            raise RuntimeError("no real data, please")
        return super().loss(batch)
"""


@pytest.fixture(autouse=True)
def _same_registry():
    from vclipbench.methods import METHODS

    before = dict(METHODS.module_dict)
    yield
    METHODS.module_dict.clear()
    METHODS.module_dict.update(before)


@pytest.fixture
def failures(tmp_path, monkeypatch):
    """Check a plugin with the given body: requirement -> why it fails.

    Only some requirements are looked at, if they are named, and no protocol is run then.
    """

    def run(body, *only):
        if only:
            chosen = [pair for pair in check._REQUIREMENTS if pair[0] in only]
            monkeypatch.setattr(check, "_REQUIREMENTS", chosen)
            monkeypatch.setattr(check, "_run", lambda subject, id: "left out")
        file = tmp_path / "faulty.py"
        file.write_text(PLUGIN.format(id="faulty", body=body))
        findings = check.check_method("faulty", [file], protocols=["b2n-shapes"])
        return {f.requirement: f.reason for f in findings if f.verdict == check.FAIL}

    return run


@pytest.mark.parametrize(
    ("body", "requirement", "reason"),
    [
        (NOT_UNIT, "features have unit norm", "a row of encode_video has length 2, not 1"),
        (LIST, "features count videos and texts", "features are a list"),
        (FRAMES_FIRST, "features count videos and texts", "encode_video gives [128, 4] under 'x'"),
        (TRANSPOSED, "scores are [B, K] and finite", "scores are [3, 4] for 4 videos and 3 texts"),
        (INFINITE, "scores are [B, K] and finite", "some scores are not finite"),
        (ONE_FRAME, "one frame", "IndexError: no second frame (faulty.py, line "),
        (ONE_CLASS, "one class", "some scores are not finite with 1 class"),
        (LONG, "text longer than the context", "ValueError: too long"),
        (LEAK, "batch independence", "features of a clip alone and in a batch: they differ by"),
        (TEXT_LEAK, "batch independence", "scores for a text alone and among others"),
        (NOISE, "determinism", "features of one network asked twice: they differ by"),
        (
            UNREACHED,
            "gradients reach what is trained",
            "b2n-shapes: no gradient reaches what stage 'fit' trains: spare.weight, spare.bias",
        ),
        (STRAY, "gradients reach what is trained", "stage 'fit' also changes: spare.weight"),
        (NOTHING_NAMED, "gradients reach what is trained", "names no parameter: mapp.*"),
        (NO_LOSS, "gradients reach what is trained", "loss does not depend on what stage 'fit'"),
        (NAN, "gradients reach what is trained", "the loss of stage 'fit' is nan"),
        (RUNNING, "save and load", "scores before saving and after loading: they differ by"),
        (NO_BUILD, "it can be built", "RuntimeError: it does not start"),
    ],
)
def test_each_requirement_can_fail(body, requirement, reason, failures):
    # what is saved is what was trained before
    before = ("gradients reach what is trained",) if requirement == "save and load" else ()
    failed = failures(body, requirement, *before)
    assert list(failed) == [requirement]
    assert reason in failed[requirement]


def test_a_sound_method_passes(failures):
    every = [requirement for requirement, _ in check._REQUIREMENTS]
    assert len(every) == 11
    assert failures("", *every) == {}


def test_a_crash_in_training_is_seen(failures, shapes_cache):
    failed = failures(CRASH)
    assert list(failed) == ["run b2n-shapes"]
    assert failed["run b2n-shapes"].startswith(
        "RuntimeError: no real data, please (faulty.py, line"
    )


def test_all_protocols_of_the_embedded_world_are_run(monkeypatch):
    ran = []
    monkeypatch.setattr(check, "_run", lambda subject, id: ran.append(id))
    findings = check.check_method("random")
    assert {"zs-shapes", "b2n-shapes", "fs-shapes"} <= set(ran)
    assert not [id for id in ran if not id.endswith("-shapes")]
    verdicts = {f.requirement: f.verdict for f in findings}
    assert verdicts["gradients reach what is trained"] == check.NOT_TRAINED
    assert verdicts["features have unit norm"] == check.NOT_CHECKED
    assert check.FAIL not in verdicts.values()


def test_the_command(bench, tmp_path):
    done = bench("check", "method", "random", check=0)
    assert done.stdout.startswith("requirement ")
    assert "run fs-shapes" in done.stdout
    assert done.stdout.endswith("random: nothing fails\n")
    assert done.stderr == ""
    (tmp_path / "faulty.py").write_text(PLUGIN.format(id="faulty", body=NO_BUILD))
    done = bench("check", "method", "faulty", "--plugin", "faulty.py", check=1)
    assert "FAIL         RuntimeError: it does not start (faulty.py, line" in done.stdout
    assert "not checked  it cannot be built" in done.stdout
    done = bench("check", "method", "vify", check=2)
    assert "did you mean 'vifi'?" in done.stderr


def test_unknown_ids_and_broken_plugins_are_no_findings(tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    with pytest.raises(UserError, match="unknown method"):
        check.check_method("vify")
    with pytest.raises(UserError, match=r"broken.py is broken"):
        check.check_method("clip", [tmp_path / "broken.py"])
