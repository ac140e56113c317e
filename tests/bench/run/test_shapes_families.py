"""Retrieval and multi-label on the embedded world: what methods get, and what a run leaves behind."""

from dataclasses import replace

import numpy as np
import pytest
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.record.predictions import load_predictions

VIDEOS = 24
TWO_STEPS = (
    *("--set", f"data.limit={VIDEOS}", "--set", "views.frames=2", "--set", "data.workers=0"),
    *("--set", "train.epochs=1", "--set", "train.batch_size=12"),
)
METHODS = ("vifi", "clip-vip", "llm-multilabel")
RANKS = {f"{way}_{name}" for way in ("t2v", "v2t") for name in ("r1", "r5", "r10", "medr", "mnr")}
PRECISION = {("map", "all"), ("map", "base"), ("map", "novel"), ("hm", None)}


@pytest.fixture
def batches(monkeypatch):
    """Every batch that the trainings of a test see, in order."""
    from vclipbench.bench.train import groups

    seen = []

    def keep(**data):
        seen.append(made := train_batch(**data))
        return made

    train_batch = groups.Batch
    monkeypatch.setattr(groups, "Batch", keep)
    return seen


@pytest.fixture
def trained(quick, tmp_path):
    """Two steps of a method on a protocol -> its record and the arrays of its predictions."""

    def run(method, protocol, *more):
        words = ("run", "--method", method, "--protocol", protocol, "--out", "runs")
        quick(*words, *TWO_STEPS, *more, check=0)
        problems = []
        (record,) = load_records(tmp_path / "runs", problems)
        assert not problems
        folder = tmp_path / "runs" / protocol / method / record.run_id
        file = record.predictions
        return record, load_predictions(folder / file.file, file.sha256)

    return run


def require_done(record, names):
    """A done record with these metrics, all finite, after some training."""
    assert record.status == "done"
    assert names <= {(m.name, m.split) for m in record.metrics}
    assert np.isfinite([m.value for m in record.metrics]).all()
    assert record.identity.train


@pytest.mark.parametrize("method", METHODS)
def test_retrieval(method, trained, batches):
    record, stored = trained(method, "ret-shapes")
    require_done(record, {(name, "test") for name in RANKS})
    assert record.primary == "t2v_r1"
    assert stored.keys() == {"test"}
    arrays = stored["test"]
    assert arrays["captions"].tolist() == [1] * VIDEOS  # so many columns belong to each video
    assert arrays["scores"].shape == arrays["cosines"].shape == (VIDEOS, VIDEOS)
    assert np.abs(arrays["cosines"]).max() < 1.0001
    own = arrays["scores"].diagonal()[None]
    first = (arrays["scores"] >= own).sum(0) == 1  # the caption's own video, and no other so high
    assert 100 * first.mean() == pytest.approx(record.metric("t2v_r1", "test").value)
    last = batches[-2:]
    assert [len(batch.frames) for batch in last] == [12, 12]
    assert all(batch.paired and not batch.multilabel for batch in last)
    assert all(len(batch.texts) == 12 and (batch.targets.diag() == 1).all() for batch in last)
    assert len({id for batch in last for id in batch.ids}) == VIDEOS


@pytest.mark.parametrize("method", METHODS)
def test_multilabel(method, trained, batches):
    record, stored = trained(method, "ml-shapes")
    require_done(record, PRECISION)
    assert record.primary == "hm"
    assert stored.keys() == {"test"}
    arrays = stored["test"]
    assert arrays["scores"].shape == arrays["target"].shape == (VIDEOS, 30)
    assert set(np.unique(arrays["target"])) == {0, 1}
    assert (arrays["target"].sum(1) > 1).all()  # a shape, a colour and a motion at least
    last = batches[-2:]
    for batch in last:
        assert batch.multilabel
        assert not batch.paired
        assert batch.targets.shape == (12, len(batch.texts)) == (12, 15)  # the base labels
        assert set(batch.targets.unique().tolist()) == {0, 1}
        assert (batch.shares.sum(1) - 1).abs().max() < 1e-6
        assert ((batch.shares > 0) == (batch.targets > 0)).all()


def test_vifi_learns_from_shares_of_the_labels(trained, monkeypatch):
    from vclipbench.methods.base import Method

    pairs, objective = [], Method.objective

    def compare(self, features, batch):
        rows = batch.targets / batch.targets.sum(1, keepdim=True)
        given = objective(self, features, batch)
        alike = objective(self, features, replace(batch, targets=rows, multilabel=False))
        pairs.append((given["loss"].item(), alike["loss"].item()))
        return given

    monkeypatch.setattr(Method, "objective", compare)
    trained("vifi", "ml-shapes")
    assert len(pairs) == 2
    assert all(given == pytest.approx(alike, rel=1e-5) for given, alike in pairs)


def test_open_vclip_learns_from_shares_of_the_labels(trained, monkeypatch):
    from vclipbench.methods.base import Method

    seen, objective = [], Method.objective

    def keep(self, features, batch):
        seen.append(batch.shares)
        return objective(self, features, batch)

    monkeypatch.setattr(Method, "objective", keep)
    record, _ = trained("open-vclip", "ml-shapes", "--set", "train.average_from=1")
    require_done(record, PRECISION)
    assert len(seen) == 4  # two passes in each of two steps
    assert all((rows.sum(1) - 1).abs().max() < 1e-6 for rows in seen)
    assert any(((rows > 0).sum(1) > 1).any() for rows in seen)
