"""scripts/gpu_check.py without a GPU: refusals, time, writing, and all of it at tiny sizes."""

from __future__ import annotations

import sys

import pytest
import torch
from script_modules import load_script

gpu_check = load_script("gpu_check")
budget, section, speed = (
    load_script(f"gpu_check_parts.{name}") for name in ("budget", "section", "speed")
)


@pytest.fixture
def run(monkeypatch, capsys):
    def main(*arguments):
        monkeypatch.setattr(sys, "argv", ["gpu_check.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            gpu_check.main()
        return stop.value.code, *capsys.readouterr()

    return main


def test_without_a_gpu_it_says_so(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "--device cpu --small" in err


def test_a_document_without_markers_is_refused_before_anything_runs(run, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_check, "report", None)
    document = tmp_path / "page.md"
    small = ("--device", "cpu", "--small", "--write", document)
    assert run(*small)[0] == 2
    document.write_text(f"{section.BEGIN}\n{section.BEGIN}\n{section.END}\n")
    code, _, err = run(*small)
    assert code == 2
    assert section.END in err
    assert run("--device", "cpu", "--minutes", "0")[0] == 2


def test_what_has_no_time_is_listed_and_the_section_replaced(run, tmp_path):
    document = tmp_path / "page.md"
    document.write_text(f"above\n{section.BEGIN}\nwhat stood here\n{section.END}\nbelow\n")
    write = ("--device", "cpu", "--small", "--write", document)
    code, out, _ = run("--minutes", "1e-9", *write)
    assert code == 0
    text = document.read_text()
    assert text.startswith(f"above\n{section.BEGIN}\n")
    assert text.endswith(f"{section.END}\nbelow\n")
    assert "what stood here" not in text
    for part in (
        "golden case: vifi/tiny_plain",
        "method: vifi",
        "switch: torch.compile",
        "demo: clip",
    ):
        assert part in text
    assert "Left out, since the time was up" in out


def test_a_part_that_fails_or_is_too_large_does_not_end_the_rest():
    parts = budget.Budget(1)

    def too_large():
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert parts.run("a", "one", lambda: 1 / 0) is None
    assert parts.run("a", "two", too_large) is None
    assert parts.run("a", "three", lambda: 3) == 3
    words = " ".join(parts.words())
    assert "Failed: a: one: division by zero." in words
    assert "Too large for the memory: a: two." in words
    parts.longest["a"] = 61
    assert parts.run("a", "four", lambda: 4) is None
    assert parts.left_out == ["a: four"]


def test_goals_are_met_or_not():
    assert speed.Goal(0.9).verdict(0.9) == "met (>= 0.9)"
    assert speed.Goal(0.9).verdict(0.89) == "not met (>= 0.9)"
    assert speed.Goal(0.7, most=True).verdict(0.71) == "not met (<= 0.7)"
    assert speed.Goal(0.7, most=True).verdict(None) == "-"


@pytest.mark.slow
def test_all_of_it_at_tiny_sizes(run, shapes_cache):
    code, out, _ = run("--device", "cpu", "--small")
    assert code == 0, out
    assert "Left out" not in out
    assert "Failed" not in out
    methods = set(load_script("gpu_check_parts.work").METHODS)
    assert len(methods) == 9
    parts = out.split("### ")
    evaluation = next(part for part in parts if part.startswith("Evaluation"))
    training = next(part for part in parts if part.startswith("Training"))
    assert all(f"| {name} " in evaluation for name in methods)
    assert all(f"| {name} " in training for name in methods - {"clip"})
    assert out.count("| ok ") == 16
    assert all(row in out for row in ("texts of 40 classes", "groups fused", "captions in pieces"))
