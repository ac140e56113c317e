"""The committed leaderboard is what its records give, byte for byte, with any hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from vclipbench.leaderboard.record.store import load_runs

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "docs" / "leaderboard" / "records"


@pytest.mark.parametrize("seed", ["7"])
def test_the_committed_files_are_what_the_records_give(seed):
    """Also on another day: the command has no date, and the files hold only those of the records."""
    done = subprocess.run(
        [sys.executable, "scripts/make_leaderboard.py", "--check"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_records_are_fit_to_be_published():
    problems: list[str] = []
    runs = load_runs(RECORDS, problems)
    assert problems == []
    assert runs
    for run in runs:
        record = run.record
        assert (record.status, record.limited) == ("done", False)
        assert record.predictions is not None
        assert record.predictions.compact
        assert record.identity.protocol.dataset == "shapes"
        assert record.environment.git_dirty is False
    size = sum(file.stat().st_size for file in RECORDS.rglob("*") if file.is_file())
    assert size < 10_000_000
