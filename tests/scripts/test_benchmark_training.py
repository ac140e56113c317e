"""scripts/benchmark_training.py at tiny sizes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from script_modules import SCRIPTS


@pytest.mark.slow
def test_every_recipe_at_tiny_sizes():
    command = [sys.executable, str(SCRIPTS / "benchmark_training.py"), "--small"]
    command += ["--rounds", "1", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in lines if line[0] == "|"}
    for name in ("vifi", "open-vclip", "clip-vip"):
        assert float(rows[name][1]) > 0
        assert float(rows[name][2]) > 0
        assert " of " in rows[name][3]
    assert "(>= 1.4)" in rows["vifi"][6]
    assert "(<= 1.08)" in rows["open-vclip"][4]


def test_rounds_below_one_are_refused():
    command = [sys.executable, str(SCRIPTS / "benchmark_training.py"), "--rounds", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "--rounds and --threads must be at least 1" in done.stderr
