"""Metrics against values worked out by hand and against scikit-like references."""

import numpy as np
import pytest
from vclipbench.protocols.metrics.accuracy import (
    accuracy,
    harmonic_mean,
    harmonic_metric,
    mean_metric,
    per_class_accuracy,
    ranks,
)


def test_ranks_count_ties_against_the_target():
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert ranks(scores, np.array([0, 0, 2])).tolist() == [0, 1, 2]


def test_constant_scores_are_never_right():
    top1 = accuracy(np.ones((10, 7)), np.zeros(10, int), "all")[0]
    assert (top1.name, top1.value, top1.hits, top1.n) == ("top1", 0.0, 0, 10)


def test_accuracy_equals_argmax_where_nothing_is_tied():
    rng = np.random.RandomState(0)
    scores, target = rng.rand(200, 9), rng.randint(0, 9, 200)
    top1, top5 = accuracy(scores, target, "s")
    assert top1.value == pytest.approx(100 * (scores.argmax(1) == target).mean())
    order = np.argsort(-scores, axis=1)[:, :5]
    assert top5.value == pytest.approx(100 * (order == target[:, None]).any(1).mean())


def test_few_classes_have_no_top5_and_one_class_has_top1():
    assert [m.name for m in accuracy(np.eye(5), np.arange(5), "s")] == ["top1"]
    assert accuracy(np.ones((3, 1)), np.zeros(3, int), "s")[0].value == 100


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="not finite"):
        ranks(np.array([[0.0, bad]]), np.array([0]))


def test_per_class_accuracy():
    scores = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    got = per_class_accuracy(scores, np.array([0, 0, 0]), ["a", "b"])
    assert got == {"a": pytest.approx(200 / 3)}


# Base, novel and harmonic mean as printed by ViFi-CLIP's authors
@pytest.mark.parametrize(
    ("base", "novel", "hm"),
    [(76.4, 61.1, 67.9), (73.8, 53.3, 61.9), (92.9, 67.7, 78.3), (16.2, 12.1, 13.9)],
)
def test_harmonic_mean_of_published_numbers(base, novel, hm):
    assert round(harmonic_mean(base, novel), 1) == hm
    assert harmonic_mean(0, 0) == 0


def test_metrics_over_splits():
    from vclipbench.protocols.metric import Metric

    parts = [Metric("top1", 80.0, "base", 10, 8), Metric("top1", 40.0, "novel", 10, 4)]
    assert mean_metric(parts, "top1").value == 60
    hm = harmonic_metric(parts, "top1", ("base", "novel"))
    assert hm.value == pytest.approx(2 * 80 * 40 / 120)
    assert hm.parts == tuple(parts)
