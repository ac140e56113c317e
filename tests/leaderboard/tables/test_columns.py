"""Columns of retrieval, of labels, and of few-shot over several splits."""

from __future__ import annotations

import csv
import io
import random
from statistics import fmean, harmonic_mean

import pytest
from vclipbench.leaderboard.record.record import identity_id, parse_record, record_text
from vclipbench.leaderboard.tables.controls import NO_CHANCE_ROW, NO_CLIP_ROW
from vclipbench.leaderboard.tables.formats import to_csv, to_markdown
from vclipbench.leaderboard.tables.tables import leaderboard_table

NAMES = ("R@1", "R@5", "R@10", "MedR", "MnR")
PLAIN = [f"{way} {name}" for way in ("t2v", "v2t") for name in NAMES]
EXACT = 57.23456789012345


def entry(name, value, split, unit="%", n=1000, interval=None):
    """A metric as records hold it, with a Wilson interval if `interval` gives one."""
    low, high = interval or (None, None)
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "higher_is_better": unit != "rank",
        "n": n,
        "stderr": None,
        "ci_low": low,
        "ci_high": high,
        "ci_method": "wilson" if interval else None,
        "level": 0.95 if interval else None,
        "split": split,
    }


def ranks(first, split="test", prefix=""):
    """The metrics of both directions, as `retrieval_metrics` names them; t2v R@1 is `first`."""
    found = []
    for start, way in ((first, "t2v"), (first + 1.0, "v2t")):
        for place, depth in enumerate((1, 5, 10)):
            value = start + 10.0 * place
            ends = (value - 3.0, value + 3.0)
            found.append(entry(f"{prefix}{way}_r{depth}", value, split, interval=ends))
        found.append(entry(f"{prefix}{way}_medr", 1.5, split, "rank"))
        found.append(entry(f"{prefix}{way}_mnr", 12.3456, split, "rank"))
        found.append(entry(f"{prefix}{way}_tied", 4.0, split, "queries"))
    return found


@pytest.fixture
def retrieval(make_record):
    """A function that makes a record of retrieval on one split; `dsl`: also after dual softmax."""

    def make(first=EXACT, dsl=None, ties="pessimistic", protocol="ret-msrvtt", **identity):
        metrics = ranks(first) + (ranks(dsl, prefix="dsl_") if dsl else [])
        blocks = {"metrics": metrics, "primary": "t2v_r1", **identity.pop("blocks", {})}
        made = make_record({"test": 1.0}, protocol=protocol, blocks=blocks, **identity)
        return with_ties(made, ties)

    return make


def with_ties(record, rule):
    """The same run under another tie rule; its id is computed anew."""
    identity = record.identity.model_dump(mode="json")
    identity["eval"]["tie_rule"] = rule
    return record.revised(identity=identity, run_id=identity_id(identity))


@pytest.fixture
def labels(make_record):
    """A function that makes a multi-label record with these mAP of all, base and novel labels."""

    def make(every, base, novel, lacking=(), **identity):
        values = {"all": every, "base": base, "novel": novel}
        metrics = [entry("map", v, s) for s, v in values.items() if s not in lacking]
        metrics.append(entry("hm", harmonic_mean((base, novel)), None))
        blocks = {"metrics": metrics, "primary": "hm", **identity.pop("blocks", {})}
        return make_record({"test": 1.0}, protocol="ml-charades", blocks=blocks, **identity)

    return make


def frame(records, family):
    made = leaderboard_table(records).frames[family]
    # without the controls that no record is of
    return made[~made["backbone"].isin([NO_CLIP_ROW.backbone, NO_CHANCE_ROW.backbone])]


def cells(records):
    return list(csv.DictReader(io.StringIO(to_csv(leaderboard_table(records)))))


def test_retrieval_shows_both_directions(retrieval):
    made = frame([retrieval(57.25)], "ret")
    assert list(made) == ["method", "backbone", *(f"ret-msrvtt {name}" for name in PLAIN)]
    [row] = made.to_dict("records")
    assert row["ret-msrvtt t2v R@10"] == "77.2 [74.2, 80.2]"
    assert row["ret-msrvtt v2t R@1"] == "58.2 [55.2, 61.2]"
    assert (row["ret-msrvtt t2v MedR"], row["ret-msrvtt v2t MnR"]) == ("1.5", "12.3")
    assert not any("%" in text for text in row.values())


def test_dual_softmax_stands_apart_and_only_where_it_was_measured(retrieval):
    with_dsl, without = retrieval(dsl=66.0), retrieval(method="clip", seed=None)
    made = frame([with_dsl, without], "ret")
    names = [*PLAIN, *(f"DSL {name}" for name in PLAIN)]
    assert list(made)[2:] == [f"ret-msrvtt {name}" for name in names]
    clip, vifi = made.to_dict("records")
    assert (vifi["ret-msrvtt t2v R@1"][:4], vifi["ret-msrvtt DSL t2v R@1"][:4]) == ("57.2", "66.0")
    assert [clip[f"ret-msrvtt DSL {name}"] for name in PLAIN] == [""] * 10
    explained = [line for line in leaderboard_table([with_dsl]).footer if line.startswith("DSL:")]
    assert len(explained) == 1
    assert "uses the whole test set at once" in explained[0]
    assert not any("DSL" in line for line in leaderboard_table([without]).footer)


def test_csv_keeps_values_in_full_in_their_own_unit(retrieval, labels):
    found = {(x["family"], x["column"]): x for x in cells([retrieval(), labels(40.0, 50.0, 30.0)])}
    line = found["ret", "t2v R@1"]
    assert (line["value"], line["unit"]) == (repr(EXACT), "%")
    assert (line["ci_low"], line["ci_method"]) == (repr(EXACT - 3.0), "wilson")
    line = found["ret", "v2t MnR"]
    assert (line["value"], line["unit"], line["ci_low"]) == ("12.3456", "rank", "")
    assert found["ml", "HM"]["unit"] == "%"
    assert len(found) == 10 + 4


def test_footer_says_what_ranks_are(retrieval, make_record):
    note = "MedR and MnR are the median and the mean rank of the right item, no %; 1 is best."
    assert note in leaderboard_table([retrieval()]).footer
    assert note not in leaderboard_table([make_record()]).footer


def test_lacking_metrics_leave_their_cell_empty(retrieval):
    short = retrieval(method="clip", seed=None)
    kept = [m for m in short.metrics if m.name not in ("v2t_r5", "t2v_medr")]
    made = frame([short.revised(metrics=kept), retrieval()], "ret")
    row = made.to_dict("records")[0]
    empty = [name.removeprefix("ret-msrvtt ") for name, text in row.items() if not text]
    assert empty == ["t2v MedR", "v2t R@5"]


def test_several_splits_of_retrieval_are_named(make_record):
    both = ranks(50.0, "short") + ranks(40.0, "long") + [entry("t2v_r1_mean", 45.0, None)]
    blocks = {"metrics": both, "primary": "t2v_r1_mean"}
    record = make_record({"short": 1.0, "long": 1.0}, protocol="ret-own", blocks=blocks)
    [row] = frame([record], "ret").to_dict("records")
    names = [f"{split} {name}" for split in ("short", "long") for name in PLAIN]
    assert list(row)[2:] == [f"ret-own {name}" for name in [*names, "t2v_r1_mean"]]
    assert row["ret-own long t2v R@5"] == "50.0 [47.0, 53.0]"


def test_seeds_are_averaged_over_ranks_too(retrieval):
    made = [retrieval(50.0 + seed, seed=seed) for seed in (1, 2, 3)]
    [row] = frame(made, "ret").to_dict("records")
    assert row["ret-msrvtt t2v R@1"] == "52.0 ± 2.5"
    assert row["ret-msrvtt t2v MnR"] == "12.3 ± 0.0"


def ties_of(records):
    return [x for x in leaderboard_table(records).footer if x.startswith("Tie rule")]


def test_footer_names_the_tie_rule(retrieval, make_record):
    [line] = ties_of([retrieval()])
    assert line.startswith("Tie rule of retrieval: pessimistic (the own item ranks behind all")
    assert ties_of([make_record()]) == []
    # a plugin's own rule can only be named
    assert ties_of([retrieval(ties="coin")]) == ["Tie rule of retrieval: coin."]


def test_tie_rules_never_share_a_row_without_a_label(retrieval):
    """Neither two protocols of one method, nor one protocol of two methods."""
    made = [
        retrieval(60.0, ties="reference"),
        retrieval(50.0, ties="pessimistic", protocol="ret-didemo"),
        retrieval(40.0, ties="reference", method="clip", seed=None),
    ]
    rows = frame(made, "ret").set_index("method")
    assert list(rows.index) == [
        "clip (ties: reference)",
        "vifi (ties: pessimistic)",
        "vifi (ties: reference)",
    ]
    shown = rows[["ret-didemo t2v R@1", "ret-msrvtt t2v R@1"]].map(lambda text: text[:4])
    assert shown.to_numpy().tolist() == [["", "40.0"], ["50.0", ""], ["", "60.0"]]
    named = [line.split(" (")[0] for line in ties_of(made)]
    assert named == [
        "Tie rule of retrieval; each row says its own: pessimistic",
        "Tie rule of retrieval; each row says its own: reference",
    ]
    # of one cell too, where no two may be averaged as if they were seeds
    pair = [
        retrieval(60.0, ties=rule, lr=lr) for rule in ("expected", "reference") for lr in (1, 2)
    ]
    assert list(frame(pair, "ret")["method"]) == [
        f"vifi [train.lr={lr}] (ties: {rule})"
        for lr in (1, 2)
        for rule in ("expected", "reference")
    ]
    assert list(frame(made[:1], "ret")["method"]) == ["vifi"]


def test_labels_show_their_halves(labels):
    seeds = [labels(40.0, 50.0 + seed, 30.0 + seed, seed=seed) for seed in (1, 2, 3)]
    made = frame(seeds, "ml")
    names = [f"ml-charades {name}" for name in ("mAP all", "mAP base", "mAP novel", "HM")]
    assert list(made)[2:] == names
    [row] = made.to_dict("records")
    assert [row[name] for name in names] == ["40.0 ± 0.0", "52.0 ± 2.5", "32.0 ± 2.5", "39.6 ± 2.6"]
    found = {line["column"]: line for line in cells(seeds)}
    expected = fmean(harmonic_mean((50.0 + seed, 30.0 + seed)) for seed in (1, 2, 3))
    assert float(found["HM"]["value"]) == pytest.approx(expected, rel=1e-15)
    footer = leaderboard_table(seeds).footer
    assert any(line.startswith("HM is the harmonic mean of base and novel") for line in footer)
    assert any(line.startswith("mAP is the mean") for line in footer)


def test_a_lacking_half_leaves_the_harmonic_mean_empty(labels):
    whole, short = (
        labels(40.0, 50.0, 30.0),
        labels(39.0, 50.0, 30.0, ["novel"], method="open-vclip"),
    )
    row = frame([whole, short], "ml").set_index("method").loc["open-vclip"]
    assert row["ml-charades mAP base"] == "50.0"
    assert (row["ml-charades mAP novel"], row["ml-charades HM"]) == ("", "")


def test_labels_without_novel_ones_show_the_primary(make_record):
    blocks = {"metrics": [entry("map", 33.0, "test")], "primary": "map"}
    record = make_record({"test": 1.0}, protocol="ml-own", blocks=blocks)
    assert list(frame([record], "ml"))[2:] == ["ml-own map"]


def test_coverage_marks_labels_by_their_videos(labels, retrieval):
    """All, base and novel are no splits of the videos: the split of the data is called test."""
    made = leaderboard_table([labels(40.0, 50.0, 30.0, scored=990), retrieval(scored=990)])
    for family, count in (("ml", 4), ("ret", 10)):
        [*_, row] = made.frames[family].to_dict("records")  # the first are the controls
        assert [text[-1] for text in row.values()][2:] == ["◦"] * count
    assert made.footer[-1].endswith("test: 990 of 1000 items scored")
    [row] = frame([labels(40.0, 50.0, 30.0)], "ml").to_dict("records")
    assert not any("◦" in text for text in row.values())


def test_base_labels_are_trained_on_by_design(labels):
    seen = {"training_data": {}, "class_overlap": ["run"], "declared": "full"}
    [row] = frame([labels(40.0, 50.0, 30.0, blocks={"exposure": seen})], "ml").to_dict("records")
    assert [row[f"ml-charades mAP {part}"] for part in ("all", "base", "novel")] == [
        "40.0 †",
        "50.0",
        "30.0 †",
    ]


def test_few_shot_over_three_splits_shows_their_mean(make_record):
    three = {"split1": 60.0, "split2": 62.0, "split3": 67.0}
    made = []
    for k in (2, 16):
        metrics = [entry("top1", value + k, split) for split, value in three.items()]
        metrics.append(entry("top1_mean", 63.0 + k, None, interval=(62.0 + k, 64.0 + k)))
        blocks = {"metrics": metrics, "primary": "top1_mean"}
        made.append(make_record(three, protocol="fs-ucf101", k=k, blocks=blocks))
    [row] = frame(made, "fs").to_dict("records")
    assert list(row.items())[2:] == [
        ("fs-ucf101 K=2", "65.0 [64.0, 66.0]"),
        ("fs-ucf101 K=4", ""),
        ("fs-ucf101 K=8", ""),
        ("fs-ucf101 K=16", "79.0 [78.0, 80.0]"),
    ]


def test_the_mean_over_splits_keeps_its_interval_in_the_csv(make_record):
    three = {"split1": 60.0, "split2": 62.0, "split3": 64.0}
    metrics = [entry("top1", value, split) for split, value in three.items()]
    metrics.append(entry("top1_mean", 62.0, None, interval=(60.5, 63.5)))
    record = make_record(three, blocks={"metrics": metrics, "primary": "top1_mean"})
    [line] = [x for x in cells([record]) if x["column"].startswith("mean")]
    assert (line["value"], line["ci_low"], line["ci_high"]) == ("62.0", "60.5", "63.5")


def test_same_records_give_same_bytes(retrieval, labels):
    records = [
        retrieval(dsl=60.0),
        retrieval(ties="reference"),
        retrieval(protocol="ret-didemo", seed=2),
        labels(40.0, 50.0, 30.0),
    ]
    texts = set()
    for seed in range(5):
        shuffled = random.Random(seed).sample(records, len(records))
        table = leaderboard_table([parse_record(record_text(r)) for r in shuffled])
        texts.add(to_markdown(table) + to_csv(table))
    assert len(texts) == 1
