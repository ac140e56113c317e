"""A metric has one definition: its value is the statistic of the items that it carries."""

import importlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from vclipbench.protocols import metrics
from vclipbench.protocols.measure import measure
from vclipbench.protocols.split import Outcome, Sample, Split

RNG = np.random.default_rng(0)
N, K = 80, 9
SCORES = np.round(RNG.normal(size=(N, K)), 1)  # many ties
TARGET = RNG.integers(0, K, N)
MARKS = (RNG.random((N, K)) < 0.3).astype(int)
P = RNG.random((N, K))
SQUARE = np.round(RNG.uniform(-1, 1, size=(N, N)), 1)
OWNER = np.sort(np.append(np.arange(30), RNG.integers(0, 30, N - 30)))
NOVEL = np.arange(K) % 3 == 0


def every_metric():
    """What every public function makes of made-up arrays, and the means of some."""
    made = {"accuracy": metrics.accuracy(SCORES, TARGET, "a")}
    made["mean"] = made["accuracy"] + metrics.accuracy(SCORES[::-1], TARGET, "b")
    made["mean"].append(metrics.mean_metric(made["mean"], "top1"))
    made["mean"].append(metrics.harmonic_metric(made["mean"], "top1", ("a", "b")))
    made["labels"] = metrics.multilabel_metrics(P, MARKS, "s")
    made["logits"] = metrics.label_metrics(SCORES, MARKS, "s", np.flatnonzero(NOVEL))
    made["open"] = metrics.open_vocabulary_metrics(P, MARKS, NOVEL)
    for rule in metrics.TIE_RULES:
        made[f"retrieval {rule}"] = metrics.retrieval_metrics(SQUARE, "s", tie_rule=rule)
        made[f"several {rule}"] = metrics.retrieval_metrics(SQUARE[:, :30], "s", OWNER, rule)
        made[f"dsl {rule}"] = metrics.dsl_metrics(SQUARE, "s", rule)
    return [pytest.param(one, id=f"{name} {one.name}") for name in made for one in made[name]]


@pytest.mark.parametrize("metric", every_metric())
def test_the_value_is_bit_by_bit_the_statistic_of_the_items(metric):
    assert metric.number is not None
    assert metrics.value_of(metric.number) == metric.value
    assert all(len(part.ids) == len(part.values) for part in metric.number.parts)


def test_the_statistics_are_the_functions_that_anybody_can_call():
    of = {m.name: m.value for m in metrics.multilabel_metrics(P, MARKS, "s")}
    flat = P.ravel(), MARKS.ravel()
    assert of == {
        "map": 100 * metrics.per_label_average_precision(P, MARKS).mean(),
        "micro_ap": 100 * metrics.average_precision(*flat),
        "f1": 100 * metrics.f1_at(P, MARKS),
        "f1_best": 100 * metrics.best_f1(P, MARKS)[0],
        "threshold_best": metrics.best_f1(P, MARKS)[1],
        "ece": 100 * metrics.calibration_error(P, MARKS),
    }
    top1 = metrics.accuracy(SCORES, TARGET, "s")[0]
    rank = metrics.ranks(SCORES, TARGET)
    assert top1.value == 100 * (rank == 0).sum() / N
    assert (top1.items.values > 0).tolist() == (rank == 0).tolist()
    places = metrics.ranking(SQUARE).ranks()
    of = {m.name: m for m in metrics.retrieval_metrics(SQUARE, "s")}
    assert of["t2v_mnr"].items.values.tolist() == places.tolist()
    assert of["t2v_r5"].value == 100 * (places <= 5).mean()


def listed(kind, **facts):
    """A split and its videos, four to a source."""
    samples = tuple(
        Sample(f"v{n}", None, group=f"g{n // 4}", **{name: each[n] for name, each in facts.items()})
        for n in range(N)
    )
    names = tuple(f"c{k}" for k in range(K)) if kind != "captions" else ()
    return Split("s", names, samples, kind=kind), samples


@pytest.mark.parametrize("kind", ["classes", "labels", "captions"])
def test_measured_items_have_the_names_and_sources_of_the_videos(kind):
    facts = {
        "classes": {"label": TARGET.tolist()},
        "labels": {"labels": [tuple(np.flatnonzero(row).tolist()) for row in MARKS]},
        "captions": {"captions": [("a text",)] * N},
    }[kind]
    scores = SQUARE if kind == "captions" else SCORES
    measured = measure(Outcome(*listed(kind, **facts), scores.astype(np.float32)))
    for metric in (one for one in measured if not one.parts):
        assert metric.items.ids.tolist() == [f"v{n}" for n in range(N)]
        assert metric.items.units[:5].tolist() == [*["group g0"] * 4, "group g1"]


def test_groups_are_numbered_within_a_class_where_the_dataset_says_so():
    of = Outcome(*listed("classes", label=TARGET.tolist()), SCORES.astype(np.float32))
    units = [measure(of, dataset=id)[0].items.units[0] for id in ("ucf101", "hmdb51")]
    assert units == [f"group c{TARGET[0]} g0", "group g0"]
    named = replace(of, split=replace(of.split, dataset="ucf101"))
    assert measure(named)[0].items.units[0] == units[0]


def test_a_part_of_the_videos_and_their_sources():
    ids, groups = np.array(["a", "b", "c", "d"]), np.array(["", "x", "x", ""])
    scores, target = np.eye(4)[:, [0, 1, 3, 2]], np.arange(4)
    (top1,) = metrics.accuracy(scores, target, "s", ids, groups)
    part = metrics.among(top1, "top1_some", np.array([False, True, True, False]))
    assert (part.name, part.split, part.value, part.hits, part.n) == ("top1_some", "s", 50, 1, 2)
    assert part.items.units.tolist() == ["group x", "group x"]
    assert part.number.grouped


def test_a_number_made_in_a_protocol_s_own_way_has_no_items():
    a, b = metrics.accuracy(SCORES, TARGET, "a")
    assert metrics.Metric("most", a.value, None, N, rule="max", parts=(a, b)).number is None
    plain = metrics.Metric("mine", 3.0, "a", N)
    assert plain.number is None
    assert metrics.joined("mean", [a, plain], "mean").number is None
    assert a == replace(a, items=None)  # equal numbers are equal, whatever they were made from


PUBLIC = {
    "accuracy": "TIE_RULE accuracy harmonic_mean harmonic_metric mean_metric per_class_accuracy ranks",
    "finite": "NotFinite require_finite",
    "multilabel": "average_precision best_f1 calibration_error f1_at multilabel_metrics "
    "open_vocabulary_metrics per_label_average_precision",
    "retrieval": "TIE_RULES Ranking best_caption dsl_metrics dual_softmax ranking retrieval_metrics",
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_names_of_the_package(module):
    there = importlib.import_module(f"vclipbench.protocols.metrics.{module}")
    for name in PUBLIC[module].split():
        assert getattr(metrics, name) is getattr(there, name)
        assert name in metrics.__all__


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("vclipbench.protocols.base", ("numpy", "scipy")),
        ("vclipbench.protocols.zero_shot", ("numpy", "scipy")),
        ("vclipbench.protocols.metrics", ("scipy", "pandas", "vclipbench.protocols.split")),
    ],
)
def test_what_an_import_leaves_alone(module, heavy):
    code = f"import sys, {module}; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
