"""Retrieval metrics against the authors' code, a real matrix, and values worked out by hand."""

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
from golden import FILL, GOLDEN
from vclipbench.protocols.metrics.finite import NotFinite
from vclipbench.protocols.metrics.retrieval import (
    best_caption,
    dsl_metrics,
    dual_softmax,
    ranking,
    retrieval_metrics,
)

REAL = Path(__file__).resolve().parents[4] / "shared/data/annotations/retrieval/msrvtt_similarity"
NAMES = ("r1", "r5", "r10", "medr", "mnr")


CASE = json.loads((GOLDEN / "clip_vip/metrics/case.json").read_text())
EXPECTED = np.load(GOLDEN / "clip_vip/metrics/expected.npz")
NOISE = FILL.clip_input


def square():
    c = CASE["square"]
    x = c["noise"] * NOISE(CASE["seed"], (c["n"], c["n"]), "metrics/square")
    x = (x + c["diag"] * np.eye(c["n"])).astype(np.float32)
    for kind, *at in c["ops"]:
        if kind == "cell":
            x[at[0], at[1]] = x[at[2], at[3]]
        elif kind == "row":
            x[at[0]] = x[at[1]]
        else:
            x[:, at[0]] = x[:, at[1]]
    return x


def labelled(name, texts, videos, owner):
    c = CASE[name]
    x = c["noise"] * NOISE(CASE["seed"], (texts, videos), f"metrics/{name}")
    x[np.arange(texts), owner] += c["diag"]
    return x.astype(np.float32)


def values(metrics, direction):
    found = {m.name: m.value for m in metrics}
    return np.array([found[f"{direction}_{n}"] for n in NAMES])


def reference(key):
    """The authors' five numbers; their fractions in %."""
    return EXPECTED[key] * [100, 100, 100, 1, 1]


def test_the_matrix_is_the_golden_one():
    x = square()
    sums = [x.sum(dtype=float), np.abs(x).sum(dtype=float), x[0, 0], x[-1, -1]]
    np.testing.assert_allclose(sums, EXPECTED["square_checksum"], rtol=1e-6)


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
def test_the_reference_rule_is_the_authors_counting(direction):
    metrics = retrieval_metrics(square(), "test", tie_rule="reference")
    np.testing.assert_allclose(
        values(metrics, direction), reference(f"simple/{direction}"), rtol=1e-9
    )
    entries = {m.n for m in metrics if m.name.startswith(direction) and "tied" not in m.name}
    assert entries == {int(EXPECTED[f"simple/{direction}_entries"])}


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
@pytest.mark.parametrize("kind", ["simple", "dsl"])
def test_the_other_rules_lie_between_best_and_worst_rank(direction, kind):
    x = square() if kind == "simple" else dual_softmax(square())
    found = ranking(x if direction == "t2v" else x.T)
    best = EXPECTED[f"{kind}/{direction}_rank_best"]
    worst = EXPECTED[f"{kind}/{direction}_rank_worst"]
    assert (found.larger + 1).tolist() == best.tolist()
    assert found.ranks().tolist() == worst.tolist()
    assert found.ranks("expected").tolist() == ((best + worst) / 2).tolist()


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
def test_dual_softmax_is_the_authors(direction):
    corner = dual_softmax(square())[:4, :4]
    np.testing.assert_allclose(corner, EXPECTED["dsl_matrix_corner"], rtol=1e-4)
    metrics = dsl_metrics(square(), "test", tie_rule="reference")
    want = reference(f"dsl/{direction}")
    np.testing.assert_allclose(values(metrics, f"dsl_{direction}"), want, rtol=1e-9)
    r1 = next(m for m in metrics if m.name == f"dsl_{direction}_r1")
    assert r1.n == int(EXPECTED[f"dsl/{direction}_entries"])


def test_the_other_prior_mirrors_text_to_video():
    x = square()
    mirrored = dsl_metrics(x.T, "test")
    got = dsl_metrics(x, "test", reverse_prior="videos")
    np.testing.assert_array_equal(values(got, "dsl_v2t"), values(mirrored, "dsl_t2v"))


def test_an_explicit_video_for_every_text():
    c = CASE["multi"]
    owner = c["label_step"] * np.arange(c["texts"]) % c["videos"]
    x = labelled("multi", c["texts"], c["videos"], owner)
    got = values(retrieval_metrics(x, "test", owner, "reference"), "t2v")
    np.testing.assert_allclose(got, reference("multi/t2v"), rtol=1e-9)


def ragged():
    c = CASE["ragged"]
    counts = [1 + v * c["step"] % c["mod"] for v in range(c["videos"])]
    owner = np.repeat(np.arange(c["videos"]), counts)
    return labelled("ragged", len(owner), c["videos"], owner), owner


def test_several_captions_a_video():
    x, owner = ragged()
    assert len(owner) == int(EXPECTED["ragged/sentences"])
    metrics = retrieval_metrics(x, "test", owner, "reference")
    want = EXPECTED["ragged/t2v"]
    np.testing.assert_allclose(values(metrics, "t2v"), want[:5], rtol=1e-6)
    np.testing.assert_allclose(ranking(x, owner).ranks().std(), want[5], rtol=1e-6)
    np.testing.assert_allclose(values(metrics, "v2t"), EXPECTED["ragged/v2t"], rtol=1e-9)


def test_captions_may_come_in_any_order():
    x, owner = ragged()
    mixed = np.random.RandomState(0).permutation(len(owner))
    a = retrieval_metrics(x, "test", owner)
    assert retrieval_metrics(x[mixed], "test", owner[mixed]) == a
    assert best_caption(x, owner).shape == (40, 40)


def test_one_caption_each_equals_the_diagonal():
    x = square()
    assert retrieval_metrics(x, "s", np.arange(len(x))) == retrieval_metrics(x, "s")


def test_tie_rules_by_hand():
    # text 0 shares its score with one of two others, text 1 is alone at the top, text 2 is last of all
    x = np.array([[2.0, 2.0, 1.0], [0.0, 3.0, 1.0], [5.0, 4.0, 3.0]])
    found = ranking(x)
    assert found.ranks("pessimistic").tolist() == [2, 1, 3]
    assert found.ranks("expected").tolist() == [1.5, 1, 3]
    assert found.ranks("reference").tolist() == [1, 2, 1, 3]
    assert found.hits(1, "expected").tolist() == [0.5, 1, 0]
    by_rule = {
        rule: {m.name: m for m in retrieval_metrics(x, "all", tie_rule=rule)}
        for rule in ("pessimistic", "expected", "reference")
    }
    r1 = {rule: m["t2v_r1"] for rule, m in by_rule.items()}
    assert [r1["pessimistic"].hits, r1["pessimistic"].n] == [1, 3]
    assert r1["expected"].value == pytest.approx(50)
    assert r1["expected"].hits is None
    assert [r1["reference"].hits, r1["reference"].n] == [2, 4]
    assert by_rule["reference"]["t2v_tied"].value == 1
    assert by_rule["reference"]["t2v_medr"].value == 1.5


def test_constant_scores_are_never_right():
    metrics = {m.name: m.value for m in retrieval_metrics(np.ones((20, 20)), "s")}
    assert metrics["t2v_r10"] == metrics["v2t_r1"] == 0
    chance = {m.name: m.value for m in retrieval_metrics(np.ones((20, 20)), "s", None, "expected")}
    assert chance["t2v_r10"] == pytest.approx(50)
    assert chance["t2v_mnr"] == 10.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused_by_name(bad):
    x = np.eye(4)
    x[2, 1] = x[3, 0] = bad
    with pytest.raises(NotFinite, match="2 of 4 queries are not finite: row 2, row 3") as error:
        retrieval_metrics(x, "s")
    assert error.value.rows == (2, 3)
    with pytest.raises(NotFinite, match="video9"):
        retrieval_metrics(x, "s", names=["a", "b", "video9", "d"])
    with pytest.raises(NotFinite):
        dual_softmax(x)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: retrieval_metrics(np.eye(3), "s", tie_rule="lucky"), "tie rule must be one of"),
        (lambda: retrieval_metrics(np.eye(3)[:2], "s"), "no diagonal"),
        (lambda: retrieval_metrics(np.eye(3), "s", np.array([0, 1, 1])), "have no caption"),
        (lambda: retrieval_metrics(np.eye(3), "s", np.array([0, 1, 3])), "3 columns out of 3"),
        (lambda: retrieval_metrics(np.eye(3), "s", np.array([0, 1])), "3 columns out of 3"),
        (lambda: ranking(np.zeros((0, 0))), "are wanted"),
        (lambda: dual_softmax(np.eye(3), "both"), "texts or videos"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_a_real_matrix_of_msrvtt():
    packed = (REAL / "msrvtt_video_matrix.npy.gz").read_bytes()
    x = np.load(io.BytesIO(gzip.decompress(packed)))
    with (REAL / "expected_metrics.csv").open(newline="") as file:
        rows = {(r["direction"], r["rank_rule"].split()[0]): r for r in csv.DictReader(file)}
    for rule, theirs in (("pessimistic", "greater_or_equal"), ("reference", "sorted_where_zero")):
        metrics = retrieval_metrics(x, "test", tie_rule=rule)
        for short, long in (("t2v", "text_to_video"), ("v2t", "video_to_text")):
            row = rows[long, theirs]
            want = [float(row[k]) for k in ("R1", "R5", "R10", "MdR", "MnR")]
            np.testing.assert_allclose(values(metrics, short), want, atol=6e-5)
            first = next(m for m in metrics if m.name == f"{short}_r1")
            tied = next(m for m in metrics if m.name == f"{short}_tied")
            assert first.n == int(row["entries"])
            assert tied.value == int(row["queries_with_tied_positive"])
    middle = {m.name: m.value for m in retrieval_metrics(x, "test", tie_rule="expected")}
    assert middle["v2t_mnr"] == pytest.approx(float(rows["video_to_text", "mid_rank"]["MnR"]))
    assert 45.6 < middle["v2t_r1"] < 46.0
