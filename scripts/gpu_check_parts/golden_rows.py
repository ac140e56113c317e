"""Errors of the golden cases on the device in float32, and their drift in half precision."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from .golden_cases import Context, Figures, every
from .setting import Setting

LIMIT = 1e-4
WAYS = ("fp32", "fp32 with TF32", "bf16", "amp")
HEAD = ("case", "fp32", f"<= {LIMIT:g}", *WAYS[1:])


def rows_of(name: str, setting: Setting) -> list[list[str]]:
    """Rows of one case: for each way the largest error of its quantities."""
    rows = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is cut")
        for what, make, figures in every(setting.small)[name]():
            method = make()
            method = method if method is None else method.to(setting.device)
            worst = {way: _worst(figures, method, way, setting) for way in WAYS}
            exact = worst["fp32"]
            assert exact is not None
            verdict = "ok" if exact <= LIMIT else "NOT OK"
            drifts = ["-" if worst[w] is None else f"{worst[w]:.1e}" for w in WAYS[1:]]
            rows.append([f"{name}, {what}", f"{exact:.1e}", verdict, *drifts])
    return rows


def _worst(figures: Figures, method: Any, way: str, setting: Setting) -> float | None:
    """The largest error in one way; None for what the device has not."""
    on_gpu = setting.device.type == "cuda"
    kind = {"bf16": torch.bfloat16, "amp": torch.float16}.get(way)
    if (way in ("amp", "fp32 with TF32") and not on_gpu) or (
        on_gpu and way == "bf16" and not torch.cuda.is_bf16_supported()
    ):
        return None
    context: Context = nullcontext() if kind is None else torch.autocast(setting.device.type, kind)
    with _tf32(way == "fp32 with TF32"):
        errors = figures(method, setting.device, context)
    return float(np.max(list(errors.values())))  # of a NaN that is NaN


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    """Products in TF32 or not, of matrices and of convolutions."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = allowed
    try:
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value
