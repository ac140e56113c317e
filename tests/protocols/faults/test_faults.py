"""The faults of published lists and evaluations: their data, their protocols, and the page made of them."""

from __future__ import annotations

import fnmatch
import re

import pytest
from script_modules import load_script
from vclipbench.protocols import BUILTIN
from vclipbench.protocols.faults import FAULTS, KINDS, Fault, faults_of
from vclipbench.protocols.faults.faults import parse_faults

LITERAL = """
zs-ucf101 zs-ucf101-full zs-ucf101-halves zs-hmdb51 zs-hmdb51-full zs-hmdb51-all zs-hmdb51-halves
zs-k600 zs-k600-clean zs-k600-test
b2n-k400 b2n-hmdb51 b2n-ucf101 b2n-ssv2 b2n-hmdb51-clean b2n-ucf101-clean b2n-ssv2-clean
fs-hmdb51 fs-ucf101 fs-ssv2 fs-hmdb51-clean fs-ucf101-clean
full-k400 full-k400-clean
ret-msrvtt ret-msrvtt-7k ret-msrvtt-clean ret-didemo ret-didemo-clean ret-lsmdc ret-activitynet ret-msvd
ml-charades
"""
PUBLISHED = LITERAL.split()


def ids(protocol: str) -> set[str]:
    return {fault.id for fault in faults_of(protocol)}


@pytest.fixture(scope="module")
def script():
    return load_script("write_faults")


def test_the_list_of_protocols_is_the_package_s():
    own = {id for id in BUILTIN if not id.endswith(("-shapes", "-folder"))}
    assert own == set(PUBLISHED)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_is_complete(fault: Fault):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", fault.id)
    assert fault.kind in KINDS
    assert not fault.title.endswith(".")
    assert fault.source
    for sentences in (fault.wrong, fault.moves, fault.ours):
        assert re.fullmatch(r"[A-Z0-9a-z-].*\.", sentences)
        assert "  " not in sentences
    assert fault.text == f"{fault.wrong} {fault.moves}"
    assert 2 <= len(re.findall(r"\.(?= [A-Z0-9]|$)", fault.text)) <= 6


def test_ids_and_titles_are_unique():
    assert len({fault.id for fault in FAULTS}) == len(FAULTS)
    assert len({fault.title for fault in FAULTS}) == len(FAULTS)
    assert {fault.kind for fault in FAULTS} == set(KINDS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_every_pattern_matches_a_protocol(fault: Fault):
    assert fault.protocols
    for pattern in fault.protocols:
        assert fnmatch.filter(PUBLISHED, pattern), pattern
        assert not fnmatch.filter(set(BUILTIN) - set(PUBLISHED), pattern), pattern


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_every_protocol_and_flag_that_a_fault_names_is_one(fault: Fault):
    # b2n-* and dsl_* name many, and ids of faults are not named
    named = set(re.findall(r"\b(?:zs|b2n|fs|full|ret|ml)-[a-z0-9-]*[a-z0-9]", fault.ours))
    assert named <= set(BUILTIN), named - set(BUILTIN)
    assert set(re.findall(r"--[a-z-]+", fault.ours)) <= {"--class-names", "--tie-rule", "--prompts"}


def test_protocols_have_the_faults_they_should():
    assert {"few-shot-test-splits", "hmdb51-swapped-names", "drop-last"} <= ids("fs-hmdb51")
    assert "few-shot-test-splits" not in ids("fs-hmdb51-clean")
    assert "base-lists-overlap" not in ids("b2n-ucf101-clean")
    assert "k600-short-lists" not in ids("zs-k600-clean")
    assert "k600-two-lists" in ids("zs-k600") & ids("zs-k600-test")
    assert "msrvtt-same-captions" in ids("ret-msrvtt-7k") - ids("ret-msrvtt-clean")
    assert "didemo-second-extension" in ids("ret-didemo") - ids("ret-didemo-clean")
    assert "k400-short-lists" in ids("full-k400") - ids("full-k400-clean")
    assert ids("ml-charades") == {"charades-unlabelled"}
    assert all(faults_of(protocol) for protocol in PUBLISHED)
    assert not faults_of("zs-shapes")
    assert not faults_of("zs-folder")
    assert not faults_of("nothing")


def test_faults_come_in_the_order_of_the_data():
    found = faults_of("fs-ucf101")
    assert list(found) == [fault for fault in FAULTS if fault in found]


def test_the_page_is_what_the_script_makes(script):
    made = script.page().encode()
    assert script.PAGE.read_bytes() == made, "run scripts/write_faults.py"


def test_the_script_writes_the_page(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "PAGE", tmp_path / "protocols" / "faults.md")
    script.main()
    assert script.PAGE.read_bytes() == script.page().encode()
    assert capsys.readouterr().out == f"{len(FAULTS)} faults in faults.md\n"


def test_the_page_has_a_section_and_a_link_for_each_fault(script):
    text = script.page()
    for fault in FAULTS:
        assert text.count(f'<a id="{fault.id}"></a>') == 1
        assert text.count(f"](#{fault.id})") == 1
    sections = re.findall(r'^### <a id="([^"]+)">', text, re.MULTILINE)
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert sections == links
    for part in ("What is wrong", "What it moves", "What vclipbench does", "Source", "Protocols"):
        assert text.count(f"**{part}.** ") == len(FAULTS)


def test_text_is_no_markup_on_the_page(script):
    fault = Fault("id", "lists", "T", "a*b_c.", "<name> \\.", "O.", "S", ("zs-k600*",))
    section = script.section(fault)
    assert r"a\*b\_c." in section
    assert r"\<name\> \\." in section
    assert "`zs-k600*`" in section


ENTRY = """
- id: a-fault
  title: A fault
  wrong: It is wrong.
  moves: It moves something.
  ours: It is right here.
  source: our count
  protocols: [zs, ret-msvd]
"""


def test_a_family_stands_for_its_patterns():
    (fault,) = parse_faults({"names": ENTRY})
    assert (fault.id, fault.kind) == ("a-fault", "names")
    assert fault.protocols == ("zs-ucf101*", "zs-hmdb51*", "zs-k600*", "ret-msvd")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("  moves:", "  move:", r"names.yaml, fault 1 \(a-fault\): there is no key 'move'; a fault has id"),
        ("  source: our count\n", "", r"names.yaml, fault 1 \(a-fault\): source is missing$"),
        ("- id: a-fault\n  title", "- title", r"names.yaml, fault 1: id is missing$"),
        ("our count", "[1]", r"names.yaml, fault 1 \(a-fault\): source is no text$"),
        ("[zs, ret-msvd]", "zs", r"names.yaml, fault 1 \(a-fault\): protocols is no list of patterns$"),
        ("- id: a-fault", "- x\n- id: a-fault", r"names.yaml, fault 1: the keys id, title, .* are wanted$"),
        ("- id", "id", r"names.yaml: no YAML: .*"),
        (ENTRY, "a: b", r"names.yaml: a list of faults is wanted$"),
        (ENTRY, ENTRY + ENTRY, r"names.yaml: the fault 'a-fault' is there twice$"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_the_fault(before, after, words):
    assert before in ENTRY
    with pytest.raises(ValueError, match=f"^{words}"):
        parse_faults({"names": ENTRY.replace(before, after)})


def test_an_id_of_two_files_is_refused():
    words = "^views.yaml and in names.yaml: the fault 'a-fault' is there twice$"
    with pytest.raises(ValueError, match=words):
        parse_faults({"names": ENTRY, "views": ENTRY})
