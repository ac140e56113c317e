from __future__ import annotations

import csv
import hashlib
import io
import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest
from vclipbench.leaderboard.record.record import record_text
from vclipbench.leaderboard.record.store import RunStore
from vclipbench.leaderboard.tables.controls import NO_CHANCE_ROW, NO_CLIP_ROW
from vclipbench.leaderboard.tables.formats import to_csv, to_markdown
from vclipbench.leaderboard.tables.tables import leaderboard_table


def lines(records):
    """The Markdown lines of the tables, without the rule below the head, costs and absent controls."""
    text = to_markdown(replace(leaderboard_table(records), costs={}))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if not any(x.backbone in row for x in (NO_CLIP_ROW, NO_CHANCE_ROW))]


def cells(records):
    """The CSV lines as dicts."""
    return list(csv.DictReader(io.StringIO(to_csv(leaderboard_table(records)))))


@pytest.fixture
def b2n(make_record):
    """Three seeds of one method, two of another, one run of the two controls."""

    def run(base, novel, **identity):
        return make_record({"base": base, "novel": novel}, protocol="b2n-hmdb51", **identity)

    return [
        run(70.0, 60.0, seed=1),
        run(71.0, 61.0, seed=2),
        run(72.0, 62.0, seed=3),
        run(75.0, 50.0, method="open-vclip", seed=1),
        run(77.0, 52.0, method="open-vclip", seed=2),
        run(53.3, 46.8, method="clip", seed=None),
        run(4.0, 4.0, method="random", seed=None),
    ]


def test_a_table_literally(b2n):
    content = "".join(record_text(r) for r in sorted(b2n, key=lambda r: r.run_id))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    assert (
        to_markdown(replace(leaderboard_table(b2n), costs={}))
        == f"""\
### Base to novel (b2n)

| method | backbone | b2n-hmdb51 base | b2n-hmdb51 novel | b2n-hmdb51 HM |
|---|---|---|---|---|
| random | ViT-B-16 (openai) | 4.0 [3.0, 5.4] | 4.0 [3.0, 5.4] | 4.0 |
| clip | ViT-B-16 (openai) | 53.3 [50.2, 56.4] | 46.8 [43.7, 49.9] | 49.8 |
| open-vclip | ViT-B-16 (openai) | 76.0 (75.0, 77.0) | 51.0 (50.0, 52.0) | 61.0 (60.0, 62.1) |
| vifi | ViT-B-16 (openai) | 71.0 ± 2.5 | 61.0 ± 2.5 | 65.6 ± 2.5 |

- 7 records; SHA-256 of their contents: {digest}.
- Values are in %, where a column names no other unit.
- ± is the half-width of a 95 % t-interval over 3 seeds or more.
- [low, high] is an interval over the items of a run (wilson, 95 %); it knows nothing of the \
spread over seeds.
- (a, b) are the values of two seeds, which are too few for an interval.
- HM is the harmonic mean of base and novel, taken per seed from unrounded values, then averaged.
"""
    )


def test_the_csv_keeps_everything(b2n):
    found = {(line["method"], line["column"]): line for line in cells(b2n)}
    assert len(found) == len(cells(b2n)) == 12
    line = found["vifi", "HM"]
    harmonic = [2 * b * n / (b + n) for b, n in ((70.0, 60.0), (71.0, 61.0), (72.0, 62.0))]
    assert float(line["value"]) == pytest.approx(sum(harmonic) / 3, rel=1e-15)
    assert (line["n_seeds"], line["ci_method"], line["ci_level"]) == ("3", "t-seeds", "0.95")
    assert line["run_ids"].split() == [r.run_id for r in b2n[:3]]
    assert found["open-vclip", "HM"]["ci_low"] == ""
    assert found["open-vclip", "base"]["ci_method"] == ""  # two seeds
    assert found["open-vclip", "base"]["values"] == "75.0 77.0"
    assert found["clip", "base"]["ci_method"] == "wilson"
    assert found["clip", "base"]["value"] == "53.3"
    assert found["clip", "base"]["ci_low"] == repr(b2n[5].metric("top1", "base").ci_low)


CODE = """
import sys
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.tables.formats import to_csv, to_markdown
from vclipbench.leaderboard.tables.tables import leaderboard_table
table = leaderboard_table(load_records(sys.argv[1]))
sys.stdout.write(to_markdown(table) + to_csv(table))
"""


def test_same_records_give_same_bytes(b2n, make_record, tmp_path):
    records = [*b2n, make_record(lr=1e-5), make_record(), make_record(protocol_digest="a" * 64)]
    table = leaderboard_table(records)
    text = to_markdown(table) + to_csv(table)
    for seed in range(5):
        shuffled = random.Random(seed).sample(records, len(records))
        other = leaderboard_table(shuffled)
        assert to_markdown(other) + to_csv(other) == text
    for record in records:
        RunStore(tmp_path).write(record)
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode() == text


def test_zero_shot_splits_and_their_mean(make_record):
    three = {"split1": 60.0, "split2": 62.0, "split3": 64.0}
    full = make_record(three)
    short = make_record({"split1": 70.0, "split2": 70.0}, method="open-vclip")
    head, lacking, whole = lines([full, short])
    assert head.endswith("split2 | zs-ucf101 split3 | zs-ucf101 mean ± std over splits |")
    assert whole.endswith("64.0 [61.0, 66.9] | 62.0 ± 2.0 |")
    assert lacking.endswith("70.0 [67.1, 72.8] |  |  |")
    line = next(x for x in cells([full]) if x["column"].startswith("mean"))
    assert (line["value"], line["std_over_splits"], line["ci_low"]) == ("62.0", "2.0", "")
    # over seeds, the deviation is that of the splits' averages, and the interval that of the seeds
    seeds = [make_record({s: v + i for s, v in three.items()}, seed=i) for i in range(3)]
    line = next(x for x in cells(seeds) if x["column"].startswith("mean"))
    assert (line["value"], line["std_over_splits"], line["ci_method"]) == ("63.0", "2.0", "t-seeds")


def test_a_single_split_has_no_mean(make_record):
    assert lines([make_record()])[0] == "| method | backbone | zs-ucf101 split1 |"


def test_few_shot_columns(make_record):
    made = [
        make_record({"split1": 50.0 + k}, protocol="fs-hmdb51", k=k, steps=k, few_shot_ids_digest=d)
        for k, d in ((2, "a" * 64), (16, "b" * 64))
    ]
    head, row = lines(made)
    assert head == (
        "| method | backbone | fs-hmdb51 K=2 | fs-hmdb51 K=4 | fs-hmdb51 K=8 | fs-hmdb51 K=16 |"
    )
    assert row.startswith("| vifi | ViT-B-16 (openai) | 52.0 [")
    assert row.count("|  |") == 1
    assert [line["variant"] for line in cells(made)] == ["k2", "k16"]


def test_seeds_may_draw_the_few_shot_samples(make_record):
    made = [
        make_record(protocol="fs-hmdb51", k=2, seed=seed, few_shot_ids_digest=f"{seed}" * 64)
        for seed in (1, 2, 3)
    ]
    [line] = cells(made)
    assert line["n_seeds"] == "3"
    # but two draws under one seed are two configurations
    other = make_record(protocol="fs-hmdb51", k=2, seed=3, few_shot_ids_digest="4" * 64)
    assert {line["method"] for line in cells([*made, other])} == {
        f"vifi [train.few_shot_ids_digest={digit * 6}]" for digit in "1234"
    }


def test_other_families_show_their_primary_metric(make_record):
    made = make_record({"val": 80.0}, protocol="full-k400")
    assert lines([made])[0] == "| method | backbone | full-k400 top1 |"
    rank = made.metrics[0].model_copy(update={"unit": "rank", "name": "mdr"})
    ranked = make_record(
        {"val": 3.0}, protocol="ret-msrvtt", blocks={"metrics": [rank], "primary": "mdr"}
    )
    assert lines([ranked])[0] == "| method | backbone | ret-msrvtt mdr (rank) |"


def test_each_digest_has_its_own_columns(make_record):
    records = [make_record(protocol_digest=d * 64) for d in "ab"]
    head, row = lines(records)
    assert head.endswith("| zs-ucf101 @aaaaaa split1 | zs-ucf101 @bbbbbb split1 |")
    assert row.count("60.0") == 2
    assert [line["n_seeds"] for line in cells(records)] == ["1", "1"]


def test_configurations_get_their_own_rows(make_record):
    records = [make_record(lr=lr, seed=seed) for lr in (5e-6, 1e-5) for seed in (1, 2)]
    elsewhere = make_record(protocol="zs-hmdb51", lr=1e-5)
    _, *rows = lines([*records, elsewhere])
    assert [row.split("|")[1].strip() for row in rows] == [
        "vifi [train.lr=1e-05]",
        "vifi [train.lr=5e-06]",
    ]
    assert rows[1].split("|")[3].strip() == ""
    footer = leaderboard_table(records).footer
    assert any(line.startswith("[field=value]") for line in footer)
    assert {line["n_seeds"] for line in cells(records)} == {"2"}


def test_every_differing_field_is_named(make_record):
    options = {"visual.lr": 1.0}
    plain = make_record(protocol="fs-hmdb51", k=2, epochs=10, steps=10)
    other = make_record(protocol="fs-hmdb51", k=2, epochs=20, steps=20, options=options)
    more = make_record(protocol="fs-hmdb51", k=4, epochs=20, steps=40, options=options)
    rows = [row.split("|")[1].strip() for row in lines([plain, other, more])[1:]]
    assert rows == [
        "vifi [train.epochs=10, train.options=(absent)]",
        'vifi [train.epochs=20, train.options={"visual.lr":1.0}]',
    ]
    steps = make_record(protocol="fs-hmdb51", k=2, epochs=10, steps=11, seed=2)
    rows = [row.split("|")[1].strip() for row in lines([plain, steps])[1:]]
    assert rows == ["vifi [train.steps=10]", "vifi [train.steps=11]"]


def test_dotted_option_names_tell_rows_apart(make_record):
    made = [make_record(groups={"visual.lr": lr}) for lr in (1.0, 2.0)]
    rows = [row.split("|")[1].strip() for row in lines(made)[1:]]
    assert rows == ["vifi [train.groups.visual.lr=1.0]", "vifi [train.groups.visual.lr=2.0]"]


def test_checkpoints_and_parent_runs(make_record):
    published = {"url": None, "sha256": "ab" * 32, "layout": "vifi", "run_id": None}
    parents = [make_record(seed=seed, stage=1) for seed in (1, 2)]
    children = [
        make_record(
            method="vifi-prompt",
            seed=parent.seed,
            init={"url": None, "sha256": None, "layout": None, "run_id": parent.run_id},
        )
        for parent in parents
    ]
    records = [*parents, *children, make_record(init=published)]
    head, *rows = lines(records)
    assert head == "| method | backbone | checkpoint | zs-ucf101 split1 |"
    assert [row.split("|")[1].strip() for row in rows] == ["vifi", "vifi", "vifi-prompt"]
    assert [row.split("|")[3].strip() for row in rows] == ["", "file (ababab)", "parent run"]
    # parents that differ only in the seed count as one; unknown parents are not averaged over
    assert [line["n_seeds"] for line in cells(records)] == ["2", "1", "2"]
    assert [line["n_seeds"] for line in cells(children)] == ["1", "1"]


def test_what_is_left_out_and_why(make_record):
    good = make_record()
    error = {"type": "OSError", "message": "gone", "phase": "decode"}
    left = [
        make_record(seed=2, blocks={"status": "failed", "error": error}),
        make_record(seed=3, blocks={"limited": True}),
        make_record(seed=4, blocks={"status": "partial"}),
    ]
    table = leaderboard_table([good, good, *left])
    assert sorted(line.split("): ")[1] for line in table.left_out) == [
        "a second record of this run",
        "limited to a part of the data",
        "status failed",
        "status partial",
    ]
    assert all(f"Left out: {line}" in table.footer for line in table.left_out)
    assert f"{left[0].run_id} (vifi, zs-ucf101, main): status failed" in table.left_out
    assert table.footer[0].startswith("1 records;")
    assert [line["n_seeds"] for line in cells([good, good, *left])] == ["1"]


def test_marks(make_record):
    unknown = {"training_data": {}, "class_overlap": ["run"], "declared": "unknown"}
    made = make_record(
        {"base": 50.0, "novel": 50.0},
        protocol="b2n-hmdb51",
        scored=990,
        selection="test-best",
        blocks={"exposure": unknown},
    )
    table = leaderboard_table([made])
    [*_, line] = table.frames["b2n"].to_dict("records")  # the first are the controls
    assert line["b2n-hmdb51 base"] == "50.0 [46.9, 53.1] ?◦‡"
    assert line["b2n-hmdb51 HM"] == "50.0 †?◦‡"
    assert [line[0] for line in table.footer[-6:]] == ["†", "?", "◦", "‡", "◦", "◦"]
    assert table.footer[-1] == f"◦ {made.run_id} novel: 990 of 1000 items scored"


def test_no_records():
    table = leaderboard_table([])
    assert to_markdown(table).startswith("- 0 records;")
    assert to_csv(table).count("\n") == 1
