"""The HTML report: what it says of predictions, its text, its size, its bytes."""

import html.parser
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from report_runs import (
    CLASSES,
    HOSTILE,
    arrays_of,
    class_run,
    data_of,
    lot,
    matrix,
    noise,
    page_of,
    put,
    unpooled,
)
from vclipbench.bench.data.frames import captions_of, frames_of
from vclipbench.leaderboard.record.compact import compact_classes
from vclipbench.leaderboard.record.store import Run, load_runs
from vclipbench.leaderboard.report import build_report, predictions
from vclipbench.leaderboard.report.dedup import pooled
from vclipbench.leaderboard.report.strips import HEIGHT, strip, strips
from vclipbench.leaderboard.tables.tables import leaderboard_table

# ---- what predictions say ----


def test_the_place_of_the_right_class_counts_ties_against_it():
    scores = np.array([[0.5, 0.5, 0.1], [0.2, 0.9, 0.3], [0.9, 0.1, 0.2]], np.float32)
    arrays = {"ids": np.array(["a", "b", "c"]), "scores": scores, "target": np.array([0, 2, 0])}
    outcome = predictions.class_outcome(arrays)
    assert outcome.rank.tolist() == [2, 2, 1]
    assert outcome.rival.tolist() == [1, 1, 2]
    assert predictions.top_pairs(predictions.confusions(outcome, 3)) == [[0, 1, 1], [2, 1, 1]]
    # b is further from right than a, and c is right
    assert predictions.worst_clips(outcome, 6) == [1, 0]


def test_the_compact_form_says_the_same_of_classes():
    full = arrays_of("s", 3, 1.0)
    short = compact_classes(full)
    one, other = predictions.class_outcome(full), predictions.class_outcome(short)
    assert "scores" not in short
    np.testing.assert_array_equal(one.rank, other.rank)
    np.testing.assert_array_equal(one.rival, other.rival)
    assert other.margin is None


def test_missed_labels_agree_with_counting():
    rng = np.random.default_rng(0)
    target = (rng.random((30, 5)) < 0.3).astype(np.int8)
    target[:, 4] = 1  # nothing to be ranked among
    arrays = {"scores": rng.normal(0, 1, (30, 5)).round(), "target": target}  # many ties
    missed = predictions.missed_labels(arrays, 10)
    assert sorted(label for _, label, _, _ in missed) == [0, 1, 2, 3]
    for item, label, rank, of in missed:
        rest = arrays["scores"][target[:, label] == 0, label]
        assert target[item, label] == 1
        assert (rank, of) == (1 + (rest >= arrays["scores"][item, label]).sum(), len(rest) + 1)
        ranks = [
            1 + (rest >= arrays["scores"][i, label]).sum() for i in np.flatnonzero(target[:, label])
        ]
        assert rank == max(ranks)


def test_queries_are_ranked_by_scores_or_read_from_ranks():
    scores = np.array([[0.9, 0.1, 0.5], [0.9, 0.8, 0.4]], np.float32)
    arrays = {"ids": np.array(["a", "b"]), "captions": np.array([2, 1]), "scores": scores}
    asked = predictions.queries(arrays)
    assert asked.rank.tolist() == [2, 2, 2]  # the first ties, the others lose
    assert asked.first.tolist() == [1, 1, 0]
    assert asked.back.tolist() == [1, 2]  # as v2t ranks: the captions of a video are one candidate
    short = {
        **{k: v for k, v in arrays.items() if k != "scores"},
        "t2v_rank": np.array([[2, 2], [2, 0]], np.float32),
        "v2t_rank": np.array([1, 2], np.float32),
    }
    again = predictions.queries(short)
    assert again.rank.tolist() == [2, 2, 2]
    assert again.number.tolist() == [0, 1, 0]
    assert again.first is None


def test_a_pool_gives_back_what_it_took_and_is_smaller():
    part = {"a": ["a text that is long enough to be worth it", 1.5, None], "b": {"c": True}}
    value = {"x": [part, part, {"y": part}], "z": "a text that is long enough to be worth it"}
    packed = pooled(value)
    assert unpooled(packed) == value
    assert len(json.dumps(packed)) < 0.6 * len(json.dumps(value))
    dollars = {"$": 1, "$$": {"$": part}, "b": [{"$": part}]}
    assert unpooled(pooled(dollars)) == dollars


# ---- frames ----


def test_strips_stop_where_the_budget_ends():
    wanted = [(f"k{i}", None, "s", str(i)) for i in range(9)]
    one = len(strip(noise(None, "s", "0")))
    few = strips(wanted, noise, 4 * one)
    assert 2 <= len(few) < 9
    assert list(few) == [f"k{i}" for i in range(len(few))]
    assert sum(map(len, few.values())) <= 4 * one
    assert strips(wanted, lambda *_: None, 10**6) == {}


def test_a_strip_shows_frames_in_order_and_refuses_other_arrays():
    import base64
    import io

    from PIL import Image

    clip = np.zeros((10, 32, 48, 3), np.uint8)
    clip[5:, :, :, 0] = 200  # the later half is red
    uri = strip(clip)
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert image.height == HEIGHT
    assert image.width == 5 * 84 + 4 * 2
    pixels = np.asarray(image)[HEIGHT // 2, :, 0]
    assert pixels[40] < 60 < 140 < pixels[-40]
    with pytest.raises(ValueError, match=r"frames must be uint8 \[T, H, W, 3\]"):
        strip(clip[0])


def test_frames_and_captions_of_the_embedded_world(make_record):
    from vclipbench.datasets.shapes.render import render
    from vclipbench.datasets.shapes.splits import clip

    record = make_record(protocol="ret-shapes")
    frames = frames_of(record, "test", "ret-test/00003")
    scene = clip("ret-test", 3).scene
    np.testing.assert_array_equal(frames, render(scene, 64, [2, 7, 12, 16, 21]))
    assert captions_of(record, "test", "ret-test/00003") == (clip("ret-test", 3).caption,)
    for unknown in ("ret-test/99999", "nowhere/00001", "ret-test", "ret-test/x"):
        assert frames_of(record, "test", unknown) is None
        assert captions_of(record, "test", unknown) is None


def test_frames_of_a_published_dataset_need_its_folder(make_record, tmp_path):
    from vclipbench.bench.errors import UserError

    record = make_record(protocol="zs-hmdb51")
    assert frames_of(record, "split1", "x") is None
    assert frames_of(make_record(protocol="zs-plugin"), "split1", "x") is None
    with pytest.raises(UserError, match="does not exist"):
        frames_of(record, "split1", "x", (str(tmp_path / "nowhere"),))


# ---- the text of the page ----


class _Tables(html.parser.HTMLParser):
    """Texts of the cells of all tables, and ids of all elements."""

    def __init__(self):
        super().__init__()
        self.cells, self.ids, self.open = [], [], False

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag in ("td", "th"):
            self.cells.append("")
            self.open = True

    def handle_endtag(self, tag):
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data):
        if self.open:
            self.cells[-1] += data


def test_the_page_holds_the_table_without_javascript(tmp_path, make_record):
    runs = matrix(tmp_path, make_record)
    table = leaderboard_table([run.record for run in runs])
    page = build_report(runs, table)
    shown = _Tables()
    shown.feed(page)
    for value in table.long["value"]:
        assert any(cell.strip().startswith(f"{value:.1f}") for cell in shown.cells)
    assert all(line.split("<")[0][:40] in page for line in table.footer[:2])
    assert "<noscript>" in page


def test_two_seeds_are_shown_as_their_values(tmp_path, make_record):
    runs = [class_run(tmp_path, make_record, "vifi", seed, 1.0) for seed in (1, 2)]
    a, b = (run.record.metrics[0].value for run in runs)
    assert f"({a:.1f}, {b:.1f})" in page_of(runs)
    assert f"({a:.1f}" not in page_of(runs[:1])


def test_equal_runs_give_equal_bytes(tmp_path, make_record):
    runs = matrix(tmp_path, make_record)
    assert page_of(runs, frames=noise) == page_of(runs[::-1], frames=noise)
    code = (
        "import hashlib, sys; from vclipbench.leaderboard.record.store import load_runs\n"
        "from vclipbench.leaderboard.tables.tables import leaderboard_table\n"
        "from vclipbench.leaderboard.report import build_report\n"
        "runs = load_runs(sys.argv[1])\n"
        "page = build_report(runs, leaderboard_table([r.record for r in runs]))\n"
        "print(hashlib.sha256(page.encode()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code, tmp_path],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_what_the_page_tells_of_single_clips(tmp_path, make_record):
    data = data_of(page_of(matrix(tmp_path, make_record), captions=lambda *_: ("one", "two")))
    places = {p["label"]: p for f in data["families"] for p in f["places"]}
    assert list(places) == [
        "zs-shapes zs1-val",
        "zs-shapes zs2-val",
        "fs-shapes k2 test",
        "fs-shapes k4 test",
        "ret-shapes test",
    ]
    zero = places["zs-shapes zs1-val"]
    assert zero["classes"] == list(CLASSES)
    assert zero["attributes"] == ["colour", "shape", "motion"]
    families = {family["id"]: family for family in data["families"]}
    names = [row["method"] for row in families["zs"]["rows"]]
    vifi = zero["rows"][str(names.index("vifi"))]
    outcomes = [
        predictions.class_outcome(arrays_of("zs1-val", lot("vifi", seed), 1.5))
        for seed in (1, 2, 3)
    ]
    together = sum(predictions.confusions(outcome, 4) for outcome in outcomes)
    assert vifi["pairs"] == predictions.top_pairs(together)
    assert vifi["n_seeds"] == 3
    expected = np.mean([100 * (o.rank == 1)[o.target == 0].mean() for o in outcomes])
    assert vifi["per_class"][0] == pytest.approx(expected, abs=0.06)
    first = outcomes[0]
    assert vifi["worst"][0]["rank"] == first.rank.max()
    wrong = [set(o.ids[o.rank > 1]) for o in (first,)]
    assert vifi["n_wrong"] == len(wrong[0])
    assert vifi["worst"][0]["wrong_of"] == 3
    query = next(iter(places["ret-shapes test"]["rows"].values()))["worst"][0]
    assert query["text"] in ("one", "two")
    ranks = families["ret"]["columns"]
    assert [column["lower"] for column in ranks] == [False, True]


def test_predictions_that_are_not_those_of_their_record_are_named(tmp_path, make_record):
    runs = matrix(tmp_path, make_record)
    file = runs[0].folder / "predictions.npz"
    file.write_bytes(file.read_bytes()[:-100])
    page = page_of(runs)
    assert f"{runs[0].record.run_id}: predictions.npz is not the file of its record" in page
    assert str(tmp_path) not in page


def test_runs_without_predictions_or_classes_have_a_page(tmp_path, make_record):
    old = put(tmp_path, make_record(method="clip", seed=None), None)
    bare = class_run(tmp_path, make_record, "vifi", 1, 1.0)
    data = {k: v.model_copy(update={"classes": []}) for k, v in bare.record.data.items()}
    bare = Run(bare.record.revised(data=data), bare.folder)
    told = data_of(page_of([old, bare]))
    assert told["families"][0]["places"][-1]["classes"] == []
    assert told["families"][0]["places"][-1]["labels"] == sorted(CLASSES)
    assert "No run is fit for a table yet" in page_of([])


def test_names_cannot_become_markup(tmp_path, make_record):
    classes = (HOSTILE, *CLASSES[1:])
    more = {"classes": classes, "tags": [HOSTILE]}
    runs = [
        # what tells two configurations apart stands in the names of their rows
        class_run(tmp_path, make_record, "vifi", 1, 1.0, note=note, **more)
        for note in ("<b id='hostile'>", "plain")
    ]
    page = page_of(runs, captions=lambda *_: (HOSTILE,))
    shown = _Tables()
    shown.feed(page)
    assert "hostile" not in shown.ids
    assert any("[train.note=<b id='hostile'>]" in cell for cell in shown.cells)
    assert page.count("</script>") == 2
    assert data_of(page)["families"][0]["places"][0]["classes"][0] == HOSTILE


def test_two_hundred_runs_stay_below_three_megabytes(tmp_path, make_record):
    words = [f"colour{i // 8} shape{i % 8} motion{i}" for i in range(24)]
    runs = [
        class_run(
            tmp_path,
            make_record,
            *(f"method{m}", seed, m / 8),
            **{"protocol": protocol, "splits": splits, "k": k, "classes": words, "n": 648},
        )
        for m in range(11)
        for seed in (1, 2, 3)
        for protocol, splits, k in (
            ("zs-shapes", ("zs1-val", "zs2-val", "zs3-val"), None),
            ("full-shapes", ("test",), None),
            *(("fs-shapes", ("test",), k) for k in (2, 4, 8, 16)),
        )
    ]
    # wide frames that compress badly, so that the strips of all clips shown would be 10 MB
    page = page_of(runs, frames=lambda *clip: noise(*clip).repeat(4, axis=2))
    assert len(runs) == 198
    assert len(page.encode()) < 3_000_000
    # with as many strips as there is room for
    assert sum(map(len, data_of(page)["strips"].values())) > 1_300_000


def test_a_report_of_loaded_runs(tmp_path, make_record):
    """As the command line makes it: from a folder."""
    matrix(tmp_path, make_record)
    runs = load_runs(tmp_path)
    assert len(data_of(page_of(runs))["runs"]) == len(runs) == 17
