"""`bench check protocol` and `bench new-protocol`: what is new passes, each requirement can fail."""

import shutil

import pytest
from vclipbench.bench import registry
from vclipbench.bench.checks import check_protocol
from vclipbench.datasets.shapes.splits import clip
from vclipbench.datasets.shapes.store import ensure

TEMPLATE = """
import itertools
from dataclasses import dataclass, replace
from vclipbench.protocols import shapes
from vclipbench.protocols.base import Metric, Plan, Split
from vclipbench.protocols.supervised import SupervisedShapes

count = itertools.count()


@dataclass(frozen=True)
class Faulty(SupervisedShapes):
{body}

FAULTY = Faulty(
    id="full-faulty",
    summary="a protocol with a fault",
    family={family!r},
    dataset="shapes",
    metric="top-1",
    primary="top1",
    defaults=shapes.DEFAULTS,
)
"""
TESTED = """
    def plan(self, variant, seed, data):
        lists = super().plan(variant, seed, data)
        test, train = lists.evaluate[0], lists.train
        samples = list(test.samples)
        {change}
        return replace(lists, evaluate=(replace(test, samples=tuple(samples)),), train=train)
"""


@pytest.fixture
def failures(tmp_path, shapes_cache):
    """Requirement -> reason of all that fail."""

    def run(body, family="full"):
        (tmp_path / "faulty.py").write_text(TEMPLATE.format(body=body, family=family))
        findings = check_protocol("full-faulty", [tmp_path / "faulty.py"])
        return {f.requirement: f.reason for f in findings if f.verdict == "FAIL"}

    yield run
    registry._FILES.clear()


CASES = {
    "it can be planned": (TESTED.format(change="samples = []"), "has no videos"),
    "the same lists when asked again": (
        TESTED.format(change="samples = samples[next(count) :]"),
        "lists of main, seed 2 are others when it is asked again",
    ),
    "the same lists in another process": (
        TESTED.format(change="samples.sort(key=lambda s: hash(s.id))"),
        "in another process",
    ),
    "ids are unique": (
        TESTED.format(change="samples.append(samples[0])"),
        "test has ids twice: few-val/",
    ),
    "training and test are apart": (
        TESTED.format(change="train = replace(train, samples=(*train.samples, samples[3]))"),
        "1 videos of test are also trained on: few-val/00003",
    ),
    "a seed changes no test": (
        TESTED.format(change="samples = samples[seed:]"),
        "the tested lists of main change with the seed",
    ),
    "the digest tells lists apart": (
        "    def digest(self, data, prompts=None, views=None):\n        return 'f' * 64",
        "its digest is the same for other prompts",
    ),
    "metrics are numbers": (
        "    def measure(self, outcome, tie_rule=''):\n"
        "        return [Metric('top1', 5000.0, outcome.split.name, 4)]",
        "metric 'top1' of test is 5000 %",
    ),
    "a headline": (
        "    def measure(self, outcome, tie_rule=''):\n"
        "        return [Metric('f1', 50.0, outcome.split.name, 4)]",
        "has no metric 'top1' over all splits, which is its primary: there are f1",
    ),
}


@pytest.mark.parametrize("requirement", CASES)
def test_each_requirement_can_fail(requirement, failures):
    body, reason = CASES[requirement]
    assert reason in failures(body)[requirement]


def test_the_metrics_of_a_family(failures):
    assert failures("    pass", "b2n") == {
        "metrics of its family": "of b2n the lists base and novel and the metric hm are wanted"
    }


SLOW = [
    pytest.param(id, marks=pytest.mark.slow) for id in ("b2n-shapes", "ret-shapes", "ml-shapes")
]


@pytest.mark.parametrize("id", ["zs-shapes", *SLOW])
def test_protocols_of_this_package_pass(id, quick):
    assert f"{id}: nothing fails" in quick("check", "protocol", id, check=0).stdout


def test_a_new_protocol_passes_on_folders(bench, shapes_cache, tmp_path):
    for name, world in (("train", "few-train"), ("test", "few-val")):
        for i, path in enumerate(ensure([clip(world, i) for i in range(4)])):
            file = tmp_path / "mine" / name / ("jump", "wave_hands")[i % 2] / f"{i}.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, file)
    bench("new-protocol", "my-own.2", check=0)
    words = ("my-own.2", "--plugin", "my_own_2.py", "--data", "mine")
    assert "my-own.2: nothing fails" in bench("check", "protocol", *words, check=0).stdout
    (tmp_path / "mine/test/jump/0.mp4").unlink()
    (tmp_path / "mine/test/jump/0.mp4").symlink_to(tmp_path / "gone")
    done = bench("check", "protocol", *words, check=1)
    assert "videos are there" in done.stdout
    assert "1 videos of test have no file: test/jump/0.mp4" in done.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my own", "cannot be an id"),
        ("class", "class is a word of Python"),
        ("zs-shapes", "there is a protocol 'zs-shapes' already"),
        ("json", "would hide the Python module json"),
    ],
)
def test_names_that_cannot_be(name, message, quick, tmp_path):
    done = quick("new-protocol", name, check=2)
    assert message in done.stderr
    assert not list(tmp_path.iterdir())
