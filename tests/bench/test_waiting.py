"""Threads that wait spin briefly: set before torch is loaded, unless the user has said otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from vclipbench.bench.waiting import wait_briefly

# what `bench --version` leaves in the environment; with an argument, also what libgomp makes of it
_PROGRAM = """
import os, sys
from vclipbench.bench import cli
sys.argv[1:], loads = ["--version"], sys.argv[1:]
try:
    cli.main()
except SystemExit:
    pass
assert "torch" not in sys.modules
print("spins", os.environ.get("GOMP_SPINCOUNT"))
if loads:
    import torch
"""


def run(*words, **variables):
    own = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    environment = {key: value for key, value in os.environ.items() if key not in own}
    command = [sys.executable, "-c", _PROGRAM, *words]
    done = subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1], done.stderr


@pytest.mark.parametrize(
    ("own", "told"),
    [({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_what_the_user_has_set_stays(own, told):
    assert run(**own)[0] == f"spins {told}"
    before = dict(own)
    wait_briefly(before)
    assert before == own


def test_the_command_sets_it_before_torch_is_loaded():
    line, told = run("and torch", OMP_DISPLAY_ENV="verbose")
    assert line == "spins 1000"
    if "GOMP_SPINCOUNT" not in told:
        pytest.skip("torch has another OpenMP here, which does not read it")
    assert "GOMP_SPINCOUNT = '1000'" in told
