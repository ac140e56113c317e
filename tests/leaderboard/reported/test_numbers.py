"""The reported numbers: schema, the script's bytes, and that they are what the sources print."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml
from script_modules import load_script
from vclipbench import methods, protocols
from vclipbench.leaderboard.reported import numbers as reported
from vclipbench.leaderboard.tables.cells import Column, column_key

ROOT = Path(__file__).parents[3]
SPECS = ROOT.parent / "shared" / "specs"
# where our notes on a source are; None: read in the repository itself, after the notes
NOTES: dict[str, str | None] = {
    "vifi-clip-page": None,
    "vifi-clip-readme": "vifi.md",
    "froster-readme": "open_vclip.md",
    "clip4clip-paper": "clip_vip.md",
    "mmaction2-readme": "clip_vip.md",
    "xpretrain-issues": "clip_vip.md",
    **{f"open-vclip-{k}": "open_vclip.md" for k in ("abstract", "plus-abstract", "issues")},
    "open-vclip-reruns": "open_vclip.md",
    **{f"clip-vip-{k}": "clip_vip.md" for k in ("paper", "reruns")},
}
ROW = {"method": "vifi", "protocol": "zs-ucf101", "source": "vifi-clip-readme"}
VIFI = ("vifi", "vifi-image", "vifi-text", "vifi-prompt")
# (source, method, protocol) of a printed harmonic mean that is off by more than rounding -> why
HM_EXCEPTIONS: dict[tuple[str, str, str | None], str] = {}


@pytest.fixture(scope="module")
def script():
    return load_script("write_reported")


@pytest.fixture
def folder(script, tmp_path, monkeypatch):
    """A copy of the tables and of the file, which the script then works on."""
    shutil.copytree(script.TABLES, tmp_path / "reported")
    shutil.copy(script.TARGET, tmp_path)
    monkeypatch.setattr(script, "TABLES", tmp_path / "reported")
    monkeypatch.setattr(script, "TARGET", tmp_path / script.TARGET.name)
    return tmp_path


@pytest.fixture
def content():
    return yaml.safe_load(reported.FILE.read_text("utf-8"))


def altered(path, change):
    """Rewrite a table after `change` of its rows."""
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    rows = change(head, rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def with_cell(key, text):
    def change(head, rows):
        rows[0][head.index(key)] = text
        return rows

    return change


def write(folder, content):
    path = folder / "reported.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


# --- what is in the file


def test_values_keep_their_digits_and_known_numbers_are_there():
    numbers = reported.load_reported()
    found = {
        (n.method, n.protocol, n.column_key, n.source, n.backbone): n.value
        for n in numbers
        if n.evidence != "unverified"
    }
    b16 = "ViT-B-16"
    assert found["vifi", "zs-ucf101", "top1:mean", "vifi-clip-readme", b16] == "76.8"
    assert found["clip", "zs-hmdb51", "top1:mean", "vifi-clip-readme", b16] == "40.8"
    assert found["vifi-prompt", "fs-ucf101", "top1:k8", "vifi-clip-readme", b16] == "95.0"
    assert found["vifi-text", "full-k400", "top5", "vifi-clip-readme", b16] == "91.2"
    assert found["AIM", "zs-ucf101-full", "top1", "froster-readme", b16] == "79.0"
    assert found["clip-vip", "ret-didemo", "dsl_t2v_r5", "clip-vip-paper", b16] == "82.0"
    assert ("clip-vip", "ret-lsmdc", "t2v_r5", "clip-vip-paper", b16) not in found
    assert all(isinstance(n.value, str) and n.number == float(n.value) for n in numbers)


def test_ids_are_those_of_the_package():
    assert set(methods.BUILTIN) == reported.OURS
    numbers = reported.load_reported()
    assert {n.protocol for n in numbers if n.protocol} <= set(protocols.BUILTIN)
    published = {"clip", *VIFI, "open-vclip", "open-vclip++", "clip-vip"}
    assert {n.method for n in numbers if n.ours} == published


def test_harmonic_means_follow_from_base_and_novel():
    groups = defaultdict(dict)
    for n in reported.load_reported():
        if (n.protocol or "").startswith("b2n-"):
            groups[n.source, n.method, n.protocol, n.label, n.table][n.column_key] = n.number
    assert len(groups) >= 63
    off = {}
    for group, parts in groups.items():
        base, novel, hm = parts["top1:base"], parts["top1:novel"], parts["hm"]
        if abs(hm - 2 * base * novel / (base + novel)) > 0.15:
            off[group[:3]] = parts
    assert set(off) == set(HM_EXCEPTIONS), off


def test_numbers_that_two_sources_print_agree():
    """ViFi-CLIP's own rows are repeated by FROSTER, its baselines under the names VPT and X-CLIP."""
    page = {"vifi-clip-readme", "vifi-clip-page"}
    names = {"A5": "VPT"}
    values = defaultdict(set)
    for n in reported.load_reported():
        quoted = n.source == "froster-readme" and n.table.startswith("Performance")
        if n.protocol and n.protocol.startswith("b2n-") and (quoted or n.source in page):
            values[names.get(n.method, n.method), n.protocol, n.column_key].add((n.source, n.value))
    twice = {key: found for key, found in values.items() if len({s for s, _ in found}) > 1}
    assert len(twice) == 4 * 4 * 3  # vifi, ActionCLIP, X-CLIP, VPT; four data sets; three numbers
    assert all(len({value for _, value in found}) == 1 for found in twice.values()), twice


# --- the script


def test_the_file_is_what_the_script_makes(script, capsys):
    assert script.main(["--check"]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == f"{len(reported.load_reported())} numbers in reported.yaml\n"
    assert b"\r" not in reported.FILE.read_bytes()


def test_check_says_that_a_table_was_changed(script, folder, capsys):
    before = script.TARGET.read_bytes()
    altered(folder / "reported" / "vifi_clip.csv", with_cell("value", "12.3"))
    assert script.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("reported.yaml is not what the tables in reported/ give: run ")
    assert script.TARGET.read_bytes() == before
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0


def test_the_order_of_rows_and_files_does_not_matter(script, folder):
    text = script.yaml_text(folder / "reported")
    altered(folder / "reported" / "froster.csv", lambda head, rows: rows[::-1])
    altered(folder / "reported" / "sources.csv", lambda head, rows: rows[::-1])
    (folder / "reported" / "froster.csv").rename(folder / "reported" / "zzz.csv")
    assert script.yaml_text(folder / "reported") == text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_cell("value", "76,8"), "line 2: value: '76,8' is not a number as printed"),
        (with_cell("value", "nan"), "value: 'nan' is not a number as printed"),
        (with_cell("value", "-1"), "value: '-1' is not a number as printed"),
        (with_cell("value", "100.1"), "value 100.1 is above 100 %"),
        (with_cell("frames", "many"), "frames: 'many' is not a whole number of at least 1 or null"),
        (with_cell("views", "4 x 3"), "views: '4 x 3' is not clips x crops, such as 4x3"),
        (with_cell("protocol", "zs-hmdb5"), "'zs-hmdb5' is no protocol id; zs-hmdb51 would be"),
        (with_cell("protocol", ""), "exactly one of protocol and setting is given"),
        (with_cell("setting", "other"), "exactly one of protocol and setting is given"),
        (with_cell("method", "vifi-img"), "method 'vifi-img' is no method id"),
        (with_cell("column", "top2"), "column 'top2' is no metric"),
        (with_cell("unit", "rank"), "unit 'rank' is not that of top1, which is '%'"),
        (with_cell("source", "vifi-clip-reedme"), "'vifi-clip-reedme' is not among the sources"),
        (with_cell("evidence", "quoted"), "via says where a quoted number was read"),
        (with_cell("match", "differs"), "match: 'differs' is not exact, unknown: why or differs"),
        (with_cell("selection", "best"), "selection: 'best' is not one of last, val-best"),
        (with_cell("note", " blank"), "note: ' blank' is not a text without blanks"),
        (lambda head, rows: [rows[0][:-1], *rows], "line 2: more or fewer cells than the first"),
        (lambda head, rows: [[*rows[0], "x"], *rows], "line 2: more or fewer cells than the first"),
        (lambda head, rows: head.append("more") or rows, "the first line has to be method,label"),
        (lambda head, rows: [rows[0], *rows], "stands twice for one row of vifi-clip-readme"),
    ],
)
def test_a_wrong_table_is_one_sentence_and_writes_nothing(script, folder, capsys, change, said):
    before = script.TARGET.read_bytes()
    altered(folder / "reported" / "vifi_clip.csv", change)
    assert script.main([]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert script.TARGET.read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["reported", "reported.yaml"]


def test_a_wrong_table_of_sources_is_named(script, folder, capsys):
    altered(folder / "reported" / "sources.csv", lambda head, rows: [*rows, rows[0]])
    assert script.main([]) == 1
    assert re.match(r"sources\.csv, line 14: its id stands twice$", capsys.readouterr().err)
    (folder / "reported" / "sources.csv").unlink()
    assert script.main([]) == 1
    assert re.match(r"cannot read .*sources\.csv: No such file", capsys.readouterr().err)


# --- loading


def row_of(content, **wanted):
    rows = content["numbers"]
    return next(r for r in rows if all(r.get(key) == value for key, value in wanted.items()))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("value", 76.8, "(vifi, zs-ucf101, top1, mean): value: 76.8 is no text; put it in quotes"),
        ("value", "inf", "value: 'inf' is not a number as printed"),
        ("value", "120", "value 120 is above 100 %"),
        ("colour", "red", "colour: there is no such key"),
        ("split", "base", "(vifi, zs-ucf101, top1, base): stands twice"),
        ("frames", "32", "frames: '32' is not a whole number of at least 1 or null"),
        ("selection", None, "selection: null is not one of last, val-best"),
    ],
)
def test_a_wrong_file_is_one_sentence(content, tmp_path, key, value, said):
    row = row_of(content, **ROW)
    row[key] = value
    if key == "split":  # of which there then are two, with two values
        content["numbers"].append({**row, "value": "1.0"})
    with pytest.raises(ValueError, match=re.escape(said.split("): ")[-1])) as caught:
        reported.load_reported(write(tmp_path, content))
    assert str(caught.value).startswith("reported.yaml: ")
    assert "\n" not in str(caught.value)
    if said.startswith("(") and "twice" not in said:
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "column", "split", "said"),
    [
        ("b2n-k400", "top1", "mean", "split 'mean' does not exist in b2n-k400: 'base' or 'novel'"),
        ("fs-ssv2", "top1", None, "split '' does not exist in fs-ssv2: 'k2' or 'k4'"),
        ("full-k400", "top1", "k2", "split 'k2' does not exist in full-k400"),
        ("b2n-k400", "hm", "base", "hm has no split, but 'base' is given"),
    ],
)
def test_a_split_fits_its_protocol(content, protocol, column, split, said):
    row = row_of(content, **ROW)
    row.update(protocol=protocol, column=column, split=split)
    with pytest.raises(ValueError, match=re.escape(said)):
        reported.parse_reported(content, "x.yaml")


def test_a_rank_is_one_or_more(content):
    row_of(content, protocol="ret-msvd", column="t2v_r1").update(column="t2v_medr", unit="rank")
    assert reported.parse_reported(content, "x")
    row_of(content, protocol="ret-msvd", column="t2v_medr")["value"] = "0.5"
    with pytest.raises(ValueError, match=r"value 0\.5 is no rank: the best rank is 1"):
        reported.parse_reported(content, "x")


def test_equal_keys_need_another_source_or_table(content):
    row = row_of(content, **ROW)
    content["numbers"].append({**row, "value": "70.0", "table": "another"})
    assert len(reported.parse_reported(content, "x").numbers) == len(content["numbers"])
    content["numbers"].append({**row, "value": "70.0"})
    with pytest.raises(ValueError, match=r"stands twice .* with the values 76\.8 and 70\.0"):
        reported.parse_reported(content, "x")


def test_files_that_are_no_such_file(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read the reported numbers in .*: No such file"):
        reported.load_reported(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ValueError, match=r"^list\.yaml: \[1\] is not a group of keys"):
        reported.load_reported(tmp_path / "list.yaml")
    (tmp_path / "torn.yaml").write_text("version: [1\n")
    with pytest.raises(ValueError, match=r"^torn\.yaml: no YAML: "):
        reported.load_reported(tmp_path / "torn.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: \xff\n")
    with pytest.raises(ValueError, match=r"^latin\.yaml: not UTF-8 text"):
        reported.load_reported(tmp_path / "latin.yaml")


def test_a_newer_version_is_refused(content, tmp_path):
    content["version"] = 2
    with pytest.raises(ValueError, match=r"^reported\.yaml: version: 2 is not 1"):
        reported.load_reported(write(tmp_path, content))


def test_a_file_that_changed_is_read_again(content, tmp_path):
    path = write(tmp_path, content)
    count = len(reported.load_reported(path))
    content["numbers"].pop()
    write(tmp_path, content)
    assert len(reported.load_reported(path)) == count - 1


def test_numbers_of_a_column():
    found = reported.reported_for("b2n-hmdb51", "hm")
    own = {n.method: n.value for n in found if n.ours and n.source == "vifi-clip-readme"}
    assert own == dict(zip(VIFI, ("61.9", "54.0", "59.1", "64.1"), strict=True))
    assert reported.reported_for("b2n-hmdb51", "top9") == []
    lsmdc = ("ret-lsmdc", "dsl_t2v_r5")
    assert reported.reported_for(*lsmdc) == []
    assert {n.value for n in reported.reported_for(*lsmdc, unverified=True)} == {"46.4", "51.4"}


@pytest.mark.parametrize(
    ("column", "splits", "key"),
    [
        (Column("mean ± std over splits", "mean", ("a", "b")), ("a", "b"), "top1:mean"),
        (Column("a", "split", ("a",)), ("a", "b"), "top1:a"),
        (Column("all", "split", ("all",)), ("all",), "top1"),
        (Column("base", "split", ("base",)), ("base", "novel"), "top1:base"),
        (Column("HM", "hm", ("base", "novel")), ("base", "novel"), "hm"),
        (Column("K=4", "primary", variant="k4", metric=""), ("split1", "split2"), "top1:k4"),
        (Column("top1", "primary", metric="top1"), ("val",), "top1"),
        (Column("top1_mean", "primary", metric="top1_mean"), ("a", "b"), "top1:mean"),
        (Column("R@1", "split", ("test",), metric="t2v_r1"), ("test",), "t2v_r1"),
        (Column("mAP base", "split", ("base",), metric="map"), ("test",), "map:base"),
    ],
)
def test_the_key_of_a_leaderboard_column(column, splits, key):
    assert column_key(column, splits) == key


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys, vclipbench.leaderboard.reported.numbers as r; r.load_reported(); "
        "print(sorted({'numpy', 'pandas', 'scipy', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


# --- against the notes on the papers, where they are


def notes(name):
    path = SPECS / name
    if not path.is_file():
        pytest.skip(f"the notes on the papers are not here: {name}")
    return path.read_text("utf-8")


def decimals(text):
    return re.findall(r"(?<![\d.§])\d+(?:\.\d+)?(?![\d.]*\d)", text)


def test_every_source_is_known_here():
    assert set(NOTES) == set(reported.load_sources())


@pytest.mark.parametrize("source", [source for source, name in NOTES.items() if name])
def test_every_value_stands_in_the_notes_on_its_source(source):
    there = set(decimals(notes(NOTES[source])))
    for n in (n for n in reported.load_reported() if n.source == source):
        # the notes write a median rank of 2.0 as 2
        assert n.value in there or (n.unit == "rank" and n.value.removesuffix(".0") in there), n
        assert n.std is None or n.std in there, n


@pytest.mark.parametrize(
    ("name", "start", "end", "sources"),
    [
        ("vifi.md", "## 6. Published numbers", "Notebook example", {"vifi-clip-readme"}),
        (
            "open_vclip.md",
            "## 9. Reported numbers",
            "Issue threads:",
            {"open-vclip-abstract", "open-vclip-plus-abstract", "froster-readme"},
        ),
        ("clip_vip.md", "### 6.3 Reported", "MedR is 1 for all", {"clip-vip-paper"}),
    ],
)
def test_the_tables_in_the_notes_are_reported_cell_by_cell(name, start, end, sources):
    """The same numbers, each as often."""
    text = notes(name).partition(start)[2].partition(end)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    # arXiv ids and what was seen of a row stand in cells too, and are no results
    cells = re.sub(r"abstract \d+\.\d+|\(.*?\)", "", "\n".join(lines))
    found = Counter(cell for cell in decimals(cells) if "." in cell)
    own = [n for n in reported.load_reported() if n.source in sources]
    known = Counter(text for n in own for text in (n.value, n.std) if text and "." in text)
    assert found.total() > 45
    assert found == known
