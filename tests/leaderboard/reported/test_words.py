"""What papers report, in lines of text."""

from vclipbench.leaderboard.reported.words import place, reported_lines

B16 = "ViT-B-16-quickgelu"


def test_the_row_of_a_paper_with_its_marks_and_reasons():
    froster, own, reason = reported_lines("b2n-k400", "vifi", backbone=B16)
    assert own.startswith(
        "top1 base 76.4, top1 novel 61.1, hm 67.9 ~ (ViFi-CLIP, ViT-B-16, 32 frames"
    )
    assert "FROSTER" in froster
    assert reason.startswith("~ differs: harmonic mean of the means over three lists")


def test_few_shot_numbers_are_of_the_variant():
    lines = reported_lines("fs-hmdb51", "vifi", "k16", B16)
    assert lines[0].startswith("top1 k16 66.8 ~")
    assert not any("k2" in line for line in lines)


def test_other_backbones_are_counted():
    lines = reported_lines("ret-msrvtt", "clip-vip", backbone="ViT-B/32")
    assert lines[-1] == "and 6 rows of other backbones (docs/reported.md)"
    assert not any("B/16" in line for line in lines)
    assert sum("B/16" in line for line in reported_lines("ret-msrvtt", "clip-vip")) > 0


def test_nobody_reports_it():
    assert reported_lines("zs-ucf101", "random") == []
    assert reported_lines("zs-shapes", "vifi") == []


def test_columns_in_the_order_of_readers():
    names = ["hm", "top1:k16", "top1:k2", "dsl_t2v_r1", "t2v_medr", "v2t_r1", "t2v_r1", "t2v_r10"]
    assert sorted(names, key=place) == [
        *("t2v_r1", "t2v_r10", "top1:k2", "top1:k16", "t2v_medr", "hm", "v2t_r1", "dsl_t2v_r1"),
    ]
