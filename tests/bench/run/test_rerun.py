"""`bench rerun`: a run from its record alone, and what it needs to be given again."""

import hashlib
import json

import pytest
from made_runs import edit, make_run

TINY = ("--set", "data.limit=6", "--set", "views.frames=2")
SMALL = (*TINY, "--set", "train.epochs=1", "--set", "train.batch_size=6")
PLUGIN = '''
from vclipbench.methods.base import METHODS
from vclipbench.methods.random import RandomScores


@METHODS.register_module("mine")
class Mine(RandomScores):
    """A method of a file."""

    card = {"summary": "a method of a file", "backbone": False}
'''


def run(quick, *words, out="runs"):
    quick("run", *words, "--out", out, check=0)


def record_in(folder):
    (path,) = folder.rglob("record.json")
    return path


def test_an_untrained_run_is_repeated_bit_for_bit(quick, tmp_path):
    run(quick, "--method", "clip", "--protocol", "b2n-shapes", *TINY)
    path = record_in(tmp_path / "runs")
    before = path.read_bytes()
    done = quick("rerun", path.parent.name[:8], check=0)
    last = done.stdout.splitlines()[-1]
    assert last == (
        "same identity, same environment and code: all 5 metrics are equal, predictions bit for bit"
    )
    assert "hm: " in done.stdout.splitlines()[-2]
    assert "(+0.0000 %)" in done.stdout.splitlines()[-2]
    assert path.read_bytes() == before
    again = record_in(tmp_path / "runs-again")
    assert again.parent.name == path.parent.name
    assert "has this run already" in quick("rerun", path, check=2).stderr
    assert "holds the run itself" in quick("rerun", path, "--out", "runs", check=2).stderr


def test_a_trained_run_of_one_seed_and_variant(quick, tmp_path):
    settings = (*SMALL, "--set", "eval.patching=[0, 0.5]", "--seed", "3", "--seed", "4")
    run(quick, "--method", "vifi", "--protocol", "b2n-shapes", *settings)
    paths = sorted((tmp_path / "runs").rglob("record.json"))
    assert len(paths) == 4
    contents = {path: json.loads(path.read_text()) for path in paths}
    path = next(
        path
        for path, content in contents.items()
        if content["identity"]["train"]["seed"] == 4 and "patching" in content["identity"]["eval"]
    )
    done = quick("rerun", path, check=0)
    assert "all 5 metrics are equal, predictions bit for bit" in done.stdout.splitlines()[-1]
    assert record_in(tmp_path / "runs-again").parent.name == path.parent.name


def test_one_variant_of_few_shot(quick, tmp_path):
    run(quick, "--method", "random", "--protocol", "fs-shapes", *TINY)
    paths = list((tmp_path / "runs").rglob("record.json"))
    assert len(paths) == 4
    (path,) = [p for p in paths if '"variant": "k8"' in p.read_text()]
    done = quick("rerun", path, check=0)
    assert "all 2 metrics are equal, predictions bit for bit" in done.stdout
    assert record_in(tmp_path / "runs-again").parent.name == path.parent.name


def test_another_environment_and_other_numbers_are_said(quick, tmp_path):
    run(quick, "--method", "random", "--protocol", "full-shapes", *TINY)
    path = record_in(tmp_path / "runs")
    edit(path, "environment", "packages", "torch", value="1.0")
    value = json.loads(path.read_text())["metrics"][1]["value"]
    edit(path, "metrics", 1, "value", value=value + 1e-5)
    edit(path, "metrics", 1, "ci_high", value=100.0)
    last = quick("rerun", path, check=0).stdout.splitlines()[-1]
    assert last.startswith("same identity, different environment (packages.torch 1.0 -> ")
    assert last.endswith("1 of 2 metrics differ, most top5 of test, by 1e-05")


def test_a_run_that_would_be_another_one_is_refused(quick, tmp_path):
    run(quick, "--method", "random", "--protocol", "full-shapes", *TINY)
    path = record_in(tmp_path / "runs")
    edit(path, "identity", "protocol", "digest", value="0" * 64, new_id=True)
    done = quick("rerun", path, check=2)
    assert "cannot be repeated, it would be run" in done.stderr
    assert "protocol.digest 000000000000 -> " in done.stderr
    assert not (tmp_path / "runs-again" / "full-shapes").exists()


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("command", "config_resolved"), {}, "holds no configuration to repeat"),
        (("command", "config_resolved", "nonsense"), 1, "is none of this version: nonsense"),
        (("command", "config_resolved", "seeds"), [], "is none of this version: seeds"),
        (("command", "config_resolved", "data"), {"roots": 3}, "this version: data.roots"),
        (
            ("command", "config_resolved", "backbone"),
            {"pretrained": 3},
            "is none of this version: backbone.pretrained",
        ),
        (("command", "config_resolved", "checkpoint"), "a.pt", "used the file a.pt: say with --ch"),
        (
            ("command", "config_resolved", "data", "root"),
            "clips",
            "data from clips: say with --data",
        ),
        (
            ("command", "config_resolved", "data", "descriptions"),
            "d.jsonl",
            "say with --file data.descriptions=FILE where it is",
        ),
        (
            ("command", "config_resolved", "backbone", "pretrained"),
            "vit.safetensors",
            "say with --pretrained FILE where it is",
        ),
    ],
)
def test_what_a_record_cannot_hold_is_asked_for(quick, tmp_path, keys, value, words):
    run(quick, "--method", "random", "--protocol", "full-shapes", *TINY)
    path = edit(record_in(tmp_path / "runs"), *keys, value=value)
    assert words in quick("rerun", path, check=2).stderr


@pytest.mark.parametrize("name", ["data", "eval", "backbone"])
@pytest.mark.parametrize("value", [None, "abc"])
def test_sections_of_the_configuration_are_mappings(quick, tmp_path, name, value):
    path = make_run(tmp_path / "runs", "full-shapes")
    edit(path, "command", "config_resolved", value={name: value})
    for command in ("rerun", "verify"):
        done = quick(command, path, check=1)
        assert f"config_resolved.{name} is no section" in done.stdout + done.stderr


def test_an_unknown_method(quick, tmp_path):
    path = make_run(tmp_path / "runs", "full-shapes", method="clipp")
    run(quick, "--method", "random", "--protocol", "full-shapes", *TINY, out="other")
    config = json.loads(record_in(tmp_path / "other").read_text())["command"]["config_resolved"]
    edit(path, "command", "config_resolved", value=config | {"method": "clipp"})
    done = quick("rerun", path, check=2)
    assert "unknown method 'clipp'; did you mean 'clip'?" in done.stderr


def test_a_checkpoint_must_be_the_same_file(quick, tmp_path):
    run(quick, "--method", "vifi", "--protocol", "b2n-shapes", *SMALL)
    (weights,) = (tmp_path / "runs").rglob("final.safetensors")
    words = ("--method", "vifi", "--protocol", "zs-shapes", "--checkpoint", weights, *TINY)
    run(quick, *words, out="checked")
    path = record_in(tmp_path / "checked")
    other = tmp_path / "other.safetensors"
    other.write_bytes(weights.read_bytes() + b" ")
    assert "final.safetensors: say with --checkpoint" in quick("rerun", path, check=2).stderr
    assert "does not exist" in quick("rerun", path, "--checkpoint", "gone.pt", check=2).stderr
    done = quick("rerun", path, "--checkpoint", other, check=2)
    assert "is not the file of run" in done.stderr
    done = quick("rerun", path, "--checkpoint", weights, check=0)
    assert "all 7 metrics are equal" in done.stdout


def test_a_plugin_must_be_the_same_file(bench, quick, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    words = ("--method", "mine", "--protocol", "full-shapes", "--plugin", plugin, *TINY)
    bench("run", *words, "--out", "runs", check=0)
    path = record_in(tmp_path / "runs")
    sha = hashlib.sha256(PLUGIN.encode()).hexdigest()
    done = quick("rerun", path, check=2)
    assert f"came from the plugin file mine.py: give --plugin FILE with the SHA-256 {sha}" in (
        done.stderr
    )
    changed = tmp_path / "changed.py"
    changed.write_text(PLUGIN + "\n")
    done = quick("rerun", path, "--plugin", changed, check=2)
    assert "none of those given is" in done.stderr
    done = bench("rerun", path, "--plugin", plugin, check=0)
    assert "all 2 metrics are equal, predictions bit for bit" in done.stdout


def test_a_folder_of_videos_is_given_again(quick, tmp_path, shapes_cache):
    run(quick, "--method", "random", "--protocol", "full-shapes", *TINY, out="made")
    clips = sorted(shapes_cache.rglob("*.mp4"))[:4]
    for n, clip in enumerate(clips):
        folder = tmp_path / "videos" / f"class {n % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{n}.mp4").write_bytes(clip.read_bytes())
    words = ("--method", "random", "--protocol", "zs-folder", "--data", tmp_path / "videos")
    run(quick, *words, "--set", "views.frames=2")
    path = record_in(tmp_path / "runs")
    assert "read its data from videos: say with --data" in quick("rerun", path, check=2).stderr
    done = quick("rerun", path, "--data", tmp_path / "videos", check=0)
    assert "are equal, predictions bit for bit" in done.stdout


def test_words_of_file(quick, tmp_path):
    path = make_run(tmp_path / "runs", "full-shapes")
    for word in ("a", "seeds=1", "data.descriptions="):
        done = quick("rerun", path, "--file", word, check=2)
        assert "data.descriptions=FILE is wanted" in done.stderr
