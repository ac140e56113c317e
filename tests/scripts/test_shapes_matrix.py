"""The sweep behind the leaderboard asks for every method, family and seed, once."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from script_modules import load_script
from vclipbench.leaderboard.record import store


@pytest.fixture
def script():
    return load_script("shapes_matrix")


@pytest.fixture
def runs(monkeypatch):
    """Finished runs of two seeds, as the sweep would leave them."""
    found = [
        SimpleNamespace(
            folder=Path(id, str(seed)),
            record=SimpleNamespace(
                seed=seed, identity=SimpleNamespace(protocol=SimpleNamespace(id=id))
            ),
        )
        for id in ("full-shapes", "ret-shapes")
        for seed in (1, 2)
    ]
    monkeypatch.setattr(store, "load_runs", lambda folder, problems: found)


def run(script, monkeypatch, *words, codes=()):
    """The commands that the script gives, where those named in `codes` fail."""
    asked = []

    def bench(*given):
        asked.append([str(word) for word in given])
        return int(given[0] in codes)

    monkeypatch.setattr(script, "bench", bench)
    monkeypatch.setattr(sys, "argv", ["shapes_matrix.py", *words])
    with pytest.raises(SystemExit) as stop:
        script.main()
    return asked, stop.value.code


def test_all_of_it(script, monkeypatch, runs):
    asked, code = run(script, monkeypatch, "--publish", "records")
    assert code == 0
    sweeps = [words for words in asked if words[0] == "sweep"]
    assert len(sweeps) == 3 * 6
    assert [words[0] for words in asked[len(sweeps) :]] == ["verify", "publish", "publish"]
    mapped, others = asked[-2:]
    assert mapped == ["publish", "full-shapes/1", "--map", "--out", "records"]
    assert others == [
        "publish",
        "full-shapes/2",
        "ret-shapes/1",
        "ret-shapes/2",
        "--out",
        "records",
    ]
    first, last = sweeps[0], sweeps[-1]
    assert {"clip", "random", "vifi-prompt"} < set(first[first.index("--methods") + 1].split(","))
    assert not {"clip", "random"} & set(last[last.index("--methods") + 1].split(","))
    assert [words[words.index("--seed") + 1] for words in sweeps] == ["1"] * 6 + ["2"] * 6 + [
        "3"
    ] * 6


def test_nothing_is_published_after_a_failure(script, monkeypatch):
    asked, code = run(script, monkeypatch, "--publish", "records", codes=("verify",))
    assert "publish" not in [words[0] for words in asked]
    assert "nothing was published" in str(code)
