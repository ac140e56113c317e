"""`bench publish`: records for git, with all as it was but the predictions."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from made_runs import edit, forge, make_run
from vclipbench.bench.commands.publish import _maps
from vclipbench.bench.verify.check import verify_file
from vclipbench.bench.verify.rebuilt import Rebuilt
from vclipbench.leaderboard.record.predictions import load_predictions


def published(out, path):
    return out.joinpath(*path.parts[-4:])


def test_all_of_the_record_stays_but_the_predictions(quick, tmp_path):
    for id in ("b2n-shapes", "ret-shapes", "ml-shapes"):
        make_run(tmp_path / "runs", id, levels=9)
    quick("publish", "runs", "--out", "pub", check=0)
    paths = sorted((tmp_path / "runs").rglob("record.json"))
    for path in paths:
        old, new = path.read_text(), published(tmp_path / "pub", path).read_text()
        block, compact = json.loads(old)["predictions"], json.loads(new)["predictions"]
        assert compact["compact"] is True
        assert compact["sha256"] != block["sha256"]
        lines = [line for line in old.splitlines() if line not in set(new.splitlines())]
        changed = old[old.index(' "predictions": {') : old.index(' "primary"')]
        assert lines
        assert all(line in changed for line in lines)
    done = quick("verify", "pub", check=0)
    assert done.stdout.count("ok ") == len(paths) == 3


def test_a_changed_rank_is_found(quick, tmp_path):
    path = make_run(tmp_path / "runs", "full-shapes")
    quick("publish", "runs", "--out", "pub", check=0)
    path = published(tmp_path / "pub", path)
    part = load_predictions(path.with_name("predictions.npz"))["test"]
    ranks = part["ranks"].copy()
    wrong = int(np.flatnonzero(ranks[np.arange(648), part["target"]] < ranks.max(1))[0])
    ranks[wrong, part["target"][wrong]] = 24
    forge(path, "test", ranks=ranks)
    done = quick("verify", "pub", check=1)
    assert "metric top1 of test is" in done.stdout


def test_ranks_of_captions_that_cannot_be_are_found(quick, tmp_path):
    path = make_run(tmp_path / "runs", "ret-shapes")
    quick("publish", "runs", "--out", "pub", check=0)
    path = published(tmp_path / "pub", path)
    part = load_predictions(path.with_name("predictions.npz"))["test"]
    rank = part["v2t_rank"].copy()
    rank[0] = 401
    forge(path, "test", v2t_rank=rank)
    assert "v2t_rank 401" in quick("verify", "pub", check=1).stdout
    rank[0] = 1 + rank[0] % 7
    forge(path, "test", v2t_rank=rank)
    assert "metric v2t_r" in quick("verify", "pub", check=1).stdout


def test_again_is_the_same_and_nothing_is_overwritten(quick, tmp_path):
    path = make_run(tmp_path / "runs", "full-shapes")
    quick("publish", "runs", "--out", "pub", check=0)
    folder = published(tmp_path / "pub", path).parent
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    quick("publish", "runs", "--out", "pub", check=0)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    edit(path, "tags", value=["mine"])
    done = quick("publish", "runs", "--out", "pub", check=1)
    assert "is another record of this run; --force" in done.stderr
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    quick("publish", "runs", "--out", "pub", "--force", check=0)
    assert json.loads((folder / "record.json").read_text())["tags"] == ["mine"]


def test_what_is_published_can_be_published_from(quick, tmp_path):
    make_run(tmp_path / "runs", "full-shapes")
    quick("publish", "runs", "--out", "pub", check=0)
    quick("publish", "pub", "--out", "again", check=0)
    for file in (tmp_path / "pub").rglob("*.*"):
        other = tmp_path / "again" / file.relative_to(tmp_path / "pub")
        assert other.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("status",), "partial", "it is partial, not done"),
        (("limited",), True, "it ran on a part of the data (data.limit)"),
        (("identity", "eval", "probe"), "time", "it ran with a probe"),
        (("schema_version",), 1, "it says version 1, and holds data.test.classes of version 2"),
        (("metrics", 0, "n"), 3, "n of metric top1 of test is 3"),
        (("metrics", 0, "value"), "x", "metrics.0.value"),
    ],
)
def test_what_enters_no_table_is_refused(quick, tmp_path, keys, value, words):
    good = make_run(tmp_path / "runs", "full-shapes", method="good")
    bad = make_run(tmp_path / "runs", "full-shapes", method="bad")
    edit(bad, *keys, value=value, new_id=keys[0] == "identity")
    done = quick("publish", "runs", "--out", "pub", check=1)
    assert words in done.stderr
    assert "1 of 2 runs were not published" in done.stderr
    assert [p.parent for p in (tmp_path / "pub").rglob("record.json")] == [
        published(tmp_path / "pub", good).parent
    ]


def test_records_of_version_1_are_refused(quick, tmp_path):
    path = make_run(tmp_path / "runs", "full-shapes")
    record = json.loads(path.read_text()) | {"schema_version": 1}
    for block, names in (
        (record["data"]["test"], ("kind", "classes", "novel")),
        (record["environment"], ("cpu", "cpu_threads")),
        (record["predictions"], ("compact",)),
    ):
        for name in names:
            block.pop(name, None)
    path.write_text(json.dumps(record))
    done = quick("publish", "runs", "--out", "pub", check=1)
    assert "its schema does not say what videos were scored against" in done.stderr


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_run_is_never_put_over_itself(quick, tmp_path, force):
    path = make_run(tmp_path / "runs", "full-shapes")
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    for out in ("runs", "runs/../runs", tmp_path / "runs"):
        done = quick("publish", "runs", "--out", out, *force, check=1)
        assert f"--out {out} holds the run itself" in " ".join(done.stderr.split())
        assert "--force" not in done.stderr
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_nothing_is_written_whose_metrics_would_differ(quick, tmp_path, monkeypatch):
    make_run(tmp_path / "runs", "full-shapes")
    right = Rebuilt.compacted

    def wrong(self):
        arrays = right(self)
        return {"test": arrays["test"] | {"ranks": arrays["test"]["ranks"][:, ::-1]}}

    monkeypatch.setattr(Rebuilt, "compacted", wrong)
    done = quick("publish", "runs", "--out", "pub", check=1)
    assert "its compact predictions would differ: metric top1 of test" in done.stderr
    assert not (tmp_path / "pub").exists()


def test_maps_are_told_to_be_lacking(quick, tmp_path, monkeypatch):
    make_run(tmp_path / "runs", "ret-shapes")
    done = quick("publish", "runs", "--out", "pub", "--map", check=0)
    assert "maps are of videos with classes" in done.stderr
    make_run(tmp_path / "more", "b2n-shapes")
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    done = quick("publish", "more", "--out", "pub", "--map", check=0)
    assert "maps need scikit-learn" in done.stderr
    assert "ok " in done.stdout


def test_a_map_of_a_run_that_is_named_from_within(quick, tmp_path):
    path = make_run(tmp_path / "runs", "full-shapes")
    done = quick("publish", ".", "--out", tmp_path / "pub", "--map", cwd=path.parent, check=0)
    assert "holds no configuration to repeat" in done.stderr  # one that a run made has one


def test_a_map_of_a_run_in_no_folder_of_runs(tmp_path, capsys):
    found = verify_file(make_run(tmp_path / "runs", "full-shapes"))
    found.path = Path("/run/record.json")
    assert _maps(found, [], ()) == {}
    assert "/run/record.json lies in no folder of runs" in capsys.readouterr().err


def test_a_map_of_features_in_the_store(quick, tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    tiny = ("--method", "clip", "--protocol", "full-shapes", "--set", "views.frames=1")
    quick("run", *tiny, "--out", "runs", check=0)
    done = quick("publish", "runs", "--out", "pub", "--map", check=0)
    assert done.stderr == ""
    (file,) = (tmp_path / "pub").rglob("predictions.npz")
    part = load_predictions(file)["test"]
    assert part["map"].shape == (648, 2)
    assert part["map"].dtype == np.int16
    assert np.abs(part["map"].astype(int)).max() == 32767
    # clips of one class lie nearer to each other than to the others
    places, target = part["map"].astype(float), part["target"]
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    same = target[:, None] == target[None]
    assert apart[same].mean() < 0.8 * apart[~same].mean()
    quick("verify", "pub", check=0)
