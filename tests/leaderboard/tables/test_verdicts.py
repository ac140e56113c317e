"""Which reported numbers a run is held against, and which verdict a cell shows."""

from __future__ import annotations

import json

import pytest
from reported_numbers import number, with_identity
from vclipbench.leaderboard.tables.formats import to_json
from vclipbench.leaderboard.tables.grid import make_grid
from vclipbench.leaderboard.tables.tables import leaderboard_table
from vclipbench.leaderboard.tables.verdicts import WIDEST, verdicts

PUBLISHED = {"url": None, "sha256": "cd" * 32, "layout": "vifi", "run_id": None}


@pytest.fixture
def run(make_record):
    """A run of base-to-novel HMDB51 with these accuracies."""

    def make(base=74.0, novel=53.0, **more):
        top1 = {"base": base, "novel": novel}
        return make_record(top1, protocol="b2n-hmdb51", **{"n": 2000} | more)

    return make


def judged(records, *numbers):
    return verdicts(make_grid(records), numbers or [number()])


def observed(record, **plan):
    return record.revised(observed=record.observed.model_copy(update={"effective_plan": plan}))


def test_weights_that_are_not_openai_s_are_not_compared(run):
    def said(**backbone):
        [one] = judged([with_identity(run(), backbone=backbone)])
        return one.text

    assert said().startswith("reproduced: ")
    assert said(pretrained="ViT-B-16.pt").startswith("reproduced: ")
    laion = said(pretrained="laion2b_s34b_b88k", weights_sha256="ab" * 32)
    assert laion == "not comparable: weights laion2b_s34b_b88k, theirs OpenAI's CLIP"
    nothing = said(pretrained=None, weights_sha256=None)
    assert nothing == "not comparable: random weights, theirs OpenAI's CLIP"
    unnamed = said(pretrained=None)
    assert unnamed == "not comparable: weights without a name, theirs OpenAI's CLIP"


def test_a_checkpoint_that_holds_all_of_clip_needs_no_weights_below(run):
    for layout, word in (("vifi", "not comparable"), ("open-vclip", "reproduced")):
        record = run(seed=None, init=PUBLISHED | {"layout": layout})
        random = with_identity(record, backbone={"pretrained": None, "weights_sha256": None})
        assert [one.word for one in judged([random])] == [word]


def test_lists_of_another_version_are_not_compared(run):
    other = observed(run(), unpinned=["b.csv", "a.csv"])
    [one] = judged([other])
    assert one.text == "not comparable: read another version of a.csv, b.csv"
    # of some lists no version is known, and they are read without the flag
    config = {"data": {"allow_unpinned": False}}
    command = other.command.model_copy(update={"config_resolved": config})
    assert judged([other.revised(command=command)])[0].word == "reproduced"
    assert judged([observed(run(), unpinned=[])])[0].word == "reproduced"


def test_other_prompts_are_not_compared(run):
    record = with_identity(run(), protocol={"templates": ["a photo of a {}."]})
    found = judged(
        [record],
        number(prompts="a photo of a {}."),
        number(prompts="{}"),
        number(prompts="28 templates"),
        number(prompts="learned"),
    )
    assert [one.word for one in found] == [
        "reproduced",
        "not comparable",
        "reproduced",
        "reproduced",
    ]
    assert found[1].reason == "other prompts, theirs '{}'"


@pytest.mark.parametrize(
    ("theirs", "ours", "words"),
    [
        ("test-best", "last", " (theirs selected on test)"),
        ("val-best", "last", " (theirs selected on validation data)"),
        ("last", "test-best", " (theirs took the last weights)"),
        ("test-best", "test-best", ""),
        ("last", "mean-of-epochs", ""),
        ("unknown", "last", ""),
        ("none", "last", ""),
    ],
)
def test_another_choice_of_weights_is_said(run, theirs, ours, words):
    record = run(selection=ours)
    [same] = judged([record], number(selection=theirs))
    assert same.word == "reproduced"
    assert same.reason.endswith(words or "within ± 2.7")
    [far] = judged([record], number(selection=theirs, value="90.0"))
    assert far.reason.endswith(words or "beyond ± 2.3")
    [never] = judged([record], number(selection=theirs, match="differs: x"))
    assert never.text == "not comparable: differs: x" + words


def test_weights_that_were_not_trained_here_were_not_chosen_here(run):
    [one] = judged([run(seed=None, init=PUBLISHED)], number(selection="test-best"))
    assert one.word == "reproduced"
    assert "(" not in one.reason


def test_an_interval_too_wide_to_tell_judges_nothing(run):
    seeds = [run(novel=v, seed=s) for s, v in enumerate((50.0, 60.0, 70.0))]
    [one] = judged(seeds, number(split="novel", value="61.1"))
    assert one.text == "not comparable: ours is known to ± 24.8 only"
    # of independent clips, 750 are enough and 200 are not
    assert judged([run(50.0, n=750)], number(value="50.0"))[0].word == "reproduced"
    assert judged([run(50.0, n=200)], number(value="50.0"))[0].word == "not comparable"
    assert WIDEST > 5.7  # half of HMDB51, 750 clips of 245 films, at a correlation of 0.3


def test_a_number_without_an_interval_of_ours_is_not_judged(run):
    [hm] = judged([run()], number(column="hm", split=None, value="61.8"))
    assert hm.text == "not comparable: ours has no interval"
    pair = [run(seed=1), run(seed=2)]  # two seeds have none
    assert judged(pair)[0].text == "not comparable: ours has no interval"


def test_a_cell_shows_the_verdict_that_says_most(run):
    numbers = [
        number(backbone="ViT-L-14", value="80.0", source="froster-readme"),
        number(match="differs: another list", value="75.0", source="vifi-clip-page"),
        number(match="unknown: no names", value="74.9", source="vifi-clip-page", table="b"),
        number(frames=32, value="74.5", table="a"),
        number(value="74.2", table="c"),
        number(value="74.3", table="d"),
    ]

    def shown(some):
        long = leaderboard_table([run()], reported=some).long.set_index("column")
        return long.loc["base", "reported"]

    assert shown(numbers) == 74.2
    assert shown(numbers[:4]) == 74.5  # exact, though other frames
    assert shown(numbers[:3]) == 75.0  # the order of the file, of two that are not exact
    assert shown(numbers[:1]) == 80.0


def test_the_mark_of_a_protocol_that_differs_yields_to_a_comparable_number(run):
    differs = number(match="differs: another list", value="75.0", source="vifi-clip-page")
    cells = {}
    for name, numbers in (("alone", [differs]), ("both", [differs, number()])):
        table = leaderboard_table([run()], reported=numbers)
        cells[name] = table.frames["b2n"].set_index("method").loc["vifi", "b2n-hmdb51 base"]
        said = any(line.startswith("~") for line in table.footer)
        assert said == cells[name].endswith("~")
        marks = table.long.set_index("column")["marks"]
        in_json = {x["column"]: x["marks"] for x in json.loads(to_json(table))["cells"]}
        assert marks["base"] == in_json["base"] == "~" * said
        assert marks["novel"] == ""
    assert cells["alone"].endswith("] ~")
    assert cells["both"].endswith("]")
