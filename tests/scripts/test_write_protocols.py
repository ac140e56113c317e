"""The tables of docs/protocols/README.md: made by the script, and their numbers those of real plans."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from annotation_roots import ANNOTATIONS, link_roots
from script_modules import load_script
from vclipbench.datasets.roots import Roots
from vclipbench.protocols import BUILTIN
from vclipbench.protocols.split import Data

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    return load_script("write_protocols")


@pytest.fixture(scope="module")
def rows(script):
    """Id -> the cells of its row, by the heads of their columns."""
    cells = [
        re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |"))
        for line in script.tables().splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip("`"): dict(zip(script.HEAD, row, strict=True)) for row in cells}


def test_the_page_is_what_the_script_makes(script):
    text = script.PAGE.read_text("utf-8")
    assert script.PAGE.read_bytes() == script.page(text).encode(), "run scripts/write_protocols.py"


def test_the_script_renews_the_page_and_keeps_the_rest(script, tmp_path, monkeypatch, capsys):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{script.START}\nof yesterday\n{script.END}\nafter\n")
    monkeypatch.setattr(script, "PAGE", page)
    script.main()
    text = page.read_text()
    assert text.startswith(f"before\n{script.START}\n\n### Zero-shot")
    assert text.endswith(f"\n{script.END}\nafter\n")
    assert "of yesterday" not in text
    assert capsys.readouterr().out == f"{len(BUILTIN)} protocols in README.md\n"
    with pytest.raises(ValueError, match="needs the lines"):
        script.page("no place here")


def test_every_protocol_has_one_row(rows):
    assert list(rows) == list(BUILTIN)


def test_clean_twins_and_what_they_are_twins_of_name_each_other(script, rows):
    twins = {id: re.findall(r"`([^`]+)`", row["twin"]) for id, row in rows.items()}
    assert twins["fs-hmdb51"] == ["fs-hmdb51-clean"]
    assert twins["zs-hmdb51-full"] == ["zs-hmdb51-all"]
    assert twins["ret-msrvtt-clean"] == ["ret-msrvtt"]
    assert all(twins[p.id] for p in script.protocols() if p.clean)
    assert all(id in twins[other] for id, others in twins.items() for other in others)


def test_names_that_count_up_and_text_that_is_no_markup(script):
    assert script._joined(["a/b1", "a/b2", "a/b3"]) == "`a/b1` to `b3`"
    assert script._joined(["a/b1", "a/b3", "a/b4"]) == "`a/b1`, `b3`, `b4`"
    assert script._joined(["a/b", "c/d", "a/b"]) == "`a/b`, `c/d`"
    assert script._escaped("<a> | b_c") == "\\<a\\> \\| b\\_c"
    assert script._numbers([5, 5]) == "5 each"
    assert script._numbers([1000, None]) == "1,000, not counted"
    assert script._numbers([3, 1, 2, 5, 4]) == "1 to 5"


def test_the_numbers_are_those_of_the_real_lists(script, rows, tmp_path):
    if not ANNOTATIONS.is_dir():
        pytest.skip("the real annotation files are not at hand (../shared/data)")
    roots = Roots(common=link_roots(tmp_path / "roots"))
    data = Data(roots=roots, videos=False, needs=frozenset())
    checked = set()
    for protocol in script.protocols():
        folders = [roots.find(id) for id in protocol.datasets]
        if not protocol.datasets or None in folders:
            continue
        plan = protocol.plan(protocol.variants[0], 1, data)
        videos = [len(split.samples) for split in plan.evaluate]
        assert rows[protocol.id]["videos"] == script._numbers(videos), protocol.id
        checked.add(protocol.id)
    assert {p.id for p in script.protocols() if p.datasets} - checked == {"ret-lsmdc"}
