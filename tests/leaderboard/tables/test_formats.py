"""Tables as LaTeX and JSON, chance and cost, and what stands beside the papers' numbers."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from reported_numbers import number, with_classes
from vclipbench.leaderboard.reported.numbers import load_reported
from vclipbench.leaderboard.tables.controls import CHANCE_ROW
from vclipbench.leaderboard.tables.formats import latex_text, to_csv, to_json, to_latex, to_markdown
from vclipbench.leaderboard.tables.grid import make_grid
from vclipbench.leaderboard.tables.rows import Row
from vclipbench.leaderboard.tables.shown import Standing
from vclipbench.leaderboard.tables.tables import leaderboard_table
from vclipbench.leaderboard.tables.verdicts import binomial_error, verdicts

COST = {
    "seconds": {"decode": 10.0, "train": 1800.0},
    "videos_per_s": 20.0,
    "peak_memory_mb": 1234.5,
    "gpu_hours": None,
    "flops_per_view": 17.5e9,
}


@pytest.fixture
def b2n(make_record):
    return [
        with_classes(make_record({"base": b, "novel": n}, protocol="b2n-hmdb51", **more), 25)
        for b, n, more in (
            (73.0, 53.0, {"seed": 1}),
            (74.0, 54.0, {"seed": 2}),
            (75.0, 52.0, {"seed": 3}),
            (53.3, 46.8, {"method": "clip", "seed": None}),
        )
    ]


def test_chance_is_a_row_where_nobody_ran_random(b2n):
    frame = leaderboard_table(b2n).frames["b2n"].set_index("method")
    assert list(frame.index) == ["chance (computed)", "clip", "vifi"]
    assert list(frame.loc["chance (computed)"])[1:] == ["4.0", "4.0", "4.0"]


def test_a_run_of_random_takes_the_place_of_computed_chance(b2n, make_record):
    own = make_record({"base": 4.4, "novel": 3.1}, protocol="b2n-hmdb51", method="random")
    frame = leaderboard_table([*b2n, own]).frames["b2n"]
    assert list(frame["method"]) == ["random", "clip", "vifi"]


def test_plain_clip_has_a_row_without_a_run(b2n):
    table = leaderboard_table(b2n[:3])
    frame = table.frames["b2n"].set_index("method")
    assert list(frame.loc["clip"])[1:] == ["", "", ""]
    assert "clip" not in set(table.long["method"])  # nothing was measured


@pytest.mark.parametrize(("names", "chance"), [(("t2v_r1",), 0.1), (("v2t_r10",), 1.0)])
def test_chance_of_retrieval(make_record, names, chance):
    record = make_record({"test": 50.0}, protocol="ret-msrvtt")
    metrics = [record.metrics[0].model_copy(update={"name": name}) for name in names]
    data = {"test": record.data["test"].model_copy(update={"kind": "captions"})}
    made = record.revised(metrics=metrics, primary=names[0], data=data)
    long = leaderboard_table([made]).long
    assert long[long["method"] == CHANCE_ROW.label]["value"].tolist() == [pytest.approx(chance)]


def test_costs_are_medians_and_name_the_machine(b2n):
    environment = b2n[0].environment.model_copy(update={"cpu": "Fast One", "cpu_threads": 2})
    runs = [r.revised(cost=COST, environment=environment) for r in b2n]
    runs[0] = runs[0].revised(cost=COST | {"videos_per_s": 90.0, "peak_memory_mb": 1200.0})
    frame = leaderboard_table(runs).costs["b2n"].set_index("method")
    assert frame.loc["vifi"].to_dict() == {
        "backbone": "ViT-B-16 (openai)",
        "trainable parameters (M)": "0",
        "GFLOPs per view": "17.5",
        "videos/s": "20",
        "peak memory (MiB)": "1,234",
        "training (h)": "0.5",
        "machine": "Fast One, 2 threads",
    }
    found = runs[1].observed.model_copy(update={"effective_plan": {"reused_features": 7}})
    alone = leaderboard_table([runs[1].revised(observed=found)]).costs["b2n"]
    assert alone["videos/s"].tolist() == [""]  # it encoded nothing


def test_verdicts(b2n):
    numbers = [
        number(),
        number(value="90.0"),
        number(value="60.0"),
        number(match="differs: another list"),
        number(frames=32, views="4x3"),
        number(backbone="ViT-L-14"),
        number(method="ActionCLIP"),
        number(column="hm", split=None, value="61.9"),
        number(evidence="unverified"),
    ]
    found = verdicts(make_grid(b2n), numbers)
    assert len(found) == 8  # nobody saw the last one
    words = [one.word for one in found]
    assert words[:3] == ["reproduced", "below", "above"]
    assert set(words[3:6]) == {"not comparable"}
    assert found[0].difference == pytest.approx(0.2)
    assert found[3].reason == "differs: another list"
    assert found[4].reason == "8 frames, theirs 32; 1x1 views, theirs 4x3"
    assert found[5].reason == "backbone ViT-B-16, theirs ViT-L-14"
    assert (found[6].word, found[6].entry, found[6].difference) == ("", None, None)
    assert found[7].word == "reproduced"


def test_a_protocol_that_differs_from_the_paper_s_is_marked(b2n):
    table = leaderboard_table(b2n, reported=[number(match="differs: another list")])
    frame = table.frames["b2n"].set_index("method")
    assert frame.loc["vifi", "b2n-hmdb51 base"] == "74.0 ± 2.5 ~"
    assert "~" not in frame.loc["vifi", "b2n-hmdb51 novel"]
    assert any(line.startswith("~ a paper reports") for line in table.footer)
    assert not any(line.startswith("~") for line in leaderboard_table(b2n).footer)


def test_lists_of_another_version_are_said(b2n):
    plan = {"unpinned": ["a_list.txt"]}
    seen = b2n[0].observed.model_copy(update={"effective_plan": plan})
    lines = leaderboard_table([b2n[0].revised(observed=seen), *b2n[1:]]).footer
    assert [line for line in lines if "a_list.txt" in line] == [
        f"Lists of another version: {b2n[0].run_id} read a_list.txt with --allow-unpinned"
    ]


def test_the_error_of_a_reported_number_is_binomial():
    assert binomial_error(50.0, 400) == pytest.approx(2.5)
    assert binomial_error(73.8, 0) == 0.0


def test_papers_beside_ours(b2n):
    table = leaderboard_table(b2n, reported=load_reported())
    frame = table.papers["b2n-hmdb51"]
    ours = frame[frame["top1 base measured"] != ""]
    assert set(ours["method"]) >= {"ViFi-CLIP"}
    assert all("vifi" in text or "clip" in text for text in ours["top1 base measured"])
    baseline = frame[frame["method"] == "ActionCLIP"]
    assert set(baseline["top1 base measured"]) == {""}
    assert set(baseline["top1 base"]) == {"69.1"}
    assert "ret-msrvtt" in table.papers  # nobody ran it: its measured cells are empty
    assert not any(table.papers["ret-msrvtt"]["t2v_r1 measured"])
    long = table.long[table.long["method"] == "vifi"].set_index("column")
    assert long.loc["base", "reported"] == 73.8
    assert long.loc["base", "verdict"].startswith("not comparable: ")  # theirs had 32 frames
    text = to_markdown(table)
    assert "#### b2n-hmdb51" in text
    assert "papers give no scores of videos" in text


def test_ranks_make_the_best_bold_only_if_it_is_alone(b2n):
    rows = [Row(name, "ViT-B-16 (openai)", "") for name in ("vifi", "clip")]
    standings = {
        ("b2n-hmdb51", "base", rows[0]): Standing(1, 1, tied=True, alone=True),
        ("b2n-hmdb51", "base", rows[1]): Standing(2, 2, tied=False),
        ("b2n-hmdb51", "HM", rows[0]): Standing(1, 2, tied=True),
        ("b2n-hmdb51", "HM", rows[1]): Standing(1, 2, tied=True),
    }
    table = leaderboard_table(b2n, standings=standings)
    frame = table.frames["b2n"].set_index("method")
    assert frame.loc["vifi", "b2n-hmdb51 base"] == "**74.0 ± 2.5**"
    assert "*" not in frame.loc["clip", "b2n-hmdb51 base"]
    assert frame.loc["vifi", "b2n-hmdb51 HM"].endswith(" ≈")
    assert frame["b2n-hmdb51 rank"].to_dict() == {
        "chance (computed)": "",
        "clip": "1-2",
        "vifi": "1-2",
    }
    long = table.long.set_index(["method", "column"])
    assert long.loc[("vifi", "base"), ["rank_low", "rank_high", "best"]].tolist() == [1, 1, "alone"]
    assert "\\textbf{74.0 $\\pm$ 2.5}" in to_latex(table)


def test_latex_has_costs_and_the_papers_numbers(b2n):
    table = leaderboard_table([r.revised(cost=COST) for r in b2n], reported=[number()])
    text = to_latex(table)
    captions = [line for line in text.splitlines() if "caption" in line]
    assert [line.strip() for line in captions] == [
        r"\caption{Base to novel (b2n)}",
        r"\caption{What it took: Base to novel (b2n)}",
        r"\caption{Beside the papers: b2n-hmdb51}",
    ]
    tables = text.split(r"\begin{table*}")
    assert r"peak memory (MiB) & training (h) & machine \\" in tables[2]
    assert r"& 73.8 & 74.0 $\pm$ 2.5 (+0.2; reproduced: within" in tables[3]
    assert all(part.count(r"\toprule") == 1 for part in tables[1:])
    assert to_latex(leaderboard_table(b2n)).count(r"\begin{table*}") == 2


def test_bold_ends_where_it_ends_in_markdown(b2n):
    row = Row("vifi", "ViT-B-16 (openai)", "")
    standings = {("b2n-hmdb51", "base", row): Standing(1, 1, tied=True, alone=True)}
    numbers = [number(match="differs: another list")]
    table = leaderboard_table(b2n, standings=standings, reported=numbers)
    assert "| **74.0 ± 2.5** ~ |" in to_markdown(table)
    text = to_latex(table)
    assert r"\textbf{74.0 $\pm$ 2.5} $\sim$" in text
    assert "**" not in text
    assert latex_text("** 1") == "** 1"
    assert latex_text("****") == "****"


def test_json_is_complete_and_strict(b2n):
    value = json.loads(to_json(leaderboard_table(b2n, reported=[number()])))
    assert list(value) == ["format", "cells", "costs", "papers", "footer", "left_out"]
    by_name = {(c["method"], c["column"]): c for c in value["cells"]}
    assert by_name["vifi", "base"]["value"] == 74.0
    assert by_name["vifi", "base"]["verdict"].startswith("reproduced")
    assert by_name["clip", "HM"]["ci_low"] is None
    lines = to_csv(leaderboard_table(b2n)).splitlines()
    assert len(lines) == 1 + len(value["cells"])


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_with_booktabs(b2n, tmp_path):
    hostile = latex_text("a_b%&#{}~^\\$ ± ≈ †‡◦ [1, 2] **") + "\n"
    runs = [record.revised(cost=COST) for record in b2n]
    body = hostile + to_latex(leaderboard_table(runs, reported=load_reported()))
    packages = (
        "\\usepackage[utf8]{inputenc}\\usepackage[T1]{fontenc}\\usepackage{booktabs,graphicx}"
    )
    text = f"\\documentclass{{article}}{packages}\\begin{{document}}\n{body}\\end{{document}}\n"
    (tmp_path / "t.tex").write_text(text, "utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 10_000
