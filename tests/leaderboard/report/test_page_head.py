"""What stands around the tables: introduction, links, date, equal parts, costs that nobody said."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from report_runs import class_run, data_of, matrix, page_of
from six_families import numbers_of_papers
from vclipbench.bench.describe.links import method_links
from vclipbench.leaderboard.record.store import Run
from vclipbench.leaderboard.report import build_report
from vclipbench.leaderboard.report.costs import machine_words
from vclipbench.leaderboard.report.links import MethodLinks, PageLinks
from vclipbench.leaderboard.report.published import column_words, published
from vclipbench.leaderboard.tables.tables import leaderboard_table
from vclipbench.methods.card import Card

ROOT = Path(__file__).parents[3]
MADE = ROOT / "docs" / "leaderboard"


def text_of(page):
    """What is read, without tags."""
    body = page.partition("</noscript>")[0].partition("<header>")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def run_of(record):
    return Run(record, Path("none"))


def page_of_records(*records, **more):
    return build_report(list(map(run_of, records)), leaderboard_table(records), **more)


def test_the_introduction_says_what_is_compared_and_what_was_measured(tmp_path, make_record):
    only_shapes = text_of(page_of(matrix(tmp_path, make_record)))
    assert "Methods that adapt CLIP to video, compared by one runner" in only_shapes
    assert "Shapes is synthetic: videos drawn by code" in only_shapes
    assert "no published benchmark has been measured here yet." in only_shapes
    real = make_record()
    assert "synthetic" not in text_of(page_of_records(real))
    both = text_of(page_of_records(real, make_record({"zs1-val": 40.0}, protocol="zs-shapes")))
    assert "Shapes is synthetic" in both
    assert "no published benchmark" not in both


def test_the_date_is_that_of_the_newest_record(make_record):
    old, new = make_record(seed=1), make_record(seed=2)
    new = new.revised(finished_utc="2026-03-04T05:06:07Z")
    assert '<time datetime="2026-03-04">2026-03-04</time>' in page_of_records(old, new)
    assert '<time datetime="2026-01-02">' in page_of_records(old)
    assert "<time" not in page_of_records()


def test_methods_link_to_their_papers_and_code(make_record):
    links = PageLinks(
        (("CSV", "leaderboard.csv"),),
        {"vifi": MethodLinks("Some paper", "https://a.example/p", "https://a.example/c")},
    )
    page = page_of_records(make_record(), make_record(method="clip", seed=None), links=links)
    assert '<a href="leaderboard.csv">CSV</a>' in page
    row = page.partition('<span class="id">vifi</span>')[2].partition("</th>")[0]
    assert 'href="https://a.example/p" rel="noreferrer" title="Some paper">paper<' in row
    assert 'href="https://a.example/c"' in row
    row = page.partition('<span class="id">clip</span>')[2].partition("</th>")[0]
    assert "href" not in row


def test_the_built_in_methods_have_their_links():
    links = method_links(["vifi", "clip", "random", "a-plugin"])
    assert set(links) == {"vifi", "clip", "random"}
    assert links["vifi"].url.startswith("https://")
    assert links["vifi"].code.startswith("https://")
    assert links["random"] == MethodLinks("none")


@pytest.mark.parametrize("address", ["http://a.example", "javascript:alert(1)", "https://a b"])
def test_a_card_with_another_address_is_refused(address):
    with pytest.raises(ValidationError, match="pattern"):
        Card(url=address)
    with pytest.raises(ValidationError, match="pattern"):
        Card(code=address)


def test_the_links_of_the_committed_page_lead_to_files():
    page = (MADE / "leaderboard.html").read_text("utf-8")
    nav = page.partition("<nav")[2].partition("</nav>")[0]
    addresses = re.findall(r'href="([^"]+)"', nav)
    assert len(addresses) == 7
    for address in addresses:
        assert address.startswith("https://") or (MADE / address).resolve().is_file(), address
    assert page.count("(synthetic)</span>") == 6


def test_a_page_of_own_runs_links_to_what_lies_beside_it(quick, tmp_path, make_record):
    matrix(tmp_path / "runs", make_record)
    quick("leaderboard", "runs", "--format", "html", "--format", "csv", "--out", "both", check=0)
    quick("leaderboard", "runs", "--format", "html", "--out", "alone", check=0)
    both = (tmp_path / "both" / "leaderboard.html").read_text("utf-8")
    alone = (tmp_path / "alone" / "leaderboard.html").read_text("utf-8")
    assert 'href="leaderboard.csv"' in both
    assert "leaderboard.json" not in both
    assert 'href="leaderboard.csv"' not in alone
    for page in (both, alone):
        assert '<h2 id="title-published">Published benchmarks</h2>' in page
        assert 'href="https://arxiv.org/abs/2212.03640"' in page


def test_a_backbone_of_all_rows_is_said_once_above(make_record):
    random = make_record(method="random", seed=None)
    none = random.identity.backbone.model_copy(update={"name": "none", "pretrained": None})
    block = random.identity.model_copy(update={"backbone": none})
    from vclipbench.leaderboard.record.record import identity_id

    random = random.revised(identity=block, run_id=identity_id(block))
    page = page_of_records(make_record(), random)
    assert "Backbone of all rows: ViT-B-16 (openai)." in page
    names = {row["name"] for row in data_of(page)["families"][0]["rows"]}
    assert names == {"vifi", "random", "clip"}
    assert "<small>ViT-B-16" not in page.partition('id="published"')[0]


def test_headings_say_what_stands_behind_a_value(make_record):
    three = [
        make_record({"a": 50.0 + i, "b": 60.0 + i}, seed=i, protocol="zs-x") for i in (1, 2, 3)
    ]
    one = make_record({"a": 40.0, "b": 41.0}, method="clip", seed=None, protocol="zs-x")
    family = data_of(page_of_records(*three, one))["families"][0]
    said = {column["name"]: column["spread"] for column in family["columns"]}
    assert said["a"] == ["± 95 % over seeds", "[ ] 95 % over items"]
    assert said["mean ± std over splits"] == ["± std over splits"]
    titles = {column["name"]: column["title"] for column in family["columns"]}
    assert "not an interval" in titles["mean ± std over splits"]
    assert "t-interval over 3 seeds" in titles["a"]


def test_a_cost_that_no_run_says_is_a_dash_with_the_reason(tmp_path, make_record):
    run = class_run(tmp_path, make_record, "vifi", 1, 1.0)
    cost = run.record.cost.model_copy(update={"seconds": {}, "flops_per_view": None})
    page = page_of([Run(run.record.revised(cost=cost), run.folder)])
    assert 'title="not measured: the runs found their training done' in page
    assert '<span title="the records do not say">–</span>' in page


@pytest.mark.parametrize(
    ("counts", "words"),
    [((1, 2), "EPYC with 1 or 2 threads"), ((1, 1), "EPYC with 1 thread"), ((None,), "EPYC")],
)
def test_machines_and_threads_are_said_once(make_record, counts, words):
    made = [make_record(seed=k) for k in range(len(counts))]
    records = [
        r.revised(environment=r.environment.model_copy(update={"cpu": "EPYC", "cpu_threads": n}))
        for r, n in zip(made, counts, strict=True)
    ]
    assert machine_words(records) == [words]
    page = page_of_records(*records)
    assert ("Times of different numbers of threads do not compare" in page) == (
        len(set(counts)) > 1
    )
    assert "Memory on a processor is the peak of the whole process" in page


def test_published_numbers_stand_in_tables_with_the_headline_first(make_record):
    tables = {table.protocol: table for table in published(())}
    assert tables["b2n-ucf101"].columns[0] == ("HM", False)
    assert tables["fs-ucf101"].columns[0] == ("K=16", False)
    assert ("t2v MedR", True) in tables["ret-msrvtt"].columns
    for table in tables.values():
        values = [row.cells[0].value for row in table.rows if row.cells[0]]
        assert values == sorted(values, reverse=not table.columns[0][1])
    reruns = [row.detail for row in tables["ret-msrvtt"].rows if "re-run" in row.label]
    assert "clip-vip · ViT-B-32" in reruns  # the label alone would not say of what
    judged = leaderboard_table(
        [make_record({f"split{k}": 60.0 for k in (1, 2, 3)})], reported=numbers_of_papers()
    ).verdicts
    ours = [cell.ours for t in published(judged) for row in t.rows for cell in row.cells if cell]
    assert any(text.startswith("here 60.0: ") for pairs in ours for text, _ in pairs)


def test_columns_of_papers_are_called_as_in_the_tables():
    names = ("top1 mean", "top1 k16", "hm", "dsl_v2t_medr", "t2v_r50", "map base", "top5", "gflops")
    words = ["mean", "K=16", "HM", "DSL v2t MedR", "t2v R@50", "mAP base", "top-5", "GFLOPs"]
    assert list(map(column_words, names)) == words
