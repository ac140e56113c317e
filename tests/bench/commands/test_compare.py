"""`bench compare`: what it prints, what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from vclipbench.leaderboard.record.predictions import save_predictions
from vclipbench.leaderboard.record.record import Record, identity_id, record_text
from vclipbench.leaderboard.statistics.intervals import wilson

from ...leaderboard.conftest import build_record, digest

pytest.importorskip("statsmodels")
N = 200


def entry(name, value, split, **more):
    return {
        "name": name, "value": value, "unit": "%", "higher_is_better": True, "n": N, "stderr": None,
        "ci_low": None, "ci_high": None, "ci_method": None, "level": None, "split": split, **more,
    }  # fmt: skip


@pytest.fixture
def add(tmp_path):
    """Write a b2n run whose first `base` and `novel` clips are right; returns its folder."""

    def write(base=100, novel=60, films=False, ids="v", results="runs", **identity) -> Path:
        seeded = {"method": "vifi", "seed": 1, "protocol": "b2n-hmdb51"} | identity
        record = build_record({"base": 50.0, "novel": 50.0}, n=N, **seeded)
        folder = tmp_path / results / "b2n-hmdb51" / record.identity.method.name / record.run_id
        folder.mkdir(parents=True, exist_ok=True)
        splits = {}
        for split, right in (("base", base), ("novel", novel)):
            hit = np.arange(N) < right
            splits[split] = {
                "ids": np.array([f"{ids}{n:03d}" for n in range(N)]),
                "scores": np.stack([hit, ~hit], axis=1).astype(np.float32),
                "target": np.zeros(N, int),
            }
            if films:
                splits[split]["groups"] = np.array([f"film{n % 50}" for n in range(N)])
        a, b = 100 * base / N, 100 * novel / N
        record = record.revised(
            metrics=[
                entry("top1", a, "base"),
                entry("top1", b, "novel"),
                entry("hm", 2 * a * b / (a + b), None),
            ],
            primary="hm",
            aggregates=[{"name": "hm", "rule": "harmonic-mean", "parts": [
                {"name": "top1", "split": "base"}, {"name": "top1", "split": "novel"}]}],
            predictions=save_predictions(folder / "predictions.npz", splits),
        )  # fmt: skip
        (folder / "record.json").write_text(record_text(record), "utf-8")
        return folder

    return write


def as_json(done):
    return json.loads(done.stdout)["comparisons"]


def test_each_against_the_first(quick, add):
    runs = [add(100, 60), add(130, 62, method="clip", seed=None), add(100, 61, method="open-vclip")]
    done = quick("compare", *runs, check=0)
    assert "differences from A = vifi" in done.stdout
    assert "+15.0 [+10.0, +20.0]" in done.stdout
    assert "0/30" in done.stdout
    assert "better" in done.stdout
    assert "not separable" in " ".join(done.stdout.split())
    assert "bootstrap-items, mcnemar-exact" in done.stdout


def test_json_and_csv_hold_the_same_in_full(quick, add):
    runs = [add(100, 60), add(130, 66, method="clip", seed=None)]
    found = as_json(quick("compare", *runs, "--format", "json", check=0))
    assert [(f["metric"], f["split"]) for f in found] == [
        ("top1", "base"), ("top1", "novel"), ("hm", None)]  # fmt: skip
    base, _, hm = found
    assert (base["difference"], base["only_a"], base["only_b"]) == (15.0, 0, 30)
    assert base["p"] == pytest.approx(2**-29)
    assert (base["method"], hm["method"]) == ("mcnemar-exact", "bootstrap-items")
    assert (base["verdict"], hm["only_a"]) == ("better", None)
    assert hm["low"] < hm["difference"] < hm["high"]
    rows = list(csv.DictReader(io.StringIO(quick("compare", *runs, "--format", "csv").stdout)))
    assert [float(row["difference"]) for row in rows] == [f["difference"] for f in found]


def test_films_take_the_grouped_bootstrap(quick, add):
    runs = [add(films=True), add(130, 66, films=True, method="clip", seed=None)]
    (found,) = as_json(quick("compare", *runs, "--split", "base", "--format", "json", check=0))
    assert (found["method"], found["only_b"]) == ("bootstrap-groups", 30)


def test_holm_over_the_methods_of_a_column(quick, add):
    runs = [add(100)] + [add(100 + k, method=f"m{k}") for k in (8, 10, 12)]
    done = quick("compare", *runs, "--metric", "top1", "--split", "base", "--format", "json")
    p = [f["p"] for f in as_json(done)]
    assert p == pytest.approx([2**-7, 2**-9, 2**-11])
    assert [f["p_holm"] for f in as_json(done)] == pytest.approx([2**-7, 2**-8, 3 * 2**-11])
    assert "p Holm" in quick("compare", *runs, check=0).stdout


def test_margin(quick, add):
    runs = [add(100), add(101, method="clip", seed=None)]
    narrow, wide = (
        as_json(quick("compare", *runs, "--margin", m, "--format", "json"))[0] for m in (0.4, 5)
    )
    assert (narrow["within_margin"], wide["within_margin"]) == (False, True)
    assert "within ±5" in " ".join(quick("compare", *runs, "--margin", "5").stdout.split())
    done = quick("compare", *runs, "--margin", "-1", check=2)
    assert "--margin -1 must be above 0" in done.stderr


def test_ids_below_results_and_seeds_in_pairs(quick, add):
    ours = [add(100 + 5 * s, seed=s) for s in (1, 2, 3)]
    theirs = [add(130 + 5 * s, seed=s, method="open-vclip") for s in (3, 1, 2)]
    clip = add(90, method="clip", seed=None)
    words = [",".join(folder.name for folder in side) for side in (ours, theirs)]
    done = quick("compare", *words, clip.name[:6], "--split", "base", "--format", "json", check=0)
    found = as_json(done)
    assert [f["seeds"] for f in found] == [3, 3]
    assert [f["difference"] for f in found] == [15.0, -10.0]
    assert found[0]["method"] == "bootstrap-items+t-seeds"
    # pairs of one seed all differ by 15 points; of the wrong seeds by 12.5 to 20
    assert found[0]["high"] - found[0]["low"] < 15
    two = [",".join(w.split(",")[:2]) for w in words]
    done = quick("compare", *two, check=2)
    assert "seeds ['1', '2'], open-vclip ['1', '3']" in " ".join(done.stderr.split())


def test_the_same_identity_elsewhere(quick, add):
    runs = [add(100), add(102, results="again")]
    text = " ".join(quick("compare", *runs, "--split", "base", check=0).stdout.split())
    assert "same identity, same environment: difference = 1" in text
    record = json.loads((runs[1] / "record.json").read_text())
    record["environment"]["packages"]["torch"] = "2.16.0"
    (runs[1] / "record.json").write_text(json.dumps(record))
    text = " ".join(quick("compare", *runs, "--split", "base", check=0).stdout.split())
    assert "same identity, different environment (packages.torch): difference = 1" in text


def test_other_items_are_refused(quick, add):
    done = quick("compare", add(), add(ids="w", method="clip", seed=None), check=2)
    said = " ".join(done.stderr.split())
    assert "vifi and clip, top1 base: 400 items are in one run only" in said
    assert "'v000', which only the first has" in said


def test_other_protocols_are_refused(quick, add):
    done = quick("compare", add(), add(method="clip", protocol_digest=digest("new")), check=2)
    assert "only runs of one protocol digest can be compared" in " ".join(done.stderr.split())
    assert digest("new")[:12] in done.stderr


def test_predictions_that_do_not_give_the_metric_are_refused(quick, add):
    first, second = add(), add(method="clip", seed=None)
    record = Record.model_validate_json((first / "record.json").read_text())
    raised = [entry("top1", 99.0, "base"), *(m.model_dump() for m in record.metrics[1:])]
    (first / "record.json").write_text(record_text(record.revised(metrics=raised)))
    done = quick("compare", first, second, check=1)
    assert "top1 on base is 99, its predictions give 50" in " ".join(done.stderr.split())


def test_runs_without_predictions_are_refused(quick, add):
    first, second = add(), add(method="clip", seed=None)
    record = json.loads((first / "record.json").read_text()) | {"predictions": None}
    (first / "record.json").write_text(json.dumps(record))
    done = quick("compare", first, second, check=1)
    assert "has no predictions to compare" in " ".join(done.stderr.split())
    (second / "predictions.npz").write_bytes(b"changed")
    done = quick("compare", second, first, check=1)
    assert "is not the file of its record" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{a}"], "two runs or more are compared"),
        (["{a}", "nowhere"], "nowhere is neither a file or folder"),
        (["{a}", ","], "',' names no run"),
        (["{a},{b}", "{a}"], "lists runs of clip and vifi; one side is one method"),
        (["{a},{a}", "{b}"], "lists the seeds [1, 1]: one run a seed is wanted"),
        (["{a}", "{b}", "--metric", "top2"], "--metric 'top2' is none of hm, top1"),
        (["{a}", "{b}", "--split", "all"], "--split 'all' is none of base, novel"),
        (["{a}", "{b}", "--metric", "hm", "--split", "base"], "no number that all runs have is left"),
    ],
)  # fmt: skip
def test_bad_usage_is_one_sentence(quick, add, words, said):
    folders = {"a": add(), "b": add(method="clip", seed=None)}
    done = quick("compare", *(word.format(**folders) for word in words), check=2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_runs_of_this_package_carry_intervals(quick, tmp_path):
    for method in ("clip", "random"):
        quick("run", "--method", method, "--protocol", "full-shapes", "--set", "data.limit=30",
              "--out", "runs", check=0)  # fmt: skip
    folders = sorted((tmp_path / "runs" / "full-shapes").glob("*/*"))
    for folder in folders:
        record = Record.model_validate_json((folder / "record.json").read_text())
        top1 = record.primary_metric()
        assert all(m.ci_method and m.level and m.stderr is not None for m in record.metrics)
        low, high = wilson(round(top1.value * top1.n / 100), top1.n)
        assert (top1.ci_low, top1.ci_high) == pytest.approx((100 * low, 100 * high))
    done = quick("compare", *folders, "--format", "json", check=0)
    assert json.loads(done.stdout)["notes"] == [
        "runs on a part of the data (--limit): no result of the protocol"
    ]
    assert identity_id(record.identity) == record.run_id


@pytest.mark.parametrize("protocol", ["ret-shapes", "ml-shapes", "b2n-shapes"])
def test_every_metric_of_a_run_has_an_interval_over_items(quick, tmp_path, protocol):
    quick("run", "--method", "random", "--protocol", protocol, "--set", "data.limit=20",
          "--out", "runs", check=0)  # fmt: skip
    (path,) = (tmp_path / "runs").rglob("record.json")
    record = Record.model_validate_json(path.read_text())
    ways = {}
    for m in record.metrics:
        assert m.ci_low <= m.value <= m.ci_high
        assert m.stderr is not None
        ways.setdefault(m.name, set()).add(m.ci_method)
    assert ways[{"ret-shapes": "t2v_mnr"}.get(protocol, "hm")] == {"bootstrap-items"}
    if protocol == "b2n-shapes":
        assert ways["top1"] == {"wilson"}
