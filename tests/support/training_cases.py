"""Small methods and batches of every kind of loss, in float64, for tests of how training is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from vclipbench.methods.base import Batch
from vclipbench.methods.build import build_method
from vclipbench.methods.language_model import SHAPES_LM

VIDEOS, FRAMES, SIZE = 4, 2, 16
TINY = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 2},
}
NAMES = ["a star", "a red disc", "a square that turns", "nothing"]


@dataclass(frozen=True)
class Case:
    name: str
    method: str
    kind: str = "classes"
    options: tuple = ()


CASES = [
    Case("vifi", "vifi"),
    Case("vifi-captions", "vifi", "captions"),
    Case("vifi-labels", "vifi", "labels"),
    Case("vifi-image", "vifi-image"),
    Case("vifi-text", "vifi-text"),
    Case("vifi-prompt", "vifi-prompt"),
    Case("open-vclip", "open-vclip"),
    Case("open-vclip-chain", "open-vclip", options=(("chain_rule", True),)),
    Case("open-vclip++", "open-vclip++", "described"),
    Case("clip-vip", "clip-vip"),
    Case("clip-vip-captions", "clip-vip", "captions"),
    Case("clip-vip-omnisource", "clip-vip", "omnisource"),
    Case("llm-labels", "llm-multilabel", "labels"),
    Case("llm-sampled", "llm-multilabel", "labels", (("label_samples", 3),)),
    Case("llm-captions", "llm-multilabel", "captions"),
    Case("llm-feature", "llm-multilabel", "classes", (("regulariser", "feature"),)),
    Case(
        "llm-weight",
        "llm-multilabel",
        "labels",
        (("regulariser", "weight"), ("finetune_vision", True)),
    ),
]


def built(case: Case):
    """A method in float32 as it is built, with what learns in its last stage."""
    torch.manual_seed(0)
    more = {"language_model": SHAPES_LM} if case.method == "llm-multilabel" else {}
    method = build_method(case.method, TINY, **more, **dict(case.options))
    target = {"captions": "captions", "labels": "labels"}.get(case.kind, "classes")
    for stage in method.stages(target)[-1:]:
        stage.apply(method)
    return method


def make(case: Case):
    method = built(case).double().train()
    method._original = {name: value.double() for name, value in method._original.items()}
    for module in method.modules():
        if case.method == "llm-multilabel" and hasattr(module, "language_model"):
            in_double(module.language_model.model)
    with torch.no_grad():  # away from CLIP, where some gradients are zero
        for parameter in method.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01 * torch.randn_like(parameter))
    return method


def in_double(model) -> None:
    """Norms of the language model in the numbers they are given, which transformers takes to float32."""
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            norm = partial(F.rms_norm, weight=module.weight, eps=module.variance_epsilon)
            module.forward = lambda x, norm=norm: norm(x, x.shape[-1:])


def group(case: Case, number: int) -> Batch:
    drawn = torch.Generator().manual_seed(100 + number)
    frames = torch.randn(VIDEOS, FRAMES, 3, SIZE, SIZE, generator=drawn, dtype=torch.float64)
    ids = [f"{number}-{n}" for n in range(VIDEOS)]
    words = [f"{NAMES[(n + number) % 4]} number {n}" for n in range(VIDEOS)]
    if case.kind == "captions":
        eye = torch.eye(VIDEOS, dtype=torch.float64)
        return Batch(frames, words, eye, ids, paired=True)
    if case.kind == "omnisource":
        images = torch.randn(VIDEOS, 1, 3, SIZE, SIZE, generator=drawn, dtype=torch.float64)
        eye = torch.eye(VIDEOS, dtype=torch.float64)
        more = {"images": images, "captions": [f"still of {word}" for word in words]}
        return Batch(frames, words, eye, ids, paired=True, **more)
    if case.kind == "labels":
        marks = (torch.rand(VIDEOS, len(NAMES), generator=drawn) > 0.6).double()
        marks[0, 0] = 1
        return Batch(frames, list(NAMES), marks, ids, multilabel=True)
    targets = torch.rand(VIDEOS, len(NAMES), generator=drawn, dtype=torch.float64)
    targets /= targets.sum(-1, keepdim=True)
    more = {"descriptions": [*words[:-1], ""]} if case.kind == "described" else {}
    return Batch(frames, list(NAMES), targets, ids, **more)
