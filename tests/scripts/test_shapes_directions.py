"""scripts/shapes_directions.py: opposite motions, counted clip by clip."""

import sys
from pathlib import Path

import numpy as np
import pytest
from script_modules import load_script
from vclipbench.datasets.shapes.splits import classes
from vclipbench.leaderboard.record.store import load_runs

RECORDS = Path(__file__).parents[2] / "docs" / "leaderboard" / "records"


@pytest.fixture(scope="module")
def script():
    return load_script("shapes_directions")


@pytest.mark.parametrize("kind", ["scores", "ranks"])
def test_a_clip_is_right_where_its_class_beats_the_opposite(script, kind):
    names = classes("base-val")
    turned = {name: script.opposite(name) for name in names}
    opposites = {a: b for a, b in turned.items() if a != b and b in names}
    assert 0 < len(opposites) < len(names)
    assert all(opposites[other] == name for name, other in opposites.items())
    scores = np.zeros((len(names), len(names)))
    for row, name in enumerate(
        names
    ):  # the class of a clip beats all others only where it goes left
        scores[row, row] = 2 if name.endswith("left") else 0
    ids = np.array([f"base-val/{i}" for i in range(len(names))])
    found = dict(script.hits({"ids": ids, "target": np.arange(len(names)), kind: scores}))
    directed = {f"base-val/{names.index(name)}": name.endswith("left") for name in opposites}
    assert found == directed  # a tie is wrong
    assert len(set(directed.values())) == 2


def test_runs_of_one_clip_are_averaged(script):
    assert script.share({"a": [True, True], "b": [True, False]}).startswith("75.0 [")
    assert script.share({"a": [True], "b": [False]}).endswith("of 2")


def test_families_of_scenes_are_passed_over(script, capsys, monkeypatch):
    some = [f"{family}/vifi" for family in ("b2n-shapes", "ml-shapes", "ret-shapes")]
    runs = [run for name in some for run in load_runs(RECORDS / name, [])]
    found = script.collect(runs)
    assert found.keys() == {"vifi"}
    seeds = sum(run.record.identity.protocol.id == "b2n-shapes" for run in runs)
    assert {len(hits) for clips in found["vifi"].values() for hits in clips.values()} == {seeds}
    monkeypatch.setattr(sys, "argv", ["shapes_directions.py", str(RECORDS / "ml-shapes")])
    with pytest.raises(SystemExit, match="error: no finished runs"):
        script.main()
    assert capsys.readouterr().out == ""
