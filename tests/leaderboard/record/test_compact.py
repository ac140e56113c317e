"""Compact predictions: every metric is as from the scores, for all kinds of lists and ties."""

import numpy as np
import pytest
from made_runs import make_run, several_captions
from vclipbench.bench.registry import protocol
from vclipbench.bench.verify.rebuilt import Rebuilt
from vclipbench.leaderboard.record.compact import (
    compact_captions,
    dense_ranks,
    rankings_of,
)
from vclipbench.leaderboard.record.predictions import (
    load_predictions,
    packed_predictions,
    save_predictions,
)
from vclipbench.leaderboard.record.record import PredictionsFile, parse_record

FAMILIES = ("zs-shapes", "b2n-shapes", "fs-shapes", "full-shapes", "ret-shapes", "ml-shapes")


def rebuilt(path):
    arrays = load_predictions(path.with_name("predictions.npz"))
    return Rebuilt(parse_record(path.read_text()), arrays)


def small_and_large(path, tmp_path):
    """Metrics from a file of compact predictions, and from the scores."""
    large = rebuilt(path)
    file = tmp_path / "small.npz"
    save_predictions(file, large.compacted(), compress=True)
    small = Rebuilt(large.record, load_predictions(file))
    known = protocol(large.record.identity.protocol.id)
    return small, small.metrics(known), large.metrics(known)


@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("id", FAMILIES)
def test_metrics_are_equal(tmp_path, id, levels):
    path = make_run(tmp_path, id, levels=levels, intervals=False)
    small, found, wanted = small_and_large(path, tmp_path)
    assert found == wanted
    assert [m.value for m in found] == [m.value for m in small.record.metrics]
    names = {name for part in small.arrays.values() for name in part}
    assert ("scores" in names) == id.startswith("ml-")
    assert "cosines" not in names


@pytest.mark.parametrize("rule", ["pessimistic", "expected", "reference"])
@pytest.mark.parametrize("levels", [None, 3])
def test_metrics_are_equal_by_every_tie_rule(tmp_path, rule, levels):
    one = make_run(tmp_path, "ret-shapes", tie_rule=rule, levels=levels, intervals=False)
    several = make_run(
        tmp_path, "ret-msvd", tie_rule=rule, levels=levels, plan=several_captions(40, 5)
    )
    for path in (one, several):
        _, found, wanted = small_and_large(path, tmp_path)
        assert found == wanted
        assert len(found) == (24 if path is one else 12)


def test_shapes_of_the_ranks(tmp_path):
    path = make_run(tmp_path, "ret-msvd", plan=several_captions(12, 4))
    part = rebuilt(path).compacted()["test"]
    assert part["t2v_rank"].shape == (12, 4)
    assert ((part["t2v_rank"] > 0).sum(1) == part["captions"]).all()
    assert part["v2t_rank"].shape == (12,)
    assert "dsl_t2v_rank" not in part
    part = rebuilt(make_run(tmp_path, "ret-shapes")).compacted()["test"]
    assert {part[f"{way}_rank"].shape for way in ("t2v", "v2t", "dsl_t2v", "dsl_v2t")} == {(400,)}


@pytest.mark.parametrize(
    "id", ["zs-shapes", "b2n-shapes", "fs-shapes", "full-shapes", "ret-shapes"]
)
def test_they_are_small(tmp_path, id):
    path = make_run(tmp_path, id)
    data, block = packed_predictions("p.npz", rebuilt(path).compacted(), compress=True)
    before = path.with_name("predictions.npz").stat().st_size
    assert len(data) < before / 5
    assert PredictionsFile.model_validate(block | {"compact": True}).n == block["n"]
    assert packed_predictions("p.npz", rebuilt(path).compacted(), compress=True)[0] == data


def test_what_is_compact_stays_as_it_is(tmp_path):
    large = rebuilt(make_run(tmp_path, "full-shapes"))
    small = Rebuilt(large.record, large.compacted())
    again = small.compacted()
    np.testing.assert_array_equal(again["test"]["ranks"], small.arrays["test"]["ranks"])


def test_dense_ranks_keep_order_and_ties():
    scores = np.array([[0.5, -1, 0.5, 3], [2, 2, 2, 2]], np.float32)
    ranks = dense_ranks(scores)
    assert ranks.dtype == np.uint8
    assert ranks.tolist() == [[1, 0, 1, 2], [0, 0, 0, 0]]
    assert dense_ranks(np.arange(300.0)[None]).dtype == np.uint16


@pytest.mark.parametrize(("rank", "tied"), [(0, 1), (1, 2), (1, 0), (4, 1), (1.5, 1)])
def test_ranks_that_no_query_can_have_are_refused(rank, tied):
    arrays = {"captions": np.ones(3, int)}
    ones = np.ones(3, int)
    whole = compact_captions(arrays, {"v2t": (ones - 1, ones)}, "pessimistic")
    assert rankings_of(whole, "pessimistic")["v2t"][0].tolist() == [0, 0, 0]
    whole["v2t_rank"][1], whole["v2t_tied"] = rank, np.array([1, tied, 1])
    with pytest.raises(ValueError, match=r"query 1\) is no rank among 3 candidates"):
        rankings_of(whole, "pessimistic")
    del whole["v2t_tied"]
    with pytest.raises(ValueError, match="no v2t_tied of its shape"):
        rankings_of(whole, "pessimistic")
