"""The leak audit: how names and videos are compared, and the table of judgements."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from annotation_roots import ANNOTATIONS
from script_modules import load_script
from vclipbench.protocols.audit import (
    INCOMPARABLE,
    Audit,
    Listing,
    Overlap,
    audit,
    audit_classes,
    audit_videos,
    class_notes,
    judgements,
    normalised,
    stems,
)

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "protocols" / "overlap_k400.csv"
K400 = [
    "riding a bike",
    "shot put",
    "punching person (boxing)",
    "skiing (not slalom or crosscountry)",
]
DATASETS = ("ucf101", "hmdb51", "k600")


def script():
    return load_script("write_overlap")


def table_names(dataset: str, verdicts: set[str] | None = None) -> list[str]:
    with TABLE.open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["dataset"] == dataset]
    return [row["class"] for row in rows if verdicts is None or row["verdict"] in verdicts]


ZERO_SHOT = {"same", "near", "related", "none", "unjudged"}


# names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Shotput", "shot put"),
        ("SkateBoarding", "skateboarding"),
        ("TaiChi", "tai chi"),
        ("Skiing", "skiing (not slalom or crosscountry)"),
        ("playing_drums", "playing drums"),
    ],
)
def test_names_that_are_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RopeClimbing", "climbing a rope"),
        ("Drumming", "playing drums"),
        ("Lunges", "lunge"),
        ("clap", "clapping"),
        ("kiss", "kissing"),
        ("ride bike", "riding a bike"),
        ("swing", "swinging"),
        ("massaging person's head", "massage the persons head"),
        ("Punch", "punching person (boxing)"),
    ],
)
def test_names_of_the_same_words(one: str, other: str) -> None:
    assert stems(one) == stems(other)
    assert normalised(one) != normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hammering", "hammer throw"),
        ("PushUps", "push up"),
        ("falling", "falcon"),
        ("swing", "swimming"),
        ("training dog", "playing with trains"),
        ("playing", "using"),
    ],
)
def test_names_of_other_words(one: str, other: str) -> None:
    assert stems(one) != stems(other)
    assert normalised(one) != normalised(other)


def test_a_name_in_brackets_or_without_letters() -> None:
    assert normalised("(boxing)") == "boxing"
    assert stems("doing") != frozenset()
    # names without a letter are equal to nothing, not to each other
    assert audit_classes("folder", ["++"], ["++"], "other", ["--"]) == ((), ())


def test_camel_case_and_underscores_are_the_same_class_of_one_dataset() -> None:
    seen, _ = audit_classes("k400", ["playing drums"], ["playing drums"], "k400", ["playing_drums"])
    assert seen == (Overlap("playing drums", "same name", "playing_drums"),)


# classes


def test_the_strongest_reason_is_reported_as_shown_in_prompts() -> None:
    raw = ["Biking", "Shotput", "Punch", "Skiing", "YoYo"]
    shown = ["Biking!", "Shotput!", "Punch!", "Skiing!", "Yo Yo!"]
    seen, near = audit_classes("ucf101", raw, shown, "k400", K400)
    assert seen == (
        Overlap("Biking!", "judged same", "riding a bike"),
        Overlap("Shotput!", "same name", "shot put"),
        Overlap("Punch!", "same words", "punching person (boxing)"),
        Overlap("Skiing!", "same name", "skiing (not slalom or crosscountry)"),
    )
    assert near == ()


def test_a_judgement_counts_only_where_the_class_was_trained_on() -> None:
    raw = ["Biking", "Diving", "Shotput"]
    assert audit_classes("ucf101", raw, raw, "k400", ["shot put"])[0] == (
        Overlap("Shotput", "same name", "shot put"),
    )
    _, near = audit_classes("ucf101", raw, raw, "k400", ["diving cliff"])
    assert near == (Overlap("Diving", "judged near", "diving cliff"),)
    _, near = audit_classes("ucf101", raw, raw, "k400", ["diving cliff", "springboard diving"])
    assert near == (Overlap("Diving", "judged near", "springboard diving; diving cliff"),)


def test_judgements_are_of_kinetics_400_only() -> None:
    assert audit_classes("ucf101", ["Biking"], ["Biking"], "k600", ["riding a bike"]) == ((), ())
    assert class_notes("ucf101", ["Biking"], "k600", ["riding a bike"]) == (
        "the names of the classes were compared, but nobody has judged what they mean",
    )


def test_within_one_dataset_only_the_whole_name_counts() -> None:
    names = ["opening (in game)", "opening (not in game)", "riding a bike"]
    trained = ["opening (in game)", "ride bike"]
    seen, _ = audit_classes("k400", names, names, "k400", trained)
    assert [overlap.class_name for overlap in seen] == ["opening (in game)"]
    assert class_notes("k400", names, "k400", trained) == ()


def test_brackets_tell_classes_apart_where_both_have_them() -> None:
    name = "passing American football (in game)"
    trained = [name, "passing American football (not in game)"]
    seen, _ = audit_classes("k600", [name], [name], "k400", trained)
    assert seen == (Overlap(name, "same name", name),)


def test_renamed_classes() -> None:
    raw = ["tying necktie", "inflating balloons", "waking up"]
    seen, _ = audit_classes("k600", raw, raw, "k400", ["tying tie", "balloon blowing"])
    assert seen == (
        Overlap("tying necktie", "renamed", "tying tie"),
        Overlap("inflating balloons", "renamed", "balloon blowing"),
    )


@pytest.mark.parametrize(
    ("dataset", "hows", "near"),
    [
        ("ucf101", {"same name": 23, "same words": 12, "judged same": 20}, 19),
        ("hmdb51", {"same name": 2, "same words": 12, "judged same": 9}, 13),
        ("k600", {}, 15),
    ],
)
def test_classes_after_kinetics_400_without_its_names(
    dataset: str, hows: dict[str, int], near: int
) -> None:
    raw = table_names(dataset, ZERO_SHOT)
    seen, close = audit_classes(dataset, raw, raw, "k400", None)
    assert Counter(overlap.how for overlap in seen) == hows
    assert len(close) == near
    assert any("not known here" in note for note in class_notes(dataset, raw, "k400", None))


def test_nothing_to_compare_with_is_said() -> None:
    assert audit_classes("ssv2", ["a"], ["a"], "ucf101", None) == ((), ())
    assert class_notes("ssv2", ["a"], "ucf101", None) == (
        "the class names of ucf101 are not known here: classes were not compared",
    )


def test_classes_that_nobody_judged_are_counted() -> None:
    raw = ["yarn spinning", "arguing", "spelunking", "hugging baby"]
    trained = ["hugging"]
    assert class_notes("k600", raw, "k400", trained) == (
        "2 of 4 classes have not been judged, and their names are not those of classes in training",
    )
    assert class_notes("k600", ["arguing"], "k400", trained) == ()


def test_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match="2 class names, and 1"):
        audit_classes("ucf101", ["a", "b"], ["a"], "k400", K400)
    with pytest.raises(ValueError, match="k400: 2 ids, and 1 groups"):
        audit_videos("k400", ["a", "b"], ["a"], "k400", [], None)


# videos


def test_videos_of_kinetics_are_compared_by_youtube_id() -> None:
    ids = ["0wR5jVB-WPk_000417_000427", "aaaaaaaaaaa_000001_000011"]
    trained = ["0wR5jVB-WPk_000001_000011"]
    assert audit_videos("k600", ids, None, "k400", trained, None) == (ids[0],)
    assert audit_videos("k400", ids, ["x" * 11, "0wR5jVB-WPk"], "k400", trained, None) == (ids[1],)
    assert audit_videos("activitynet", ["v_0wR5jVB-WPk"], None, "k400", trained, None) != ()
    assert audit_videos("msvd", ["0wR5jVB-WPk_3_9"], None, "k400", trained, ["0wR5jVB-WPk"]) != ()


def test_other_datasets_are_compared_by_whole_ids() -> None:
    ids = ["v_YoYo_g01_c01", "v_YoYo_g01_c02"]
    groups = ["g01", "g01"]
    assert audit_videos("ucf101", ids, groups, "ucf101", ids[1:], ["g01"]) == (ids[1],)
    assert audit_videos("ucf101", ids, groups, "k400", ids, groups) == ()
    assert audit_videos("k400", ["0wR5jVB-WPk"], None, "ucf101", ["0wR5jVB-WPk"], None) == ()
    groups = ["a film", "a film"]
    assert audit_videos("msvd", ids, groups, "msvd", ["0wR5jVB-WPk"], groups[:1]) == ()


# the whole


def test_an_audit_as_rows_and_as_json() -> None:
    raw = ("Shotput", "Diving", "YoYo")
    trained = Listing("k400", ["shot put", "diving cliff"], ["0wR5jVB-WPk_000001_000011"])
    found = audit("zs-ucf101", Listing("ucf101", raw, ["a", "b"]), ("Shot put", *raw[1:]), trained)
    assert found.lines() == (
        "zs-ucf101, trained on k400",
        "classes also in training: 1 of 3 (1 same name)",
        "  Shot put = shot put (same name)",
        "classes near one in training, not counted: 1",
        "  Diving ~ diving cliff",
        "videos also in training: cannot be compared",
        f"note: {INCOMPARABLE}",
    )
    again = json.loads(json.dumps(found.as_dict()))
    assert again == found.as_dict()
    assert again["classes"] == [
        {"class_name": "Shot put", "how": "same name", "trained": "shot put"}
    ]
    assert (again["n_classes"], again["n_videos"], again["videos"]) == (3, 2, [])


def test_unknown_is_not_none_found() -> None:
    evaluated = Listing("ucf101", ["YoYo"], ["a"])
    found = audit("fs-ucf101", evaluated, ["Yo Yo"], Listing("ucf101"))
    assert found.videos is None
    assert "videos also in training: unknown" in found.lines()
    assert found.as_dict()["videos"] is None
    assert len(found.notes) == 2
    none_found = audit("fs-ucf101", evaluated, ["Yo Yo"], Listing("ucf101", ["YoYo"], ["b"]))
    assert none_found.videos == ()
    assert "videos also in training: 0 of 1" in none_found.lines()
    assert audit("p", evaluated, ["Yo Yo"], Listing("ucf101", ["YoYo"], [])).videos == ()


def test_many_videos_are_counted_and_ten_shown() -> None:
    ids = tuple(f"video {n}" for n in range(12))
    lines = Audit("p", "d", (), (), 1, ids, 1200).lines()
    assert "videos also in training: 12 of 1,200" in lines
    assert "  video 9" in lines
    assert "  video 10" not in lines
    assert lines[-1] == "  and 2 more"


def test_retrieval_has_videos_only() -> None:
    trained = Listing("k400", None, ["0wR5jVB-WPk_000001_000011"])
    found = audit("ret-activitynet", Listing("activitynet", (), ["v_0wR5jVB-WPk"]), (), trained)
    assert found.lines() == (
        "ret-activitynet, trained on k400",
        "videos also in training: 1 of 1",
        "  v_0wR5jVB-WPk",
    )


def test_an_audit_needs_its_evaluation() -> None:
    with pytest.raises(ValueError, match="zs-x: an audit needs the classes and the ids"):
        audit("zs-x", Listing("ucf101", ["YoYo"]), ["Yo Yo"], Listing("k400", [], []))


# the table


def test_the_table_of_judgements_has_the_published_counts() -> None:
    counts = {d: Counter(v for v, _ in judgements(d).values()) for d in DATASETS}
    assert counts["ucf101"] == {"same": 55, "near": 19, "related": 18, "none": 9}
    assert counts["hmdb51"] == {"same": 23, "near": 13, "related": 3, "none": 12}
    assert counts["k600"] == {
        **{"near": 15, "related": 14, "none": 118, "unjudged": 70},
        "renamed": 12,
    }
    assert judgements("ssv2") == {}
    for dataset in DATASETS:
        assert len(judgements(dataset)) == len(table_names(dataset))  # no two under one key
        for verdict, names in judgements(dataset).values():
            assert bool(names) == (verdict in ("same", "near", "related", "renamed"))


def test_the_script_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged, names, out = (tmp_path / name for name in ("judged.csv", "names.csv", "out.csv"))
    judged.write_text(
        "dataset,class_name,reviewed_verdict,reviewed_k400\n"
        "HMDB51,kick ball,same,kicking soccer ball\nK600-zero-shot,arguing,not reviewed,\n"
    )
    names.write_text(
        "class_name,in,probable_rename_of\ntying tie,k400_only,tying necktie\n"
        "tying necktie,k600_only,tying tie\narguing,k600_only,\n"
    )
    script().main([str(judged), str(names), "--out", str(out)])
    assert out.read_text() == (
        "dataset,class,verdict,k400\nhmdb51,kick_ball,same,kicking soccer ball\n"
        "k600,arguing,unjudged,\nk600,tying necktie,renamed,tying tie\n"
    )
    assert "3 rows" in capsys.readouterr().out
    judged.write_text(judged.read_text() + "HMDB51,wave,perhaps,\n")
    with pytest.raises(SystemExit, match="perhaps"):
        script().main([str(judged), str(names), "--out", str(out)])
    assert len(out.read_text().splitlines()) == 4
    assert not out.with_suffix(".part").exists()


def test_the_table_is_what_the_script_writes(tmp_path: Path) -> None:
    if not ANNOTATIONS.is_dir():
        pytest.skip("the annotation files ../shared/data/annotations are absent")
    derived, out = ANNOTATIONS / "derived", tmp_path / "out.csv"
    files = ["leak_audit_k400.csv", "k400_k600_name_differences.csv"]
    script().main([*(str(derived / name) for name in files), "--out", str(out)])
    assert out.read_bytes() == TABLE.read_bytes()
