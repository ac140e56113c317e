"""The golden cases of the authors' code: what to build, and how far its figures are from the expected.

Weights, inputs and expected values come from the tests (tests/methods/test_golden_*.py, tests/data/golden).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from vclipbench.methods import Batch
from vclipbench.methods.clip_vip_losses import LOSSES, Sources
from vclipbench.methods.parts import moved

TESTS = Path(__file__).parents[2] / "tests"
_OPTIONS = {"temp": "temperature", "margin": "margin", "hard_negative_num": "hard_negatives"}
Errors = dict[str, float]
Context = AbstractContextManager[Any]
Figures = Callable[[Any, torch.device, Context], Errors]
"""Errors of a method on a device, its forward passes in a context."""
Part = tuple[str, Callable[[], Any], Figures]
"""A name, what builds the method, and its figures."""


@cache
def module_of(name: str) -> ModuleType:
    """A test module, whose `Case` rebuilds the authors' weights."""
    sys.path.insert(0, str(TESTS / "support"))
    try:
        spec = importlib.util.spec_from_file_location(name, TESTS / "methods" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(TESTS / "support"))
    return module


def error(got: torch.Tensor, expected: Any) -> float:
    """Largest error, relative to the largest entry."""
    values, wanted = got.detach().float().cpu().numpy(), np.asarray(expected)
    return float(np.abs(values.reshape(wanted.shape) - wanted).max() / np.abs(wanted).max())


def _features(case: Any, texts: list[str], names: tuple[str, str, str], templates: int) -> Figures:
    """Errors of features of clips and texts, and of scores, under the case's names."""

    def figures(method: Any, device: torch.device, context: Context) -> Errors:
        with torch.inference_mode(), context:
            video = method.encode_video(case.video.to(device))
            text = method.encode_classes(texts, templates)
            scores = method.scores(video, text)
        pairs = zip(names, (video, text, scores), strict=True)
        return {name: error(got, case.expected[name]) for name, got in pairs}

    return figures


def _loss(case: Any, batch: Batch, wanted: dict[str, str]) -> Figures:
    """Errors of logged numbers, by the names of what is expected, and of the norms of gradients."""

    def figures(method: Any, device: torch.device, context: Context) -> Errors:
        method.zero_grad(set_to_none=True)
        with context:
            result = method.loss(moved(batch, device))
        result["loss"].backward()
        errors = {key: error(result[name], case.expected[key]) for name, key in wanted.items()}
        return errors | _gradients(case, method, wanted["loss"])

    return figures


def _gradients(case: Any, method: Any, loss: str) -> Errors:
    """The error of the norms of gradients; where only the authors' names are known, of all in one."""
    own = dict(method.named_parameters())
    each = f"grad_norm/{loss.partition('/')[2]}"
    if each in case.expected:
        norms = [p.grad.float().norm() for p in own.values() if p.grad is not None]
        whole = np.sqrt(np.square(case.expected[each]).sum())
        return {"norm of all gradients": error(torch.stack(norms).norm(), whole)}
    key = next(k for k in ("grad_norms", "grad_norms_total") if k in case.expected)
    rename = module_of("test_golden_vifi_prompt").to_own
    given: list[str] = case.case["gradient_parameters"]
    names = [f"clip.{n}" if f"clip.{n}" in own else rename(n) for n in given]
    norms = [own[name].grad.float().norm() for name in names]
    return {"norms of gradients": error(torch.stack(norms), case.expected[key])}


def _vifi(name: str, module: str) -> Iterator[Part]:
    tests = module_of(module)
    case = tests.Case(name)
    words = case.case["class_names"]
    texts = [case.case["prompt_template"].format(word) for word in words]
    keys = ("video_embedding", "text_embedding", "logits")
    yield "features", case.method, _features(case, texts, keys, 1)
    if "labels" in case.case and "loss" in case.expected:
        targets = F.one_hot(torch.tensor(case.case["labels"]), len(texts)).float()
        make = partial(_learning, case.method)
        yield "loss", make, _loss(case, Batch(case.video, texts, targets), {"loss": "loss"})


def _learning(make: Callable[[], Any]) -> Any:
    method = make()
    method.stages("classes")[-1].apply(method)
    return method


def _open_vclip(name: str) -> Iterator[Part]:
    case = module_of("test_golden_open_vclip").Case(name)
    keys = ("video_features", "text_features", "logits")
    yield "features", case.method, _features(case, case.texts, keys, len(case.templates))
    if name == "tiny":
        weight = case.case["interpolation"]["loss_weight"]
        method, batch = case.training(interpolation_weight=weight)
        wanted = {"loss": "total_loss", "interpolated": "interp_loss"}
        yield "two passes", lambda: method, _loss(case, batch, wanted)


def _clip_vip(name: str) -> Iterator[Part]:
    tests = module_of("test_golden_clip_vip")
    case = tests.Case(name)
    case.video = case.input("video")

    def figures(method: Any, device: torch.device, context: Context) -> Errors:
        with torch.inference_mode(), context:
            video = method.encode_video(case.video.to(device))
            image = method.encode_video(case.input("image").to(device))
            text = method.encode_text(case.case["captions"])
            scores = method.scores(video, text).T
        named = {"video_features": video, "image_features": image, "text_features": text}
        named["logits_per_text"] = scores
        return {key: error(got, case.expected[key]) for key, got in named.items()}

    yield "features", case.method, figures
    if name != "tiny":
        return
    for kind in ("retrieval", "ocl"):
        batch = tests.batch_of(case, kind)
        yield kind, case.method, _loss(case, batch, {"loss": f"loss/{kind}"})
    time, added = (tests.VISION + key for key in ("temporal_embedding", "added_cls"))
    make = partial(case.method, (time, added), pooling="mean")
    yield "mean of frames", make, _video(case, "video", "meanpool_video_features")
    make = partial(case.method, (time,), temporal_embedding=False)
    yield "no times", make, _video(case, "video", "no_temporal_video_features")
    yield "own size", case.method, _video(case, "video_native", "video_native_features")


def _video(case: Any, given: str, key: str) -> Figures:
    """Errors of features of clips alone."""

    def figures(method: Any, device: torch.device, context: Context) -> Errors:
        with torch.inference_mode(), context:
            video = method.encode_video(case.input(given).to(device))
        return {key: error(video, case.expected[key])}

    return figures


def _alone() -> Iterator[Part]:
    """The losses of CLIP-ViP's code on features."""
    tests = module_of("test_golden_clip_vip")
    case, expected, rows, several = tests.features.__wrapped__()

    def figures(_: Any, device: torch.device, context: Context) -> Errors:
        errors = {}
        there = {name: part.to(device) for name, part in rows.items()}
        for theirs, name in tests.NAMES.items():
            for i, logarithm in enumerate(case["logit_scales"]):
                with context:
                    scale = torch.tensor(logarithm, device=device).exp()
                    loss = LOSSES[name](Sources(scale=scale, **there))
                errors[f"{name}/{i}"] = error(loss, expected[f"{theirs}/{i}"])
        for theirs, name in tests.FIXED.items():
            given = case["other_losses"][theirs]
            fixed = {ours: given[key] for key, ours in _OPTIONS.items() if key in given}
            text = several.to(device) if name == "mil_nce" else there["text"]
            with context:
                loss = LOSSES[name](Sources(there["video"], text, torch.tensor(1.0), **fixed))
            errors[name] = error(loss, expected[theirs])
        return errors

    yield "losses alone", lambda: None, figures


def every(small: bool) -> dict[str, Callable[[], Iterator[Part]]]:
    """The cases by name; with `small` without those at ViT-B/16."""
    prompt, plain = "test_golden_vifi_prompt", "test_golden_vifi"
    cases = {
        "vifi/tiny_plain": partial(_vifi, "tiny_plain", plain),
        "vifi/tiny_vanilla": partial(_vifi, "tiny_vanilla", plain),
        "vifi/tiny_prompted": partial(_vifi, "tiny_prompted", prompt),
        "vifi/tiny_prompted_words": partial(_vifi, "tiny_prompted_words", prompt),
        "open_vclip/tiny": partial(_open_vclip, "tiny"),
        "clip_vip/tiny": partial(_clip_vip, "tiny"),
        "clip_vip/losses": _alone,
    }
    full = {
        "vifi/full_plain": partial(_vifi, "full_plain", plain),
        "vifi/full_prompted": partial(_vifi, "full_prompted", prompt),
        "open_vclip/vit_b_16": partial(_open_vclip, "vit_b_16"),
        "clip_vip/full_b16": partial(_clip_vip, "full_b16"),
    }
    return cases if small else cases | full
