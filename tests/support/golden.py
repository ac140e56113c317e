"""Golden cases: what the authors' code gave, and the rules that rebuild weights and inputs."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import torch

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def _fill_module():
    spec = importlib.util.spec_from_file_location("golden_fill", GOLDEN / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FILL = _fill_module()


def load(name):
    """The description of a case, such as "vifi/tiny_plain", and its expected arrays."""
    folder = GOLDEN / name
    return json.loads((folder / "case.json").read_text()), np.load(folder / "expected.npz")


def rebuilt(seed, shapes):
    """The tensors of a state dict, by the fill rule."""
    return {k: torch.from_numpy(v) for k, v in FILL.fill_state(seed, shapes).items()}


def clip_input(case, spec):
    """An input that a case names."""
    return torch.from_numpy(FILL.clip_input(case["seed"], tuple(spec["shape"]), spec["name"]))


def clip_config(a):
    """The architecture of a case as open_clip's config."""
    return {
        "embed_dim": a["embed_dim"],
        "quick_gelu": a["quick_gelu"],
        "vision_cfg": {
            "image_size": a["image_resolution"],
            "layers": a["vision_layers"],
            "width": a["vision_width"],
            "head_width": a["vision_width"] // a["vision_heads"],
            "patch_size": a["vision_patch_size"],
        },
        "text_cfg": {
            "context_length": a["context_length"],
            "vocab_size": a["vocab_size"],
            "width": a["text_width"],
            "heads": a["text_heads"],
            "layers": a["text_layers"],
        },
    }


def relative(got, expected):
    """Largest error, relative to the largest entry; the shapes must be equal."""
    got = got.detach().numpy() if isinstance(got, torch.Tensor) else np.asarray(got)
    assert got.shape == expected.shape
    return float(np.abs(got - expected).max() / np.abs(expected).max())
