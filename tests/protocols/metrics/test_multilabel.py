"""Multi-label metrics against values worked out by hand and against plain definitions."""

import numpy as np
import pytest
from vclipbench.protocols.metrics.finite import NotFinite
from vclipbench.protocols.metrics.multilabel import (
    average_precision,
    best_f1,
    calibration_error,
    f1_at,
    multilabel_metrics,
    open_vocabulary_metrics,
    per_label_average_precision,
)


@pytest.mark.parametrize(
    ("scores", "target", "expected"),
    [
        # positives at ranks 1 and 3: (1/1 + 2/3) / 2
        ([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        # the example of scikit-learn's documentation of average_precision_score
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.8333333333333333),
        # one threshold for the two that tie: recall rises by 1/2 twice, precision 1/2 and 2/4
        ([0.5, 0.5, 0.2, 0.2], [1, 0, 0, 1], 0.5),
        ([0.5, 0.5, 0.2, 0.2], [0, 1, 1, 0], 0.5),
        # all tied: the share of positives
        ([0.3, 0.3, 0.3, 0.3], [0, 1, 0, 0], 0.25),
        # a tie of three behind the first: 1/3 * 1 + 2/3 * 3/4
        ([0.9, 0.4, 0.4, 0.4, 0.1], [1, 0, 1, 1, 0], 1 / 3 + 2 / 3 * 3 / 4),
        ([0.1, 0.9], [1, 0], 0.5),
        ([1, 0], [1, 1], 1.0),
    ],
)
def test_average_precision_by_hand(scores, target, expected):
    assert average_precision(np.array(scores, float), np.array(target)) == pytest.approx(
        expected, abs=1e-12
    )


def plain_average_precision(scores, target):
    """The definition, threshold by threshold."""
    total, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        now = target[chosen].sum() / target.sum()
        total += (now - recall) * target[chosen].mean()
        recall = now
    return total


def draw(seed, videos=60, labels=7, levels=9):
    rng = np.random.RandomState(seed)
    p = rng.randint(0, levels + 1, (videos, labels)) / levels  # many ties
    t = (rng.rand(videos, labels) < 0.2).astype(int)
    t[0] = 1
    return p, t


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_follows_the_definition_and_no_order(seed):
    p, t = draw(seed)
    want = [plain_average_precision(p[:, k], t[:, k]) for k in range(p.shape[1])]
    np.testing.assert_allclose(per_label_average_precision(p, t), want, rtol=1e-12)
    mixed = np.random.RandomState(seed).permutation(len(p))
    np.testing.assert_array_equal(
        per_label_average_precision(p, t), per_label_average_precision(p[mixed], t[mixed])
    )


def test_labels_without_a_positive_do_not_count():
    p = np.array([[0.9, 0.5, 0.3], [0.2, 0.6, 0.4]])
    t = np.array([[1, 0, 0], [0, 0, 1]])
    each = per_label_average_precision(p, t)
    assert each[[0, 2]].tolist() == [1, 1]
    assert np.isnan(each[1])
    metric = multilabel_metrics(p, t, "test")[0]
    assert (metric.name, metric.value, metric.n) == ("map", 100, 2)


def test_f1_by_hand():
    p = np.array([[0.9, 0.5], [0.4, 0.2]])
    t = np.array([[1, 0], [1, 0]])
    # two chosen (0.5 is), one of them right, two positives: 2 * 1 / (2 + 2)
    assert f1_at(p, t) == 0.5
    # from 0.4 on three are chosen, two of them right: 2 * 2 / (3 + 2)
    assert best_f1(p, t) == (pytest.approx(0.8), 0.4)
    assert f1_at(np.zeros((2, 2)), np.zeros((2, 2), int)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_best_f1_is_the_best_of_all_thresholds(seed):
    p, t = draw(seed)
    value, threshold = best_f1(p, t)
    assert value == pytest.approx(max(f1_at(p, t, x) for x in np.unique(p)))
    assert f1_at(p, t, threshold) == pytest.approx(value)


def test_calibration_error_by_hand():
    # two bins, (0, 0.5] and (0.5, 1]: |0.1 + 0.5 - 1| and |0.9 + 0.7 - 1| of 4 pairs
    p, t = np.array([[0.1, 0.5, 0.9, 0.7]]), np.array([[0, 1, 1, 0]])
    assert calibration_error(p, t, bins=2) == pytest.approx((0.4 + 0.6) / 4)
    # 15 bins: every pair has one of its own
    assert calibration_error(p, t) == pytest.approx((0.1 + 0.5 + 0.1 + 0.7) / 4)
    assert calibration_error(np.array([[0.0, 1.0]]), np.array([[0, 1]])) == 0
    assert calibration_error(np.array([[0.0, 1.0]]), np.array([[1, 0]])) == 1


@pytest.mark.parametrize("seed", range(3))
def test_calibration_error_follows_the_definition(seed):
    rng = np.random.RandomState(seed)
    p, t = rng.rand(50, 6), (rng.rand(50, 6) < 0.3).astype(int)
    want = 0.0
    for k in range(15):
        inside = (p > k / 15) & (p <= (k + 1) / 15)
        if inside.any():
            want += inside.mean() * abs(p[inside].mean() - t[inside].mean())
    assert calibration_error(p, t) == pytest.approx(want)


def test_base_and_novel():
    p, t = draw(0)
    novel = np.arange(7) % 3 == 2
    found = {(m.split, m.name): m for m in open_vocabulary_metrics(p, t, novel)}
    each = 100 * per_label_average_precision(p, t)
    base, new = each[~novel].mean(), each[novel].mean()
    assert found["base", "map"].value == pytest.approx(base)
    assert found["novel", "map"].value == pytest.approx(new)
    assert found["all", "map"].value == pytest.approx(each.mean())
    assert found[None, "hm"].value == pytest.approx(2 * base * new / (base + new))
    assert found["novel", "micro_ap"].value == pytest.approx(
        100 * plain_average_precision(p[:, novel].ravel(), t[:, novel].ravel())
    )
    assert {name for split, name in found if split == "base"} == {
        *("map", "micro_ap", "f1", "f1_best", "threshold_best", "ece")
    }


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused_by_name(bad):
    p, t = draw(0)
    p[3, 2] = p[41, 0] = bad
    with pytest.raises(NotFinite, match="2 of 60 videos are not finite: row 3, row 41") as error:
        multilabel_metrics(p, t, "test")
    assert error.value.rows == (3, 41)
    names = [f"v{n}" for n in range(60)]
    with pytest.raises(NotFinite, match="v3, v41"):
        open_vocabulary_metrics(p, t, np.arange(7) < 2, names)


P, T = draw(0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: multilabel_metrics(P, T[:, 1:], "s"), "two tables"),
        (lambda: multilabel_metrics(P[:, 0], T[:, 0], "s"), "two tables"),
        (lambda: multilabel_metrics(P * 30 - 1, T, "s"), "probabilities are wanted"),
        (lambda: multilabel_metrics(P, T * 0, "s"), "some 1"),
        (lambda: multilabel_metrics(P, T + 1, "s"), "0 and 1"),
        (lambda: open_vocabulary_metrics(P, T, np.ones(7, bool)), "some novel"),
        (lambda: open_vocabulary_metrics(P, T, np.ones(3, bool)), "7 labels"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
