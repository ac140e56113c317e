"""scripts/multilabel_offsets.py: offsets of clips are found, and the committed table of them is right."""

import re
from pathlib import Path

import numpy as np
import pytest
from script_modules import load_script

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "docs" / "leaderboard" / "records"


@pytest.fixture(scope="module")
def script():
    return load_script("multilabel_offsets")


def test_offsets_hide_what_a_clip_tells(script):
    rng = np.random.RandomState(0)
    target = rng.rand(200, 10) < 0.3
    clean = 2.0 * target + 0.1 * rng.randn(200, 10)
    clean -= clean.mean(1, keepdims=True)
    offset = 50 * rng.randn(200, 1)
    found = script.offsets(clean + offset, target)
    assert found.within == pytest.approx(100)
    assert found.across < 45  # of labels that 30 % have
    assert found.centred == pytest.approx(script.offsets(clean, target).across)
    assert found.centred > 95
    assert found.offset_sd == pytest.approx(offset.std())
    assert found.rest_sd == pytest.approx(clean.std(0).mean())


def test_the_table_of_the_page_is_what_the_records_give(script, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["multilabel_offsets.py", str(RECORDS)])
    script.main()
    lines = [re.split(r" *\| *", line)[1:-1] for line in capsys.readouterr().out.splitlines()]
    base = {words[0]: words[3:] for words in lines if words[1] == "base"}
    page = (ROOT / "docs" / "shapes.md").read_text("utf-8")
    assert len(base) == 10
    for method, numbers in base.items():
        assert f"| {' | '.join([method, *numbers])} |" in page


def test_nothing_to_count_is_one_sentence(script, monkeypatch):
    for folder, sentence in (("zs-shapes", "no finished runs of ml-shapes"), ("x", "no folder")):
        monkeypatch.setattr("sys.argv", ["multilabel_offsets.py", str(RECORDS / folder)])
        with pytest.raises(SystemExit, match=f"error: .*{sentence}"):
            script.main()
