"""From the scores of a split to its metrics: classes, labels, captions, and scores that are wrong."""

import json

import numpy as np
import pytest
from golden import FILL, GOLDEN
from vclipbench.protocols.measure import target_of
from vclipbench.protocols.metrics.finite import NotFinite
from vclipbench.protocols.metrics.retrieval import TIE_RULES, ranking
from vclipbench.protocols.multilabel import ML_CHARADES
from vclipbench.protocols.retrieval import RET_DIDEMO, RET_MSVD
from vclipbench.protocols.split import Outcome, Sample, Split
from vclipbench.protocols.zero_shot import ZS_HMDB51

CASE = json.loads((GOLDEN / "clip_vip/metrics/case.json").read_text())
EXPECTED = np.load(GOLDEN / "clip_vip/metrics/expected.npz")
NAMES = ("r1", "r5", "r10", "medr", "mnr")


def noise(name, shape):
    return CASE[name]["noise"] * FILL.clip_input(CASE["seed"], shape, f"metrics/{name}")


def golden_square():
    """The matrix with ties of the golden case, [texts, videos]."""
    case = CASE["square"]
    x = noise("square", (case["n"], case["n"]))
    x = (x + case["diag"] * np.eye(case["n"])).astype(np.float32)
    for kind, *at in case["ops"]:
        if kind == "cell":
            x[at[0], at[1]] = x[at[2], at[3]]
        elif kind == "row":
            x[at[0]] = x[at[1]]
        else:
            x[:, at[0]] = x[:, at[1]]
    return x


def golden_ragged():
    """Scores [texts, videos] of several captions a video, and the video of each."""
    case = CASE["ragged"]
    counts = [1 + v * case["step"] % case["mod"] for v in range(case["videos"])]
    owner = np.repeat(np.arange(case["videos"]), counts)
    x = noise("ragged", (len(owner), case["videos"]))
    x[np.arange(len(owner)), owner] += case["diag"]
    return x.astype(np.float32), owner


def captioned(scores, counts, cosines=None):
    """An outcome of scores [videos, texts] with so many captions a video."""
    samples = tuple(
        Sample(f"v{n}", None, captions=tuple(f"text {n} {k}" for k in range(count)))
        for n, count in enumerate(counts)
    )
    return Outcome(Split("test", (), samples, kind="captions"), samples, scores, cosines)


def values(metrics, direction):
    found = {m.name: m.value for m in metrics}
    return np.array([found[f"{direction}_{name}"] for name in NAMES])


def reference(key):
    """The authors' five numbers; their fractions in %."""
    return EXPECTED[key][:5] * [100, 100, 100, 1, 1]


# --- captions


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
def test_the_reference_rule_is_the_authors_counting(direction):
    x = golden_square()
    metrics = RET_DIDEMO.measure(captioned(x.T, [1] * len(x), x.T), "reference")
    got = values(metrics, direction)
    np.testing.assert_allclose(got, reference(f"simple/{direction}"), rtol=1e-9)
    got = values(metrics, f"dsl_{direction}")
    np.testing.assert_allclose(got, reference(f"dsl/{direction}"), rtol=1e-9)
    entries = {m.n for m in metrics if m.name.startswith(direction) and "tied" not in m.name}
    assert entries == {int(EXPECTED[f"simple/{direction}_entries"])}


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
def test_the_other_rules_by_the_golden_ranks(direction):
    x = golden_square()
    outcome = captioned(x.T, [1] * len(x))
    best, worst = (EXPECTED[f"simple/{direction}_rank_{end}"] for end in ("best", "worst"))
    assert (best < worst).any()
    metrics = RET_DIDEMO.measure(outcome)
    assert metrics == RET_DIDEMO.measure(outcome, "pessimistic")
    hits = [100 * (worst <= k).mean() for k in (1, 5, 10)]
    expected = [*hits, np.median(worst), worst.mean()]
    np.testing.assert_allclose(values(metrics, direction), expected, rtol=1e-12)
    middle = (best + worst) / 2
    got = values(RET_DIDEMO.measure(outcome, "expected"), direction)
    np.testing.assert_allclose(got[3:], [np.median(middle), middle.mean()], rtol=1e-12)
    tied = worst - best + 1
    chances = [100 * np.clip((k - best + 1) / tied, 0, 1).mean() for k in (1, 5, 10)]
    np.testing.assert_allclose(got[:3], chances, rtol=1e-12)


def test_several_captions_a_video_by_the_authors_counting():
    x, owner = golden_ragged()
    outcome = captioned(x.T, np.bincount(owner), x.T)
    assert target_of(outcome).tolist() == owner.tolist()
    metrics = RET_MSVD.measure(outcome, "reference")
    np.testing.assert_allclose(values(metrics, "t2v"), EXPECTED["ragged/t2v"][:5], rtol=1e-6)
    np.testing.assert_allclose(values(metrics, "v2t"), EXPECTED["ragged/v2t"], rtol=1e-9)
    assert {m.n for m in metrics if m.name.startswith("t2v")} == {len(owner)}
    assert {m.n for m in metrics if m.name.startswith("v2t")} == {x.shape[1]}


def test_the_dual_softmax_needs_one_caption_a_video_and_cosines():
    x = golden_square()
    names = {m.name for m in RET_DIDEMO.measure(captioned(x.T, [1] * len(x)))}
    assert not any(name.startswith("dsl_") for name in names)
    x, owner = golden_ragged()
    metrics = RET_MSVD.measure(captioned(x.T, np.bincount(owner), x.T))
    assert not any(m.name.startswith("dsl_") for m in metrics)


def test_as_many_captions_as_videos_that_are_not_one_each():
    """Two captions of one video and none of another must not pass for one each."""
    x = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match="1 videos have no caption"):
        RET_MSVD.measure(captioned(x, [2, 1, 0]))


@pytest.mark.parametrize("rule", TIE_RULES)
def test_constant_scores(rule):
    found = {
        m.name: m for m in RET_DIDEMO.measure(captioned(np.ones((20, 20), "f4"), [1] * 20), rule)
    }
    r1 = {"pessimistic": 0, "expected": 5, "reference": 5}[rule]
    assert found["t2v_r1"].value == pytest.approx(r1)
    assert found["v2t_tied"].value == 20
    assert found["t2v_r1"].n == (400 if rule == "reference" else 20)


def test_a_rule_that_is_none():
    with pytest.raises(ValueError, match="the tie rule must be one of pessimistic, expected, ref"):
        RET_DIDEMO.measure(captioned(np.eye(3), [1] * 3), "lucky")


# --- videos that were not scored


def test_videos_that_were_not_scored_take_their_captions_with_them():
    x, owner = golden_ragged()
    whole = captioned(x.T, np.bincount(owner))
    kept = [n for n in range(x.shape[1]) if n % 3]
    columns = np.isin(owner, kept)
    part = Outcome(whole.split, tuple(whole.samples[n] for n in kept), x.T[kept][:, columns])
    assert target_of(part).tolist() == [kept.index(n) for n in owner if n in kept]
    alone = captioned(x.T[kept][:, columns], np.bincount(owner)[kept])
    assert RET_MSVD.measure(part) == RET_MSVD.measure(alone)
    found = ranking(x[columns][:, kept], target_of(part))
    r1 = next(m for m in RET_MSVD.measure(part) if m.name == "t2v_r1")
    assert (r1.n, r1.hits) == (columns.sum(), int(found.hits(1).sum()))


def test_classes_of_the_videos_that_were_scored():
    samples = tuple(Sample(f"v{n}", None, n % 4) for n in range(8))
    split = Split("split1", ("a", "b", "c", "d", "e", "f"), samples)
    scores = np.zeros((3, 6), np.float32)
    scores[[0, 1, 2], [1, 3, 0]] = 1  # right, right, wrong
    part = Outcome(split, tuple(samples[n] for n in (1, 3, 6)), scores)
    top1, top5 = ZS_HMDB51.measure(part)
    assert (top1.name, top1.n, top1.hits, top1.split) == ("top1", 3, 2, "split1")
    assert (top5.name, top5.n) == ("top5", 3)


# --- labels


def labelled(logits, target, novel=()):
    names = tuple(f"label {n}" for n in range(target.shape[1]))
    samples = tuple(
        Sample(f"v{n}", None, labels=tuple(np.flatnonzero(row).tolist()))
        for n, row in enumerate(target)
    )
    split = Split("test", names, samples, kind="labels", novel=novel)
    return Outcome(split, samples, np.asarray(logits, np.float32))


def draw(seed=0, videos=30, labels=6):
    rng = np.random.RandomState(seed)
    target = (rng.rand(videos, labels) < 0.3).astype(int)
    target[0] = 1
    return rng.randn(videos, labels), target


def of(metrics):
    return {(m.name, m.split): m for m in metrics}


def test_saturated_logits_do_not_tie():
    """In float32 the sigmoid of 17 and more is 1, of -110 and less 0; ranks are those of the logits."""
    logits, target = draw()
    usual = of(ML_CHARADES.measure(labelled(logits, target, novel=(1, 4))))
    for shift in (60, -150):
        found = of(ML_CHARADES.measure(labelled(logits + shift, target, novel=(1, 4))))
        for split in ("all", "base", "novel"):
            for name in ("map", "micro_ap", "f1_best"):
                assert found[name, split].value == pytest.approx(usual[name, split].value)
        assert found["hm", None].value == pytest.approx(usual["hm", None].value)
    assert found["f1", "all"].value == 0


def test_base_and_novel_labels_and_their_mean():
    logits, target = draw()
    found = of(ML_CHARADES.measure(labelled(logits, target, novel=(1, 4))))
    base, novel = found["map", "base"].value, found["map", "novel"].value
    assert found["hm", None].value == pytest.approx(2 * base * novel / (base + novel))
    alone = of(ML_CHARADES.measure(labelled(logits[:, [1, 4]], target[:, [1, 4]])))
    assert alone["map", "test"].value == pytest.approx(novel)
    assert ("hm", None) not in alone
    assert [found["map", part].n for part in ("all", "base", "novel")] == [6, 4, 2]


def test_labels_as_marks():
    _, target = draw()
    assert target_of(labelled(target, target)).tolist() == target.tolist()


# --- scores that are not finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["classes", "labels", "captions"])
def test_scores_that_are_not_finite_name_their_videos(kind, bad):
    scores, target = draw(videos=6)
    scores[2, 1] = scores[5, 0] = bad
    if kind == "captions":
        outcome = captioned(scores.astype("f4"), [1] * 6)
    elif kind == "labels":
        outcome = labelled(scores, target)
    else:
        samples = tuple(Sample(f"v{n}", None) for n in range(6))
        outcome = Outcome(Split("s", tuple("abcdef"), samples), samples, scores.astype("f4"))
    with pytest.raises(NotFinite, match="scores of 2 of 6 videos are not finite: v2, v5"):
        RET_DIDEMO.measure(outcome)
