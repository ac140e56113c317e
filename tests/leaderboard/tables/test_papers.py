"""The tables of the papers' numbers: which lines and columns they have."""

from __future__ import annotations

import pytest
from reported_numbers import number, with_identity
from vclipbench.leaderboard.reported.numbers import load_reported
from vclipbench.leaderboard.tables.cells import MARKS
from vclipbench.leaderboard.tables.grid import make_grid
from vclipbench.leaderboard.tables.papers import MEASURED, paper_tables
from vclipbench.leaderboard.tables.verdicts import verdicts

PUBLISHED = {"url": None, "sha256": "cd" * 32, "layout": "vifi", "run_id": None}


@pytest.fixture
def runs(make_record):
    """An own training, and the published checkpoint of the same method."""
    top1 = {"base": 74.0, "novel": 53.0}
    own = make_record(top1, protocol="b2n-hmdb51")
    top1 = {"base": 70.0, "novel": 50.0}
    published = make_record(top1, protocol="b2n-hmdb51", seed=None, init=PUBLISHED)
    return [own, published]


def table(records, numbers):
    [frame] = paper_tables(verdicts(make_grid(records), numbers)).values()
    return frame


def test_own_trainings_and_published_checkpoints_have_lines_of_their_own(runs):
    frame = table(runs, [number(), number(split="novel", value="53.5")])
    assert frame["top1 base"].tolist() == ["73.8", "73.8"]
    assert frame["top1 novel"].tolist() == ["53.5", "53.5"]
    own, published = frame["top1 base measured"]
    assert own.startswith("74.0 [")
    assert own.endswith("; vifi, ViT-B-16 (openai))")
    assert published.startswith("70.0 [")
    assert published.endswith("; vifi, ViT-B-16 (openai), file (cdcdcd))")


def test_a_line_holds_all_numbers_of_its_source_measured_or_not(runs):
    frame = table(runs[:1], [number(), number(column="top5", value="92.0")])
    [line] = frame.to_dict("records")
    assert line["top5 base"] == "92.0"
    assert line["top5 base measured"] == ""
    assert line["top1 base measured"]


def test_two_publications_of_one_number_are_two_lines():
    numbers = [n for n in load_reported() if n.protocol == "ret-activitynet"]
    frame = table([], [n for n in numbers if n.label == "CLIP4Clip (B/32)"])
    lines = frame[frame["t2v_r5"] != ""]
    assert sorted(lines["t2v_r5"]) == ["72.4", "73.4"]
    [vidla] = lines[lines["t2v_r5"] == "72.4"]["source"]
    assert vidla.endswith("(via VidLA, Tables 2 and 3)")


def test_no_reported_number_is_lost():
    numbers = [n for n in load_reported() if n.protocol and n.evidence != "unverified"]
    frames = paper_tables(verdicts(make_grid([]), numbers))
    shown = 0
    for frame in frames.values():
        names = [c for c in list(frame)[5:] if not c.endswith(MEASURED)]
        shown += int((frame[names] != "").sum().sum())
    assert shown == len(numbers)


def test_the_selection_is_a_column(runs):
    numbers = [number(selection=s, table=s) for s in ("last", "test-best", "unknown")]
    frame = table(runs[:1], numbers)
    assert frame["selection"].tolist() == ["last", "test-best", "unknown"]
    assert "theirs selected on test" in frame["top1 base measured"][1]


def test_columns_are_in_natural_order():
    shots = [number(protocol="fs-ucf101", split=f"k{k}") for k in (16, 2, 4, 8)]
    frame = table([], shots)
    assert list(frame)[5:] == [
        f"top1 k{k}{end}" for k in (2, 4, 8, 16) for end in ("", " measured")
    ]
    halves = [number(column="hm", split=None), number(split="novel"), number()]
    assert list(table([], halves))[5::2] == ["top1 base", "top1 novel", "hm"]
    names = ["dsl_t2v_r1", "t2v_medr", "t2v_mnr", "t2v_r1", "t2v_r10", "t2v_r5", "v2t_r1"]
    ranks = [
        number(protocol="ret-msrvtt", split=None, column=c, unit="rank" if c[-1] == "r" else "%")
        for c in names
    ]
    assert list(table([], ranks))[5::2] == [
        *("t2v_r1", "t2v_r5", "t2v_r10", "t2v_medr", "t2v_mnr", "v2t_r1", "dsl_t2v_r1")
    ]


def test_signs_of_a_source_do_not_look_like_marks_of_ours():
    numbers = load_reported()
    assert any("†" in n.label for n in numbers)  # the label stays as printed
    for n in numbers:
        assert not set(n.shown_label) & {*MARKS, "≈", "~", "*"}, n.label
    frames = paper_tables(verdicts(make_grid([]), numbers))
    assert "AIM (re-run)" in set(frames["zs-hmdb51"]["method"])
    notes = {n.note for n in numbers if n.shown_label != n.label}
    assert notes == {"FROSTER's own implementation"}


def test_a_row_of_another_backbone_has_its_own_line(runs):
    large = with_identity(runs[0], backbone={"name": "ViT-L-14"})
    texts = table([runs[0], large], [number()])["top1 base measured"]
    assert [text.split("; ")[-1] for text in texts] == [
        "vifi, ViT-B-16 (openai))",
        "vifi, ViT-L-14 (openai))",
    ]
