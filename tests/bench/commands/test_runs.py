"""`bench runs`: lists, one run in short, and why two differ."""

import csv
import io
import json
import shutil

import pytest
from made_runs import edit, make_run
from vclipbench.bench.find_runs import change


@pytest.fixture
def runs(tmp_path):
    """Three runs in the folder where `bench runs` looks by itself."""
    found = {
        name: make_run(tmp_path / "runs", protocol, method=name)
        for name, protocol in (
            ("one", "full-shapes"),
            ("two", "full-shapes"),
            ("three", "fs-shapes"),
        )
    }
    edit(found["three"], "limited", value=True)
    return found


def test_the_list(quick, runs):
    lines = quick("runs", check=0).stdout.splitlines()
    assert lines[0].split() == [
        *("run", "method", "protocol", "variant", "seed", "status", "result", "date")
    ]
    assert len(lines) == 4
    (three,) = [line for line in lines if " three " in line]
    assert runs["three"].parent.name in three
    assert "done, limited" in three
    assert "k2" in three
    assert "2026-01-02 03:04:05" in three


def test_filters_and_formats(quick, runs):
    text = quick("runs", "--format", "csv", "--method", "one", "--method", "three", check=0).stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sorted(row["method"] for row in rows) == ["one", "three"]
    found = json.loads(quick("runs", "--format", "json", "--protocol", "full-shapes").stdout)
    assert {line["method"] for line in found} == {"one", "two"}
    assert isinstance(found[0]["value"], float)
    assert found[0]["seed"] is None
    assert json.loads(quick("runs", "--format", "json", "--status", "failed").stdout) == []
    assert json.loads(quick("runs", "--format", "json", "--seed", "3").stdout) == []
    done = quick("runs", "--status", "dnoe", check=2)
    assert "did you mean 'done'" in done.stderr


def test_broken_records_are_named_and_the_rest_is_listed(quick, runs):
    runs["two"].write_text(runs["two"].read_text()[:-9])
    done = quick("runs", check=0)
    assert "broken: full-shapes/two/" in done.stderr
    assert "not complete JSON" in done.stderr
    assert len(done.stdout.splitlines()) == 3
    quick("runs", "--strict", check=1)
    done = quick("runs", "--results", "nowhere", check=1)
    assert "no folder nowhere" in done.stderr


def test_one_run_in_short(quick, runs):
    id = runs["one"].parent.name
    text = quick("runs", "show", id[:8], check=0).stdout
    assert text.startswith(f"run {id}, done  (")
    assert "protocol: full-shapes, main, digest " in text
    assert "test: 648 of 648 videos, classes" in text
    assert "* top1 of test: " in text
    assert (
        quick("runs", "show", runs["one"].parent, check=0).stdout.split("\n")[1:]
        == (text.split("\n")[1:])
    )
    edit(runs["one"], "error", value={"type": "E", "message": "no disk", "phase": "train"})
    edit(runs["one"], "status", value="failed")
    assert "failed at train: E: no disk" in quick("runs", "show", id, check=0).stdout


def test_why_two_runs_differ(quick, runs):
    one, two = runs["one"].parent.name, runs["two"].parent.name
    edit(runs["two"], "environment", "packages", "torch", value="2.11.0")
    edit(runs["two"], "observed", "code_digest", value="f" * 64)
    lines = quick("runs", "diff", one, two, check=0).stdout.splitlines()
    assert lines[0] == "identity: 1 fields differ, so these are two runs"
    assert lines[1] == "  method.name: one -> two"
    assert lines[2:4] == ["environment:", "  packages.torch: 2.15.0 -> 2.11.0"]
    assert lines[4] == "code, weights and frames:"
    assert lines[5].endswith("-> ffffffffffff")
    assert lines[6].startswith("top1: ")


def test_lists_that_differ_late_are_shown_where_they_part(quick, runs):
    one, two = runs["one"], runs["two"]
    long = [f"a photo of a person doing {{}}, number {n} of many templates." for n in range(16)]
    for path, last in ((one, "first {}"), (two, "second {}")):
        stages = [{"name": "bridge", "patterns": long}] * (1 + (path is two))
        edit(path, "identity", "method", "stages", value=stages)
        edit(path, "identity", "protocol", "templates", value=[*long, last], new_id=True)
    text = quick("runs", "diff", one.parent, two.parent, check=0).stdout
    lines = {line.split(":")[0].strip(): line for line in text.splitlines() if "->" in line}
    old, new = lines["protocol.templates"].split(": ", 1)[1].split(" -> ")
    assert old.startswith("...")
    assert old.endswith('of many templates.", "first {}"]')
    assert new.endswith('of many templates.", "second {}"]')
    old, new = lines["method.stages"].split(": ", 1)[1].split(" -> ")
    assert old.endswith("]}]")
    assert ']}, {"name": "bridge", "patterns": ' in new
    assert max(map(len, (old, new))) == 120


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (1, "a", "1 -> a"),
        ("a" * 40, "b" * 64, f"{'a' * 12} -> {'b' * 12}"),
        ("x" * 120, "y", f"{'x' * 120} -> y"),
        ("x" * 121, "y", f"{'x' * 117}... -> y"),
        ("x" * 300 + "ab", "x" * 300, f"...{'x' * 40}ab -> ...{'x' * 40}"),
    ],
)
def test_two_values_in_a_few_words(old, new, text):
    assert change(old, new) == text


def test_one_run_made_twice(quick, runs, tmp_path):
    shutil.copytree(tmp_path / "runs", tmp_path / "again")
    one = runs["one"].relative_to(tmp_path / "runs")
    edit(tmp_path / "again" / one, "environment", "gpu_count", value=2)
    text = quick("runs", "diff", f"runs/{one.parent}", f"again/{one}", check=0).stdout
    assert text.startswith("identity: equal, this is one run made twice\n")
    assert "environment:\n  gpu_count: 0 -> 2\n" in text
    assert "code, weights and frames: equal\n" in text
    assert "(+0.0000 points)" in text
    done = quick("runs", "show", one.parent.name, "--results", ".", check=2)
    assert f"{one.parent.name} names 2 runs" in done.stderr


def test_words_that_name_no_run_or_several(quick, runs):
    assert "has an id that begins with 0000000000000000" in (
        quick("runs", "show", "0" * 16, check=2).stderr
    )
    done = quick("runs", "show", "runs", check=2)
    assert "runs holds 3 runs; name one of them" in done.stderr


def test_differences_are_points_and_threads_come_first(quick, tmp_path):
    a = make_run(tmp_path / "a", "full-shapes", seed=1)
    b = make_run(tmp_path / "b", "full-shapes", seed=2)
    for path, threads, packages in ((a, 1, {"torch": "1"}), (b, 2, {"torch": "2"})):
        edit(path, "environment", "cpu_threads", value=threads)
        edit(path, "environment", "packages", value=packages)
    text = quick("runs", "diff", a, b, check=0).stdout
    assert " points)" in text
    assert "%)" not in text
    assert text.index("cpu_threads: 1 -> 2") < text.index("packages.torch")
    shown = quick("runs", "show", a, check=0).stdout
    assert "seed: none: nothing is trained or drawn" in shown
    assert ", 1 threads" in shown
    assert "None" not in shown
