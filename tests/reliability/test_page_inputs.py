"""Records, labels and addresses that nobody planned for: the page and the tables take them as they are."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
from pathlib import Path

import pytest
from browser import browser, missing
from report_runs import CLASSES, class_run, data_of, matrix
from vclipbench.leaderboard.record.store import Run
from vclipbench.leaderboard.report import build_report
from vclipbench.leaderboard.report.links import MethodLinks, PageLinks
from vclipbench.leaderboard.tables.formats import WRITERS
from vclipbench.leaderboard.tables.tables import leaderboard_table

from ..leaderboard.conftest import build_record

MARKUP = "</th><img id=evil src=x onerror=\"document.title='evil'\">"
QUOTES = "a\"b'c\\d|e`f\n{{ 7*7 }}{% raw %}&amp;,;"
RTL = "\u202eקליפ \u0627\u0644\u0641\u064a\u062f\u064a\u0648\u202c\u200f"
EMOJI = "👩‍👩‍👧 e\u0301\u2028\ufeff\x7f"
LONG = "x" * 100_000


def plain(**more):
    """A record without predictions."""
    return build_record(**more)


def with_backbone(name, **more):
    """A record of another backbone: the only name that a record may spell freely."""
    record = build_record(**more)
    identity = record.identity.model_copy(
        update={"backbone": record.identity.backbone.model_copy(update={"name": name})}
    )
    return renamed(record, identity)


def renamed(record, identity):
    """The record with another identity, and the run id that belongs to it."""
    from vclipbench.leaderboard.record.record import identity_id

    return record.revised(identity=identity, run_id=identity_id(identity))


def of_protocol(record, **changes):
    protocol = record.identity.protocol.model_copy(update=changes)
    return renamed(record, record.identity.model_copy(update={"protocol": protocol}))


def settings(note):
    """Two configurations of one method: what tells them apart stands in their labels."""
    return [plain(note=note), plain(note="plain")]


def valued(value, unit="%", name="top1"):
    """A record whose only number is this."""
    record = plain(method="clip", seed=None, protocol="own-data")
    metric = record.metrics[0].model_copy(
        update={"name": name, "value": value, "unit": unit}
        | dict.fromkeys(("ci_low", "ci_high", "ci_method", "level"))
    )
    cost = {
        "seconds": {"train": 1e300},
        "videos_per_s": 5e-324,
        "peak_memory_mb": 1e300,
        "gpu_hours": None,
        "flops_per_view": 1e308,
    }
    return record.revised(metrics=[metric], primary=name, cost=cost)


def two_of_one_id():
    record = plain()
    other = [m.model_copy(update={"value": 58.0}) for m in record.metrics]
    return [record, record.revised(metrics=other)]


def many_columns():
    return [plain(top1={f"split{k}-{'w' * 40}": k / 2 for k in range(60)}, protocol="zs-wide")]


def options(method_options):
    record = plain()
    method = record.identity.method.model_copy(update={"options": method_options})
    return [renamed(record, record.identity.model_copy(update={"method": method}))]


CASES = {
    "markup in a setting": lambda: settings(MARKUP),
    "markup in a backbone": lambda: [with_backbone(MARKUP), plain(method="clip", seed=None)],
    "quotes, pipes, lines, templates": lambda: settings(QUOTES),
    "from right to left": lambda: [with_backbone(RTL), plain(method="clip", seed=None)],
    "emoji and invisible signs": lambda: settings(EMOJI),
    "empty names": lambda: [with_backbone(""), *settings("")],
    "a name of 100,000 letters": lambda: [with_backbone(LONG), plain(method="clip", seed=None)],
    "a method id of 300 letters": lambda: [
        plain(method="a" * 300),
        plain(method="clip", seed=None),
    ],
    "one run only": lambda: [plain()],
    "huge": lambda: [valued(1e308, "points")],
    "tiny": lambda: [valued(5e-324), plain(protocol="own-data")],
    "negative": lambda: [valued(-1e300, ""), plain(protocol="own-data")],
    "two records of one id": two_of_one_id,
    "a family called published": lambda: [of_protocol(plain(), family="published")],
    "a family called constructor": lambda: [
        of_protocol(plain(method="toString"), family="constructor", variant="valueOf")
    ],
    "sixty columns": many_columns,
    "option keys of the page's own": lambda: options({"$": 3, "__proto__": {"$": "x" * 40}}),
    "no records": lambda: [],
}


class _Elements(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.text, self.depth = [], "", 0

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.depth += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.depth -= tag in ("script", "style")

    def handle_data(self, data):
        self.text += data if not self.depth else ""


def page_and_table(records, **more):
    table = leaderboard_table(records)
    return build_report([Run(record, Path("none")) for record in records], table, **more), table


@pytest.fixture(scope="module")
def window():
    if missing():
        pytest.skip(missing())
    with browser() as opened:
        opened.size(390, 844)
        yield opened


@pytest.mark.parametrize("case", CASES)
def test_tables_take_it_and_the_page_has_no_element_of_it(case):
    records = CASES[case]()
    page, table = page_and_table(records)
    again, _ = page_and_table(records[::-1])
    assert page == again
    elements = _Elements()
    elements.feed(page)
    assert not [
        attrs for _, attrs in elements.seen if attrs.get("id") == "evil" or "onerror" in attrs
    ]
    told = data_of(page)
    assert len(told["runs"]) == len({record.run_id for record in records})
    lines = list(csv.DictReader(io.StringIO(WRITERS["csv"](table))))
    shown = {row["label"] for family in told["families"] for row in family["rows"]}
    assert {line["method"] for line in lines} <= shown
    json.loads(WRITERS["json"](table), parse_constant=pytest.fail)
    for line in WRITERS["md"](table).splitlines():
        if line.startswith("|") and table.frames:
            assert len(re.findall(r"(?<!\\)\|", line)) > 2
    assert "evil" not in WRITERS["tex"](table) or r"\textbackslash" not in WRITERS["tex"](table)


@pytest.mark.parametrize("case", CASES)
def test_a_phone_shows_it(window, case, tmp_path):
    records = CASES[case]()
    path = tmp_path / "page.html"
    path.write_text(page_and_table(records)[0], "utf-8")
    window.open(path)
    assert window.complaints() == []
    assert window.run("return document.scrollingElement.scrollWidth") <= 390
    assert window.run("return document.title") == "vclipbench leaderboard"
    assert window.run("return document.getElementById('evil')") is None
    for selector in ("button.cell", "button.link"):  # a cell and a run open
        script = f"const b = document.querySelector('{selector}'); b?.click(); return b !== null"
        if window.run(script):
            assert window.run("return document.getElementById('drawer').open")
            assert "NaN" not in window.run("return document.getElementById('drawer').innerText")
            window.run("document.getElementById('drawer').close()")
    assert window.complaints() == []


RUBBISH = (
    *("%E0%A4%A", "run=", "run=../../x", "run=__proto__", "<script>alert(1)</script>", "a" * 9000),
    *("zs&sort=constructor/up", "zs&sort=99/down", "zs&sort=a/b/c/d/down", "zs&sort", "zs&&&=&="),
    *(
        "zs&cell=vifi",
        "zs&cell=%/%/%",
        "published&benchmark=__proto__",
        "zs&protocol=hasOwnProperty",
    ),
    *(
        "zs&filter=%3Cimg%20id=evil%3E",
        "tables",
        "0",
        "zs&run=1",
        "zs&sort=zs-shapes/zs1-val/sideways",
    ),
)


def test_addresses_of_rubbish_show_the_page_as_it_is(window, tmp_path):
    path = tmp_path / "page.html"
    runs = matrix(tmp_path / "runs", build_record)
    path.write_text(build_report(runs, leaderboard_table([r.record for r in runs])), "utf-8")
    window.open(path)
    for rubbish in RUBBISH:
        window.run("location.hash = arguments[0]", rubbish)
        window.run("window.dispatchEvent(new HashChangeEvent('hashchange'))")
        assert window.complaints() == [], rubbish
        shown = "return document.querySelectorAll('.family:not([hidden])').length"
        assert window.run(shown) == 1, rubbish
        assert not window.run("return document.getElementById('drawer').open"), rubbish
        assert window.run("return document.getElementById('evil')") is None


def test_links_of_a_caller_lead_to_https_or_beside_the_page():
    bad = ("javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//evil.example/x")
    bad += ("http://evil.example", "https://", "", "https://[", "java\nscript:alert(1)", "a:b")
    links = PageLinks(
        (*((f"bad{k}", address) for k, address in enumerate(bad)), ("good", 'x"y/<b>.csv')),
        {"vifi": MethodLinks("<i>", "javascript:alert(2)", 'https://a.example/"><b id=evil>')},
    )
    elements = _Elements()
    elements.feed(page_and_table([plain()], links=links)[0])
    addresses = {attrs["href"] for tag, attrs in elements.seen if tag == "a"}
    ours = {
        a for a in addresses if not a.startswith(("#", "https://github.com", "https://arxiv.org"))
    }
    assert ours == {'x"y/<b>.csv', 'https://a.example/"><b id=evil>'}
    assert not [1 for _, attrs in elements.seen if attrs.get("id") == "evil"]


def test_class_names_and_tags_of_all_kinds(tmp_path, window):
    names = (MARKUP, EMOJI, RTL, "")
    runs = [
        class_run(
            tmp_path / "runs", build_record, method, 1, 1.0, classes=names, tags=[QUOTES, LONG]
        )
        for method in ("vifi", "clip")
    ]
    page = build_report(runs, leaderboard_table([run.record for run in runs]))
    assert data_of(page)["families"][0]["places"][0]["classes"] == list(names)
    path = tmp_path / "page.html"
    path.write_text(page, "utf-8")
    window.open(path)
    assert window.complaints() == []
    assert window.run("return document.scrollingElement.scrollWidth") <= 390
    assert window.run("return document.getElementById('evil')") is None
    assert len(CLASSES) == len(names)
