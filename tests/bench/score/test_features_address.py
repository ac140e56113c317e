"""The address of the feature cache: whatever changes features changes it, and nothing else does."""

import copy
import dataclasses

import pytest
import torch
from vclipbench.bench.config.resolve import resolve_config
from vclipbench.bench.run.session import Session
from vclipbench.bench.score import feature_store
from vclipbench.bench.score.feature_store import address, encoding_parts
from vclipbench.methods import Batch

CPU = torch.device("cpu")


def cell_of(folder, *overrides, method="clip", protocol="zs-shapes", seed=1):
    resolved = resolve_config(method, protocol, overrides=overrides)
    session = Session(resolved, folder, "auto", "missing", ())
    plan, _ = session._plan(session.protocol.variants[-1], seed, 0.0)
    plan.method.eval()
    return plan


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return cell_of(tmp_path_factory.mktemp("runs"))


def leaves(value, path=()):
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from leaves(inner, (*path, key))
    else:
        yield path


ALL_PARTS = (
    *("format", "method", "backbone", "weights", "modules", "code", "preprocess", "views"),
    *("reader", "salvage", "precision", "device", "float32", "packages"),
)


@pytest.mark.parametrize("part", ALL_PARTS)
def test_every_part_counts(plan, part):
    parts = encoding_parts(plan, CPU)
    assert tuple(parts) == ALL_PARTS
    known = {address(parts)}
    paths = [path for path in leaves(parts) if path[0] == part]
    for path in paths:
        changed = copy.deepcopy(parts)
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = [inner[path[-1]], "another"]
        known.add(address(changed))
    assert len(known) == len(paths) + 1 > 1


@pytest.mark.parametrize(
    "overrides",
    [
        ("views.frames=4",),
        ("views.clips=2",),
        ("views.crops=3",),
        ("views.sampling=linspace",),
        ("preprocess.resize=72",),
        ("preprocess.interpolation=bicubic",),
        ("preprocess.normalise=imagenet",),
        ("preprocess.pipeline=bilinear-float",),
        ("data.reader=decord",),
        ("data.on_bad_video=salvage",),
        ("eval.precision=amp",),
        ("backbone.pretrained=none",),
    ],
    ids=" ".join,
)
def test_settings_that_change_features(plan, tmp_path, overrides):
    if "data.reader=decord" in overrides:
        pytest.importorskip("decord", reason="the reader decord is not installed")
    other = cell_of(tmp_path, *overrides)
    assert encoding_parts(other, CPU) != encoding_parts(plan, CPU)


@pytest.mark.parametrize(
    ("overrides", "more"),
    [
        (("eval.batch_size=3", "data.workers=0"), {}),
        (("data.on_bad_video=skip",), {}),
        (("data.limit=8",), {}),
        (("views.merge=logits",), {}),
        (("prompts=['a {}']",), {}),
        ((), {"seed": 2}),
        ((), {"protocol": "fs-shapes"}),
        ((), {"protocol": "b2n-shapes"}),
    ],
    ids=str,
)
def test_settings_that_do_not(plan, tmp_path, overrides, more):
    wanted = plan.resolved.config
    views = [f"views.{key}={getattr(wanted.views, key)}" for key in ("frames", "clips", "crops")]
    other = cell_of(tmp_path, *views, *overrides, **more)
    assert encoding_parts(other, CPU) == encoding_parts(plan, CPU)


def one_bit(method):
    weight = method.clip.visual.conv1.weight
    weight.view(torch.int32).view(-1)[0] ^= 1


def half(method):
    method.half()


def other_activation(method):
    """As with QuickGELU instead of GELU: equal weights and settings, other features."""
    for block in method.clip.visual.transformer.resblocks:
        block.mlp.gelu = type("Other", (type(block.mlp.gelu),), {})().eval()


def other_heads(method):
    method.clip.visual.transformer.resblocks[0].attn.num_heads *= 2


def other_epsilon(method):
    method.clip.visual.ln_pre.eps *= 2


def hidden_buffer(method):
    method.register_buffer("mask", torch.zeros(2), persistent=False)


def training_mode(method):
    method.train()


@pytest.mark.parametrize(
    "change",
    [one_bit, half, other_activation, other_heads, other_epsilon, hidden_buffer, training_mode],
)
def test_changes_of_the_method(plan, change):
    method = copy.deepcopy(plan.method)
    other = dataclasses.replace(plan, method=method)
    assert encoding_parts(other, CPU) == encoding_parts(plan, CPU)
    with torch.no_grad():
        change(method)
    assert encoding_parts(other, CPU) != encoding_parts(plan, CPU)


def test_code_options_and_facts(plan):
    def told(**changes):
        method = plan.identity.method.model_copy(update=changes)
        identity = plan.identity.model_copy(update={"method": method})
        return encoding_parts(dataclasses.replace(plan, identity=identity), CPU)

    before = encoding_parts(plan, CPU)
    assert told(stages=[{"name": "tune"}]) == before  # what was trained is in the weights
    changes = [{"name": "x"}, {"version": "2"}, {"options": {"language_model_sha256": "00"}}]
    assert all(told(**change) != before for change in changes)
    other = dataclasses.replace(plan, encoding_digest="0")
    assert encoding_parts(other, CPU) != before


def test_device_libraries_and_precision_of_float32(plan, monkeypatch):
    seen = {address(encoding_parts(plan, CPU)), address(encoding_parts(plan, torch.device("cuda")))}
    with monkeypatch.context() as changed:
        changed.setattr(torch, "__version__", "0.0.1")
        seen.add(address(encoding_parts(plan, CPU)))
    with monkeypatch.context() as changed:
        changed.setattr(feature_store, "version", lambda name: "0.0.1")
        seen.add(address(encoding_parts(plan, CPU)))
    with monkeypatch.context() as changed:
        changed.setenv("NVIDIA_TF32_OVERRIDE", "0")
        seen.add(address(encoding_parts(plan, CPU)))
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        seen.add(address(encoding_parts(plan, CPU)))
    finally:
        torch.backends.cuda.matmul.fp32_precision = before
    assert len(seen) == 6


@pytest.mark.parametrize("method", ["open-vclip", "open-vclip++", "llm-multilabel", "vifi-prompt"])
def test_what_a_method_keeps_from_training_does_not_count(tmp_path, method):
    """A run that has just trained leaves features where one that found its training looks for them."""
    trained = cell_of(tmp_path, method=method, protocol="b2n-shapes")
    before = encoding_parts(trained, CPU)
    frames = torch.zeros(2, 8, 3, 64, 64)
    batch = Batch(frames, ["a", "b"], torch.eye(2), descriptions=["c", "d"])
    for planned in trained.stages:
        trained.method.enter(planned.stage)
        trained.method.loss(batch)
    trained.method.enter(None)
    assert encoding_parts(trained, CPU) == before
