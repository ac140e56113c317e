"""`bench run --checkpoint`: own and published files, of this method, of another, complete or not."""

import pytest
import torch
from safetensors.torch import load_file
from vclipbench.leaderboard import load_records
from vclipbench.methods import build_method

TINY = ("--set", "data.limit=8", "--set", "views.frames=2", "--set", "train.epochs=1")
ONE = ("--set", "stages.bridge.epochs=1", "--set", "stages.prompt.epochs=1")


def run(quick, method, protocol, *more, check=0):
    return quick("run", "--method", method, "--protocol", protocol, *TINY, *more, check=check)


def stages(out):
    problems = []
    (record,) = [r for r in load_records(out, problems) if r.status == "done"]
    assert not problems
    return record, [s["name"] for s in record.identity.method.stages]


@pytest.fixture
def published(tmp_path):
    """A published file of each layout, from the backbone's own weights."""
    paths = {}
    for name in ("vifi", "vifi-prompt", "open-vclip", "clip-vip"):
        paths[name] = tmp_path / f"{name}.pth"
        torch.save(build_method(name, "shapes-tiny").published_state(), paths[name])
    return paths


def test_bridge_and_prompt_in_one_run_and_from_a_published_bridge(quick, tmp_path, published):
    run(quick, "vifi-prompt", "b2n-shapes", *ONE, "--out", "whole")
    record, names = stages(tmp_path / "whole")
    assert names == ["bridge", "prompt"]
    final = record.observed.effective_plan["training"]
    path = tmp_path / "whole" / "trainings" / final / "final.safetensors"
    state = load_file(path)
    assert any("prompt" in key for key in state)
    assert any(key.startswith("clip.visual") for key in state)
    # stage 2 from a published stage 1; then everything from our own file, where nothing is trained
    words = ("--checkpoint", published["vifi"], "--out")
    run(quick, "vifi-prompt", "b2n-shapes", *ONE, *words, "second")
    assert stages(tmp_path / "second")[1] == ["prompt"]
    run(quick, "vifi-prompt", "zs-shapes", "--checkpoint", path, "--out", "own")
    record, names = stages(tmp_path / "own")
    assert names == []
    assert record.identity.init.layout == "vclipbench"


def test_prompts_that_nobody_trains_are_refused(quick, tmp_path, published):
    from vclipbench.datasets.shapes.splits import clip
    from vclipbench.datasets.shapes.store import ensure

    for i, path in enumerate(ensure([clip("zs1-val", i) for i in range(2)])):
        (tmp_path / "mine" / str(i)).mkdir(parents=True)
        (tmp_path / "mine" / str(i) / "a.mp4").write_bytes(path.read_bytes())
    words = ("--data", "mine", "--backbone", "shapes-tiny", "--checkpoint", published["vifi"])
    done = run(quick, "vifi-prompt", "zs-folder", *words, check=2)
    assert "trains nothing here: give the checkpoint of the last stage" in done.stderr


@pytest.mark.parametrize(
    ("method", "other", "message"),
    [
        ("vifi", "clip-vip", "this is a CLIP-ViP checkpoint"),
        ("open-vclip", "vifi", "this is a ViFi-CLIP checkpoint"),
        ("clip-vip", "open-vclip", "this is a Open-VCLIP checkpoint"),
    ],
)
def test_the_published_file_of_another_method_is_named(method, other, message, quick, published):
    done = run(quick, method, "zs-shapes", "--checkpoint", published[other], check=2)
    assert message.replace("a Open", "an Open") in done.stderr or message in done.stderr
    assert other in done.stderr
    assert done.stderr.count("\n") == 1


def test_own_file_of_another_method_is_refused(quick, tmp_path):
    run(quick, "vifi", "zs-shapes", "--out", "runs")
    path = next((tmp_path / "runs").glob("trainings/*/final.safetensors"))
    done = run(quick, "open-vclip", "zs-shapes", "--checkpoint", path, check=2)
    assert "it is a training of the method vifi, not of open-vclip" in done.stderr
    run(quick, "vifi", "b2n-shapes", "--checkpoint", path, "--out", "more")


def test_another_backbone_is_named_by_shapes(quick, tmp_path):
    config = {"embed_dim": 64, "quick_gelu": True,
              "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
              "text_cfg": {"width": 64, "heads": 1, "layers": 2}}  # fmt: skip
    torch.save(build_method("vifi", config).published_state(), tmp_path / "small.pth")
    done = run(quick, "vifi", "zs-shapes", "--checkpoint", tmp_path / "small.pth", check=2)
    assert "small.pth" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_option_that_cannot_be(quick):
    done = run(quick, "vifi-prompt", "b2n-shapes", "--set", "options.text_depth=0", check=2)
    assert "text_depth" in done.stderr
    assert "Traceback" not in done.stderr
