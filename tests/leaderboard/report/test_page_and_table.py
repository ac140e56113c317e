"""The page shows what the tables show: every cell, heading, rank, mark and direction."""

from __future__ import annotations

import csv
import html.parser
import io
import re
from pathlib import Path

import pytest
from report_runs import data_of
from six_families import numbers_of_papers, records_of_six_families, standings_of_all
from vclipbench.leaderboard.record.store import Run
from vclipbench.leaderboard.report import build_report
from vclipbench.leaderboard.tables.controls import CHANCE_ROW
from vclipbench.leaderboard.tables.formats import to_csv, to_markdown
from vclipbench.leaderboard.tables.grid import make_grid
from vclipbench.leaderboard.tables.shown import Standing
from vclipbench.leaderboard.tables.tables import leaderboard_table

ROOT = Path(__file__).parents[3]
MADE = ROOT / "docs" / "leaderboard"
HEADS = ("method", "backbone", "checkpoint")
# field of a cell on the page -> column of the CSV
SAME = {
    "value": "value",
    "low": "ci_low",
    "high": "ci_high",
    "how": "ci_method",
    "level": "ci_level",
    "seeds": "n_seeds",
    "std": "std_over_splits",
    "marks": "marks",
    "best": "best",
    "reported": "reported",
    "source": "reported_source",
    "difference": "difference",
    "verdict": "verdict",
}


@pytest.fixture
def of_six_families(make_record):
    """Page, CSV and Markdown of records that show all that tables can show."""
    records = records_of_six_families(make_record)
    grid = make_grid(records)
    table = leaderboard_table(
        (),
        reported=numbers_of_papers(),
        standings=standings_of_all(grid, Standing),
        grid=grid,
    )
    page = build_report([Run(record, Path("none")) for record in records], table)
    return page, to_csv(table), to_markdown(table)


@pytest.fixture
def committed():
    """The same of the files of this repository."""
    paths = (MADE / "leaderboard.html", MADE / "leaderboard.csv", ROOT / "LEADERBOARD.md")
    return tuple(path.read_text("utf-8") for path in paths)


@pytest.fixture(params=["of_six_families", "committed"])
def made(request):
    return request.getfixturevalue(request.param)


class _Boards(html.parser.HTMLParser):
    """The cells of the main tables of a page: table -> row -> cell -> class or tag -> its text."""

    def __init__(self):
        super().__init__()
        self.boards, self.stack = [], []

    def handle_starttag(self, tag, attrs):
        classes = dict(attrs).get("class") or tag
        self.stack.append(classes)
        if tag == "table":
            self.boards.append([])
        elif tag == "tr" and self.boards:
            self.boards[-1].append([])
        elif tag in ("td", "th") and self.boards:
            self.boards[-1][-1].append({})
        if tag in ("meta", "link", "br"):
            self.stack.pop()

    def handle_endtag(self, tag):
        self.stack.pop()

    def handle_data(self, data):
        if self.stack and {"td", "th", "edge", "first", "group"} & set(self.stack):
            cell = self.boards[-1][-1][-1]
            cell[self.stack[-1]] = cell.get(self.stack[-1], "") + data


def boards_of(page):
    parser = _Boards()
    parser.feed(page.partition("<main")[2].partition('<section class="part"')[0])
    return parser.boards


def label_of(cell):
    """The method's id with what tells its rows apart."""
    return cell["id"] + cell.get("method", "")


def rows_by_name(rows, names):
    """Lines of a table of Markdown by what heads them: the page has an order of its own."""
    lines = [dict(zip(names, row, strict=True)) for row in rows]
    named = {(line["method"], line["backbone"], line.get("checkpoint", "")): line for line in lines}
    assert len(named) == len(rows)
    return named


def printed(cell):
    """The text of the table from the parts of a cell of the page."""
    [shown] = [key for key in cell if key.split()[0] == "value"]
    marks = cell.get("sup", "")
    words = [cell[shown], cell.get("small", "").strip(), marks.replace("~", "")]
    text = " ".join(word for word in words if word)
    best = {"value alone": f"**{text}**", "value tied": f"{text} ≈", "value": text}[shown]
    assert ("tie" in cell) == (shown == "value tied")
    return best + " ~" * ("~" in marks)


def frames_of(markdown):
    """Family -> names of columns and rows of the first table below its title."""
    frames = {}
    for family, text in re.findall(r"^### [^\n]*\((\w+)\)\n\n(.*?)\n\n", markdown, re.S | re.M):
        lines = [re.split(r" *(?<!\\)\| *", line)[1:-1] for line in text.splitlines()]
        frames[family] = lines[0], lines[2:]
    return frames


def test_every_text_of_the_table_stands_on_the_page(made):
    page, _, markdown = made
    families, boards, frames = data_of(page)["families"], boards_of(page), frames_of(markdown)
    assert [family["id"] for family in families] == list(frames)
    for family, board in zip(families, boards, strict=True):
        names, rows = frames[family["id"]]
        shown_names = {name for name in names if name not in HEADS and name[-5:] != " rank"}
        heads = [
            f"{family['groups'][c['group']]['heading']} {c['name']}" for c in family["columns"]
        ]
        assert len(heads) == len(shown_names)
        assert set(heads) == shown_names
        named = rows_by_name(rows, names)
        for line, shown in zip(family["rows"], board[2:], strict=True):
            own = named.pop((line["label"], line["backbone"], line["checkpoint"]))
            assert label_of(shown[1]) == line["label"]
            cells = shown[2 : 2 + len(heads)]
            assert [printed(cell) if cell else "" for cell in cells] == [own[h] for h in heads]
        assert not named


def test_the_headline_stands_first_and_rows_are_sorted_by_it(made):
    """The first column of a group speaks for it, but for those of several K; the best row is the first."""
    for family in data_of(made[0])["families"]:
        lead = family["columns"][family["lead"]]
        assert family["groups"][lead["group"]]["main"] == family["lead"]
        for group in family["groups"]:
            if family["id"] != "fs":
                assert group["main"] == min(group["columns"])
        cells = {(cell["row"], cell["column"]): cell["value"] for cell in family["cells"]}
        values = [cells.get((row, family["lead"])) for row in range(len(family["rows"]))]
        there = [value for value in values if value is not None]
        assert values == there + [None] * (len(values) - len(there))
        assert there == sorted(there, reverse=not lead["lower"])


def test_the_rank_column_is_that_of_the_table(made):
    page, _, markdown = made
    frames = frames_of(markdown)
    for family, board in zip(data_of(page)["families"], boards_of(page), strict=True):
        names, rows = frames[family["id"]]
        named = rows_by_name(rows, names)
        rank = f"{family['groups'][family['lead_group']]['heading']} rank"
        for line, shown in zip(family["rows"], board[2:], strict=True):
            own = named[line["label"], line["backbone"], line["checkpoint"]]
            assert shown[0]["td"].replace("–", "-") == (own.get(rank) or "-")


def test_headings_stand_above_their_columns(made):
    page = made[0]
    for family, board in zip(data_of(page)["families"], boards_of(page), strict=True):
        groups = [cell["group"].strip() for cell in board[0] if "group" in cell][
            :-1
        ]  # the last is cost
        assert groups == [group["heading"] for group in family["groups"]]
        names = [next(iter(cell.values())).strip() for cell in board[1][:-5]]
        assert names == [column["name"] for column in family["columns"]]


def test_the_rank_is_that_of_the_column_which_speaks_for_its_group(made):
    page, _, markdown = made
    frames = frames_of(markdown)
    for family in data_of(page)["families"]:
        names, rows = frames[family["id"]]
        cells = {(cell["row"], cell["column"]): cell for cell in family["cells"]}
        named = rows_by_name(rows, names)
        for group in family["groups"]:
            assert group["main"] in group["columns"]
            leads = [cells.get((row, group["main"])) for row in range(len(rows))]
            ends = [dict.fromkeys(lead["rank"] if lead else [None]) for lead in leads]
            texts = ["" if None in pair else "-".join(map(str, pair)) for pair in ends]
            name = f"{group['heading']} rank"
            lines = [named[r["label"], r["backbone"], r["checkpoint"]] for r in family["rows"]]
            assert [line.get(name, "") for line in lines] == texts


def test_every_number_of_the_csv_stands_in_the_data_of_the_page(made):
    page, text, _ = made
    lines = {}
    for line in csv.DictReader(io.StringIO(text)):
        where = ("family", "protocol", "variant", "digest", "column", *HEADS)
        lines[tuple(line[name] for name in where)] = line
    seen = set()
    for family in data_of(page)["families"]:
        for cell in family["cells"]:
            column, row = family["columns"][cell["column"]], family["rows"][cell["row"]]
            group = family["groups"][column["group"]]
            head = (row["label"], row["backbone"], row["checkpoint"])
            place = (group["protocol"], column["variant"], group["digest"], column["name"])
            key = (family["id"], *place, *head)
            line = lines[key]
            seen.add(key)
            for ours, theirs in SAME.items():
                value = cell[ours]
                assert ("" if value is None else str(value)) == line[theirs], (key, ours)
            assert ["" if end is None else str(end) for end in cell["rank"]] == [
                line["rank_low"],
                line["rank_high"],
            ]
            assert cell["runs"] == line["run_ids"].split()
            assert cell["pair"] == (
                [float(v) for v in line["values"].split()] if line["n_seeds"] == "2" else []
            )
            assert column["unit"] == line["unit"]
            if row["label"] == CHANCE_ROW.label:
                assert column["chance"] == cell["value"]
    assert seen == set(lines)


def test_lower_is_better_where_the_records_say_it(made):
    data = data_of(made[0])
    said = {}
    for record in data["runs"].values():
        for metric in record["metrics"]:
            said.setdefault(metric["name"], metric["higher_is_better"])
    names = {"MedR": "t2v_medr", "MnR": "t2v_mnr"}
    for column in (column for family in data["families"] for column in family["columns"]):
        metric = names.get(column["name"].split(" ")[-1])
        assert column["lower"] == (metric is not None and not said[metric])


def test_all_that_may_differ_is_there(of_six_families):
    """What the cells of the made-up records show, so that none of it is compared by luck."""
    page, text, _ = of_six_families
    families = {family["id"]: family for family in data_of(page)["families"]}
    assert list(families) == ["zs", "b2n", "fs", "full", "ret", "ml"]
    headings = [g["heading"] for family in families.values() for g in family["groups"]]
    assert headings[:2] == ["zs-ucf101 @aaaaaa", "zs-ucf101 @bbbbbb"]
    assert "full-k400 long @cccccc" in headings  # the other digest is of another variant
    labels = {row["label"] for family in families.values() for row in family["rows"]}
    assert {"vifi-text [train.lr=1]", "vifi (ties: expected)", CHANCE_ROW.label} <= labels
    assert {row["method"] for row in families["ret"]["rows"]} == {"chance", "clip", "vifi"}
    assert {row["backbone"] for row in families["zs"]["rows"]} >= {"ViT-L-14 (openai)"}
    absent = [row for f in families.values() for row in f["rows"] if not row["runs"]]
    assert {row["detail"] for row in absent} >= {"no run of random is here", "no run of it is here"}
    lines = list(csv.DictReader(io.StringIO(text)))
    assert {line["n_seeds"] for line in lines} == {"0", "1", "2", "3"}
    assert {line["best"] for line in lines} == {"alone", "tied", ""}
    assert {mark for line in lines for mark in line["marks"]} == set("†?◦‡~")
    assert {line["verdict"].partition(":")[0] for line in lines} > {"reproduced", "not comparable"}
    assert {line["unit"] for line in lines} == {"%", "rank"}
    main = {f["columns"][g["main"]]["name"] for f in families.values() for g in f["groups"]}
    assert main == {"mean ± std over splits", "HM", "K=16", "top1", "t2v R@1", "hm"}
    assert [c["name"] for c in families["fs"]["columns"]] == ["K=2", "K=4", "K=8", "K=16"]


def test_a_metric_in_percent_may_be_better_when_low(make_record):
    made = make_record({"val": 20.0}, protocol="own-k400")
    metric = made.metrics[0].model_copy(update={"name": "error", "higher_is_better": False})
    record = made.revised(metrics=[metric], primary="error")
    page = build_report([Run(record, Path("none"))], leaderboard_table([record]))
    [column] = data_of(page)["families"][0]["columns"]
    assert (column["name"], column["unit"], column["lower"]) == ("error", "%", True)
